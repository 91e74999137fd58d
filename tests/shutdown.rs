//! The end of a runtime: every future is dropped on the loop's thread, in spawn order, and whatever its destructor
//! does, or outlives it, is defined.
#![allow(clippy::async_yields_async)] // futures are made inside the loop and used outside of it

mod support;

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::net::Ipv4Addr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::{CancellationToken, Mutex};
use glassloop::time::{Instant, Sleep, sleep};
use glassloop::trace::{Event, Observer, OnUnhandled, Outcome, Recorder};
use glassloop::{
    Builder, Handle, JoinHandle, RemoteError, Runtime, Waits, spawn, spawn_blocking, spawn_cpu, yield_now,
};
use support::stderr_of_child;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(30);

fn runtime() -> Runtime {
    Runtime::new().unwrap()
}

fn poll_once<F: Future>(future: F) -> Poll<F::Output> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Does something when it is dropped.
struct OnDrop<F: FnMut()>(F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A future that waits for ever, and does `act` when it is dropped.
fn until_dropped(act: impl FnMut()) -> impl Future<Output = ()> {
    let act = OnDrop(act); // made here, so that it is dropped with a future that was never polled, too
    async move {
        let _act = act;
        pending::<()>().await;
    }
}

type Log<T> = Rc<RefCell<Vec<T>>>;

/// Runs `act` in the destructor of a task while its runtime is dropped.
fn in_a_destructor(act: impl FnOnce() + 'static) {
    let runtime = runtime();
    let mut act = Some(act);
    let done = Rc::new(Cell::new(false));
    let note = done.clone();
    let destructor = move || {
        act.take().expect("dropped once")();
        note.set(true);
    };
    runtime.spawn(until_dropped(destructor)).detach();
    runtime.block_on(yield_now());
    assert!(!done.get());
    drop(runtime);
    assert!(done.get(), "the destructor came to its end");
}

// ---- when, where, and in which order

#[test]
fn tasks_left_when_block_on_returns_live_until_the_runtime_drops() {
    let runtime = runtime();
    let (polls, dropped) = (Rc::new(Cell::new(0)), Rc::new(Cell::new(false)));
    runtime
        .spawn({
            let (polls, dropped) = (polls.clone(), dropped.clone());
            async move {
                let _dropped = OnDrop(|| dropped.set(true));
                loop {
                    polls.set(polls.get() + 1);
                    yield_now().await;
                }
            }
        })
        .detach();
    runtime.block_on(yield_now());
    let before = polls.get();
    assert!(before > 0 && !dropped.get());
    runtime.block_on(yield_now());
    assert!(polls.get() > before, "it goes on in the next block_on");
    assert!(!dropped.get());
    drop(runtime);
    assert!(dropped.get());
}

#[test]
fn futures_are_dropped_in_spawn_order_on_the_loops_thread_whatever_they_wait_for() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let log: Log<(&str, thread::ThreadId)> = Rc::default();
    let noted = |name: &'static str| {
        let log = log.clone();
        OnDrop(move || log.borrow_mut().push((name, thread::current().id())))
    };
    runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let waker: Rc<RefCell<Option<Waker>>> = Rc::default();
        let (one, two, three, four, five) = (
            noted("1 waits for a timer"),
            noted("2 woken and ready again"),
            noted("3 waits for a socket"),
            noted("4 awaits 1"),
            noted("5 never polled"),
        );
        let first = spawn(async move {
            let _one = one;
            sleep(LONG).await;
        });
        let slot = waker.clone();
        spawn(async move {
            let _two = two;
            poll_fn(|cx| {
                *slot.borrow_mut() = Some(cx.waker().clone());
                Poll::<()>::Pending
            })
            .await;
        })
        .detach();
        spawn(async move {
            let _three = three;
            drop(listener.accept().await);
        })
        .detach();
        spawn(async move {
            let _four = four;
            drop(first.await);
        })
        .detach();
        yield_now().await;
        waker.take().unwrap().wake();
        spawn(async move { drop(five) }).detach();
    });
    assert!(log.borrow().is_empty());
    drop(runtime);
    let (names, threads): (Vec<_>, Vec<_>) = log.borrow().iter().copied().unzip();
    assert_eq!(
        names,
        ["1 waits for a timer", "2 woken and ready again", "3 waits for a socket", "4 awaits 1", "5 never polled"]
    );
    assert!(threads.iter().all(|id| *id == thread::current().id()));
}

// ---- what a destructor may do

#[test]
fn a_destructor_may_wake_other_tasks_before_and_after_it() {
    let runtime = runtime();
    let wakers: Log<Waker> = Rc::default();
    let polls = Rc::new(Cell::new(0));
    for _ in 0..3 {
        let (wakers, polls) = (wakers.clone(), polls.clone());
        runtime
            .spawn(async move {
                let all = wakers.clone();
                let _wake = OnDrop(move || all.borrow().iter().for_each(Waker::wake_by_ref));
                poll_fn(|cx| {
                    polls.set(polls.get() + 1);
                    wakers.borrow_mut().push(cx.waker().clone());
                    Poll::<()>::Pending
                })
                .await;
            })
            .detach();
    }
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(polls.get(), 3, "nobody is polled in the end");
}

#[test]
fn a_task_spawned_by_a_destructor_is_cancelled_at_once() {
    in_a_destructor(|| {
        let dropped = Rc::new(Cell::new(false));
        let flag = OnDrop({
            let dropped = dropped.clone();
            move || dropped.set(true)
        });
        let mut task = spawn(async move {
            let _flag = flag;
            unreachable!("it is never polled")
        });
        assert!(dropped.get() && task.is_finished());
        let Poll::Ready(Err(error)) = poll_once(&mut task) else { panic!("its handle is ready") };
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_blocking_job_of_a_destructor_is_cancelled_at_once() {
    in_a_destructor(|| {
        let mut job = spawn_blocking(|| unreachable!("it never runs"));
        let Poll::Ready(Err(error)) = poll_once(&mut job) else { panic!("its handle is ready") };
        let error: glassloop::JoinError = error;
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_destructor_may_make_and_drop_sleeps_and_sockets() {
    in_a_destructor(|| {
        let mut waiting = sleep(LONG);
        assert!(poll_once(&mut waiting).is_pending());
        let Poll::Ready(Ok(listener)) = poll_once(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))) else {
            panic!("a numeric address needs no wait")
        };
        assert!(poll_once(listener.accept()).is_pending());
    });
}

#[test]
fn a_destructor_may_drop_and_abort_handles_of_tasks_before_and_after_it() {
    let runtime = runtime();
    let handles: Log<JoinHandle<()>> = Rc::default();
    let drops = Rc::new(Cell::new(0));
    for at in 0..3 {
        let (all, drops) = (handles.clone(), drops.clone());
        let task = runtime.spawn(until_dropped(move || {
            drops.set(drops.get() + 1);
            all.borrow().iter().for_each(JoinHandle::abort);
            if at == 1 {
                let taken = all.take();
                assert!(taken[0].is_finished() && !taken[2].is_finished());
                drop(taken);
            }
        }));
        handles.borrow_mut().push(task);
    }
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(drops.get(), 3);
}

#[test]
fn destructors_may_borrow_what_their_tasks_share_with_others() {
    let runtime = runtime();
    let shared = Rc::new(RefCell::new(0));
    for _ in 0..3 {
        let shared = shared.clone();
        runtime.spawn(until_dropped(move || *shared.borrow_mut() += 1)).detach();
    }
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(*shared.borrow(), 3);
}

#[test]
fn a_destructor_that_panics_does_not_keep_the_others_from_running() {
    let runtime = runtime();
    let drops = Rc::new(Cell::new(0));
    let mut handles = Vec::new();
    for at in 0..3 {
        let drops = drops.clone();
        handles.push(runtime.spawn(until_dropped(move || {
            drops.set(drops.get() + 1);
            assert!(at != 1, "a destructor");
        })));
    }
    runtime.block_on(yield_now());
    drop(runtime);
    assert_eq!(drops.get(), 3);
    let ends: Vec<_> = handles.iter_mut().map(poll_once).collect();
    let panicked = ends.iter().map(|end| matches!(end, Poll::Ready(Err(error)) if error.is_panic()));
    assert!(panicked.eq([false, true, false]), "{ends:?}");
}

#[test]
fn a_destructor_may_ask_for_a_dump() {
    in_a_destructor(|| assert!(!glassloop::dump().unwrap().to_string().is_empty()));
}

#[test]
fn a_destructor_hears_that_nothing_can_be_sent_to_its_loop_any_more() {
    in_a_destructor(|| {
        let handle = Handle::current();
        assert!(handle.call_soon(|| unreachable!("it is never called")).is_err());
    });
}

#[test]
fn a_destructor_that_spawns_through_a_handle_hears_that_the_runtime_is_gone() {
    in_a_destructor(|| {
        let task = Handle::current().spawn(|| async {});
        assert!(task.is_finished());
        let Poll::Ready(Err(error)) = poll_once(task) else { panic!("its end is known") };
        assert!(matches!(error, RemoteError::Gone(_)), "{error}");
    });
}

#[test]
fn a_closure_left_in_the_inbox_that_panics_in_its_drop_does_not_keep_futures_from_being_dropped() {
    let runtime = runtime();
    let dropped = Rc::new(Cell::new(false));
    let flag = dropped.clone();
    runtime.spawn(until_dropped(move || flag.set(true))).detach();
    runtime.block_on(yield_now());
    let bomb = OnDrop(|| panic!("a closure's drop"));
    runtime.handle().call_soon(move || drop(bomb)).unwrap();
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(runtime))).is_err();
    assert!(dropped.get(), "every future is dropped");
    assert!(!unwound, "and the panic is reported, not thrown");
}

#[test]
fn an_observer_that_panics_in_its_drop_does_not_keep_futures_from_being_dropped() {
    struct Twice;
    impl Observer for Twice {
        fn event(&self, _at: Instant, event: &Event) {
            assert!(!matches!(event, Event::Done { outcome: Outcome::Cancelled, .. }), "at the first task's end");
        }
    }
    impl Drop for Twice {
        fn drop(&mut self) {
            panic!("at its own end");
        }
    }
    let runtime = Builder::new().observer(Rc::new(Twice)).build().unwrap();
    let dropped = Rc::new(Cell::new(0));
    for _ in 0..2 {
        let dropped = dropped.clone();
        runtime.spawn(until_dropped(move || dropped.set(dropped.get() + 1))).detach();
    }
    drop(runtime);
    assert_eq!(dropped.get(), 2);
}

#[test]
fn a_foreign_waker_that_panics_in_its_drop_does_not_keep_the_runtime_from_its_end() {
    struct Grumpy;
    impl Wake for Grumpy {
        fn wake(self: Arc<Self>) {}
    }
    impl Drop for Grumpy {
        fn drop(&mut self) {
            panic!("a waker's drop");
        }
    }
    let runtime = runtime();
    let mut armed: Sleep = runtime.block_on(poll_fn(|_| Poll::Ready(sleep(LONG))));
    let (job_ended, running) = (Arc::new(AtomicBool::new(false)), mpsc::channel());
    let (free, held) = mpsc::channel::<()>();
    let ended = job_ended.clone();
    runtime.block_on(async {
        let waker = Waker::from(Arc::new(Grumpy));
        assert!(pin!(&mut armed).poll(&mut Context::from_waker(&waker)).is_pending());
        spawn_blocking(move || {
            running.0.send(()).unwrap();
            let _ = held.recv();
            ended.store(true, Ordering::SeqCst);
        })
        .detach();
    });
    running.1.recv().unwrap();
    // The job ends when the runtime has dropped its tasks, the last of which frees it.
    runtime.spawn(async move { drop(free) }).detach();
    let unwound = catch_unwind(AssertUnwindSafe(|| drop(runtime))).is_err();
    assert!(!unwound, "the panic is reported, not thrown");
    assert!(job_ended.load(Ordering::SeqCst), "running jobs are waited for");
}

// ---- what outlives its runtime

#[test]
fn handles_that_outlive_the_runtime_give_outputs_and_cancellations() {
    let runtime = runtime();
    let (finished, waiting) = runtime.block_on(async {
        let both = (spawn(async { Rc::new(7) }), spawn(pending::<()>()));
        yield_now().await;
        both
    });
    assert!(finished.is_finished() && !waiting.is_finished());
    drop(runtime);
    assert!(waiting.is_finished());
    waiting.abort(); // nothing is left to abort
    let abort = waiting.abort_handle();
    thread::spawn(move || abort.abort()).join().unwrap();
    assert_eq!(*self::runtime().block_on(finished).unwrap(), 7, "an output waits for its handle");
    assert!(self::runtime().block_on(waiting).unwrap_err().is_cancelled());
}

#[test]
fn abort_handles_that_outlive_the_runtime_do_nothing_on_any_thread() {
    let runtime = runtime();
    let task = runtime.spawn(pending::<()>());
    let abort = task.abort_handle();
    runtime.block_on(yield_now());
    drop(runtime);
    let other = abort.clone();
    thread::spawn(move || other.abort()).join().unwrap();
    abort.abort();
    glassloop::run(async move { abort.abort() });
    assert_eq!(task.id().to_string(), "1");
}

#[test]
fn an_abort_that_no_collect_took_is_forgotten_with_the_runtime() {
    let runtime = runtime();
    let task = runtime.spawn(pending::<()>());
    task.abort(); // outside of the loop: a message
    drop(runtime);
    assert!(glassloop::run(task).unwrap_err().is_cancelled());
}

#[test]
fn sleeps_and_sockets_that_outlive_the_runtime_may_be_dropped_on_any_thread() {
    let make = || {
        let runtime = runtime();
        runtime.block_on(async {
            let mut armed = sleep(LONG);
            assert!(poll_once(&mut armed).is_pending());
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
            assert!(stream.poll_read(&mut Context::from_waker(Waker::noop()), &mut [0; 1]).is_pending());
            (armed, listener, stream)
        })
    };
    drop(make());
    let moved = make();
    thread::spawn(move || drop(moved)).join().unwrap();
    let moved = make();
    glassloop::run(async move { drop(moved) });
}

#[test]
fn a_socket_that_outlives_its_runtime_closes_when_it_is_dropped() {
    use std::io::Read;
    let runtime = runtime();
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = runtime.block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
    let mut peer = listener.accept().unwrap().0;
    drop(runtime);
    thread::spawn(move || drop(stream)).join().unwrap();
    assert_eq!(peer.read(&mut [0; 1]).unwrap(), 0);
}

#[test]
fn a_thread_that_waits_for_a_task_hears_of_its_cancellation() {
    let runtime = runtime();
    let handle = runtime.handle();
    let (asked, was_asked) = mpsc::channel();
    let thread = thread::spawn(move || {
        let task = handle.spawn(pending::<()>);
        asked.send(()).unwrap();
        task.wait().unwrap_err()
    });
    was_asked.recv().unwrap();
    runtime.block_on(yield_now()); // the task is made here
    drop(runtime);
    let error = thread.join().unwrap();
    assert!(matches!(&error, RemoteError::Failed(error) if error.is_cancelled()), "{error}");
}

#[test]
fn a_thread_that_waits_for_a_task_that_was_never_made_hears_that_the_runtime_is_gone() {
    let runtime = runtime();
    let handle = runtime.handle();
    let (asked, was_asked) = mpsc::channel();
    let thread = thread::spawn(move || {
        let task = handle.spawn(pending::<()>);
        asked.send(()).unwrap();
        task.wait().unwrap_err()
    });
    was_asked.recv().unwrap();
    drop(runtime);
    let error = thread.join().unwrap();
    assert!(matches!(error, RemoteError::Gone(_)), "{error}");
}

// ---- several runtimes on one thread

#[test]
fn two_runtimes_that_await_each_other_may_be_dropped_in_either_order() {
    for first_goes_first in [true, false] {
        let (first, second) = (runtime(), runtime());
        let drops = Rc::new(Cell::new(0));
        let count = || {
            let drops = drops.clone();
            OnDrop(move || drops.set(drops.get() + 1))
        };
        let (one, two, three) = (count(), count(), count());
        let awaited = first.spawn(async move {
            let _one = one;
            pending::<()>().await;
        });
        let middle = second.spawn(async move {
            let _two = two;
            awaited.await.unwrap_err();
        });
        first
            .spawn(async move {
                let _three = three;
                middle.await.unwrap_err();
            })
            .detach();
        first.block_on(yield_now());
        second.block_on(yield_now());
        if first_goes_first {
            drop(first);
            assert_eq!(drops.get(), 2);
            second.block_on(yield_now()); // the awaiter hears of the cancellation, and ends
            assert_eq!(drops.get(), 3);
        } else {
            drop(second);
            assert_eq!(drops.get(), 1);
            first.block_on(yield_now());
            assert_eq!(drops.get(), 2);
            drop(first);
        }
        assert_eq!(drops.get(), 3);
    }
}

#[test]
fn a_runtime_dropped_inside_a_task_of_another_ends_there_and_the_outer_loop_goes_on() {
    let (outer, inner) = (runtime(), runtime());
    let log: Log<&str> = Rc::default();
    for name in ["first", "second"] {
        let log = log.clone();
        inner.spawn(until_dropped(move || log.borrow_mut().push(name))).detach();
    }
    inner.block_on(yield_now());
    let id = outer.id();
    outer.block_on(async {
        let other = spawn(async { 5 });
        drop(inner);
        assert_eq!(*log.borrow(), ["first", "second"]);
        assert_eq!(Handle::current().runtime_id(), id, "the outer loop is current again");
        sleep(Duration::from_micros(1)).await;
        assert_eq!(other.await.unwrap(), 5);
    });
}

#[test]
fn a_destructor_of_an_inner_runtime_may_wake_and_drop_what_belongs_to_the_outer_one() {
    let (outer, inner) = (runtime(), runtime());
    outer.block_on(async {
        let mut task = spawn(pending::<()>());
        let waker: Waker = poll_fn(|cx| Poll::Ready(cx.waker().clone())).await;
        let mut armed = sleep(LONG);
        assert!(poll_once(&mut armed).is_pending());
        let abort = task.abort_handle();
        let mut outers = Some((waker, armed, abort));
        inner
            .spawn(until_dropped(move || {
                let (waker, armed, abort) = outers.take().unwrap();
                waker.wake();
                drop(armed);
                abort.abort();
            }))
            .detach();
        drop(inner);
        assert!((&mut task).await.unwrap_err().is_cancelled());
    });
    // The sleep is gone: nothing is waited for.
    assert!(outer.try_block_on(pending::<()>()).is_err());
}

#[test]
fn a_runtime_held_by_a_task_of_another_is_dropped_with_it() {
    let (outer, inner) = (runtime(), runtime());
    let dropped = Rc::new(Cell::new(false));
    let flag = dropped.clone();
    inner.spawn(until_dropped(move || flag.set(true))).detach();
    outer
        .spawn(async move {
            let _inner = inner;
            pending::<()>().await;
        })
        .detach();
    outer.block_on(yield_now());
    drop(outer);
    assert!(dropped.get());
}

// ---- blocking jobs

#[test]
fn dropping_the_runtime_waits_for_running_jobs_and_cancels_queued_ones() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (free, held) = mpsc::channel::<()>();
    let (began, has_begun) = mpsc::channel();
    let ended = Arc::new(AtomicBool::new(false));
    let flag = ended.clone();
    let running = runtime.block_on(async {
        let running = spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
            flag.store(true, Ordering::SeqCst);
        });
        spawn_blocking(|| unreachable!("it waits for a thread until the end")).detach();
        running
    });
    has_begun.recv().unwrap();
    // Frees the job while the runtime is dropped, and not before.
    runtime.spawn(async move { drop(free) }).detach();
    drop(runtime);
    assert!(ended.load(Ordering::SeqCst));
    let Poll::Ready(Err(error)) = poll_once(running) else { panic!("its task is gone") };
    assert!(error.is_cancelled(), "its result came too late");
}

/// Says on its channel that it was dropped.
struct Ended(mpsc::Sender<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.send("the worker ended");
    }
}

#[test]
fn no_queued_job_begins_when_a_destructor_ends_the_one_before_it() {
    thread_local!(static WORKER: RefCell<Option<Ended>> = const { RefCell::new(None) });
    type Spawn = fn(Box<dyn FnOnce() + Send>) -> JoinHandle<()>;
    for spawn_job in [spawn_blocking as Spawn, spawn_cpu as Spawn] {
        let runtime = Builder::new().max_blocking_threads(1).max_cpu_threads(1).build().unwrap();
        let (free, held) = mpsc::channel::<()>();
        let (began, has_begun) = mpsc::channel();
        let (say, heard) = mpsc::channel();
        let (stay, stayed) = mpsc::channel::<()>();
        let next = Rc::new(Cell::new(""));
        let (told, to_end, to_begin) = (next.clone(), say.clone(), say);
        runtime.block_on(async {
            let mut free = Some(free);
            spawn(until_dropped(move || {
                drop(free.take()); // the first job ends, and its worker looks for another
                told.set(heard.recv_timeout(LONG).unwrap());
            }))
            .detach();
            spawn_job(Box::new(move || {
                WORKER.set(Some(Ended(to_end)));
                began.send(()).unwrap();
                let _ = held.recv();
            }))
            .detach();
            spawn_job(Box::new(move || {
                to_begin.send("the second job began").unwrap();
                let _ = stayed.recv();
            }))
            .detach();
            yield_now().await;
        });
        has_begun.recv().unwrap();
        assert_eq!((runtime.shutdown(Duration::from_millis(1)), next.get()), (Ok(()), "the worker ended"));
        drop(stay);
    }
}

#[test]
fn shutdown_returns_who_did_not_finish_and_where_it_was_spawned() {
    let runtime = runtime();
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    let (result_dropped, was_dropped) = mpsc::channel();
    let (id, line) = runtime.block_on(async {
        spawn_blocking(|| {}).await.unwrap();
        let line = line!() + 1;
        let job = spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
            OnDrop(move || result_dropped.send(thread::current().name().map(str::to_owned)).unwrap())
        });
        (job.id(), line)
    });
    has_begun.recv().unwrap();
    let unfinished = runtime.shutdown(Duration::from_millis(1)).unwrap_err();
    let [job] = unfinished.jobs() else { panic!("one job runs: {unfinished}") };
    assert_eq!((job.id, job.site.file(), job.site.line()), (id, file!(), line));
    assert_eq!(
        unfinished.to_string(),
        format!(
            "1 blocking job had not ended when the runtime stopped waiting:\n  \
             task {id}, spawned at {}: its job runs on",
            job.site
        )
    );
    drop(free);
    let name = was_dropped.recv_timeout(LONG).expect("its late result is dropped");
    assert_eq!(name.as_deref().map(|name| name.starts_with("glassloop-job-")), Some(true), "on its own thread");
}

#[test]
fn shutdown_returns_as_soon_as_all_jobs_have_ended() {
    let runtime = runtime();
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    runtime.block_on(async {
        spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
        })
        .detach();
    });
    has_begun.recv().unwrap();
    runtime.spawn(async move { drop(free) }).detach();
    assert_eq!(runtime.shutdown(Duration::MAX), Ok(()));
}

#[test]
fn shutdown_without_jobs_drops_every_future_at_once() {
    let runtime = runtime();
    let dropped = Rc::new(Cell::new(false));
    let flag = dropped.clone();
    runtime.spawn(until_dropped(move || flag.set(true))).detach();
    runtime.block_on(yield_now());
    assert_eq!(runtime.shutdown(Duration::ZERO), Ok(()));
    assert!(dropped.get());
}

// ---- tasks that are given time to end

fn virtual_time() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// A task that goes on for so long after `stop`, and then is done.
fn ends_after(runtime: &Runtime, stop: &CancellationToken, goodbye: Duration) -> Rc<Cell<bool>> {
    let (stop, done) = (stop.clone(), Rc::new(Cell::new(false)));
    let note = done.clone();
    runtime
        .spawn(async move {
            stop.cancelled().await;
            sleep(goodbye).await;
            note.set(true);
        })
        .detach();
    done
}

#[test]
fn a_graceful_shutdown_waits_until_the_last_task_has_ended_and_no_longer() {
    let recorder = Recorder::new();
    let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
    let stop = CancellationToken::new();
    let soon = ends_after(&runtime, &stop, Duration::from_secs(1));
    let late = ends_after(&runtime, &stop, Duration::from_secs(4));
    runtime.block_on(yield_now());
    stop.cancel();
    assert_eq!(runtime.shutdown_gracefully(Duration::from_secs(3600)), Ok(()));
    assert!(soon.get() && late.get());
    let jumps: Vec<_> = recorder.order().into_iter().filter(|line| line.starts_with("jump")).collect();
    assert_eq!(jumps, ["jump 1s", "jump 3s"]);
}

#[test]
fn a_graceful_shutdown_names_who_refused_and_where_it_was_parked() {
    let (runtime, stop) = (virtual_time(), CancellationToken::new());
    let willing = ends_after(&runtime, &stop, Duration::from_secs(1));
    let line = line!() + 3;
    let stubborn = async {
        loop {
            sleep(Duration::from_secs(60)).await;
        }
    };
    let sleeper = runtime.block_on(async { glassloop::spawn_named("stubborn", stubborn).id() });
    let lock = Rc::new(Mutex::new(()));
    let (held, wanted) = (lock.clone(), lock);
    runtime
        .spawn(async move {
            let _guard = held.lock().await;
            std::future::pending::<()>().await;
        })
        .detach();
    runtime.spawn(async move { drop(wanted.lock().await) }).detach();
    stop.cancel();
    let unfinished = runtime.shutdown_gracefully(Duration::from_secs(5)).unwrap_err();
    assert!(willing.get());
    let [first, holds, waits] = unfinished.tasks() else { panic!("{unfinished}") };
    assert_eq!((first.id, first.name.as_deref()), (sleeper, Some("stubborn")));
    assert!(matches!(first.waits[..], [Waits::Timer { site, .. }] if site.line() == line), "{first}");
    assert_eq!(holds.waits, []);
    assert!(matches!(waits.waits[..], [Waits::Sync { what: "Mutex::lock", .. }]), "{waits}");
    let text = unfinished.to_string();
    assert!(text.starts_with("3 tasks had not ended when the runtime stopped waiting:\n  task "), "{text}");
    assert!(text.contains("\"stubborn\", spawned at tests/shutdown.rs:"), "{text}");
}

#[test]
fn a_graceful_shutdown_waits_for_what_is_spawned_meanwhile() {
    let runtime = virtual_time();
    let done = Rc::new(Cell::new(0));
    let (child, grandchild) = (done.clone(), done.clone());
    runtime
        .spawn(async move {
            sleep(Duration::from_secs(1)).await;
            spawn(async move {
                sleep(Duration::from_secs(1)).await;
                spawn(async move {
                    yield_now().await;
                    grandchild.set(grandchild.get() + 1);
                })
                .detach();
                child.set(child.get() + 1);
            })
            .detach();
        })
        .detach();
    assert_eq!(runtime.shutdown_gracefully(Duration::from_secs(3)), Ok(()));
    assert_eq!(done.get(), 2);
}

#[test]
fn a_graceful_shutdown_keeps_its_limit_where_a_task_spawns_another_just_then() {
    let runtime = virtual_time();
    let ended = Rc::new(Cell::new(false));
    let flag = ended.clone();
    let limit = Duration::from_secs(5);
    runtime
        .spawn(async move {
            sleep(limit).await;
            spawn(async move {
                sleep(limit).await;
                flag.set(true);
            })
            .detach();
        })
        .detach();
    runtime.block_on(yield_now()); // its timer is there before the limit's, and due with it
    let unfinished = runtime.shutdown_gracefully(limit).unwrap_err();
    assert_eq!((unfinished.tasks().len(), ended.get()), (1, false));
}

#[test]
fn a_graceful_shutdown_without_tasks_or_without_time_ends_at_once() {
    assert_eq!(virtual_time().shutdown_gracefully(Duration::MAX), Ok(()));
    let runtime = virtual_time();
    let dropped = Rc::new(Cell::new(false));
    let flag = dropped.clone();
    runtime.spawn(until_dropped(move || flag.set(true))).detach();
    let unfinished = runtime.shutdown_gracefully(Duration::ZERO).unwrap_err();
    assert_eq!((unfinished.tasks().len(), dropped.get()), (1, true));
}

#[test]
fn a_graceful_shutdown_without_a_limit_ends_when_nothing_can_end_the_wait() {
    let runtime = runtime();
    runtime.spawn(std::future::pending::<()>()).detach();
    let unfinished = runtime.shutdown_gracefully(Duration::MAX).unwrap_err();
    assert_eq!(unfinished.tasks().len(), 1);
}

#[test]
fn a_graceful_shutdown_tells_of_a_job_that_runs_on_once() {
    let runtime = runtime();
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    let id = runtime.block_on(async {
        let job = spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
        });
        job.id()
    });
    has_begun.recv().unwrap();
    let unfinished = runtime.shutdown_gracefully(Duration::from_millis(1)).unwrap_err();
    assert_eq!((unfinished.jobs()[0].id, unfinished.tasks().len()), (id, 0));
    drop(free);
}

#[test]
fn a_graceful_shutdown_that_a_failure_stops_waits_for_jobs_no_longer_than_its_limit() {
    let runtime = Builder::new().on_unhandled(OnUnhandled::Shutdown).build().unwrap();
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    runtime.block_on(async {
        spawn_blocking(move || {
            began.send(()).unwrap();
            held.recv_timeout(LONG)
        })
        .detach();
    });
    has_begun.recv().unwrap();
    runtime.spawn(async { panic!("lost") }).detach();
    let stopped = catch_unwind(AssertUnwindSafe(|| runtime.shutdown_gracefully(Duration::from_millis(1))));
    assert!(stopped.is_err());
    assert!(free.send(()).is_ok(), "the job still runs");
}

#[test]
fn in_debug_mode_a_runtime_says_which_tasks_it_cuts_short_and_without_it_nothing() {
    let name = "in_debug_mode_a_runtime_says_which_tasks_it_cuts_short_and_without_it_nothing";
    let said = stderr_of_child(name, || {
        for debug in [false, true] {
            let runtime = Builder::new().debug(debug).build().unwrap();
            runtime.block_on(async {
                glassloop::spawn_named("saver", sleep(LONG)).detach();
                yield_now().await;
            });
        }
    });
    let said: Vec<&str> = said.lines().collect();
    let Some(at) = said.iter().position(|line| line.contains("ends before 1 of its tasks, which are dropped:"))
    else {
        return assert!(std::env::var_os("GLASSLOOP_TEST_CHILD").is_some(), "{said:?}");
    };
    assert!(said[at].starts_with("glassloop: runtime "), "{said:?}");
    assert!(said[at + 1].starts_with("  task 2 (task) \"saver\", spawned at tests/shutdown.rs:"), "{said:?}");
    assert!(said[at + 1].contains("waits for timer 1"), "{said:?}");
    assert_eq!(said.iter().filter(|line| line.contains("ends before")).count(), 1);
}

// ---- roots that end early

#[test]
fn a_root_that_panics_is_dropped_and_its_tasks_live_on() {
    let runtime = runtime();
    let dropped = Cell::new(false);
    let task = runtime.spawn(async {
        yield_now().await;
        6
    });
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let _root = OnDrop(|| dropped.set(true)); // borrows from the stack
            yield_now().await;
            panic!("the root");
        })
    }));
    assert_eq!(thrown.unwrap_err().downcast_ref(), Some(&"the root"));
    assert!(dropped.get());
    assert_eq!(runtime.block_on(task).unwrap(), 6);
}

#[test]
fn a_root_given_up_in_a_deadlock_is_dropped_inside_its_loop_and_cleared() {
    let runtime = runtime();
    let spawned = RefCell::new(None);
    let verdict = runtime.try_block_on(async {
        let _root = OnDrop(|| *spawned.borrow_mut() = Some(spawn(async { 8 })));
        pending::<()>().await;
    });
    assert!(verdict.is_err());
    let task = spawned.into_inner().expect("its destructor ran while its loop was current");
    assert_eq!(runtime.block_on(task).unwrap(), 8);
    assert_eq!(runtime.block_on(async { glassloop::dump().unwrap().tasks().len() }), 1, "no trace of it is left");
}

#[test]
fn a_panic_that_is_not_the_roots_own_drops_the_root_on_its_way_out() {
    // Of a deadlock, block_on panics itself.
    let runtime = runtime();
    let dropped = Cell::new(false);
    let thrown = catch_unwind(AssertUnwindSafe(|| {
        runtime.block_on(async {
            let _root = OnDrop(|| dropped.set(true));
            pending::<()>().await;
        });
    }));
    let payload = thrown.unwrap_err();
    assert!(payload.downcast_ref::<String>().unwrap().starts_with("deadlock: "));
    assert!(dropped.get());
    assert_eq!(runtime.block_on(async { 1 }), 1);
}
