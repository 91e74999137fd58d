//! Notify, Event, Condition, Barrier, OnceCell and CancellationToken, as sequences. Where a waker's name matters,
//! futures are polled by hand.

#[path = "support/foreign.rs"]
mod foreign;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use foreign::{Count, Hand, now, on_wake, woken};
use glassloop::sync::{Barrier, CancellationToken, Condition, Event, Mutex, Notify, OnceCell, SetError};
use glassloop::time::{sleep, timeout};
use glassloop::trace::{self, Recorder};
use glassloop::{Builder, Runtime, spawn, yield_now};

/// A wait that outlives the line it is made in.
type Owned = Pin<Box<dyn Future<Output = ()>>>;

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// What was told as stuck in a run of `main` on virtual time.
fn stuck(main: impl Future<Output = ()>) -> Vec<String> {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(main);
    let events = recorder.events().into_iter();
    let stuck = events.filter(|(_, event)| matches!(event, trace::Event::Stuck { .. }));
    stuck.map(|(_, event)| event.to_string()).collect()
}

/// Fails to compile if one of the types is `Send`: then it has two ways to implement the trait.
macro_rules! never_send {
    ($($T:ty),* $(,)?) => {$(
        const _: fn() = || {
            trait Either<A> {
                fn one() {}
            }
            struct Second;
            impl<T: ?Sized> Either<()> for T {}
            impl<T: ?Sized + Send> Either<Second> for T {}
            let _ = <$T as Either<_>>::one;
        };
    )*};
}

// Checked when this file is compiled.
never_send!(Notify, Event, Condition, Barrier, OnceCell<u8>, CancellationToken);

// ---- Notify

#[test]
fn notify_one_before_anybody_waits_is_kept_for_the_first_who_comes() {
    let notify = Notify::new();
    notify.notify_one();
    now(notify.notified());
    assert!(Hand::new("a", notify.notified()).is_pending());
}

#[test]
fn notify_one_many_times_before_anybody_waits_is_kept_once() {
    let notify = Notify::new();
    notify.notify_one();
    notify.notify_one();
    now(notify.notified());
    assert!(Hand::new("a", notify.notified()).is_pending());
}

#[test]
fn notify_one_wakes_those_who_wait_in_their_order() {
    let notify = Notify::new();
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_one();
    notify.notify_one();
    assert_eq!(woken(), ["a", "b"]);
    waits[0].take();
    waits[1].take();
    assert!(waits[2].is_pending());
}

#[test]
fn notify_last_wakes_the_last_who_came() {
    let notify = Notify::new();
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_last();
    notify.notify_last();
    notify.notify_one();
    assert_eq!(woken(), ["c", "b", "a"]);
    waits.iter_mut().for_each(Hand::take);
    notify.notify_last();
    now(notify.notified());
}

#[test]
fn notified_that_is_dropped_after_notify_one_passes_it_on() {
    let notify = Notify::new();
    let first = Hand::waiting("a", notify.notified());
    let mut second = Hand::waiting("b", notify.notified());
    notify.notify_one();
    drop(first);
    assert_eq!(woken(), ["a", "b"]);
    second.take();
}

#[test]
fn notified_that_is_dropped_after_notify_last_passes_it_on_to_the_last() {
    let notify = Notify::new();
    let [mut a, mut b, c] = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_last();
    drop(c);
    assert_eq!(woken(), ["c", "b"]);
    b.take();
    assert!(a.is_pending());
}

#[test]
fn notified_that_is_dropped_after_notify_one_keeps_it_if_nobody_waits() {
    let notify = Notify::new();
    let only = Hand::waiting("a", notify.notified());
    notify.notify_one();
    drop(only);
    now(notify.notified());
}

#[test]
fn notified_that_is_dropped_in_the_middle_of_the_line_is_passed_over() {
    let notify = Notify::new();
    let [mut a, b, mut c] = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    drop(b);
    notify.notify_one();
    notify.notify_one();
    assert_eq!(woken(), ["a", "c"]);
    a.take();
    c.take();
}

#[test]
fn notify_waiters_wakes_all_in_their_order_and_keeps_nothing() {
    let notify = Notify::new();
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_waiters();
    assert_eq!(woken(), ["a", "b", "c"]);
    waits.iter_mut().for_each(Hand::take);
    assert!(Hand::new("late", notify.notified()).is_pending());
}

#[test]
fn notify_waiters_counts_for_a_future_that_was_made_and_not_polled() {
    let notify = Notify::new();
    let made = notify.notified();
    notify.notify_waiters();
    now(made);
}

#[test]
fn notify_waiters_that_counts_for_a_future_leaves_the_kept_one_to_others() {
    let notify = Notify::new();
    let made = notify.notified();
    notify.notify_one();
    notify.notify_waiters();
    now(made);
    now(notify.notified());
}

#[test]
fn notified_that_is_dropped_after_notify_waiters_passes_nothing_on() {
    let notify = Notify::new();
    let first = Hand::waiting("a", notify.notified());
    notify.notify_waiters();
    drop(first);
    assert!(Hand::new("b", notify.notified()).is_pending());
}

#[test]
fn notify_one_passes_over_who_was_made_and_not_polled() {
    let notify = Notify::new();
    let unpolled = notify.notified();
    let mut polled = Hand::waiting("b", notify.notified());
    notify.notify_one();
    polled.take();
    assert!(Hand::new("a", unpolled).is_pending());
}

#[test]
fn notified_enabled_before_notify_one_is_the_first_in_line() {
    let notify = Notify::new();
    let mut enabled = Hand::new("a", notify.notified());
    assert!(!enabled.as_pin().enable());
    let mut second = Hand::waiting("b", notify.notified());
    notify.notify_one();
    assert!(second.is_pending());
    assert!(enabled.as_pin().enable());
    enabled.take();
}

#[test]
fn notified_enabled_takes_the_kept_one() {
    let notify = Notify::new();
    notify.notify_one();
    let mut first = Hand::new("a", notify.notified());
    assert!(first.as_pin().enable());
    assert!(Hand::new("b", notify.notified()).is_pending());
    first.take();
}

#[test]
fn notified_enabled_again_while_it_waits_still_wakes_who_polled_it() {
    let notify = Notify::new();
    let mut wait = Hand::waiting("a", notify.notified());
    assert!(!wait.as_pin().enable());
    notify.notify_one();
    assert_eq!(woken(), ["a"]);
    wait.take();
}

#[test]
fn notified_enabled_and_then_polled_in_a_task_wakes_that_task() {
    paused().block_on(async {
        let notify = Rc::new(Notify::new());
        let mut notified = Box::pin(notify.clone().notified_owned());
        notified.as_mut().enable();
        let task = spawn(notified);
        yield_now().await;
        notify.notify_one();
        task.await.unwrap();
    });
}

#[test]
fn notify_one_by_a_waker_while_all_are_woken_is_kept() {
    let notify = Rc::new(Notify::new());
    on_wake("a", {
        let notify = notify.clone();
        move || notify.notify_one()
    });
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_waiters();
    waits.iter_mut().for_each(Hand::take);
    now(notify.notified());
}

#[test]
fn notify_one_by_a_waker_while_all_are_woken_goes_to_who_came_since() {
    let notify = Rc::new(Notify::new());
    let late: Rc<RefCell<Option<Hand<_>>>> = Rc::default();
    on_wake("a", {
        let (notify, late) = (notify.clone(), late.clone());
        move || {
            *late.borrow_mut() = Some(Hand::waiting("late", notify.clone().notified_owned()));
            notify.notify_one();
        }
    });
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_waiters();
    assert_eq!(woken(), ["a", "b", "late"]);
    waits.iter_mut().for_each(Hand::take);
    late.borrow_mut().as_mut().unwrap().take();
}

#[test]
fn notify_waiters_by_a_waker_wakes_each_once() {
    let notify = Rc::new(Notify::new());
    on_wake("a", {
        let notify = notify.clone();
        move || notify.notify_waiters()
    });
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, notify.notified()));
    notify.notify_waiters();
    assert_eq!(woken(), ["a", "b", "c"]);
    waits.iter_mut().for_each(Hand::take);
}

#[test]
fn notified_left_unpolled_after_notify_waiters_is_not_told_as_stuck() {
    // It was told and need not take anything; the other waits for the next notice, which will come.
    let told = stuck(async {
        let notify = Rc::new(Notify::new());
        let mut left = Box::pin(notify.notified());
        assert!(timeout(Duration::ZERO, &mut left).await.is_err());
        notify.notify_waiters();
        let waiting = spawn(notify.clone().notified_owned());
        let lock = Rc::new(Mutex::new(())); // somebody waits for a lock, so that the loop looks
        let held = lock.lock().await;
        let locking = spawn({
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        });
        sleep(seconds(10)).await;
        notify.notify_waiters();
        drop(held);
        waiting.await.unwrap();
        locking.await.unwrap();
    });
    assert_eq!(told, [""; 0]);
}

// ---- Event

#[test]
fn event_that_is_set_lets_all_go_on_in_their_order() {
    let event = Event::new();
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, event.wait()));
    event.set();
    assert_eq!(woken(), ["a", "b", "c"]);
    waits.iter_mut().for_each(Hand::take);
    now(event.wait());
}

#[test]
fn event_cleared_before_the_woken_run_lets_them_go_on() {
    let event = Event::new();
    let mut wait = Hand::waiting("a", event.wait());
    event.set();
    event.clear();
    assert!(!event.is_set());
    wait.take();
    assert!(Hand::new("b", event.wait()).is_pending());
}

#[test]
fn event_set_twice_wakes_once() {
    let event = Event::new();
    let _wait = Hand::waiting("a", event.wait());
    event.set();
    event.set();
    assert_eq!(woken(), ["a"]);
}

#[test]
fn event_waiter_that_is_dropped_is_not_woken() {
    let event = Event::new();
    let [a, _b] = ["a", "b"].map(|name| Hand::waiting(name, event.wait()));
    drop(a);
    event.set();
    assert_eq!(woken(), ["b"]);
}

#[test]
fn event_waker_that_clears_it_and_waits_anew_is_not_woken_by_the_same_set() {
    let event = Rc::new(Event::new());
    let anew: Rc<RefCell<Option<Hand<Owned>>>> = Rc::default();
    on_wake("a", {
        let (event, anew) = (event.clone(), anew.clone());
        move || {
            event.clear();
            let event = event.clone();
            let wait: Owned = Box::pin(async move { event.wait().await });
            *anew.borrow_mut() = Some(Hand::waiting("anew", wait));
        }
    });
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, event.wait()));
    event.set();
    assert_eq!(woken(), ["a", "b"]);
    waits.iter_mut().for_each(Hand::take);
    assert!(anew.take().unwrap().is_pending());
}

// ---- Condition

#[test]
fn condition_wait_gives_the_lock_back_and_has_it_again_after_the_notice() {
    let (lock, condition) = (Mutex::new(1), Condition::new());
    let mut wait = Hand::waiting("a", condition.wait(now(lock.lock())));
    let mut guard = lock.try_lock().expect("it was given back");
    *guard = 2;
    condition.notify(&guard, 1);
    assert_eq!(woken(), ["a"]);
    assert!(wait.is_pending(), "the lock is held still");
    drop(guard);
    assert_eq!(woken(), ["a"]);
    let guard = wait.take();
    assert_eq!(*guard, 2);
    assert!(lock.try_lock().is_err());
}

#[test]
fn condition_wait_that_was_not_polled_holds_the_lock() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let wait = condition.wait(now(lock.lock()));
    assert!(lock.is_locked());
    drop(wait);
    assert!(!lock.is_locked());
}

#[test]
fn condition_notify_wakes_so_many_in_their_order() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let _waits = ["a", "b", "c"].map(|name| Hand::waiting(name, condition.wait(now(lock.lock()))));
    let guard = now(lock.lock());
    condition.notify(&guard, 2);
    assert_eq!(woken(), ["a", "b"]);
    condition.notify(&guard, 9);
    assert_eq!(woken(), ["c"]);
}

#[test]
fn condition_notify_all_lets_all_have_the_lock_one_after_the_other() {
    let log = Rc::new(RefCell::new(Vec::new()));
    paused().block_on(async {
        let shared = Rc::new((Mutex::new(()), Condition::new()));
        let tasks = ["a", "b", "c"].map(|name| {
            let (shared, log) = (shared.clone(), log.clone());
            spawn(async move {
                let _guard = shared.1.wait(shared.0.lock().await).await;
                log.borrow_mut().push(name);
                yield_now().await;
                log.borrow_mut().push(name);
            })
        });
        yield_now().await;
        shared.1.notify_all(&shared.0.lock().await);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["a", "a", "b", "b", "c", "c"]);
}

#[test]
fn condition_notice_with_nobody_waiting_is_not_kept() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    condition.notify(&now(lock.lock()), 1);
    assert!(Hand::new("a", condition.wait(now(lock.lock()))).is_pending());
}

#[test]
fn condition_waiter_that_is_dropped_after_the_notice_passes_it_on() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let [a, mut b] = ["a", "b"].map(|name| Hand::waiting(name, condition.wait(now(lock.lock()))));
    condition.notify(&now(lock.lock()), 1);
    drop(a);
    assert_eq!(woken(), ["a", "b"]);
    drop(b.take());
}

#[test]
fn condition_waiter_that_is_dropped_on_its_way_back_to_the_lock_passes_the_notice_on() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let [mut a, mut b] = ["a", "b"].map(|name| Hand::waiting(name, condition.wait(now(lock.lock()))));
    let guard = now(lock.lock());
    condition.notify(&guard, 1);
    assert!(a.is_pending());
    drop(a);
    assert_eq!(woken(), ["a", "b"]);
    drop(guard);
    drop(b.take());
    assert!(!lock.is_locked());
}

#[test]
fn condition_waiter_that_is_dropped_with_the_lock_handed_to_it_passes_both_on() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let [mut a, mut b] = ["a", "b"].map(|name| Hand::waiting(name, condition.wait(now(lock.lock()))));
    let guard = now(lock.lock());
    condition.notify(&guard, 1);
    assert!(a.is_pending());
    let mut c = Hand::waiting("c", lock.lock());
    drop(guard); // handed to a
    woken();
    drop(a);
    assert_eq!(woken(), ["b", "c"]);
    drop(c.take());
    drop(b.take());
}

#[test]
fn condition_waiter_that_is_dropped_after_notify_all_passes_nothing_on() {
    let (lock, condition) = (Mutex::new(()), Condition::new());
    let a = Hand::waiting("a", condition.wait(now(lock.lock())));
    condition.notify_all(&now(lock.lock()));
    let mut late = Hand::waiting("late", condition.wait(now(lock.lock())));
    drop(a);
    assert!(late.is_pending());
}

#[test]
fn condition_wait_for_looks_again_after_each_notice() {
    paused().block_on(async {
        let shared = Rc::new((Mutex::new(0), Condition::new()));
        let looks = Count::default();
        let task = spawn({
            let (shared, looks) = (shared.clone(), looks.clone());
            async move {
                let predicate = |value: &mut i32| {
                    looks.up();
                    *value == 3
                };
                *shared.1.wait_for(shared.0.lock().await, predicate).await
            }
        });
        for _ in 0..3 {
            sleep(seconds(1)).await;
            let mut value = shared.0.lock().await;
            *value += 1;
            shared.1.notify(&value, 1);
        }
        assert_eq!(task.await.unwrap(), 3);
        assert_eq!(looks.get(), 4);
    });
}

#[test]
fn condition_waits_with_an_owned_guard_too() {
    paused().block_on(async {
        let (lock, condition) = (Rc::new(Mutex::new(0)), Rc::new(Condition::new()));
        let task = spawn({
            let (guard, condition) = (lock.clone().lock_owned().await, condition.clone());
            async move { *condition.wait(guard).await }
        });
        yield_now().await;
        let mut guard = lock.lock().await;
        *guard = 7;
        condition.notify_all(&guard);
        drop(guard);
        assert_eq!(task.await.unwrap(), 7);
    });
}

#[test]
fn condition_used_with_two_mutexes_at_once_is_refused() {
    let (one, other, condition) = (Mutex::new(()), Mutex::new(()), Condition::new());
    let mut wait = Hand::waiting("a", condition.wait(now(one.lock())));
    let wrong = catch_unwind(AssertUnwindSafe(|| condition.notify(&now(other.lock()), 1)));
    assert!(wrong.is_err());
    condition.notify(&now(one.lock()), 1);
    drop(wait.take());
    condition.notify(&now(other.lock()), 1); // nobody waits any more
}

#[test]
fn condition_waker_that_takes_the_lock_at_once_can_notify_who_just_gave_it_back() {
    let (lock, condition) = (Rc::new(Mutex::new(())), Rc::new(Condition::new()));
    let guard = now(lock.clone().lock_owned());
    let next = Rc::new(RefCell::new(Hand::waiting("next", lock.clone().lock_owned())));
    on_wake("next", {
        let (next, condition) = (next.clone(), condition.clone());
        move || condition.notify(&next.borrow_mut().take(), 1)
    });
    let mut wait = Hand::waiting("a", condition.wait(guard));
    assert_eq!(woken(), ["next", "a"]);
    drop(wait.take());
}

// ---- Barrier

#[test]
fn barrier_last_to_come_leads_and_the_others_go_on_in_their_order() {
    let barrier = Barrier::new(3);
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, barrier.wait()));
    assert!(now(barrier.wait()).is_leader());
    assert_eq!(woken(), ["a", "b"]);
    assert!(waits.iter_mut().all(|wait| !wait.take().is_leader()));
}

#[test]
fn barrier_begins_again_after_each_meeting() {
    let barrier = Barrier::new(2);
    for _ in 0..3 {
        let mut wait = Hand::waiting("a", barrier.wait());
        assert!(now(barrier.wait()).is_leader());
        assert!(!wait.take().is_leader());
    }
}

#[test]
fn barrier_for_none_or_one_holds_nobody_up() {
    assert!(now(Barrier::new(0).wait()).is_leader());
    assert!(now(Barrier::new(1).wait()).is_leader());
}

#[test]
fn barrier_wait_that_is_dropped_counts_as_not_come() {
    let barrier = Barrier::new(2);
    drop(Hand::waiting("a", barrier.wait()));
    let mut b = Hand::waiting("b", barrier.wait());
    assert!(now(barrier.wait()).is_leader());
    assert!(!b.take().is_leader());
}

#[test]
fn barrier_wait_that_is_dropped_after_the_meeting_takes_nobody_from_the_next() {
    let barrier = Barrier::new(2);
    let met = Hand::waiting("a", barrier.wait());
    assert!(now(barrier.wait()).is_leader());
    let mut next = Hand::waiting("b", barrier.wait());
    drop(met);
    assert!(now(barrier.wait()).is_leader());
    assert!(!next.take().is_leader());
}

#[test]
fn barrier_waker_that_drops_another_of_the_same_meeting_keeps_the_count() {
    let barrier = Rc::new(Barrier::new(3));
    let other: Rc<RefCell<Option<Hand<Owned>>>> = Rc::default();
    let wait = |barrier: Rc<Barrier>| -> Owned {
        Box::pin(async move {
            barrier.wait().await;
        })
    };
    on_wake("a", {
        let other = other.clone();
        move || drop(other.take())
    });
    let mut a = Hand::waiting("a", wait(barrier.clone()));
    *other.borrow_mut() = Some(Hand::waiting("b", wait(barrier.clone())));
    assert!(now(barrier.wait()).is_leader());
    a.take();
    // The next meeting takes three again.
    let _two = [wait(barrier.clone()), wait(barrier.clone())].map(|wait| Hand::waiting("c", wait));
    assert!(now(barrier.wait()).is_leader());
}

// ---- OnceCell

#[test]
fn once_cell_makes_its_value_once_while_others_wait() {
    let made = Count::default();
    paused().block_on(async {
        let cell = Rc::new(OnceCell::new());
        let tasks = [1, 2, 3].map(|n| {
            let (cell, made) = (cell.clone(), made.clone());
            spawn(async move {
                let make = async || {
                    made.up();
                    sleep(seconds(1)).await;
                    n
                };
                *cell.get_or_init(make).await
            })
        });
        for task in tasks {
            assert_eq!(task.await.unwrap(), 1);
        }
    });
    assert_eq!(made.get(), 1);
}

#[test]
fn once_cell_whose_maker_is_dropped_has_the_next_in_line_make_it() {
    let cell = OnceCell::new();
    let maker = Hand::waiting("a", cell.get_or_init(pending::<i32>));
    let mut b = Hand::waiting("b", cell.get_or_init(|| ready(2)));
    let mut c = Hand::waiting("c", cell.get_or_init(|| ready(3)));
    drop(maker);
    assert_eq!(woken(), ["b"]);
    assert_eq!(*b.take(), 2);
    assert_eq!(woken(), ["c"]);
    assert_eq!(*c.take(), 2);
}

#[test]
fn once_cell_whose_maker_fails_has_the_next_in_line_make_it() {
    let cell = OnceCell::new();
    let mut gate = Box::pin(yield_now());
    let mut failing = Hand::waiting(
        "a",
        cell.get_or_try_init(async || {
            gate.as_mut().await;
            Err("no")
        }),
    );
    let mut next = Hand::waiting("b", cell.get_or_try_init(async || Ok::<_, &str>(2)));
    assert_eq!(failing.take(), Err("no"));
    assert_eq!(next.take(), Ok(&2));
    assert!(cell.initialized());
}

#[test]
fn once_cell_whose_maker_panics_has_the_next_make_it() {
    paused().block_on(async {
        let cell = Rc::new(OnceCell::new());
        let task = spawn({
            let cell = cell.clone();
            async move { *cell.get_or_init(async || panic!("made badly")).await }
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*cell.get_or_init(async || 2).await, 2);
    });
}

#[test]
fn once_cell_waiter_that_is_dropped_with_the_task_of_making_it_passes_that_on() {
    let cell = OnceCell::new();
    let maker = Hand::waiting("a", cell.get_or_init(pending::<i32>));
    let b = Hand::waiting("b", cell.get_or_init(|| ready(2)));
    let mut c = Hand::waiting("c", cell.get_or_init(|| ready(3)));
    drop(maker);
    drop(b);
    assert_eq!(woken(), ["b", "c"]);
    assert_eq!(*c.take(), 3);
}

#[test]
fn once_cell_last_waiter_that_is_dropped_leaves_it_free_to_be_set() {
    let cell = OnceCell::new();
    let maker = Hand::waiting("a", cell.get_or_init(pending::<i32>));
    assert_eq!(cell.set(1), Err(SetError::InitializingError(1)));
    drop(maker);
    assert_eq!(cell.set(1), Ok(()));
    assert_eq!(cell.set(2), Err(SetError::AlreadyInitializedError(2)));
    assert_eq!(now(cell.get_or_init(|| ready(3))), &1);
}

#[test]
fn once_cell_gives_its_value_out() {
    let mut cell = OnceCell::from(String::from("a"));
    cell.get_mut().unwrap().push('b');
    assert_eq!(cell.get().map(String::as_str), Some("ab"));
    assert_eq!(cell.take().as_deref(), Some("ab"));
    assert_eq!(cell.into_inner(), None);
    assert_eq!(OnceCell::<u8>::new_with(None).get(), None);
}

#[test]
fn once_cell_whose_maker_needs_the_cell_is_told_as_stuck() {
    let told = stuck(async {
        spawn(async {
            let cell = Rc::new(OnceCell::<i32>::new());
            let inner = cell.clone();
            cell.get_or_init(async move || *inner.get_or_init(async || 1).await).await;
        })
        .detach();
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("waits for OnceCell::get_or_init (at tests/sync_signals.rs:"), "{told:#?}");
}

// ---- CancellationToken

#[test]
fn token_cancelled_wakes_all_who_wait_in_their_order_and_nobody_waits_after() {
    let token = CancellationToken::new();
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, token.cancelled()));
    assert!(!token.is_cancelled());
    token.cancel();
    token.cancel();
    assert_eq!(woken(), ["a", "b"]);
    waits.iter_mut().for_each(Hand::take);
    now(token.clone().cancelled_owned());
}

#[test]
fn token_cancels_its_children_in_the_order_in_which_they_were_made() {
    let root = CancellationToken::new();
    let (first, second) = (root.child_token(), root.child_token());
    let (below_second, below_first) = (second.child_token(), first.child_token());
    let mut waits = [("2.1", &below_second), ("2", &second), ("1.1", &below_first), ("1", &first), ("0", &root)]
        .map(|(name, token)| Hand::waiting(name, token.cancelled()));
    root.cancel();
    assert_eq!(woken(), ["0", "1", "1.1", "2", "2.1"]);
    waits.iter_mut().for_each(Hand::take);
}

#[test]
fn token_whole_tree_is_cancelled_before_anybody_is_woken() {
    let root = CancellationToken::new();
    let leaf = root.child_token().child_token();
    let seen = Rc::new(Cell::new(false));
    on_wake("a", {
        let (leaf, seen) = (leaf.clone(), seen.clone());
        move || seen.set(leaf.is_cancelled() && leaf.child_token().is_cancelled())
    });
    let _wait = Hand::waiting("a", root.cancelled());
    root.cancel();
    assert!(seen.get());
}

#[test]
fn token_child_that_is_cancelled_leaves_its_parent_and_siblings() {
    let root = CancellationToken::new();
    let (child, sibling) = (root.child_token(), root.child_token());
    child.cancel();
    assert!(child.is_cancelled() && !root.is_cancelled() && !sibling.is_cancelled());
    root.cancel();
    assert!(sibling.is_cancelled());
}

#[test]
fn token_child_of_a_cancelled_token_is_cancelled_from_the_start() {
    let root = CancellationToken::new();
    root.cancel();
    assert!(root.child_token().is_cancelled());
}

#[test]
fn token_between_that_is_dropped_still_carries_the_cancellation_down() {
    let root = CancellationToken::new();
    let leaf = root.child_token().child_token();
    root.cancel();
    assert!(leaf.is_cancelled());
}

#[test]
fn token_waker_that_drops_the_tokens_below_does_no_harm() {
    let root = CancellationToken::new();
    let below = Rc::new(RefCell::new(vec![root.child_token(), root.child_token().child_token()]));
    on_wake("a", {
        let below = below.clone();
        move || drop(below.take())
    });
    let mut wait = Hand::waiting("a", root.cancelled());
    root.cancel();
    wait.take();
    assert!(below.borrow().is_empty());
}

/// Each the child of the one before.
fn chain(length: usize) -> Vec<CancellationToken> {
    let mut chain = vec![CancellationToken::new()];
    for n in 1..length {
        chain.push(chain[n - 1].child_token());
    }
    chain
}

#[test]
fn token_chain_of_a_hundred_thousand_is_cancelled_and_dropped() {
    let chain = chain(100_000);
    chain[0].cancel();
    assert!(chain.iter().all(CancellationToken::is_cancelled));
}

#[test]
fn token_chain_of_a_hundred_thousand_kept_by_its_last_is_dropped_or_cancelled() {
    let last = chain(100_000).pop().unwrap();
    drop(last);
    let last = chain(100_000).pop().unwrap();
    last.cancel(); // lets go of all above
    assert!(last.is_cancelled());
}

#[test]
fn token_guard_cancels_when_it_is_dropped_unless_it_is_disarmed() {
    let token = CancellationToken::new();
    let kept = token.child_token().drop_guard().disarm();
    assert!(!kept.is_cancelled());
    assert!(std::ptr::eq(kept.drop_guard_ref().disarm(), &raw const kept));
    assert!(!kept.is_cancelled());
    drop(kept.drop_guard_ref());
    assert!(kept.is_cancelled() && !token.is_cancelled());
    let result = catch_unwind(AssertUnwindSafe(|| {
        let _guard = token.clone().drop_guard();
        panic!("on the way");
    }));
    assert!(result.is_err());
    assert!(token.is_cancelled());
}

#[test]
fn token_cancelled_before_a_future_runs_drops_it_unpolled() {
    let token = CancellationToken::new();
    token.cancel();
    let polled = Count::default();
    let count = polled.clone();
    assert_eq!(now(token.run_until_cancelled(async move { count.up() })), None);
    assert_eq!(now(token.run_until_cancelled_owned(ready(1))), None);
    assert_eq!(polled.get(), 0);
}

#[test]
fn token_cancelled_in_the_turn_in_which_the_future_ends_lets_it_give_its_output() {
    paused().block_on(async {
        let token = CancellationToken::new();
        let task = spawn({
            let token = token.clone();
            async move { token.run_until_cancelled(sleep(seconds(1))).await }
        });
        sleep(seconds(1)).await;
        token.cancel();
        assert_eq!(task.await.unwrap(), Some(()));
        let token = CancellationToken::new();
        let task = spawn({
            let token = token.clone();
            async move { token.run_until_cancelled_owned(pending::<()>()).await }
        });
        yield_now().await;
        token.cancel();
        assert_eq!(task.await.unwrap(), None);
    });
}
