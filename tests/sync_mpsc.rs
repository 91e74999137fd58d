//! Channels with many senders and one receiver, as sequences; mostly polled by hand, to see who is woken.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use foreign::{Hand, now, on_wake, waker, woken};
use glassloop::sync::mpsc::error::{SendError, SendTimeoutError, TryRecvError, TrySendError};
use glassloop::sync::mpsc::{self, Receiver, Sender};
use glassloop::time::{sleep, timeout};
use glassloop::trace::Event;
use glassloop::{Builder, Runtime, Waits, spawn, spawn_named};
use support::{assert_trace, observed, record};

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// A full channel of one slot.
fn full() -> (Sender<&'static str>, Receiver<&'static str>) {
    let (tx, rx) = mpsc::channel(1);
    tx.try_send("first").unwrap();
    (tx, rx)
}

// ---- Order

#[test]
fn values_come_in_the_order_in_which_they_were_sent() {
    let (tx, mut rx) = mpsc::channel(3);
    let other = tx.clone();
    tx.try_send(1).unwrap();
    other.try_send(2).unwrap();
    now(tx.send(3)).unwrap();
    assert_eq!([now(rx.recv()), now(rx.recv()), now(rx.recv())], [Some(1), Some(2), Some(3)]);
}

/// What the task of this id waits for, in a dump's words.
fn waits_of(id: usize) -> Vec<&'static str> {
    let dump = glassloop::dump().unwrap();
    let task = dump.tasks().iter().find(|task| task.id.to_string() == id.to_string()).unwrap();
    let what = |waits: &Waits| match waits {
        Waits::Sync { what, .. } => *what,
        Waits::Timer { .. } => "a timer",
        other => panic!("{other:?}"),
    };
    task.waits.iter().map(what).collect()
}

#[test]
fn a_task_that_receives_is_shown_as_waiting_until_a_value_comes_or_it_gives_up() {
    paused().block_on(async {
        let (tx, mut rx) = mpsc::channel(1);
        spawn(async move {
            assert_eq!(rx.recv().await, Some(1));
            sleep(Duration::from_secs(1)).await;
            assert!(timeout(Duration::from_secs(1), rx.recv()).await.is_err());
            sleep(Duration::from_secs(9)).await;
        })
        .detach();
        sleep(Duration::from_millis(500)).await;
        assert_eq!(waits_of(2), ["mpsc::Receiver::recv"]);
        tx.send(1).await.unwrap();
        sleep(Duration::from_millis(500)).await;
        assert_eq!(waits_of(2), ["a timer"], "it came");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(waits_of(2), ["a timer", "mpsc::Receiver::recv"], "again, on the same channel");
        sleep(Duration::from_secs(1)).await;
        assert_eq!(waits_of(2), ["a timer"], "it gave up");
    });
}

#[test]
fn a_receiver_and_two_senders_take_turns() {
    let trace = record(Builder::new(), async {
        let (tx, mut rx) = mpsc::channel(1);
        for name in ["a", "b"] {
            let tx = tx.clone();
            spawn_named(name, async move {
                for n in 0..2 {
                    tx.send((name, n)).await.unwrap();
                }
            })
            .detach();
        }
        drop(tx);
        while rx.recv().await.is_some() {}
    });
    assert_trace(
        &trace,
        r#"
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1      // nothing is there
        poll 2         // a
        wake 1: task 2 // a0 is there, and takes the one slot
        pending 2
        poll 3         // b
        pending 3
        poll 1         // takes a0
        wake 2: task 1 // and hands its slot to a
        pending 1
        poll 2
        wake 1: task 2 // a1
        done 2 ready
        poll 1
        wake 3: task 1 // b comes after it
        pending 1
        poll 3
        wake 1: task 3 // b0
        pending 3
        poll 1
        wake 3: task 1
        pending 1
        poll 3
        wake 1: task 3 // b1, and the last sender goes: one wake
        done 3 ready
        poll 1
        done 1 ready
        "#,
    );
}

#[test]
fn senders_are_woken_in_the_order_in_which_they_came() {
    let (tx, mut rx) = full();
    let mut a = Hand::waiting("a", tx.send("a"));
    let mut b = Hand::waiting("b", tx.send("b"));
    let mut c = Hand::waiting("c", tx.reserve());
    assert_eq!(rx.try_recv(), Ok("first"));
    assert_eq!(woken(), ["a"]);
    assert!(b.is_pending() && c.is_pending());
    a.take().unwrap();
    assert_eq!(rx.try_recv(), Ok("a"));
    assert_eq!(woken(), ["b"]);
    b.take().unwrap();
    assert_eq!(rx.try_recv(), Ok("b"));
    assert_eq!(woken(), ["c"]);
    c.take().unwrap().send("c");
    assert_eq!(rx.try_recv(), Ok("c"));
}

#[test]
fn a_slot_that_falls_free_is_its_waiters_and_try_send_finds_it_full() {
    let (tx, mut rx) = full();
    let mut waits = Hand::waiting("waits", tx.send("waits"));
    assert_eq!(rx.try_recv(), Ok("first"));
    assert_eq!(tx.try_send("barges"), Err(TrySendError::Full("barges")));
    assert_eq!(tx.capacity(), 0);
    assert!(matches!(tx.try_reserve(), Err(TrySendError::Full(()))));
    waits.take().unwrap();
    assert_eq!(rx.try_recv(), Ok("waits"));
    tx.try_send("later").unwrap();
}

#[test]
fn a_waiter_that_is_dropped_passes_its_slot_on() {
    let (tx, mut rx) = full();
    let a = Hand::waiting("a", tx.send("a"));
    let mut b = Hand::waiting("b", tx.send("b"));
    assert_eq!(rx.try_recv(), Ok("first"));
    assert_eq!(woken(), ["a"]);
    drop(a);
    assert_eq!(woken(), ["b"]);
    b.take().unwrap();
    assert_eq!(rx.try_recv(), Ok("b"));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_waiter_that_is_dropped_in_the_line_is_passed_over() {
    let (tx, mut rx) = full();
    let a = Hand::waiting("a", tx.send("a"));
    let _b = Hand::waiting("b", tx.send("b"));
    drop(a);
    assert!(woken().is_empty());
    rx.try_recv().unwrap();
    assert_eq!(woken(), ["b"]);
}

#[test]
fn one_who_wants_many_slots_holds_up_those_behind_until_it_goes() {
    let (tx, mut rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let many = Hand::waiting("many", tx.reserve_many(2));
    let mut one = Hand::waiting("one", tx.send(3));
    rx.try_recv().unwrap();
    assert!(woken().is_empty(), "one slot is not enough for the first in line");
    assert_eq!(tx.try_send(9), Err(TrySendError::Full(9)));
    drop(many);
    assert_eq!(woken(), ["one"]);
    one.take().unwrap();
}

#[test]
fn slots_that_fall_free_at_once_wake_as_many_as_they_serve() {
    let (tx, mut rx) = mpsc::channel(3);
    for n in 0..3 {
        tx.try_send(n).unwrap();
    }
    let _two = Hand::waiting("two", tx.reserve_many(2));
    let _one = Hand::waiting("one", tx.send(9));
    let _more = Hand::waiting("more", tx.send(9));
    assert_eq!(now(rx.recv_many(&mut Vec::new(), 9)), 3);
    assert_eq!(woken(), ["two", "one"]);
}

// ---- Permits

#[test]
fn a_permit_that_is_dropped_gives_its_slot_to_the_next() {
    let (tx, mut rx) = mpsc::channel(1);
    let permit = now(tx.reserve()).unwrap();
    let mut waits = Hand::waiting("waits", tx.send(1));
    drop(permit);
    assert_eq!(woken(), ["waits"]);
    waits.take().unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn permits_of_many_are_used_one_by_one_and_the_rest_given_back() {
    let (tx, mut rx) = mpsc::channel(4);
    let mut permits = now(tx.reserve_many(3)).unwrap();
    assert_eq!((permits.len(), tx.capacity()), (3, 1));
    permits.next().unwrap().send(1);
    drop(permits.next());
    assert_eq!((permits.len(), tx.capacity()), (1, 2));
    drop(permits);
    assert_eq!(tx.capacity(), 3);
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn no_permits_at_all_can_be_had_from_a_full_channel() {
    let (tx, _rx) = full();
    assert_eq!(now(tx.reserve_many(0)).unwrap().count(), 0);
    assert_eq!(tx.try_reserve_many(0).unwrap().count(), 0);
}

#[test]
fn more_permits_than_slots_are_refused() {
    let (tx, _rx) = mpsc::channel::<()>(2);
    assert!(now(tx.reserve_many(3)).is_err());
    assert!(matches!(tx.try_reserve_many(3), Err(TrySendError::Full(()))));
    assert_eq!(tx.capacity(), 2);
}

#[test]
fn an_owned_permit_gives_its_sender_back() {
    let (tx, mut rx) = mpsc::channel(1);
    let permit = now(tx.reserve_owned()).unwrap();
    let tx = permit.send(1);
    assert_eq!(rx.try_recv(), Ok(1));
    let permit = tx.try_reserve_owned().unwrap();
    let tx = permit.release();
    assert_eq!((tx.capacity(), tx.strong_count()), (1, 1));
}

#[test]
fn an_owned_permit_keeps_the_channel_open_until_it_is_dropped() {
    let (tx, mut rx) = mpsc::channel::<u8>(1);
    let permit = now(tx.reserve_owned()).unwrap();
    let mut recv = Hand::waiting("recv", rx.recv());
    drop(permit);
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), None);
}

#[test]
fn an_owned_permit_that_cannot_be_had_gives_the_sender_back() {
    let (tx, _rx) = full();
    let Err(TrySendError::Full(tx)) = tx.try_reserve_owned() else { panic!("it is full") };
    assert_eq!(tx.strong_count(), 1);
}

#[test]
fn owned_permits_know_their_channel() {
    let ((a, _ra), (b, _rb)) = (mpsc::channel::<u8>(2), mpsc::channel::<u8>(1));
    let (first, second) = (a.clone().try_reserve_owned().unwrap(), a.clone().try_reserve_owned().unwrap());
    let other = b.clone().try_reserve_owned().unwrap();
    assert!(first.same_channel(&second) && !first.same_channel(&other));
    assert!(first.same_channel_as_sender(&a) && !first.same_channel_as_sender(&b));
}

// ---- Receiving

#[test]
fn a_value_wakes_the_receiver_once() {
    let (tx, mut rx) = mpsc::channel(2);
    let mut recv = Hand::waiting("recv", rx.recv());
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), Some(1));
}

#[test]
fn a_dropped_recv_leaves_the_value() {
    let (tx, mut rx) = mpsc::channel(1);
    let recv = Hand::waiting("recv", rx.recv());
    tx.try_send(1).unwrap();
    drop(recv);
    assert_eq!(now(rx.recv()), Some(1));
}

#[test]
fn poll_recv_wakes_the_task_of_the_last_poll() {
    let (tx, mut rx) = mpsc::channel(1);
    for name in ["a", "b"] {
        assert!(rx.poll_recv(&mut Context::from_waker(&waker(name))).is_pending());
    }
    tx.try_send(1).unwrap();
    assert_eq!(woken(), ["b"]);
    assert_eq!(rx.poll_recv(&mut Context::from_waker(&waker("c"))), Poll::Ready(Some(1)));
}

#[test]
fn what_try_recv_takes_away_leaves_poll_recv_waiting() {
    let (tx, mut rx) = mpsc::channel(1);
    assert!(rx.poll_recv(&mut Context::from_waker(&waker("a"))).is_pending());
    tx.try_send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
    assert!(rx.poll_recv(&mut Context::from_waker(&waker("a"))).is_pending());
    woken();
    tx.try_send(2).unwrap();
    assert_eq!(woken(), ["a"]);
}

#[test]
fn poll_recv_after_close_sees_the_end() {
    let (_tx, mut rx) = mpsc::channel::<u8>(1);
    assert!(rx.poll_recv(&mut Context::from_waker(&waker("a"))).is_pending());
    rx.close();
    assert_eq!(woken(), ["a"]);
    assert_eq!(rx.poll_recv(&mut Context::from_waker(&waker("a"))), Poll::Ready(None));
}

#[test]
fn recv_many_takes_what_is_there_up_to_its_limit_behind_what_the_buffer_has() {
    let (tx, mut rx) = mpsc::channel(9);
    for n in 0..5 {
        tx.try_send(n).unwrap();
    }
    let mut buffer = vec![77];
    assert_eq!(now(rx.recv_many(&mut buffer, 3)), 3);
    assert_eq!(now(rx.recv_many(&mut buffer, 3)), 2);
    assert_eq!(buffer, [77, 0, 1, 2, 3, 4]);
    assert_eq!(tx.capacity(), 9);
}

#[test]
fn recv_many_of_none_is_ready_with_none() {
    let (tx, mut rx) = mpsc::channel(1);
    assert_eq!(now(rx.recv_many(&mut Vec::new(), 0)), 0);
    tx.try_send(1).unwrap();
    assert_eq!(now(rx.recv_many(&mut Vec::new(), 0)), 0);
    assert_eq!(rx.len(), 1);
}

#[test]
fn recv_many_waits_for_the_first_and_ends_with_the_senders() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    let mut buffer = Vec::new();
    let mut many = Hand::waiting("many", rx.recv_many(&mut buffer, 9));
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(woken(), ["many"]);
    assert_eq!(many.take(), 2);
    drop((many, tx));
    assert_eq!(now(rx.recv_many(&mut buffer, 9)), 0);
    assert_eq!(buffer, [1, 2]);
}

#[test]
fn poll_recv_many_keeps_its_place_between_calls() {
    let (tx, mut rx) = mpsc::channel(2);
    let mut buffer = Vec::new();
    assert!(rx.poll_recv_many(&mut Context::from_waker(&waker("a")), &mut buffer, 9).is_pending());
    assert_eq!(rx.poll_recv_many(&mut Context::from_waker(&waker("a")), &mut buffer, 0), Poll::Ready(0));
    tx.try_send(1).unwrap();
    assert_eq!(woken(), ["a"]);
    assert_eq!(rx.poll_recv_many(&mut Context::from_waker(&waker("a")), &mut buffer, 9), Poll::Ready(1));
}

#[test]
fn try_recv_tells_empty_from_over() {
    let (tx, mut rx) = mpsc::channel(1);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    tx.try_send(1).unwrap();
    drop(tx);
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

// ---- Closing

#[test]
fn the_last_sender_that_goes_ends_the_channel_after_its_values() {
    let (tx, mut rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    let other = tx.clone();
    drop(tx);
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn the_last_sender_that_goes_wakes_the_receiver() {
    let (tx, mut rx) = mpsc::channel::<u8>(2);
    let other = tx.clone();
    let mut recv = Hand::waiting("recv", rx.recv());
    drop(tx);
    assert!(woken().is_empty());
    drop(other);
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), None);
}

#[test]
fn close_fails_senders_who_wait_and_gives_their_values_back() {
    let (tx, mut rx) = full();
    let mut a = Hand::waiting("a", tx.send("a"));
    let mut b = Hand::waiting("b", tx.reserve());
    rx.close();
    assert_eq!(woken(), ["a", "b"]);
    assert_eq!(a.take(), Err(SendError("a")));
    assert!(b.take().is_err());
    assert_eq!(now(rx.recv()), Some("first"));
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn close_fails_a_sender_that_was_handed_its_slot_and_has_not_run() {
    let (tx, mut rx) = full();
    let mut a = Hand::waiting("a", tx.send("a"));
    rx.try_recv().unwrap();
    rx.close();
    let mut recv = Hand::waiting("recv", rx.recv());
    assert_eq!(woken(), ["a"]);
    assert_eq!(a.take(), Err(SendError("a")));
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), None);
}

#[test]
fn close_waits_for_a_sender_that_was_handed_its_slot_and_is_dropped() {
    let (tx, mut rx) = full();
    let a = Hand::waiting("a", tx.send("a"));
    rx.try_recv().unwrap();
    rx.close();
    let mut recv = Hand::waiting("recv", rx.recv());
    woken();
    drop(a);
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), None);
}

#[test]
fn permits_that_are_out_at_close_can_be_used() {
    let (tx, mut rx) = mpsc::channel(2);
    let (first, second) = (now(tx.reserve()).unwrap(), now(tx.reserve()).unwrap());
    rx.close();
    assert_eq!(tx.try_send(9), Err(TrySendError::Closed(9)));
    let mut recv = Hand::waiting("recv", rx.recv());
    first.send(1);
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), Some(1));
    drop(recv);
    let mut recv = Hand::waiting("again", rx.recv());
    drop(second);
    assert_eq!(woken(), ["again"]);
    assert_eq!(recv.take(), None);
}

#[test]
fn closing_twice_or_when_the_senders_are_gone_changes_nothing() {
    let (tx, mut rx) = mpsc::channel(1);
    tx.try_send(1).unwrap();
    drop(tx);
    rx.close();
    rx.close();
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn a_receiver_that_goes_fails_all_sends() {
    let (tx, rx) = full();
    let mut waits = Hand::waiting("waits", tx.send("a"));
    drop(rx);
    assert_eq!(woken(), ["waits"]);
    assert_eq!(waits.take(), Err(SendError("a")));
    assert_eq!(now(tx.send("b")), Err(SendError("b")));
    assert_eq!(tx.try_send("c"), Err(TrySendError::Closed("c")));
    assert!(tx.is_closed() && tx.try_reserve().is_err());
    let Err(TrySendError::Closed(tx)) = tx.clone().try_reserve_owned() else { panic!("it is closed") };
    assert!(now(tx.reserve_owned()).is_err());
}

#[test]
fn closed_is_told_to_all_who_wait_for_it() {
    let (tx, mut rx) = mpsc::channel::<u8>(1);
    let (mut a, mut b) = (Hand::waiting("a", tx.closed()), Hand::waiting("b", tx.closed()));
    let gone = Hand::waiting("gone", tx.closed());
    drop(gone);
    rx.close();
    assert_eq!(woken(), ["a", "b"]);
    a.take();
    b.take();
    now(tx.closed());
}

#[test]
fn a_permit_that_is_used_when_the_receiver_is_gone_drops_its_value() {
    let (tx, rx) = mpsc::channel(1);
    let permit = now(tx.reserve()).unwrap();
    drop(rx);
    let value = Rc::new(());
    permit.send(value.clone());
    assert_eq!(Rc::strong_count(&value), 1);
}

// ---- Dropped values

type Log = Rc<RefCell<Vec<String>>>;

/// Says that it is dropped, and tries to send another of its kind.
struct Noisy {
    name: &'static str,
    log: Log,
    back: Option<Sender<Noisy>>,
}

impl Drop for Noisy {
    fn drop(&mut self) {
        let sent = self.back.take().map(|tx| {
            let (name, log) = ("child", self.log.clone());
            tx.try_send(Noisy { name, log, back: None }).map_err(|error| match error {
                TrySendError::Full(mut value) => {
                    value.name = "";
                    "full"
                }
                TrySendError::Closed(mut value) => {
                    value.name = "";
                    "closed"
                }
            })
        });
        if !self.name.is_empty() {
            self.log.borrow_mut().push(format!("{} {sent:?}", self.name));
        }
    }
}

#[test]
fn values_in_a_channel_whose_receiver_goes_are_dropped_oldest_first() {
    let log = Log::default();
    let (tx, rx) = mpsc::channel(3);
    for name in ["a", "b", "c"] {
        assert!(tx.try_send(Noisy { name, log: log.clone(), back: None }).is_ok());
    }
    drop(rx);
    assert_eq!(*log.borrow(), ["a None", "b None", "c None"]);
}

#[test]
fn a_value_may_send_into_its_own_channel_while_it_is_dropped_with_it() {
    let log = Log::default();
    let (tx, rx) = mpsc::channel(3);
    for name in ["a", "b"] {
        assert!(tx.try_send(Noisy { name, log: log.clone(), back: Some(tx.clone()) }).is_ok());
    }
    drop(rx);
    assert_eq!(*log.borrow(), ["a Some(Err(\"closed\"))", "b Some(Err(\"closed\"))"]);
}

#[test]
fn a_value_may_send_into_its_own_channel_when_it_was_received_and_is_dropped() {
    let log = Log::default();
    let (tx, mut rx) = mpsc::channel(1);
    assert!(tx.try_send(Noisy { name: "a", log: log.clone(), back: Some(tx.clone()) }).is_ok());
    drop(now(rx.recv()));
    assert_eq!(*log.borrow(), ["a Some(Ok(()))"]);
    assert_eq!(now(rx.recv()).unwrap().name, "child");
}

#[test]
fn a_send_that_is_dropped_drops_its_value() {
    let (tx, _rx) = mpsc::channel(1);
    let value = Rc::new(());
    tx.try_send(value.clone()).unwrap();
    let send = Hand::waiting("send", tx.send(value.clone()));
    assert_eq!(Rc::strong_count(&value), 3);
    drop(send);
    assert_eq!(Rc::strong_count(&value), 2);
}

#[test]
fn a_waker_that_sends_while_a_slot_is_given_back_finds_it_taken() {
    let (tx, mut rx) = full();
    let tx = Rc::new(tx);
    let mut a = Hand::waiting("a", tx.send("a"));
    on_wake("a", {
        let tx = tx.clone();
        move || assert_eq!(tx.try_send("barges"), Err(TrySendError::Full("barges")))
    });
    assert_eq!(rx.try_recv(), Ok("first"));
    assert_eq!(woken(), ["a"]);
    a.take().unwrap();
    assert_eq!(rx.try_recv(), Ok("a"));
}

// ---- Weak senders and counts

#[test]
fn a_weak_sender_is_good_while_a_sender_lives_and_does_not_keep_the_channel_open() {
    let (tx, mut rx) = mpsc::channel(1);
    let weak = tx.downgrade();
    let again = weak.upgrade().unwrap();
    drop(tx);
    again.try_send(1).unwrap();
    drop(again);
    assert!(weak.upgrade().is_none());
    assert_eq!(now(rx.recv()), Some(1));
    assert_eq!(now(rx.recv()), None);
}

#[test]
fn senders_strong_and_weak_are_counted() {
    let (tx, rx) = mpsc::channel::<u8>(1);
    let (other, weak) = (tx.clone(), tx.downgrade());
    let weaker = weak.clone();
    assert_eq!((tx.strong_count(), tx.weak_count()), (2, 2));
    assert_eq!((weak.strong_count(), weak.weak_count()), (2, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (2, 2));
    drop((tx, weak));
    let upgraded = weaker.upgrade().unwrap();
    assert_eq!((other.strong_count(), other.weak_count()), (2, 1));
    assert!(upgraded.same_channel(&other));
}

#[test]
fn capacity_counts_what_is_neither_filled_nor_promised() {
    let (tx, mut rx) = mpsc::channel(3);
    assert_eq!((tx.capacity(), tx.max_capacity(), rx.max_capacity()), (3, 3, 3));
    tx.try_send(1).unwrap();
    let permit = tx.try_reserve().unwrap();
    assert_eq!((tx.capacity(), rx.capacity(), rx.len()), (1, 1, 1));
    drop(permit);
    rx.try_recv().unwrap();
    assert_eq!((tx.capacity(), rx.is_empty()), (3, true));
}

#[test]
#[should_panic(expected = "an mpsc channel needs at least one slot")]
fn a_channel_without_a_slot_is_refused() {
    drop(mpsc::channel::<u8>(0));
}

// ---- Unbounded

#[test]
fn an_unbounded_channel_takes_all_until_its_receiver_goes() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    for n in 0..1000 {
        tx.send(n).unwrap();
    }
    assert_eq!((rx.len(), now(rx.recv())), (1000, Some(0)));
    let mut closed = Hand::waiting("closed", tx.closed());
    drop(rx);
    assert_eq!(woken(), ["closed"]);
    closed.take();
    assert_eq!(tx.send(5), Err(SendError(5)));
    assert!(tx.is_closed());
}

#[test]
fn an_unbounded_channel_gives_what_is_there_when_it_is_closed_and_ends() {
    let (tx, mut rx) = mpsc::unbounded_channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert!(rx.is_closed() && !rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Disconnected));
}

#[test]
fn weak_unbounded_senders_are_as_bounded_ones() {
    let (tx, mut rx) = mpsc::unbounded_channel::<u8>();
    let weak = tx.downgrade();
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    let other = weak.clone();
    assert_eq!((tx.strong_count(), other.weak_count(), rx.sender_weak_count()), (1, 2, 2));
    drop(tx);
    assert!(weak.upgrade().is_none() && weak.strong_count() == 0 && rx.sender_strong_count() == 0);
    assert_eq!(now(rx.recv()), None);
}

// ---- Time

#[test]
fn send_timeout_gives_the_value_back_when_the_time_is_over() {
    paused().block_on(async {
        let (tx, mut rx) = full();
        let second = Duration::from_secs(1);
        assert_eq!(tx.send_timeout("late", second).await, Err(SendTimeoutError::Timeout("late")));
        assert_eq!(rx.recv().await, Some("first"));
        tx.send_timeout("in time", second).await.unwrap();
        drop(rx);
        assert_eq!(tx.send_timeout("never", second).await, Err(SendTimeoutError::Closed("never")));
    });
}

#[test]
fn send_timeout_is_in_time_if_the_slot_comes_before() {
    paused().block_on(async {
        let (tx, mut rx) = full();
        let receiver = spawn(async move {
            sleep(Duration::from_secs(1)).await;
            (rx.recv().await, rx.recv().await)
        });
        tx.send_timeout("second", Duration::from_secs(2)).await.unwrap();
        assert_eq!(receiver.await.unwrap(), (Some("first"), Some("second")));
    });
}

#[test]
fn a_receive_in_a_timeout_loses_nothing() {
    paused().block_on(async {
        let (tx, mut rx) = mpsc::channel(1);
        assert!(timeout(Duration::from_secs(1), rx.recv()).await.is_err());
        tx.send(1).await.unwrap();
        assert_eq!(rx.recv().await, Some(1));
    });
}

// ---- What is told of them

#[test]
fn a_deadlock_names_the_operation_and_its_place() {
    let (made, line) = (line!() + 2, line!() + 3);
    let deadlock = Runtime::new().unwrap().try_block_on(async {
        let (_tx, mut rx) = mpsc::channel::<u8>(1);
        rx.recv().await
    });
    let report = deadlock.unwrap_err().to_string();
    assert!(report.contains(&format!("mpsc::Receiver::recv (at tests/sync_mpsc.rs:{line}:")), "{report}");
    assert!(report.contains(&format!("made at tests/sync_mpsc.rs:{made}:")), "{report}");
}

#[test]
fn debug_mode_tells_of_a_lost_value_and_not_of_a_dropped_recv() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true).debug(true));
    runtime.block_on(async {
        let (tx, mut rx) = full();
        assert!(timeout(Duration::from_secs(1), tx.send("lost")).await.is_err());
        rx.recv().await.unwrap();
        assert!(timeout(Duration::from_secs(1), rx.recv()).await.is_err());
    });
    let events = recorder.events().into_iter();
    let lost: Vec<_> = events.filter(|(_, event)| matches!(event, Event::Lost { .. })).collect();
    assert_eq!(lost.len(), 1, "{lost:?}");
    let told = lost[0].1.to_string();
    assert!(told.contains("the value to send, and its place in the line, of mpsc::Sender::send at"), "{told}");
}

#[test]
fn a_send_that_is_polled_after_its_end_panics_and_takes_no_slot() {
    let (tx, _rx) = mpsc::channel(2);
    let mut send = Hand::new("send", tx.send(1));
    send.take().unwrap();
    let again = catch_unwind(AssertUnwindSafe(|| send.poll()));
    let message = *again.unwrap_err().downcast::<&str>().unwrap();
    assert_eq!(message, "`send` was polled again after it was ready");
    assert_eq!(tx.capacity(), 1);
}

#[test]
fn a_recv_that_is_polled_after_its_value_panics_and_takes_no_other() {
    let (tx, mut rx) = mpsc::channel(2);
    tx.try_send(1).unwrap();
    tx.try_send(2).unwrap();
    let mut recv = Hand::new("recv", rx.recv());
    assert_eq!(recv.take(), Some(1));
    let again = catch_unwind(AssertUnwindSafe(|| recv.poll()));
    let message = *again.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(message, "`recv` was polled again after it was ready");
    drop(recv);
    assert_eq!(rx.len(), 1);
}

#[test]
fn errors_say_what_was_wrong() {
    let closed = "channel closed: its receiver was dropped, or called `close`";
    assert_eq!(SendError(()).to_string(), closed);
    assert_eq!(TrySendError::from(SendError(3)), TrySendError::Closed(3));
    assert_eq!(TrySendError::Full(3).into_inner(), 3);
    assert_eq!(SendTimeoutError::Timeout(3).into_inner(), 3);
    assert!(TrySendError::Full(()).to_string().starts_with("no available capacity"));
    assert!(SendTimeoutError::Timeout(()).to_string().starts_with("timed out"));
    assert!(TryRecvError::Empty.to_string().starts_with("receiving on an empty channel"));
    assert!(TryRecvError::Disconnected.to_string().starts_with("receiving on a closed channel"));
}
