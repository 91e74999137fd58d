//! The end of a task while others lay hands on it: hooks, observers, foreign wakers, its own poll.
//!
//! Nothing here needs a thread or a socket, so all of it runs under Miri too, which sees what no other watcher
//! does: two pointers into one place of which one has lost its right.
//! `MIRIFLAGS=-Zmiri-disable-isolation cargo +nightly miri test --test cell_ends`, and with `-Zmiri-tree-borrows`.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use glassloop::time::Instant;
use glassloop::trace::{Event, Observer};
use glassloop::{Builder, JoinHandle, Runtime, dump, spawn, spawn_named, yield_now};

/// How many of its tokens live. Each is a box, so that a second drop is a second free.
#[derive(Clone, Default)]
struct Census(Arc<AtomicUsize>);

struct Token(Box<Census>);

impl Census {
    fn token(&self) -> Token {
        self.0.fetch_add(1, Ordering::Relaxed);
        Token(Box::new(self.clone()))
    }

    fn alive(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A handle that a hook, an observer or the task itself may take.
type Shared<T> = Rc<RefCell<Option<JoinHandle<T>>>>;

fn shared<T>(handle: JoinHandle<T>) -> Shared<T> {
    Rc::new(RefCell::new(Some(handle)))
}

/// Polls a handle, which may be gone: then there is nothing to wait for.
async fn awaited<T>(handle: Shared<T>) {
    poll_fn(|cx| match handle.borrow_mut().as_mut() {
        Some(handle) => Pin::new(handle).poll(cx).map(drop),
        None => Poll::Ready(()),
    })
    .await;
}

/// Lets every task that is ready run, and what they make ready, a few times.
fn settle(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..4 {
            yield_now().await;
        }
    });
}

/// An observer that is a closure.
struct Watch<F: Fn(&Event)>(F);

impl<F: Fn(&Event)> Observer for Watch<F> {
    fn event(&self, _at: Instant, event: &Event) {
        (self.0)(event);
    }
}

fn watched(watch: impl Fn(&Event) + 'static) -> Runtime {
    Builder::new().observer(Rc::new(Watch(watch))).build().unwrap()
}

// Handles dropped while their task ends.

#[test]
fn whoever_awaits_a_handle_that_a_hook_drops_is_woken() {
    let looked = glassloop::run(async {
        let handle = shared(spawn(yield_now()));
        let in_hook = handle.clone();
        handle.borrow().as_ref().unwrap().on_finish(move |_| drop(in_hook.take()));
        let waiting = spawn(awaited(handle));
        waiting.await
    });
    looked.unwrap();
}

#[test]
fn whoever_awaits_a_handle_that_an_observer_of_the_end_drops_is_woken() {
    let handle: Shared<()> = Shared::default();
    let in_observer = handle.clone();
    let runtime = watched(move |event| {
        if matches!(event, Event::Done { .. }) {
            drop(in_observer.take());
        }
    });
    runtime.block_on(async {
        *handle.borrow_mut() = Some(spawn(yield_now()));
        spawn(awaited(handle)).await.unwrap();
    });
}

#[test]
fn a_hook_drops_the_handle_and_the_waker_that_waits_for_it_panics_when_it_is_dropped() {
    /// Panics when it is dropped.
    struct Fragile;
    impl Wake for Fragile {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Fragile {
        fn drop(&mut self) {
            resume_unwind(Box::new("in a waker's destructor"));
        }
    }
    let census = Census::default();
    let runtime = Runtime::new().unwrap();
    let token = census.token();
    let mut task = runtime.spawn(async move {
        yield_now().await;
        token
    });
    let handle = Shared::default();
    runtime.block_on(async {
        let in_hook = handle.clone();
        task.on_finish(move |_| drop(in_hook.take()));
        let fragile = Waker::from(Arc::new(Fragile));
        assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&fragile)).is_pending());
        *handle.borrow_mut() = Some(task);
    });
    settle(&runtime);
    assert!(handle.take().is_none(), "the hook took it");
    assert_eq!(census.alive(), 0, "the output went with its handle");
}

#[test]
fn a_task_drops_its_own_handle_wakes_itself_and_ends() {
    for awaits_itself_first in [false, true] {
        let census = Census::default();
        let runtime = Runtime::new().unwrap();
        let own: Shared<Token> = Shared::default();
        let (inside, token) = (own.clone(), census.token());
        let mut token = Some(token);
        let task = runtime.spawn(poll_fn(move |cx| {
            if awaits_itself_first {
                assert!(Pin::new(inside.borrow_mut().as_mut().unwrap()).poll(cx).is_pending());
            }
            drop(inside.take());
            cx.waker().wake_by_ref(); // so it stands in the queue when it has ended
            Poll::Ready(token.take().unwrap())
        }));
        *own.borrow_mut() = Some(task);
        settle(&runtime);
        assert_eq!(census.alive(), 0);
    }
}

// Panics that no handle will see.

/// Where a task without a handle panics.
#[derive(Clone, Copy, Debug, PartialEq)]
enum At {
    Poll,
    Future,
    Output,
    /// In its poll, and then in its future's destructor.
    PollAndFuture,
    /// In its future's destructor, then in its output's.
    FutureAndOutput,
}

const ATS: [At; 5] = [At::Poll, At::Future, At::Output, At::PollAndFuture, At::FutureAndOutput];

/// Throws its token when it is dropped, unless something else is thrown.
struct Throws(Option<Token>);

impl Drop for Throws {
    fn drop(&mut self) {
        if let Some(token) = self.0.take().filter(|_| !std::thread::panicking()) {
            resume_unwind(Box::new(token));
        }
    }
}

/// A task without a handle that panics there; it is polled twice, unless it is dropped before.
fn doomed(at: At, census: &Census) -> impl Future<Output = Throws> + 'static {
    let throws = |is_it: bool| Throws(is_it.then(|| census.token()));
    let of_future = throws(matches!(at, At::Future | At::PollAndFuture | At::FutureAndOutput));
    let mut of_output = Some(throws(matches!(at, At::Output | At::FutureAndOutput)));
    let mut of_poll = matches!(at, At::Poll | At::PollAndFuture).then(|| census.token());
    let mut polled = false;
    poll_fn(move |cx| {
        let _held = &of_future;
        if !std::mem::replace(&mut polled, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(token) = of_poll.take() {
            resume_unwind(Box::new(token));
        }
        Poll::Ready(of_output.take().unwrap())
    })
}

#[test]
fn a_lost_panics_payload_is_dropped_once_whoever_looks_on() {
    for at in ATS {
        for (observed, named, hooked) in [
            (false, false, false),
            (false, true, false),
            (false, false, true),
            (true, false, false),
            (true, true, true),
        ] {
            let census = Census::default();
            // A dump looks at who awaits whom.
            let runtime = if observed { watched(|_| drop(dump())) } else { Runtime::new().unwrap() };
            let future = doomed(at, &census);
            runtime.block_on(async {
                let task = if named { spawn_named("doomed", future) } else { spawn(future) };
                if hooked {
                    task.on_finish(|_| drop(dump().unwrap()));
                }
                task.detach();
            });
            settle(&runtime);
            assert_eq!(census.alive(), 0, "{at:?}, observed {observed}, named {named}, hooked {hooked}");
        }
    }
}

#[test]
fn a_lost_panic_of_what_is_spawned_while_the_runtime_goes_is_dropped_too() {
    struct SpawnsWhenDropped(Census);
    impl Drop for SpawnsWhenDropped {
        fn drop(&mut self) {
            for at in ATS {
                spawn(doomed(at, &self.0)).detach();
            }
        }
    }
    for observed in [false, true] {
        let census = Census::default();
        let runtime = if observed { watched(|_| drop(dump())) } else { Runtime::new().unwrap() };
        let spawner = SpawnsWhenDropped(census.clone());
        runtime
            .spawn(async move {
                let _held = spawner;
                pending::<()>().await;
            })
            .detach();
        for at in ATS {
            runtime.spawn(doomed(at, &census)).detach();
        }
        runtime.block_on(yield_now());
        drop(runtime);
        assert_eq!(census.alive(), 0);
    }
}

// Observers.

/// Tasks that come to each kind of end, beside each other.
fn all_ends(runtime: &Runtime, census: &Census) {
    let result = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let (first, second) = (census.token(), census.token());
            let awaited = spawn(async move { (yield_now().await, first).1 });
            let aborted = spawn_named("aborted", async move { (pending::<()>().await, second) });
            let dropped = spawn(doomed(At::Poll, census));
            aborted.on_finish(|finished| assert_eq!(finished.name(), Some("aborted")));
            for at in ATS {
                spawn(doomed(at, census)).detach();
            }
            drop(awaited.await.unwrap());
            aborted.abort();
            assert!(aborted.await.err().unwrap().is_cancelled());
            yield_now().await;
            drop(dropped);
        });
    }));
    assert!(result.is_ok());
}

#[test]
fn an_observer_panics_at_each_event_and_every_task_ends_as_it_would_have() {
    let events = Rc::new(Cell::new(0));
    let runtime = watched({
        let events = events.clone();
        move |_| events.set(events.get() + 1)
    });
    all_ends(&runtime, &Census::default());
    drop(runtime);
    let all = events.get();
    let step = if cfg!(miri) { 9 } else { 1 }; // which is a thousand times slower
    for at in (1..=all).step_by(step) {
        let (census, seen) = (Census::default(), Cell::new(0));
        let token = census.token();
        let runtime = watched(move |_| {
            let _held = &token;
            seen.set(seen.get() + 1);
            if seen.get() == at {
                resume_unwind(Box::new("in an observer"));
            }
        });
        all_ends(&runtime, &census);
        drop(runtime);
        assert_eq!(census.alive(), 0, "at event {at} of {all}");
    }
}

// The queue.

#[test]
fn the_queue_grows_while_it_is_wrapped_around_and_no_task_is_lost_under_any_seed() {
    for seed in [None, Some(1), Some(2), Some(3)] {
        let builder = seed.map_or(Builder::new(), |seed| Builder::new().seed(seed));
        let log = Rc::new(RefCell::new(Vec::new()));
        builder.build().unwrap().block_on(async {
            let note = |n| {
                let log = log.clone();
                spawn(async move { log.borrow_mut().push(n) })
            };
            (0..45).for_each(|n| note(n).detach()); // the ring's front and back move to its end …
            while log.borrow().len() < 45 {
                yield_now().await;
            }
            (45..200).for_each(|n| note(n).detach()); // … so that these go round it, and twice it grows
            while log.borrow().len() < 200 {
                yield_now().await;
            }
        });
        let mut log = log.take();
        let is_in_order = log.is_sorted();
        assert_eq!(is_in_order, seed.is_none(), "first in, first out without a seed");
        log.sort_unstable();
        assert!(log.into_iter().eq(0..200), "each once");
    }
}

// Where an output stands.

#[test]
fn an_output_of_another_alignment_or_size_than_its_future_arrives_whole() {
    macro_rules! output {
        ($($align:literal $size:literal)*) => {$({
            #[repr(align($align))]
            struct Output([u8; $size], Option<Token>);
            let census = Census::default();
            let make = |census: &Census| Output([7; $size], Some(census.token()));
            glassloop::run(async {
                let whole = census.clone();
                let output = spawn(async move { make(&whole) }).await.unwrap();
                assert!((&raw const output).addr().is_multiple_of($align));
                assert!(output.0.iter().all(|byte| *byte == 7) && output.1.is_some());
                let (whole, kept) = (census.clone(), spawn(yield_now()));
                let unread = spawn(async move { (kept.await.unwrap(), make(&whole)).1 });
                while !unread.is_finished() {
                    yield_now().await;
                }
                drop(unread);
                let failed = spawn(async {
                    yield_now().await;
                    resume_unwind(Box::new("as planned")) as Output
                });
                assert!(failed.await.err().unwrap().is_panic());
            });
            assert_eq!(census.alive(), 0);
        })*};
    }
    output!(1 0  1 1  128 0  128 1  4096 0  4096 5000  1 10000);

    #[repr(align(128))]
    struct Nothing;
    let nothing = glassloop::run(async { spawn(async { Nothing }).await.unwrap() });
    assert!((&raw const nothing).addr().is_multiple_of(128));
}
