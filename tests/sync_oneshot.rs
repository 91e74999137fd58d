//! A channel for one value, as sequences; mostly polled by hand, to see who is woken.

#[path = "support/foreign.rs"]
mod foreign;
#[path = "support/mod.rs"]
mod support;

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use foreign::{Count, Hand, now, waker, woken};
use glassloop::sync::oneshot::{self, error::TryRecvError};
use glassloop::time::timeout;
use glassloop::trace::Event;
use glassloop::{Builder, Runtime, dump, spawn_named, yield_now};
use support::{assert_trace, observed, record};

/// A value whose drop is counted.
struct Counted(Count);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.up();
    }
}

#[test]
fn a_value_that_is_there_is_received_at_once() {
    let (tx, rx) = oneshot::channel();
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn a_value_wakes_the_receiver_once() {
    let (tx, rx) = oneshot::channel();
    let mut rx = Hand::waiting("rx", rx);
    tx.send(1).unwrap();
    assert_eq!(woken(), ["rx"]);
    assert_eq!(rx.take(), Ok(1));
}

#[test]
fn the_receiver_is_polled_after_those_that_were_ready_before_the_value() {
    let trace = record(Builder::new(), async {
        let (tx, rx) = oneshot::channel();
        spawn_named("sender", async { tx.send(1) }).detach();
        spawn_named("other", async {}).detach();
        rx.await
    });
    assert_trace(
        &trace,
        "
        wake 1: spawned
        turn 1
        run
        poll 1
        wake 2: spawned
        wake 3: spawned
        pending 1
        poll 2
        wake 1: task 2
        done 2 ready
        poll 3
        done 3 ready
        poll 1
        done 1 ready
        ",
    );
}

#[test]
fn a_sender_that_goes_without_a_value_is_an_error() {
    let (tx, rx) = oneshot::channel::<u8>();
    let mut rx = Hand::waiting("rx", rx);
    drop(tx);
    assert_eq!(woken(), ["rx"]);
    assert!(rx.take().is_err());
    let (tx, rx) = oneshot::channel::<u8>();
    drop(tx);
    assert!(now(rx).is_err());
}

#[test]
fn a_receiver_that_goes_gives_the_value_back() {
    let (tx, rx) = oneshot::channel();
    drop(rx);
    assert!(tx.is_closed());
    assert_eq!(tx.send(1), Err(1));
}

#[test]
fn a_value_that_was_sent_is_dropped_with_its_receiver() {
    let dropped = Count::default();
    let (tx, rx) = oneshot::channel();
    assert!(tx.send(Counted(dropped.clone())).is_ok());
    assert_eq!(dropped.get(), 0);
    drop(rx);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn close_refuses_what_was_not_sent() {
    let (tx, mut rx) = oneshot::channel();
    rx.close();
    assert_eq!(tx.send(1), Err(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(now(rx).is_err());
}

#[test]
fn close_leaves_what_was_sent() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    rx.close();
    assert_eq!(now(rx), Ok(1));
}

#[test]
fn a_receiver_that_waits_and_is_closed_sees_its_error() {
    let (_tx, mut rx) = oneshot::channel::<u8>();
    assert!(pin!(&mut rx).poll(&mut Context::from_waker(&waker("rx"))).is_pending());
    rx.close();
    assert_eq!(woken(), ["rx"]);
    assert!(now(&mut rx).is_err());
}

#[test]
fn closed_is_told_when_the_receiver_closes_or_goes() {
    for close in [true, false] {
        let (mut tx, mut rx) = oneshot::channel::<u8>();
        let mut closed = Hand::waiting("closed", tx.closed());
        if close {
            rx.close();
        } else {
            drop(rx);
        }
        assert_eq!(woken(), ["closed"]);
        closed.take();
        drop(closed);
        now(tx.closed());
    }
}

#[test]
fn poll_closed_wakes_the_task_of_the_last_poll() {
    let (mut tx, rx) = oneshot::channel::<u8>();
    for name in ["a", "b"] {
        assert!(tx.poll_closed(&mut Context::from_waker(&waker(name))).is_pending());
    }
    drop(rx);
    assert_eq!(woken(), ["b"]);
    assert_eq!(tx.poll_closed(&mut Context::from_waker(&waker("c"))), Poll::Ready(()));
}

#[test]
fn a_sender_that_watched_for_its_end_still_sends() {
    let (mut tx, rx) = oneshot::channel();
    assert!(tx.poll_closed(&mut Context::from_waker(&waker("tx"))).is_pending());
    tx.send(1).unwrap();
    assert_eq!(now(rx), Ok(1));
    assert!(woken().is_empty());
}

#[test]
fn try_recv_tells_empty_from_closed() {
    let (tx, mut rx) = oneshot::channel();
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
    assert!(rx.is_empty() && !rx.is_terminated());
    tx.send(1).unwrap();
    assert!(!rx.is_empty());
    assert_eq!(rx.try_recv(), Ok(1));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
    assert!(rx.is_empty() && rx.is_terminated());
}

#[test]
fn try_recv_may_take_what_a_wait_was_woken_for() {
    let (tx, mut rx) = oneshot::channel();
    assert!(pin!(&mut rx).poll(&mut Context::from_waker(&waker("rx"))).is_pending());
    tx.send(1).unwrap();
    assert_eq!(rx.try_recv(), Ok(1));
}

#[test]
fn a_receiver_awaited_by_reference_in_a_timeout_loses_nothing() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (tx, mut rx) = oneshot::channel();
        assert!(timeout(Duration::from_secs(1), &mut rx).await.is_err());
        tx.send(1).unwrap();
        assert_eq!(rx.await, Ok(1));
    });
}

#[test]
fn a_receiver_polled_by_two_tasks_in_turn_wakes_the_last() {
    let (tx, rx) = oneshot::channel();
    let mut rx = Hand::waiting("first", rx);
    rx.rename("second");
    assert!(rx.is_pending());
    tx.send(1).unwrap();
    assert_eq!(woken(), ["second"]);
}

#[test]
#[should_panic(expected = "polled again after it was ready; it gives its value once")]
fn a_receiver_that_gave_its_value_must_not_be_polled() {
    let (tx, mut rx) = oneshot::channel();
    tx.send(1).unwrap();
    now(&mut rx).unwrap();
    let _ = now(&mut rx);
}

#[test]
fn a_value_may_hold_the_other_end() {
    // The receiver of the inner channel travels through the outer; its sender learns that both went.
    let (tx, rx) = oneshot::channel();
    let (mut inner_tx, inner_rx) = oneshot::channel::<u8>();
    assert!(tx.send(inner_rx).is_ok());
    let mut closed = Hand::waiting("inner", inner_tx.closed());
    drop(rx);
    assert_eq!(woken(), ["inner"]);
    closed.take();
}

#[test]
fn a_waker_that_drops_the_receivers_last_friend_is_harmless() {
    let (tx, rx) = oneshot::channel::<Rc<Cell<u8>>>();
    let mut rx = Hand::waiting("rx", rx);
    foreign::on_wake("rx", || assert_eq!(woken(), ["rx"]));
    let value = Rc::new(Cell::new(1));
    tx.send(value.clone()).unwrap();
    assert_eq!(Rc::strong_count(&value), 2);
    assert_eq!(rx.take().unwrap().get(), 1);
}

#[test]
fn a_dump_names_where_the_receiver_is_awaited() {
    let line = line!() + 3;
    let told = Runtime::new().unwrap().block_on(async {
        let (tx, rx) = oneshot::channel::<u8>();
        let waits = spawn_named("waits", async { rx.await.unwrap() });
        yield_now().await;
        let told = dump().unwrap().to_string();
        tx.send(1).unwrap();
        waits.await.unwrap();
        told
    });
    assert!(told.contains(&format!("oneshot::Receiver (at tests/sync_oneshot.rs:{line}:")), "{told}");
}

#[test]
fn debug_mode_tells_of_nothing_lost() {
    let (runtime, recorder) = observed(Builder::new().start_paused(true).debug(true));
    runtime.block_on(async {
        let (mut tx, rx) = oneshot::channel::<u8>();
        assert!(timeout(Duration::from_secs(1), rx).await.is_err());
        let (mut other, _rx) = oneshot::channel::<u8>();
        assert!(timeout(Duration::from_secs(1), other.closed()).await.is_err());
        tx.closed().await;
    });
    assert!(!recorder.events().iter().any(|(_, event)| matches!(event, Event::Lost { .. })));
}

#[test]
fn errors_say_what_was_wrong() {
    let (_, mut rx) = oneshot::channel::<u8>();
    assert_eq!(rx.try_recv().unwrap_err().to_string(), "channel closed: no value will come");
    assert_eq!(now(rx).unwrap_err().to_string(), "channel closed: its sender was dropped without a value");
    assert!(TryRecvError::Empty.to_string().starts_with("channel empty"));
}
