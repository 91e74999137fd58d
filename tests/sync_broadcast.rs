//! Every value to every receiver, as sequences; mostly polled by hand, to see who is woken.

#[path = "support/foreign.rs"]
mod foreign;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use foreign::{Count, Hand, now, on_wake, woken};
use glassloop::Runtime;
use glassloop::sync::broadcast::error::{RecvError, SendError, TryRecvError};
use glassloop::sync::broadcast::{self, Receiver, Sender};

/// What a receiver has, until it has taken all.
fn rest<T: Clone>(rx: &mut Receiver<T>) -> Vec<Result<T, TryRecvError>> {
    std::iter::from_fn(|| Some(rx.try_recv()).filter(|taken| !matches!(taken, Err(TryRecvError::Empty)))).collect()
}

#[test]
fn every_receiver_gets_every_value_in_order() {
    let (tx, mut a) = broadcast::channel(4);
    let mut b = tx.subscribe();
    assert_eq!(tx.send(1), Ok(2));
    assert_eq!(tx.send(2), Ok(2));
    assert_eq!(rest(&mut a), [Ok(1), Ok(2)]);
    assert_eq!(rest(&mut b), [Ok(1), Ok(2)]);
}

#[test]
fn a_receiver_gets_what_is_sent_after_it_was_made() {
    let (tx, mut a) = broadcast::channel(4);
    tx.send(1).unwrap();
    let (mut b, mut c) = (tx.subscribe(), a.resubscribe());
    tx.send(2).unwrap();
    assert_eq!(rest(&mut a), [Ok(1), Ok(2)]);
    assert_eq!(rest(&mut b), [Ok(2)]);
    assert_eq!(rest(&mut c), [Ok(2)]);
}

#[test]
fn a_value_wakes_all_who_wait_in_the_order_in_which_they_came() {
    let (tx, mut a) = broadcast::channel(4);
    let (mut b, mut c) = (tx.subscribe(), tx.subscribe());
    let mut b = Hand::waiting("b", b.recv());
    let mut a = Hand::waiting("a", a.recv());
    let gone = Hand::waiting("c", c.recv());
    drop(gone);
    tx.send(1).unwrap();
    assert_eq!(woken(), ["b", "a"]);
    assert_eq!((a.take(), b.take()), (Ok(1), Ok(1)));
    assert_eq!(now(c.recv()), Ok(1), "a wait that is dropped loses nothing");
}

#[test]
fn one_who_waits_again_while_others_are_woken_waits_for_the_next() {
    let (tx, mut rx) = broadcast::channel(4);
    let mut other = tx.subscribe();
    let again = Rc::new(RefCell::new(tx.subscribe()));
    let _first = Hand::waiting("first", rx.recv());
    let _second = Hand::waiting("second", other.recv());
    on_wake("first", move || {
        let mut again = again.borrow_mut();
        assert_eq!(again.try_recv(), Ok(1));
        drop(Hand::waiting("again", again.recv()));
    });
    tx.send(1).unwrap();
    assert_eq!(woken(), ["first", "second"]);
}

// ---- Lag

#[test]
fn lag_is_told_once_with_the_exact_number_and_then_the_oldest_comes() {
    let (tx, mut rx) = broadcast::channel(2);
    for n in 1..=5 {
        tx.send(n).unwrap();
    }
    assert_eq!(rx.len(), 5);
    assert_eq!(now(rx.recv()), Err(RecvError::Lagged(3)));
    assert_eq!(rx.len(), 2);
    assert_eq!((now(rx.recv()), now(rx.recv())), (Ok(4), Ok(5)));
    assert_eq!(rx.try_recv(), Err(TryRecvError::Empty));
}

#[test]
fn a_channel_that_is_just_full_has_no_lag() {
    let (tx, mut rx) = broadcast::channel(3);
    for n in 1..=3 {
        tx.send(n).unwrap();
    }
    assert_eq!(rest(&mut rx), [Ok(1), Ok(2), Ok(3)]);
}

#[test]
fn one_may_lag_again_after_it_was_told() {
    let (tx, mut rx) = broadcast::channel(2);
    for n in 1..=3 {
        tx.send(n).unwrap();
    }
    assert_eq!(rx.try_recv(), Err(TryRecvError::Lagged(1)));
    tx.send(4).unwrap();
    assert_eq!(rest(&mut rx), [Err(TryRecvError::Lagged(1)), Ok(3), Ok(4)]);
}

#[test]
fn one_who_lags_does_not_disturb_the_others() {
    let (tx, mut slow) = broadcast::channel(1);
    let mut quick = tx.subscribe();
    for n in 1..=3 {
        tx.send(n).unwrap();
        assert_eq!(quick.try_recv(), Ok(n));
    }
    assert_eq!(rest(&mut slow), [Err(TryRecvError::Lagged(2)), Ok(3)]);
}

#[test]
fn a_capacity_is_kept_exactly() {
    let (tx, mut rx) = broadcast::channel(3); // tokio would keep four
    for n in 1..=4 {
        tx.send(n).unwrap();
    }
    assert_eq!(rest(&mut rx), [Err(TryRecvError::Lagged(1)), Ok(2), Ok(3), Ok(4)]);
}

// ---- Closing

#[test]
fn a_send_without_receivers_gives_the_value_back_until_one_comes() {
    let (tx, rx) = broadcast::channel(1);
    drop(rx);
    assert_eq!(tx.send(1), Err(SendError(1)));
    let mut rx = tx.subscribe();
    assert_eq!(tx.send(2), Ok(1));
    assert_eq!(rest(&mut rx), [Ok(2)]);
}

#[test]
fn after_the_last_sender_the_rest_comes_and_then_closed() {
    let (tx, mut rx) = broadcast::channel(2);
    let other = tx.clone();
    tx.send(1).unwrap();
    drop(tx);
    other.send(2).unwrap();
    assert!(!rx.is_closed());
    drop(other);
    assert!(rx.is_closed());
    assert_eq!([now(rx.recv()), now(rx.recv())], [Ok(1), Ok(2)]);
    assert_eq!([now(rx.recv()), now(rx.recv())], [Err(RecvError::Closed), Err(RecvError::Closed)]);
    assert_eq!(rx.try_recv(), Err(TryRecvError::Closed));
}

#[test]
fn lag_is_told_before_closed() {
    let (tx, mut rx) = broadcast::channel(1);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!([now(rx.recv()), now(rx.recv())], [Err(RecvError::Lagged(1)), Ok(2)]);
    assert_eq!(now(rx.recv()), Err(RecvError::Closed));
}

#[test]
fn the_last_sender_that_goes_wakes_who_waits() {
    let (tx, mut rx) = broadcast::channel::<u8>(1);
    let mut recv = Hand::waiting("recv", rx.recv());
    drop(tx.clone());
    assert!(woken().is_empty());
    drop(tx);
    assert_eq!(woken(), ["recv"]);
    assert_eq!(recv.take(), Err(RecvError::Closed));
}

#[test]
fn closed_waits_until_no_receiver_is_there_when_it_looks() {
    let (tx, rx) = broadcast::channel::<u8>(1);
    let mut closed = Hand::waiting("closed", tx.closed());
    drop(rx);
    assert_eq!(woken(), ["closed"]);
    let rx = tx.subscribe();
    assert!(closed.is_pending(), "there is one again");
    drop(rx);
    assert_eq!(woken(), ["closed"]);
    closed.take();
}

#[test]
fn a_weak_sender_is_good_while_a_sender_lives() {
    let (tx, rx) = broadcast::channel::<u8>(1);
    let weak = tx.downgrade();
    assert!(weak.upgrade().unwrap().same_channel(&tx));
    assert_eq!((tx.strong_count(), tx.weak_count(), weak.clone().weak_count()), (1, 1, 2));
    assert_eq!((rx.sender_strong_count(), rx.sender_weak_count()), (1, 1));
    drop(tx);
    assert!(weak.upgrade().is_none() && rx.is_closed() && weak.strong_count() == 0);
}

// ---- Counts

#[test]
fn what_somebody_has_not_taken_is_counted() {
    let (tx, mut a) = broadcast::channel(4);
    let mut b = tx.subscribe();
    for n in 0..3 {
        tx.send(n).unwrap();
    }
    a.try_recv().unwrap();
    a.try_recv().unwrap();
    b.try_recv().unwrap();
    assert_eq!((tx.len(), a.len(), b.len()), (2, 1, 2));
    drop(b);
    assert_eq!((tx.len(), tx.receiver_count()), (1, 1));
    a.try_recv().unwrap();
    assert!(tx.is_empty() && a.is_empty());
}

#[test]
fn receivers_know_their_channel() {
    let ((a, ra), (_b, rb)) = (broadcast::channel::<u8>(1), broadcast::channel::<u8>(1));
    assert!(ra.same_channel(&a.subscribe()) && !ra.same_channel(&rb));
}

#[test]
#[should_panic(expected = "a broadcast channel keeps at least one value")]
fn a_channel_that_keeps_nothing_is_refused() {
    drop(Sender::<u8>::new(0));
}

// ---- The values themselves

/// Counts its clones and drops, and may do something when it is cloned.
struct Tracked {
    clones: Count,
    drops: Count,
    on_clone: Rc<dyn Fn()>,
}

impl Tracked {
    fn new(on_clone: impl Fn() + 'static) -> (Tracked, Count, Count) {
        let tracked = Tracked { clones: Count::default(), drops: Count::default(), on_clone: Rc::new(on_clone) };
        let (clones, drops) = (tracked.clones.clone(), tracked.drops.clone());
        (tracked, clones, drops)
    }
}

impl Clone for Tracked {
    fn clone(&self) -> Tracked {
        self.clones.up();
        (self.on_clone)();
        Tracked { clones: self.clones.clone(), drops: self.drops.clone(), on_clone: self.on_clone.clone() }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        self.drops.up();
    }
}

#[test]
fn the_last_receiver_is_given_the_value_itself() {
    let (tx, mut a) = broadcast::channel(1);
    let mut b = tx.subscribe();
    let (value, clones, drops) = Tracked::new(|| {});
    assert!(tx.send(value).is_ok());
    let (first, second) = (a.try_recv(), b.try_recv());
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((clones.get(), drops.get()), (1, 0));
    drop((first, second));
    assert_eq!(drops.get(), 2);
}

#[test]
fn a_value_is_dropped_with_the_last_receiver_that_wanted_it() {
    let (tx, a) = broadcast::channel(1);
    let b = tx.subscribe();
    let (value, clones, drops) = Tracked::new(|| {});
    assert!(tx.send(value).is_ok());
    drop(a);
    assert_eq!(drops.get(), 0);
    drop(b);
    assert_eq!((clones.get(), drops.get()), (0, 1));
}

#[test]
fn a_value_that_makes_room_is_dropped() {
    let (tx, _rx) = broadcast::channel(1);
    let (value, _, drops) = Tracked::new(|| {});
    let (next, _, _) = Tracked::new(|| {});
    assert!(tx.send(value).is_ok());
    assert!(tx.send(next).is_ok());
    assert_eq!(drops.get(), 1);
}

#[test]
fn a_clone_that_sends_on_its_own_channel_pushes_itself_out_unharmed() {
    let (tx, mut a) = broadcast::channel(1);
    let _b = tx.subscribe();
    let once = Cell::new(false);
    let (value, _, drops) = Tracked::new({
        let tx = tx.clone();
        move || {
            if !once.replace(true) {
                assert!(tx.send(Tracked::new(|| {}).0).is_ok()); // there is room for one
            }
        }
    });
    assert!(tx.send(value).is_ok());
    let cloned = a.try_recv();
    assert!(cloned.is_ok());
    assert_eq!(drops.get(), 1, "the original went when nobody cloned it any more");
    assert_eq!(a.len(), 1);
    assert!(a.try_recv().is_ok());
}

#[test]
fn a_clone_that_panics_counts_as_received() {
    let (tx, mut a) = broadcast::channel(1);
    let mut b = tx.subscribe();
    let panics = Rc::new(Cell::new(true));
    let (value, _, drops) = Tracked::new({
        let panics = panics.clone();
        move || assert!(!panics.get(), "no clone today")
    });
    assert!(tx.send(value).is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| a.try_recv().is_ok())).is_err());
    assert!(a.is_empty());
    drop(b.try_recv());
    assert_eq!((drops.get(), tx.len()), (1, 0));
}

/// Sends on its channel when it is dropped.
#[derive(Clone)]
struct Echo(Option<Sender<Echo>>, Rc<Cell<usize>>);

impl Drop for Echo {
    fn drop(&mut self) {
        if let Some(tx) = self.0.take() {
            self.1.set(self.1.get() + 1);
            let _ = tx.send(Echo(None, self.1.clone()));
        }
    }
}

#[test]
fn a_value_may_send_on_its_own_channel_while_it_is_dropped_with_its_receiver() {
    let (tx, a) = broadcast::channel(2);
    let mut b = tx.subscribe();
    let count = Rc::new(Cell::new(0));
    assert!(tx.send(Echo(Some(tx.clone()), count.clone())).is_ok());
    assert!(tx.send(Echo(Some(tx.clone()), count.clone())).is_ok());
    drop(b.try_recv()); // a clone, which echoes, and pushes the first out, which echoes
    drop(a);
    assert!(count.get() >= 2);
    drop(b);
    assert!(tx.is_empty());
}

#[test]
fn a_deadlock_names_the_operation_and_its_place() {
    let line = line!() + 3;
    let deadlock = Runtime::new().unwrap().try_block_on(async {
        let (_tx, mut rx) = broadcast::channel::<u8>(1);
        rx.recv().await
    });
    let report = deadlock.unwrap_err().to_string();
    assert!(
        report.contains(&format!("broadcast::Receiver::recv (at tests/sync_broadcast.rs:{line}:")),
        "{report}"
    );
}

#[test]
fn errors_say_what_was_wrong() {
    assert_eq!(SendError(()).to_string(), "channel closed: it has no receiver");
    assert_eq!(RecvError::Closed.to_string(), "channel closed: its last sender was dropped");
    assert!(RecvError::Lagged(3).to_string().starts_with("channel lagged by 3: "));
    assert!(TryRecvError::Empty.to_string().starts_with("channel empty"));
    assert_eq!(TryRecvError::Closed.to_string(), RecvError::Closed.to_string());
    assert_eq!(TryRecvError::Lagged(3).to_string(), RecvError::Lagged(3).to_string());
}
