//! Mutex, RwLock and Semaphore, as sequences. Where a waker's name matters, futures are polled by hand.

#[path = "support/foreign.rs"]
mod foreign;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, RawWaker, RawWakerVTable, Wake};
use std::time::Duration;

use foreign::{Hand, now, on_wake, woken};
use glassloop::sync::{
    AcquireError, Mutex, MutexGuard, OwnedMutexGuard, OwnedRwLockReadGuard, OwnedSemaphorePermit, RwLock,
    RwLockReadGuard, RwLockWriteGuard, Semaphore, SemaphorePermit, TryAcquireError,
};
use glassloop::time::{sleep, timeout};
use glassloop::trace::{Event, Recorder};
use glassloop::{Builder, Guest, Next, Runtime, spawn, yield_now};

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A list that tasks write to.
#[derive(Clone, Default)]
struct Log(Rc<RefCell<Vec<&'static str>>>);

impl Log {
    fn add(&self, line: &'static str) {
        self.0.borrow_mut().push(line);
    }

    fn take(&self) -> Vec<&'static str> {
        self.0.take()
    }
}

/// What was told as stuck in a run of `main` on virtual time.
fn stuck(main: impl Future<Output = ()>) -> Vec<String> {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(main);
    let events = recorder.events().into_iter();
    events.filter(|(_, event)| matches!(event, Event::Stuck { .. })).map(|(_, event)| event.to_string()).collect()
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

// Checked when this file is compiled. The locks too: a leaked wait names a place in its thread's table.
never_send!(Mutex<u8>, MutexGuard<'static, u8>, OwnedMutexGuard<u8>);
never_send!(RwLock<u8>, RwLockReadGuard<'static, u8>, RwLockWriteGuard<'static, u8>, OwnedRwLockReadGuard<u8>);
never_send!(Semaphore, SemaphorePermit<'static>, OwnedSemaphorePermit);

// ---- Mutex

#[test]
fn mutex_is_handed_over_in_the_order_of_arrival() {
    let log = Log::default();
    paused().block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.lock().await;
        let tasks = ["a", "b", "c"].map(|name| {
            let (lock, log) = (lock.clone(), log.clone());
            spawn(async move {
                let _held = lock.lock().await;
                log.add(name);
                yield_now().await;
                log.add(name);
            })
        });
        yield_now().await;
        drop(held);
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(log.take(), ["a", "a", "b", "b", "c", "c"]);
}

/// Whether a future that was ready panics when it is polled again, while what it gave is held.
fn refuses_another_poll<F: Future>(future: F) -> bool {
    let mut future = Hand::new("a", future);
    let _held = future.take();
    catch_unwind(AssertUnwindSafe(|| future.is_pending())).is_err()
}

#[test]
fn mutex_future_polled_after_it_was_ready_panics_and_does_not_wait_for_its_own_guard() {
    let lock = Rc::new(Mutex::new(()));
    assert!(refuses_another_poll(lock.lock()));
    assert!(refuses_another_poll(lock.lock_owned()));
}

#[test]
fn rwlock_future_polled_after_it_was_ready_panics_and_does_not_wait_for_its_own_guard() {
    let lock = RwLock::new(());
    assert!(refuses_another_poll(lock.read()));
    assert!(refuses_another_poll(lock.write()));
}

#[test]
fn semaphore_future_polled_after_it_was_ready_panics_and_does_not_wait_for_its_own_permit() {
    assert!(refuses_another_poll(Semaphore::new(1).acquire()));
}

#[test]
fn mutex_handed_over_and_not_taken_yet_is_locked_for_all_others() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let mut a = Hand::waiting("a", lock.lock());
    drop(held);
    assert_eq!(woken(), ["a"]);
    assert!(lock.is_locked());
    assert!(lock.try_lock().is_err());
    let mut b = Hand::waiting("b", lock.lock()); // comes between the hand-over and the poll
    let first = a.take();
    assert!(b.is_pending());
    drop(first);
    drop(b.take());
    assert!(!lock.is_locked());
}

#[test]
fn mutex_waiter_that_is_dropped_after_the_hand_over_passes_the_lock_on() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let a = Hand::waiting("a", lock.lock());
    let mut b = Hand::waiting("b", lock.lock());
    drop(held);
    drop(a);
    assert_eq!(woken(), ["a", "b"]);
    drop(b.take());
    assert!(lock.try_lock().is_ok());
}

#[test]
fn mutex_last_waiter_that_is_dropped_after_the_hand_over_sets_it_free() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let a = Hand::waiting("a", lock.lock());
    drop(held);
    drop(a);
    assert!(!lock.is_locked());
}

#[test]
fn mutex_waiter_that_is_dropped_in_the_middle_of_the_line_is_passed_over() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let mut a = Hand::waiting("a", lock.lock());
    let b = Hand::waiting("b", lock.lock());
    let mut c = Hand::waiting("c", lock.lock());
    drop(b);
    drop(held);
    drop(a.take());
    assert_eq!(woken(), ["a", "c"]);
    drop(c.take());
}

#[test]
fn mutex_future_that_was_never_polled_holds_nobody_up() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let unpolled = lock.lock();
    let mut b = Hand::waiting("b", lock.lock());
    drop(held);
    drop(unpolled);
    assert_eq!(woken(), ["b"]);
    drop(b.take());
}

#[test]
fn mutex_is_given_back_by_a_panic_with_the_value_as_it_was_left() {
    paused().block_on(async {
        let lock = Rc::new(Mutex::new(1));
        let task = spawn({
            let lock = lock.clone();
            async move {
                let mut value = lock.lock().await;
                *value = 2;
                panic!("in the critical section");
            }
        });
        assert!(task.await.unwrap_err().is_panic());
        assert_eq!(*lock.lock().await, 2);
    });
}

#[test]
fn mutex_guard_that_is_dropped_in_another_task_hands_the_lock_over() {
    paused().block_on(async {
        let lock = Rc::new(Mutex::new(0));
        let mut guard = lock.clone().lock_owned().await;
        *guard = 7;
        spawn(async move {
            sleep(seconds(1)).await;
            drop(guard);
        })
        .detach();
        assert_eq!(*lock.lock().await, 7);
    });
}

#[test]
fn mutex_whose_guard_went_to_another_task_is_not_told_as_stuck() {
    // Whoever took it waits for it; but the one who has it now will give it back.
    let told = stuck(async {
        let lock = Rc::new(Mutex::new(()));
        let guard = lock.clone().lock_owned().await;
        spawn(async move {
            sleep(seconds(1)).await;
            drop(guard);
        })
        .detach();
        drop(lock.lock().await);
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn mutex_stays_locked_when_a_guard_is_leaked() {
    let mut lock = Mutex::new(());
    std::mem::forget(lock.try_lock().unwrap());
    assert!(lock.try_lock().is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| *lock.get_mut())).is_err());
}

#[test]
fn mutex_handed_over_in_the_turn_in_which_a_timeout_ends_is_had() {
    paused().block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.clone().lock_owned().await;
        spawn(async move {
            sleep(seconds(1)).await; // made first, so it fires first
            drop(held);
        })
        .detach();
        yield_now().await;
        assert!(timeout(seconds(1), lock.lock()).await.is_ok());
        assert!(!lock.is_locked());
    });
}

#[test]
fn mutex_handed_to_a_task_that_is_aborted_in_the_same_turn_goes_on_to_the_next() {
    paused().block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.lock().await;
        let [a, b] = [(), ()].map(|()| {
            let lock = lock.clone();
            spawn(async move { drop(lock.lock().await) })
        });
        yield_now().await;
        drop(held);
        a.abort();
        assert!(a.await.unwrap_err().is_cancelled());
        b.await.unwrap();
    });
}

#[test]
fn mutex_whose_waiter_leaks_its_future_and_thread_ends_harms_nobody() {
    std::thread::spawn(|| {
        let lock = Mutex::new(());
        let held = lock.try_lock().unwrap();
        std::mem::forget(Hand::waiting("a", lock.lock()));
        drop(held);
        assert!(lock.is_locked(), "it was handed to the leaked future");
    })
    .join()
    .unwrap();
}

/// Turns a guest while it has something to do at once.
fn settle(guest: &Guest) {
    while guest.turn(Some(Duration::ZERO)).next == Next::Now {}
}

#[test]
fn mutex_of_two_loops_on_one_thread_is_handed_from_one_to_the_other() {
    let [one, other] = [(), ()].map(|()| Guest::new(Runtime::new().unwrap()).unwrap());
    let (lock, log) = (Rc::new(Mutex::new(())), Log::default());
    let release = Rc::new(glassloop::sync::Event::new());
    let user = |name: &'static str| {
        let (lock, log, release) = (lock.clone(), log.clone(), release.clone());
        async move {
            let _held = lock.lock().await;
            log.add(name);
            release.wait().await;
        }
    };
    let (first, second) = (one.spawn(user("one")), other.spawn(user("other")));
    settle(&one);
    settle(&other);
    assert_eq!(log.take(), ["one"]);
    release.set();
    while !(first.is_finished() && second.is_finished()) {
        settle(&one);
        settle(&other);
    }
    assert_eq!(log.take(), ["other"]);
}

#[test]
fn mutex_waker_that_comes_back_for_the_lock_while_it_is_handed_over_finds_it_held() {
    let lock = Rc::new(Mutex::new(()));
    let held = lock.try_lock().unwrap();
    let tried = Rc::new(Cell::new(None));
    on_wake("a", {
        let (lock, tried) = (lock.clone(), tried.clone());
        move || tried.set(Some(lock.try_lock().is_ok()))
    });
    let mut a = Hand::waiting("a", lock.lock());
    drop(held);
    assert_eq!(tried.get(), Some(false));
    drop(a.take());
}

#[test]
fn mutex_waker_that_takes_the_lock_when_it_is_woken_passes_it_down_the_line() {
    let lock = Rc::new(Mutex::new(()));
    let held = lock.clone().try_lock_owned().unwrap();
    let waits: Vec<_> = ["a", "b", "c"]
        .into_iter()
        .map(|name| {
            let wait = Rc::new(RefCell::new(Hand::waiting(name, lock.clone().lock_owned())));
            on_wake(name, {
                let wait = wait.clone();
                move || drop(wait.borrow_mut().take()) // takes the lock and gives it back, inside of the wake
            });
            wait
        })
        .collect();
    drop(held);
    assert_eq!(woken(), ["a", "b", "c"]);
    assert!(!lock.is_locked());
    drop(waits);
}

#[test]
fn mutex_waker_that_panics_does_not_lose_the_lock() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    on_wake("a", || panic!("in a foreign waker"));
    let mut a = Hand::waiting("a", lock.lock());
    drop(held);
    drop(a.take());
    assert!(!lock.is_locked());
}

#[test]
fn mutex_future_that_is_polled_by_another_wakes_that_one() {
    let lock = Mutex::new(());
    let held = lock.try_lock().unwrap();
    let mut a = Hand::waiting("a", lock.lock());
    a.rename("b");
    assert!(a.is_pending());
    drop(held);
    assert_eq!(woken(), ["b"]);
    drop(a.take());
}

#[test]
fn mutex_handed_to_a_future_that_a_foreign_waker_stands_for_is_not_told_as_stuck() {
    // The task that polled it last is not the one that the waker will wake.
    let told = stuck(async {
        let lock = Rc::new(Mutex::new(()));
        let held = lock.lock().await;
        let mut far = Hand::waiting("a", lock.clone().lock_owned());
        far.rename("b");
        assert!(far.is_pending());
        let behind = spawn({
            let lock = lock.clone();
            async move { drop(lock.lock().await) }
        });
        yield_now().await;
        drop(held);
        assert_eq!(woken(), ["b"]);
        sleep(seconds(1)).await;
        drop(far.take());
        behind.await.unwrap();
    });
    assert_eq!(told, [""; 0]);
}

thread_local! {
    static ON_CLONE: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

fn clone_and_act(data: *const ()) -> RawWaker {
    if let Some(act) = ON_CLONE.take() {
        act();
    }
    RawWaker::new(data, &ACTS_ON_CLONE)
}

static ACTS_ON_CLONE: RawWakerVTable =
    RawWakerVTable::new(clone_and_act, |_| CLONE_WOKEN.set(true), |_| CLONE_WOKEN.set(true), |_| {});

thread_local! {
    static CLONE_WOKEN: Cell<bool> = const { Cell::new(false) };
}

/// A waker that does something when it is cloned: once, `ON_CLONE`.
#[allow(unsafe_code)] // no safe waker knows of its clones
fn acts_on_clone() -> std::task::Waker {
    // SAFETY: the data is never looked at.
    unsafe { std::task::Waker::new(std::ptr::null(), &ACTS_ON_CLONE) }
}

#[test]
fn mutex_that_is_given_back_while_a_waker_is_cloned_for_it_is_handed_over() {
    let lock = Rc::new(Mutex::new(()));
    let held = lock.clone().try_lock_owned().unwrap();
    ON_CLONE.set(Some(Box::new(move || drop(held))));
    let waker = acts_on_clone();
    let mut waits = Box::pin(lock.lock());
    let mut poll = || waits.as_mut().poll(&mut Context::from_waker(&waker));
    if poll().is_pending() {
        assert!(CLONE_WOKEN.take(), "it waits for a lock that nobody holds, and was not woken");
        assert!(poll().is_ready());
    }
}

// ---- RwLock

#[test]
fn rwlock_readers_hold_it_together_and_a_writer_alone() {
    let lock = RwLock::new(1);
    let (one, two) = (now(lock.read()), now(lock.read()));
    assert_eq!(*one + *two, 2);
    let mut writer = Hand::waiting("w", lock.write());
    drop(one);
    assert!(writer.is_pending());
    drop(two);
    assert_eq!(woken(), ["w"]);
    *writer.take() += 1;
    assert_eq!(*now(lock.read()), 2);
}

#[test]
fn rwlock_writer_that_waits_stops_the_readers_that_come_after_it() {
    let lock = RwLock::new(());
    let reading = now(lock.read());
    let mut writer = Hand::waiting("w", lock.write());
    assert!(lock.try_read().is_err());
    let mut late = Hand::waiting("late", lock.read());
    drop(reading);
    assert_eq!(woken(), ["w"]);
    let writing = writer.take();
    assert!(late.is_pending());
    drop(writing);
    drop(late.take());
}

#[test]
fn rwlock_readers_next_to_each_other_are_let_in_together_up_to_the_next_writer() {
    let lock = RwLock::new(());
    let writing = now(lock.write());
    let mut readers = ["r1", "r2", "r3"].map(|name| Hand::waiting(name, lock.read()));
    let mut writer = Hand::waiting("w", lock.write());
    let mut late = Hand::waiting("late", lock.read());
    drop(writing);
    assert_eq!(woken(), ["r1", "r2", "r3"]);
    assert!(late.is_pending());
    let held = readers.each_mut().map(Hand::take);
    assert!(writer.is_pending());
    drop(held);
    assert_eq!(woken(), ["w"]);
    drop(writer.take());
    assert_eq!(woken(), ["late"]);
    drop(late.take());
}

#[test]
fn rwlock_writer_that_gives_up_lets_in_the_readers_behind_it() {
    let lock = RwLock::new(());
    let reading = now(lock.read());
    let writer = Hand::waiting("w", lock.write());
    let mut readers = ["r1", "r2"].map(|name| Hand::waiting(name, lock.read()));
    drop(writer);
    assert_eq!(woken(), ["r1", "r2"]);
    drop(readers.each_mut().map(Hand::take));
    drop(reading);
    assert!(lock.try_write().is_ok());
}

#[test]
fn rwlock_writer_that_is_dropped_after_the_hand_over_passes_it_on() {
    let lock = RwLock::new(());
    let reading = now(lock.read());
    let writer = Hand::waiting("w", lock.write());
    let mut readers = ["r1", "r2"].map(|name| Hand::waiting(name, lock.read()));
    drop(reading);
    assert!(lock.try_read().is_err(), "it is the writer's");
    drop(writer);
    assert_eq!(woken(), ["w", "r1", "r2"]);
    drop(readers.each_mut().map(Hand::take));
    assert!(lock.try_write().is_ok());
}

#[test]
fn rwlock_reader_that_is_dropped_after_the_hand_over_lets_the_writer_in() {
    let lock = RwLock::new(());
    let writing = now(lock.write());
    let reader = Hand::waiting("r", lock.read());
    let mut next = Hand::waiting("w", lock.write());
    drop(writing);
    assert!(next.is_pending());
    drop(reader);
    assert_eq!(woken(), ["r", "w"]);
    drop(next.take());
}

#[test]
fn rwlock_downgrade_lets_in_the_readers_at_the_front_and_no_writer() {
    let lock = RwLock::new(1);
    let mut writing = now(lock.write());
    let mut reader = Hand::waiting("r", lock.read());
    let mut writer = Hand::waiting("w", lock.write());
    *writing = 2;
    let reading = writing.downgrade();
    assert_eq!(woken(), ["r"]);
    assert_eq!(*reading + *reader.take(), 4);
    assert!(writer.is_pending());
    drop(reading);
    *writer.take() += 1;
    drop((reader, writer));
    assert_eq!(lock.into_inner(), 3);
}

#[test]
fn rwlock_downgrade_before_a_writer_in_line_does_not_let_it_in() {
    let lock = RwLock::new(1);
    let writing = now(lock.write());
    let mut writer = Hand::waiting("w", lock.write());
    let reading = writing.downgrade();
    assert!(writer.is_pending());
    drop(reading);
    drop(writer.take());
}

#[test]
fn rwlock_owned_guards_keep_the_lock_alive_and_downgrade() {
    let lock = Rc::new(RwLock::new(String::from("a")));
    let weak = Rc::downgrade(&lock);
    let mut writing = lock.clone().try_write_owned().unwrap();
    drop(lock);
    writing.push('b');
    let reading = writing.downgrade();
    let second = now(weak.upgrade().unwrap().read_owned());
    assert_eq!(format!("{reading}{second:?}"), "ab\"ab\"");
    drop((reading, second));
    assert!(weak.upgrade().is_none());
}

#[test]
fn rwlock_is_given_back_by_a_panic_of_a_writer() {
    let lock = RwLock::new(1);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut writing = now(lock.write());
        *writing = 2;
        panic!("in the critical section");
    }));
    assert!(result.is_err());
    assert_eq!(*now(lock.read()), 2);
}

#[test]
fn rwlock_reader_whose_guard_is_leaked_shuts_writers_out() {
    let mut lock = RwLock::new(());
    std::mem::forget(now(lock.read()));
    assert!(lock.try_write().is_err());
    assert!(lock.try_read().is_ok());
    assert!(catch_unwind(AssertUnwindSafe(|| *lock.get_mut())).is_err());
}

#[test]
fn rwlock_reader_that_comes_back_while_others_are_let_in_stands_behind_them() {
    let lock = Rc::new(RwLock::new(()));
    let writing = lock.clone().try_write_owned().unwrap();
    let tried = Rc::new(Cell::new(None));
    on_wake("r1", {
        let (lock, tried) = (lock.clone(), tried.clone());
        move || tried.set(Some((lock.try_read().is_ok(), lock.try_write().is_ok())))
    });
    let mut readers = ["r1", "r2"].map(|name| Hand::waiting(name, lock.clone().read_owned()));
    drop(writing);
    assert_eq!(tried.get(), Some((false, false)));
    drop(readers.each_mut().map(Hand::take));
    assert!(lock.try_write().is_ok());
}

#[test]
fn rwlock_waker_of_a_writer_that_comes_back_while_it_is_handed_over_finds_it_held() {
    let lock = Rc::new(RwLock::new(()));
    let reading = lock.clone().try_read_owned().unwrap();
    let tried = Rc::new(Cell::new(None));
    on_wake("w", {
        let (lock, tried) = (lock.clone(), tried.clone());
        move || tried.set(Some(lock.try_read().is_ok()))
    });
    let mut writer = Hand::waiting("w", lock.write());
    drop(reading);
    assert_eq!(tried.get(), Some(false));
    drop(writer.take());
}

#[test]
fn rwlock_two_writers_taken_crosswise_are_told_as_stuck() {
    let told = stuck(async {
        let (a, b) = (Rc::new(RwLock::new(())), Rc::new(RwLock::new(())));
        for (first, second) in [(a.clone(), b.clone()), (b, a)] {
            spawn(async move {
                let _first = first.write().await;
                yield_now().await;
                let _second = second.write().await;
            })
            .detach();
        }
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].contains("waits for RwLock::write (at tests/sync_locks.rs:"), "{told:#?}");
}

#[test]
fn rwlock_reader_that_wants_to_write_is_told_as_stuck() {
    let told = stuck(async {
        spawn(async {
            let lock = RwLock::new(());
            let _reading = lock.read().await;
            let _writing = lock.write().await;
        })
        .detach();
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
}

#[test]
fn rwlock_second_read_behind_a_writer_with_a_timeout_is_not_told_as_stuck() {
    let told = stuck(async {
        let lock = Rc::new(RwLock::new(()));
        let _first = lock.read().await;
        spawn({
            let lock = lock.clone();
            async move { assert!(timeout(seconds(1), lock.write()).await.is_err()) }
        })
        .detach();
        yield_now().await;
        let _second = lock.read().await; // when the writer has given up
    });
    assert_eq!(told, [""; 0]);
}

#[test]
fn rwlock_second_read_of_a_task_behind_a_writer_is_told_as_stuck() {
    // The task waits for the writer, and the writer for the task.
    let told = stuck(async {
        let lock = Rc::new(RwLock::new(()));
        let other = lock.clone();
        spawn(async move {
            let _first = other.read().await;
            yield_now().await;
            let _second = other.read().await;
        })
        .detach();
        spawn(async move { drop(lock.write().await) }).detach();
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0].starts_with("stuck 2, 3: task 2 awaits task 3 awaits task 2;"), "{told:#?}");
    assert!(told[0].contains("waited for before by task 3 at tests/sync_locks.rs:"), "{told:#?}");
}

#[test]
fn rwlock_readers_and_writers_taken_crosswise_are_told_as_stuck() {
    let told = stuck(async {
        let (a, b) = (Rc::new(RwLock::new(())), Rc::new(RwLock::new(())));
        for (first, second) in [(a.clone(), b.clone()), (b, a)] {
            spawn(async move {
                let _first = first.write().await;
                yield_now().await;
                let _second = second.read().await;
            })
            .detach();
        }
        sleep(seconds(1)).await;
    });
    assert_eq!(told.len(), 1, "{told:#?}");
}

// ---- Semaphore

#[test]
fn semaphore_permits_go_to_those_who_wait_in_their_order() {
    let semaphore = Semaphore::new(1);
    let held = now(semaphore.acquire()).unwrap();
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, semaphore.acquire()));
    drop(held);
    assert_eq!(woken(), ["a"]);
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits, "it was handed over");
    drop(waits[0].take());
    assert_eq!(woken(), ["b"]);
    drop(waits[1].take());
    assert_eq!(semaphore.available_permits(), 1);
}

#[test]
fn semaphore_first_in_line_stops_a_smaller_request_that_would_fit() {
    let semaphore = Semaphore::new(2);
    let mut large = Hand::waiting("large", semaphore.acquire_many(3));
    let mut small = Hand::waiting("small", semaphore.acquire());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::NoPermits);
    assert_eq!(semaphore.available_permits(), 0, "what there is belongs to the first in line");
    assert!(small.is_pending());
    semaphore.add_permits(1);
    assert_eq!(woken(), ["large"]);
    drop(large.take());
    assert_eq!(woken(), ["small"]);
    drop(small.take());
}

#[test]
fn semaphore_large_request_that_gives_up_lets_the_small_ones_behind_it_through() {
    let semaphore = Semaphore::new(2);
    let large = Hand::waiting("large", semaphore.acquire_many(3));
    let mut small = ["a", "b", "c"].map(|name| Hand::waiting(name, semaphore.acquire()));
    drop(large);
    assert_eq!(woken(), ["a", "b"]);
    assert!(small[2].is_pending());
    drop(small[0].take());
    assert_eq!(woken(), ["c"]);
}

#[test]
fn semaphore_waiter_that_is_dropped_after_the_hand_over_passes_its_permits_on() {
    let semaphore = Semaphore::new(0);
    let both = Hand::waiting("both", semaphore.acquire_many(2));
    let mut rest = ["a", "b"].map(|name| Hand::waiting(name, semaphore.acquire()));
    semaphore.add_permits(2);
    drop(both);
    assert_eq!(woken(), ["both", "a", "b"]);
    let held = rest.each_mut().map(|wait| wait.take().unwrap());
    assert_eq!(semaphore.available_permits(), 0);
    drop(held);
    assert_eq!(semaphore.available_permits(), 2);
}

#[test]
fn semaphore_permits_that_are_added_serve_as_many_as_they_reach() {
    let semaphore = Semaphore::new(0);
    let _waits = ["a", "b", "c"].map(|name| Hand::waiting(name, semaphore.acquire_many(2)));
    semaphore.add_permits(5);
    assert_eq!(woken(), ["a", "b"]);
    semaphore.add_permits(1);
    assert_eq!(woken(), ["c"]);
}

#[test]
fn semaphore_request_for_nothing_stands_in_no_line() {
    let semaphore = Semaphore::new(0);
    let _first = Hand::waiting("a", semaphore.acquire());
    assert_eq!(now(semaphore.acquire_many(0)).unwrap().num_permits(), 0);
    semaphore.close();
    assert!(now(semaphore.acquire_many(0)).is_err());
}

#[test]
fn semaphore_close_wakes_all_in_their_order_with_an_error() {
    let semaphore = Semaphore::new(0);
    let mut waits = ["a", "b", "c"].map(|name| Hand::waiting(name, semaphore.acquire()));
    semaphore.close();
    assert_eq!(woken(), ["a", "b", "c"]);
    for wait in &mut waits {
        assert!(wait.take().is_err());
    }
    assert!(semaphore.is_closed());
    assert_eq!(semaphore.try_acquire().unwrap_err(), TryAcquireError::Closed);
}

#[test]
fn semaphore_permit_that_was_handed_over_before_the_close_is_good() {
    let semaphore = Semaphore::new(0);
    let mut early = Hand::waiting("early", semaphore.acquire());
    semaphore.add_permits(1);
    semaphore.close();
    assert!(early.take().is_ok());
}

#[test]
fn semaphore_permit_given_back_after_the_close_wakes_nobody() {
    let semaphore = Semaphore::new(1);
    let held = now(semaphore.acquire()).unwrap();
    semaphore.close();
    drop(held);
    assert_eq!(semaphore.available_permits(), 1);
    assert_eq!(woken(), [""; 0]);
}

#[test]
fn semaphore_waker_that_adds_permits_while_the_line_is_closed_hands_out_none() {
    let semaphore = Rc::new(Semaphore::new(0));
    on_wake("a", {
        let semaphore = semaphore.clone();
        move || semaphore.add_permits(5)
    });
    let mut waits = ["a", "b"].map(|name| Hand::waiting(name, semaphore.clone().acquire_owned()));
    semaphore.close();
    assert!(waits.iter_mut().all(|wait| wait.take().is_err()));
}

#[test]
fn semaphore_permits_are_forgotten_merged_and_split() {
    let semaphore = Rc::new(Semaphore::new(5));
    let mut three = now(semaphore.acquire_many(3)).unwrap();
    let one = three.split(1).unwrap();
    assert_eq!((one.num_permits(), three.num_permits()), (1, 2));
    assert!(three.split(3).is_none());
    assert_eq!(three.num_permits(), 2, "a split that fails takes nothing");
    three.merge(one);
    assert!(std::ptr::eq(three.semaphore(), &raw const *semaphore));
    three.forget();
    assert_eq!(semaphore.available_permits(), 2);
    let mut owned = semaphore.clone().try_acquire_many_owned(2).unwrap();
    drop(owned.split(1));
    assert_eq!(semaphore.available_permits(), 1);
    assert!(Rc::ptr_eq(owned.semaphore(), &semaphore));
    drop(owned);
    assert_eq!(semaphore.forget_permits(9), 2);
    assert_eq!(semaphore.available_permits(), 0);
}

#[test]
#[should_panic(expected = "permits of two semaphores were merged")]
fn semaphore_permits_of_another_are_not_merged() {
    let (one, other) = (Semaphore::new(1), Semaphore::new(1));
    let mut permit = one.try_acquire().unwrap();
    permit.merge(other.try_acquire().unwrap());
}

#[test]
fn semaphore_forget_takes_nothing_that_the_first_in_line_has_set_aside() {
    let semaphore = Semaphore::new(1);
    let mut both = Hand::waiting("both", semaphore.acquire_many(2));
    assert_eq!(semaphore.forget_permits(1), 0);
    semaphore.add_permits(1);
    assert!(both.take().is_ok());
}

#[test]
#[should_panic(expected = "at most Semaphore::MAX_PERMITS")]
fn semaphore_of_too_many_permits_is_refused() {
    Semaphore::new(Semaphore::MAX_PERMITS).add_permits(1);
}

#[test]
fn semaphore_permit_in_the_turn_in_which_a_timeout_ends_is_had() {
    paused().block_on(async {
        let semaphore = Rc::new(Semaphore::new(0));
        spawn({
            let semaphore = semaphore.clone();
            async move {
                sleep(seconds(1)).await;
                semaphore.add_permits(1);
            }
        })
        .detach();
        yield_now().await;
        let permit: Result<_, AcquireError> = timeout(seconds(1), semaphore.acquire()).await.unwrap();
        drop(permit.unwrap());
        assert_eq!(semaphore.available_permits(), 1);
    });
}

#[test]
fn semaphore_waker_that_takes_and_gives_back_inside_of_the_wake_keeps_the_count() {
    let semaphore = Rc::new(Semaphore::new(0));
    let names = ["a", "b", "c", "d"];
    let waits = names.map(|name| {
        let future: Pin<Box<dyn Future<Output = _>>> = Box::pin(semaphore.clone().acquire_owned());
        let wait = Rc::new(RefCell::new(Hand::waiting(name, future)));
        on_wake(name, {
            let wait = wait.clone();
            move || drop(wait.borrow_mut().take())
        });
        wait
    });
    semaphore.add_permits(2);
    assert_eq!(woken(), names);
    assert_eq!(semaphore.available_permits(), 2);
    drop(waits);
}

#[test]
fn semaphore_waker_that_takes_when_the_last_in_line_is_woken_finds_what_that_leaves() {
    let semaphore = Rc::new(Semaphore::new(0));
    let mut wait = Hand::waiting("a", semaphore.acquire_many(2));
    let found = Rc::new(Cell::new((0, 0)));
    on_wake("a", {
        let (semaphore, found) = (semaphore.clone(), found.clone());
        move || found.set((semaphore.available_permits(), semaphore.forget_permits(9)))
    });
    semaphore.add_permits(3);
    assert_eq!(found.get(), (1, 1));
    assert_eq!(wait.take().unwrap().num_permits(), 2);
}

thread_local! {
    static ON_DROP: RefCell<Option<Box<dyn FnOnce()>>> = const { RefCell::new(None) };
}

/// A waker that does something when the last of it is dropped: `ON_DROP`.
struct ActsOnDrop;

impl Wake for ActsOnDrop {
    fn wake(self: Arc<Self>) {}
}

impl Drop for ActsOnDrop {
    fn drop(&mut self) {
        ON_DROP.take().expect("it is dropped once")();
    }
}

/// Waits for two permits where one is, and gives up; what the waker found when it was dropped.
fn gives_up<R: 'static>(semaphore: &Rc<Semaphore>, on_drop: fn(&Semaphore) -> R) -> Option<R> {
    let mut wait = Box::pin(semaphore.clone().acquire_many_owned(2));
    assert!(wait.as_mut().poll(&mut Context::from_waker(&Arc::new(ActsOnDrop).into())).is_pending());
    let found = Rc::new(Cell::new(None));
    ON_DROP.set(Some(Box::new({
        let (semaphore, found) = (semaphore.clone(), found.clone());
        move || found.set(Some(on_drop(&semaphore)))
    })));
    let _caught = catch_unwind(AssertUnwindSafe(|| drop(wait)));
    found.take()
}

#[test]
fn semaphore_waker_that_takes_while_it_is_dropped_with_the_last_in_line_finds_what_is_free() {
    let semaphore = Rc::new(Semaphore::new(1));
    assert_eq!(gives_up(&semaphore, |semaphore| semaphore.try_acquire().is_ok()), Some(true));
}

#[test]
fn semaphore_waker_that_panics_while_it_is_dropped_takes_no_permit_with_it() {
    let semaphore = Rc::new(Semaphore::new(1));
    assert!(gives_up(&semaphore, |_| panic!("in a foreign waker")).is_none());
    drop(now(semaphore.acquire()).unwrap());
    assert_eq!(semaphore.available_permits(), 1);
}
