//! `stay`: a future that is not `Send` behind a key that is.
#![expect(clippy::async_yields_async, reason = "a key is made inside of its loop, and awaited elsewhere")]

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::Command;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use glassloop::sync::{Mutex, oneshot};
use glassloop::time::{Instant, sleep};
use glassloop::trace::{Event, Observer};
use glassloop::{Builder, Handle, Runtime, Stay, Waits, dump, metrics, run, spawn, stay, yield_now};

/// Sets its cell to the thread on which it is dropped.
struct OnDrop(Rc<Cell<Option<thread::ThreadId>>>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.0.set(Some(thread::current().id()));
    }
}

/// A future without an end, and where it was dropped.
fn endless() -> (impl Future<Output = ()> + 'static, Rc<Cell<Option<thread::ThreadId>>>) {
    let dropped = Rc::default();
    let on_drop = OnDrop(Rc::clone(&dropped));
    let future = async move {
        let _on_drop = on_drop;
        pending().await
    };
    (future, dropped)
}

fn send<T: Send + Sync>(it: T) -> T {
    it
}

/// The words of the panic in `act`.
fn panic_of<R>(act: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).map(drop).unwrap_err();
    payload
        .downcast_ref::<String>()
        .cloned()
        .unwrap_or_else(|| payload.downcast_ref::<&str>().unwrap().to_string())
}

#[test]
fn a_lock_is_held_across_awaits_where_send_is_asked() {
    let sum = run(send_future(async {
        stay(async {
            let numbers = Mutex::new(vec![1]);
            let mut guard = numbers.lock().await;
            yield_now().await;
            guard.push(2);
            guard.iter().sum::<u32>()
        })
        .await
    }));
    assert_eq!(sum, 3);
}

fn send_future<F: Future + Send>(future: F) -> F {
    future
}

#[test]
fn a_key_is_send_and_sync_whatever_it_stands_for() {
    run(async {
        assert_eq!(*send(stay(ready(Rc::new(1)))).await, 1);
    });
}

#[test]
fn a_stay_is_no_task_and_is_polled_in_place() {
    run(async {
        let (log, before) = (Rc::new(RefCell::new(Vec::new())), metrics().unwrap().spawned);
        let (inside, other) = (log.clone(), log.clone());
        spawn(async move { other.borrow_mut().push("another task") }).detach();
        stay(async move { inside.borrow_mut().push("in place") }).await;
        assert_eq!(*log.borrow(), ["in place"]);
        assert_eq!(metrics().unwrap().spawned, before + 1);
    });
}

#[test]
fn what_it_waits_for_is_told_as_its_tasks() {
    run(async {
        let sleeper = spawn(async { stay(sleep(Duration::from_secs(9))).await });
        yield_now().await;
        let dump = dump().unwrap();
        let view = dump.tasks().iter().find(|task| task.id == sleeper.id()).unwrap();
        assert!(matches!(view.waits[..], [Waits::Timer { .. }]), "{view}");
        sleeper.abort();
    });
}

#[test]
fn dropped_on_its_loop_it_drops_its_future_at_once() {
    run(async {
        let (future, dropped) = endless();
        let key = stay(future);
        assert_eq!(dropped.get(), None);
        drop(key);
        assert_eq!(dropped.get(), Some(thread::current().id()));
    });
}

#[test]
fn dropped_on_another_thread_its_future_is_dropped_on_its_own() {
    run(async {
        let (future, dropped) = endless();
        let key = stay(future);
        thread::spawn(move || drop(key)).join().unwrap();
        assert_eq!(dropped.get(), None);
        Handle::current().spawn(|| async {}).await.unwrap(); // goes the same way, and comes after it
        assert_eq!(dropped.get(), Some(thread::current().id()));
    });
}

/// Tells of each park.
struct AtPark(mpsc::Sender<()>);

impl Observer for AtPark {
    fn event(&self, _: Instant, event: &Event) {
        if let Event::Park(_) = event {
            let _ = self.0.send(());
        }
    }
}

#[test]
fn a_loop_sleeps_until_another_thread_drops_the_key_and_is_woken_by_what_that_drops() {
    let (parks, parked) = mpsc::channel();
    let runtime = Builder::new().observer(Rc::new(AtPark(parks))).build().unwrap();
    let received = runtime.try_block_on(async {
        let (sender, receiver) = oneshot::channel::<()>();
        let key = stay(async move {
            let _sender = sender;
            pending::<()>().await
        });
        thread::spawn(move || {
            let _ = parked.recv();
            drop(key);
        });
        receiver.await
    });
    assert!(received.unwrap().is_err());
}

#[test]
fn the_end_of_the_runtime_drops_futures_whose_keys_are_elsewhere() {
    let runtime = Runtime::new().unwrap();
    let (future, dropped) = endless();
    let key = runtime.block_on(async { stay(future) });
    assert_eq!(dropped.get(), None);
    drop(runtime);
    assert_eq!(dropped.get(), Some(thread::current().id()));
    drop(key);
}

#[test]
fn a_destructor_in_the_end_of_the_runtime_may_panic_and_leave_further_futures() {
    struct Nested(Rc<Cell<Option<thread::ThreadId>>>, Rc<Cell<Option<Stay<()>>>>);
    impl Drop for Nested {
        fn drop(&mut self) {
            let on_drop = OnDrop(self.0.clone());
            self.1.set(Some(stay(async move {
                let _on_drop = on_drop;
                pending().await
            })));
            panic!("on purpose");
        }
    }
    let runtime = Runtime::new().unwrap();
    let (dropped, late) = (Rc::default(), Rc::default());
    let nested = Nested(Rc::clone(&dropped), Rc::clone(&late));
    let key = runtime.block_on(async {
        stay(async move {
            let _nested = nested;
            pending::<()>().await
        })
    });
    drop(runtime);
    assert!(dropped.get().is_some());
    drop((key, late.take()));
}

#[test]
fn left_by_a_destructor_in_the_end_of_the_runtime_it_is_dropped_at_once() {
    struct Leaves(Rc<Cell<bool>>);
    impl Drop for Leaves {
        fn drop(&mut self) {
            let (future, dropped) = endless();
            let _key = stay(future);
            self.0.set(dropped.get().is_some());
        }
    }
    let at_once = Rc::new(Cell::new(false));
    let leaves = Leaves(at_once.clone());
    let runtime = Runtime::new().unwrap();
    let _key = runtime.block_on(async { stay(async { drop(leaves) }) });
    drop(runtime);
    assert!(at_once.get());
}

thread_local!(static LEFT: Cell<usize> = const { Cell::new(0) });

/// Counts what destructors leave; stops them where more was left than a small stack holds.
fn leave_another() {
    LEFT.set(LEFT.get() + 1);
    assert!(LEFT.get() < 1_000_000, "this would go on for ever");
}

async fn waiting<T>(_held: T) {
    pending().await
}

struct AlwaysStays;

impl Drop for AlwaysStays {
    fn drop(&mut self) {
        leave_another();
        std::mem::forget(stay(waiting(AlwaysStays)));
    }
}

struct AlwaysSpawns;

impl Drop for AlwaysSpawns {
    fn drop(&mut self) {
        leave_another();
        spawn(waiting(AlwaysSpawns)).detach();
    }
}

#[test]
fn a_destructor_that_always_leaves_another_overflows_the_stack_as_one_that_always_spawns() {
    const NAME: &str = "a_destructor_that_always_leaves_another_overflows_the_stack_as_one_that_always_spawns";
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    let run_child = |always: &str| {
        let mut child = Command::new(std::env::current_exe().unwrap());
        child.args([NAME, "--exact"]).env(CHILD, always).output().unwrap().status
    };
    let leave = |first: fn()| {
        let end = move || {
            let runtime = Runtime::new().unwrap();
            runtime.block_on(async { first() });
        };
        thread::Builder::new().stack_size(256 * 1024).spawn(end).unwrap().join().unwrap();
    };
    match std::env::var(CHILD).as_deref() {
        Ok("stays") => leave(|| std::mem::forget(stay(waiting(AlwaysStays)))),
        Ok("spawns") => leave(|| spawn(waiting(AlwaysSpawns)).detach()),
        Ok(_) => {}
        Err(_) => ["stays", "spawns"].iter().for_each(|always| assert!(!run_child(always).success(), "{always}")),
    }
}

#[test]
fn polled_on_another_loop_it_panics_and_its_future_is_unharmed() {
    let (one, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let key = one.block_on(async { stay(async { 7 }) });
    let mut key = Box::pin(key);
    let words = panic_of(|| other.block_on(key.as_mut()));
    assert!(words.starts_with("this future belongs to glassloop runtime"), "{words}");
    assert_eq!(one.block_on(key), 7);
}

#[test]
fn polled_after_its_output_it_panics() {
    run(async {
        let mut key = stay(async {});
        (&mut key).await;
        let again = spawn(key);
        assert!(again.await.unwrap_err().is_panic());
    });
}

#[test]
fn a_panic_in_it_is_that_of_its_awaiter() {
    run(async {
        let error = spawn(async { stay(async { panic!("inside") }).await }).await.unwrap_err();
        assert_eq!(error.into_panic().downcast_ref(), Some(&"inside"));
    });
}

#[test]
fn one_may_make_await_and_drop_others_while_it_is_polled() {
    run(async {
        let (future, dropped) = endless();
        let other = stay(future);
        let sum = stay(async move {
            let inner = stay(async {
                yield_now().await;
                1
            });
            drop(other);
            inner.await + stay(ready(2)).await
        });
        assert_eq!(sum.await, 3);
        assert!(dropped.get().is_some());
    });
}

#[test]
fn outside_of_a_loop_it_says_so() {
    let words = panic_of(|| drop(stay(async {})));
    assert!(words.starts_with("stay was used outside of a glassloop runtime"), "{words}");
}

/// It is not polled when its loop wakes its awaiter, but when its awaiter polls it.
#[test]
fn an_awaiter_that_looks_elsewhere_leaves_it_alone() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let polls = Rc::new(Cell::new(0));
        let counted = polls.clone();
        let key = stay(poll_fn(move |_| {
            counted.set(counted.get() + 1);
            Poll::<()>::Pending
        }));
        let mut key = Box::pin(key);
        poll_fn(|cx| Poll::Ready(key.as_mut().poll(cx).is_pending())).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!(polls.get(), 1);
    });
}
