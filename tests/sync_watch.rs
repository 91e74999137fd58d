//! The latest value for all who look, as sequences; mostly polled by hand, to see who is woken.

#[path = "support/foreign.rs"]
mod foreign;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use foreign::{Count, Hand, now, on_wake, woken};
use glassloop::sync::watch::{self, error::SendError};
use glassloop::{Runtime, spawn, yield_now};

/// What a panic said.
fn said<R>(act: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).err().expect("it panics");
    payload.downcast::<String>().map_or_else(|payload| payload.downcast::<&str>().unwrap().to_string(), |s| *s)
}

// ---- What is seen

#[test]
fn the_first_value_counts_as_seen() {
    let (tx, mut rx) = watch::channel(1);
    assert_eq!(rx.has_changed(), Ok(false));
    let mut changed = Hand::waiting("changed", rx.changed());
    tx.send(2).unwrap();
    assert_eq!(woken(), ["changed"]);
    assert_eq!(changed.take(), Ok(()));
    drop(changed);
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn changed_is_ready_at_once_for_what_was_sent_before_and_once() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    tx.send(3).unwrap();
    now(rx.changed()).unwrap();
    assert_eq!(*rx.borrow(), 3);
    drop(Hand::waiting("changed", rx.changed()));
}

#[test]
fn borrow_leaves_the_value_unseen_and_borrow_and_update_does_not() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    assert!(rx.borrow().has_changed());
    assert_eq!(rx.has_changed(), Ok(true));
    let seen = rx.borrow_and_update();
    assert!(seen.has_changed() && *seen == 2);
    drop(seen);
    assert_eq!(rx.has_changed(), Ok(false));
    assert!(!rx.borrow_and_update().has_changed() && !tx.borrow().has_changed());
}

#[test]
fn an_equal_value_counts_as_changed() {
    let (tx, rx) = watch::channel(1);
    tx.send(1).unwrap();
    assert_eq!(rx.has_changed(), Ok(true));
}

#[test]
fn a_new_receiver_has_seen_the_value_and_a_clone_what_its_original_has() {
    let (tx, rx) = watch::channel(1);
    tx.send(2).unwrap();
    assert_eq!(tx.subscribe().has_changed(), Ok(false));
    assert_eq!(rx.clone().has_changed(), Ok(true));
}

#[test]
fn a_value_can_be_marked_as_seen_and_as_not() {
    let (tx, mut rx) = watch::channel(1);
    rx.mark_changed();
    now(rx.changed()).unwrap();
    tx.send(2).unwrap();
    rx.mark_unchanged();
    assert_eq!(rx.has_changed(), Ok(false));
}

#[test]
fn a_dropped_changed_leaves_the_value_unseen() {
    let (tx, mut rx) = watch::channel(1);
    let changed = Hand::waiting("changed", rx.changed());
    tx.send(2).unwrap();
    drop(changed);
    assert_eq!(rx.has_changed(), Ok(true));
}

#[test]
fn all_who_wait_are_woken_in_the_order_in_which_they_came() {
    let (tx, mut a) = watch::channel(1);
    let (mut b, mut c) = (a.clone(), tx.subscribe());
    let _c = Hand::waiting("c", c.changed());
    let _a = Hand::waiting("a", a.changed());
    let _b = Hand::waiting("b", b.changed());
    tx.send_modify(|value| *value += 1);
    assert_eq!(woken(), ["c", "a", "b"]);
}

// ---- Sending

#[test]
fn a_send_without_receivers_changes_nothing_and_send_replace_does() {
    let (tx, rx) = watch::channel(1);
    drop(rx);
    assert_eq!(tx.send(2), Err(SendError(2)));
    assert_eq!(*tx.borrow(), 1);
    assert_eq!(tx.send_replace(3), 1);
    tx.send_modify(|value| *value *= 2);
    assert_eq!(*tx.subscribe().borrow(), 6);
}

#[test]
fn send_if_modified_tells_only_of_what_it_modified() {
    let (tx, rx) = watch::channel(1);
    assert!(!tx.send_if_modified(|value| {
        *value = 5;
        false
    }));
    assert_eq!((rx.has_changed(), *rx.borrow()), (Ok(false), 5));
    assert!(tx.send_if_modified(|_| true));
    assert_eq!(rx.has_changed(), Ok(true));
}

#[test]
fn a_modification_that_panics_tells_nobody_and_leaves_the_value_as_it_is() {
    let (tx, rx) = watch::channel(1);
    let told = said(|| {
        tx.send_modify(|value| {
            *value = 2;
            panic!("half way");
        });
    });
    assert_eq!(told, "half way");
    assert_eq!((rx.has_changed(), *rx.borrow()), (Ok(false), 2));
    tx.send(3).unwrap();
}

#[test]
fn a_modification_that_uses_its_own_channel_is_refused() {
    let (tx, rx) = watch::channel(1);
    let refused = "a watch channel was used by the closure that is changing its value";
    assert!(said(|| tx.send_modify(|_| drop(rx.borrow()))).starts_with(refused));
    assert!(said(|| tx.send_modify(|_| tx.send(2).unwrap())).starts_with(refused));
    assert!(said(|| tx.send_modify(|_| tx.send_modify(|_| {}))).starts_with(refused));
    assert_eq!(*rx.borrow(), 1);
}

// ---- A borrow that is held

#[test]
fn a_borrow_that_is_held_across_an_await_shows_the_old_value_and_send_does_not_mind() {
    Runtime::new().unwrap().block_on(async {
        let (tx, rx) = watch::channel(vec![1]);
        let reader = spawn(async move {
            let held = rx.borrow();
            yield_now().await;
            (held.clone(), rx.borrow().clone())
        });
        yield_now().await;
        tx.send(vec![2]).unwrap();
        assert_eq!(reader.await.unwrap(), (vec![1], vec![2]));
    });
}

#[test]
fn a_change_in_place_while_a_borrow_is_held_names_the_borrow() {
    let (tx, rx) = watch::channel(1);
    let (held, line) = (rx.borrow(), line!());
    for told in
        [said(|| tx.send_modify(|_| {})), said(|| tx.send_if_modified(|_| true)), said(|| tx.send_replace(2))]
    {
        assert!(told.contains(&format!("(last at tests/sync_watch.rs:{line}:")), "{told}");
    }
    assert_eq!((rx.has_changed(), *held), (Ok(false), 1));
    drop(held);
    assert_eq!(tx.send_replace(2), 1);
}

/// Looks at its channel when it is dropped.
struct Looks(Option<watch::Receiver<Looks>>, Count);

impl Drop for Looks {
    fn drop(&mut self) {
        if let Some(rx) = self.0.take() {
            assert!(rx.borrow().0.is_none(), "the new value is there already");
            self.1.up();
        }
    }
}

#[test]
fn an_old_value_may_use_its_channel_while_it_is_dropped() {
    let count = Count::default();
    let (tx, rx) = watch::channel(Looks(None, count.clone()));
    assert!(tx.send(Looks(Some(rx.clone()), count.clone())).is_ok());
    assert!(tx.send(Looks(None, count.clone())).is_ok());
    assert_eq!(count.get(), 1);
}

// ---- Closing

#[test]
fn changed_gives_the_last_value_before_the_end() {
    let (tx, mut rx) = watch::channel(1);
    tx.send(2).unwrap();
    drop(tx);
    assert!(rx.has_changed().is_err() && rx.is_closed());
    now(rx.changed()).unwrap();
    assert!(now(rx.changed()).is_err());
    assert_eq!(*rx.borrow(), 2);
}

#[test]
fn the_last_sender_that_goes_wakes_who_waits() {
    let (tx, mut rx) = watch::channel(1);
    let mut changed = Hand::waiting("changed", rx.changed());
    drop(tx.clone());
    assert!(woken().is_empty());
    drop(tx);
    assert_eq!(woken(), ["changed"]);
    assert!(changed.take().is_err());
}

#[test]
fn closed_waits_until_no_receiver_is_there_when_it_looks() {
    let (tx, rx) = watch::channel(1);
    let mut closed = Hand::waiting("closed", tx.closed());
    drop(rx.clone());
    assert!(woken().is_empty());
    drop(rx);
    assert_eq!(woken(), ["closed"]);
    let rx = tx.subscribe();
    assert!(closed.is_pending(), "there is one again");
    drop(rx);
    closed.take();
    assert!(tx.is_closed());
}

// ---- wait_for

#[test]
fn wait_for_asks_about_the_present_value_first() {
    let (_tx, mut rx) = watch::channel(1);
    let asked = Cell::new(0);
    let found = now(rx.wait_for(|value| {
        asked.set(asked.get() + 1);
        *value == 1
    }));
    assert!(!found.unwrap().has_changed());
    assert_eq!(asked.get(), 1);
}

#[test]
fn wait_for_waits_until_a_value_fits_and_marks_it_seen() {
    let (tx, mut rx) = watch::channel(1);
    let mut waits = Hand::waiting("waits", rx.wait_for(|value| *value > 2));
    tx.send(2).unwrap();
    assert_eq!(woken(), ["waits"]);
    assert!(waits.is_pending());
    tx.send(3).unwrap();
    let found = waits.take().unwrap();
    assert!(found.has_changed() && *found == 3);
    drop((found, waits));
    assert_eq!(rx.has_changed(), Ok(false));
}

#[test]
fn wait_for_holds_no_borrow_while_it_waits() {
    let (tx, mut rx) = watch::channel(1);
    let _waits = Hand::waiting("waits", rx.wait_for(|value| *value > 2));
    tx.send_modify(|value| *value = 2);
}

#[test]
fn wait_for_asks_about_the_last_value_and_then_fails() {
    let (tx, mut rx) = watch::channel(1);
    let mut other = rx.clone();
    let mut fits = Hand::waiting("fits", rx.wait_for(|value| *value == 2));
    let mut fails = Hand::waiting("fails", other.wait_for(|value| *value == 3));
    tx.send(2).unwrap();
    drop(tx);
    assert_eq!(*fits.take().unwrap(), 2);
    assert!(fails.take().is_err());
}

#[test]
fn a_condition_may_send_on_its_own_channel() {
    let (tx, mut rx) = watch::channel(1);
    let mut waits = Hand::new(
        "waits",
        rx.wait_for(|value| {
            let fits = *value == 3;
            if !fits {
                tx.send(value + 1).unwrap();
            }
            fits
        }),
    );
    assert_eq!(*waits.take().unwrap(), 3);
}

#[test]
fn a_condition_that_panics_leaves_the_channel_in_order() {
    let (tx, mut rx) = watch::channel(1);
    assert_eq!(said(|| now(rx.wait_for(|_| panic!("no")))), "no");
    tx.send_modify(|value| *value = 2);
    assert_eq!(*rx.borrow_and_update(), 2);
}

// ---- Handles

#[test]
fn senders_and_receivers_are_counted_and_know_their_channel() {
    let (tx, rx) = watch::channel(1);
    let (other, clone) = (tx.clone(), rx.clone());
    assert_eq!((tx.sender_count(), tx.receiver_count()), (2, 2));
    assert!(tx.same_channel(&other) && rx.same_channel(&clone));
    assert!(!tx.same_channel(&watch::Sender::default()) && !rx.same_channel(&watch::channel(1).1));
    drop((other, clone));
    assert_eq!((tx.sender_count(), tx.receiver_count()), (1, 1));
}

#[test]
fn a_waker_that_sends_again_wakes_nobody_twice() {
    let (tx, mut rx) = watch::channel(1);
    let tx = Rc::new(tx);
    let mut other = tx.subscribe();
    let _first = Hand::waiting("first", rx.changed());
    let _second = Hand::waiting("second", other.changed());
    on_wake("first", {
        let tx = tx.clone();
        move || tx.send(3).unwrap()
    });
    tx.send(2).unwrap();
    assert_eq!(woken(), ["first", "second"]);
    assert_eq!(*tx.borrow(), 3);
}

#[test]
fn a_deadlock_names_the_operation_and_its_place() {
    let line = line!() + 3;
    let deadlock = Runtime::new().unwrap().try_block_on(async {
        let (_tx, mut rx) = watch::channel(1);
        rx.wait_for(|value| *value == 2).await.map(|_| ())
    });
    let report = deadlock.unwrap_err().to_string();
    assert!(report.contains(&format!("watch::Receiver::wait_for (at tests/sync_watch.rs:{line}:")), "{report}");
}

#[test]
fn errors_say_what_was_wrong() {
    assert!(SendError(()).to_string().starts_with("channel closed: it has no receiver"));
    let (tx, mut rx) = watch::channel(());
    drop(tx);
    assert_eq!(now(rx.changed()).unwrap_err().to_string(), "channel closed: its last sender was dropped");
}
