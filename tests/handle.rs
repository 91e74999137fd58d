//! A loop, as other threads reach it: tasks asked for from outside and waited for there, calls, aborts, and clear
//! words when the loop is gone.

mod support;

use std::cell::{Cell, RefCell};
use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use glassloop::time::{self, sleep};
use glassloop::trace::Recorder;
use glassloop::{
    Builder, Dump, Handle, Outlook, RemoteError, RemoteHandle, Runtime, TaskState, Waits, spawn, spawn_blocking,
    spawn_named, yield_now,
};
use support::stderr_of_child;

/// A loop on a thread of its own, that runs until this is dropped.
struct Beside {
    handle: Handle,
    stop: Option<Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

fn beside() -> Beside {
    let (give, take) = mpsc::channel();
    let (stop, stopped) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        glassloop::run(async {
            give.send(Handle::current()).unwrap();
            let _ = spawn_blocking(move || stopped.recv()).await.unwrap();
        });
    });
    Beside { handle: take.recv().unwrap(), stop: Some(stop), thread: Some(thread) }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

/// A runtime that nobody turns, and its handle.
fn asleep() -> (Runtime, Handle) {
    let runtime = Runtime::new().unwrap();
    let handle = runtime.handle();
    (runtime, handle)
}

/// Lets a loop take its messages, and run what they made ready.
fn collect(runtime: &Runtime) {
    runtime.block_on(async {
        for _ in 0..3 {
            yield_now().await;
            sleep(Duration::ZERO).await; // the next turn
        }
    });
}

// Spawn and wait.

#[test]
fn spawn_from_a_thread_and_wait_for_the_output() {
    let beside = beside();
    let task = beside.handle.spawn(|| async {
        let local = Rc::new(6); // never leaves the loop's thread
        sleep(Duration::from_micros(100)).await;
        *local * 7
    });
    assert_eq!(task.wait().unwrap(), 42);
}

#[test]
fn the_future_is_made_on_the_loops_thread() {
    let beside = beside();
    let here = thread::current().id();
    let made = beside.handle.spawn(|| {
        let made_on = thread::current().id();
        async move { (made_on, thread::current().id()) }
    });
    let (made_on, polled_on) = made.wait().unwrap();
    assert_eq!(made_on, polled_on);
    assert_ne!(made_on, here);
}

#[test]
fn tasks_of_one_thread_are_spawned_in_the_order_asked_for() {
    let (runtime, handle) = asleep();
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..5)
        .map(|n| {
            let order = order.clone();
            handle.spawn(move || async move { order.lock().unwrap().push(n) })
        })
        .collect();
    collect(&runtime);
    assert!(tasks.iter().all(RemoteHandle::is_finished));
    assert_eq!(*order.lock().unwrap(), [0, 1, 2, 3, 4]);
}

#[test]
fn wait_with_a_limit_gives_the_output_in_time() {
    let beside = beside();
    let task = beside.handle.spawn(|| async { 42 });
    assert_eq!(task.wait_timeout(Duration::from_secs(20)).unwrap().unwrap(), 42);
}

#[test]
fn wait_with_a_limit_gives_the_handle_back_and_can_wait_again() {
    let beside = beside();
    let (finish, wait) = mpsc::channel();
    let task = beside.handle.spawn(|| async move { spawn_blocking(move || wait.recv().unwrap()).await.unwrap() });
    let task = task.wait_timeout(Duration::from_millis(1)).unwrap_err();
    let task = task.wait_timeout(Duration::ZERO).unwrap_err();
    assert!(!task.is_finished());
    finish.send(42).unwrap();
    assert_eq!(task.wait().unwrap(), 42);
}

#[test]
fn wait_with_no_time_left_still_gives_an_output_that_is_there() {
    let (runtime, handle) = asleep();
    let task = handle.spawn(|| async { 42 });
    collect(&runtime);
    assert_eq!(task.wait_timeout(Duration::ZERO).unwrap().unwrap(), 42);
}

#[test]
fn wait_with_the_longest_limit_is_a_wait() {
    let beside = beside();
    let task = beside.handle.spawn(|| async { sleep(Duration::from_micros(100)).await });
    task.wait_timeout(Duration::MAX).unwrap().unwrap();
}

#[test]
fn many_threads_wait_for_their_own_tasks() {
    let beside = beside();
    let threads: Vec<_> = (0..8_u64)
        .map(|n| {
            let handle = beside.handle.clone();
            thread::spawn(move || {
                (0..50).map(|k| handle.spawn(move || async move { n * k }).wait().unwrap()).sum()
            })
        })
        .collect();
    let sums: Vec<u64> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    assert_eq!(sums, (0..8).map(|n| n * 1225).collect::<Vec<_>>());
}

#[test]
fn wait_on_the_tasks_own_loop_is_refused() {
    let words = glassloop::run(async {
        let task = Handle::current().spawn(|| async {});
        let refused = catch_unwind(AssertUnwindSafe(|| task.wait())).unwrap_err();
        *refused.downcast::<String>().unwrap()
    });
    assert!(words.contains("for one of its own tasks, which could never run meanwhile"), "{words}");
    assert!(words.contains("`.await` the handle instead"), "{words}");
}

#[test]
fn remote_handle_is_awaited_on_its_own_loop() {
    let output = glassloop::run(async { Handle::current().spawn(|| async { 42 }).await });
    assert_eq!(output.unwrap(), 42);
}

#[test]
fn remote_handle_is_awaited_inside_another_runtime() {
    let beside = beside();
    let handle = beside.handle.clone();
    let output = glassloop::run(async move {
        let task = handle.spawn(|| async {
            sleep(Duration::from_micros(200)).await;
            42
        });
        task.await
    });
    assert_eq!(output.unwrap(), 42);
}

#[test]
fn remote_handle_polled_again_after_its_output_says_so() {
    let words = glassloop::run(async {
        let mut task = Handle::current().spawn(|| async { 42 });
        assert_eq!((&mut task).await.unwrap(), 42);
        time::pause(); // a wait that never ends is over at once
        let again = spawn(async move { time::timeout(Duration::from_secs(1), task).await.is_err() });
        again.await.expect_err("it waited for an output that was taken").to_string()
    });
    assert!(words.contains("after it gave its output"), "{words}");
}

#[test]
fn wait_for_an_output_that_was_taken_says_so() {
    let (runtime, handle) = asleep();
    let mut task = handle.spawn(|| async { 42 });
    collect(&runtime);
    assert_eq!(runtime.block_on(&mut task).unwrap(), 42);
    let words = catch_unwind(AssertUnwindSafe(|| task.wait_timeout(Duration::from_millis(1)))).unwrap_err();
    assert!(message(&*words).contains("after it gave its output"));
}

fn message(payload: &(dyn std::any::Any + Send)) -> &str {
    payload.downcast_ref::<String>().map(String::as_str).or(payload.downcast_ref::<&str>().copied()).unwrap()
}

#[test]
fn detached_task_runs_on() {
    let (runtime, handle) = asleep();
    let (say, heard) = mpsc::channel();
    handle.spawn(move || async move { say.send(42).unwrap() }).detach();
    collect(&runtime);
    assert_eq!(heard.try_recv(), Ok(42));
}

// Tasks that fail.

fn failed<T: std::fmt::Debug>(error: Result<T, RemoteError>) -> glassloop::JoinError {
    match error.unwrap_err() {
        RemoteError::Failed(error) => error,
        other => panic!("the task failed, and this says: {other}"),
    }
}

#[test]
fn panic_of_the_task_is_carried_over() {
    let beside = beside();
    let what = String::from("milk");
    let error = failed(beside.handle.spawn(|| async move { panic!("spilled {what}") }).wait());
    assert!(error.is_panic());
    assert_eq!(error.to_string(), format!("task {} panicked: spilled milk", error.id()));
    assert_eq!(*error.into_panic().downcast::<String>().unwrap(), "spilled milk");
    assert_eq!(beside.handle.spawn(|| async { 1 }).wait().unwrap(), 1, "the loop lives");
}

#[test]
fn panic_of_the_closure_that_makes_the_future_is_carried_over() {
    let beside = beside();
    let make = || -> std::future::Ready<()> { panic!("spilled milk") };
    let error = failed(beside.handle.spawn(make).wait());
    assert!(error.to_string().ends_with("panicked: spilled milk"), "{error}");
}

#[test]
fn remote_error_has_the_failure_as_its_source() {
    let beside = beside();
    let error = beside.handle.spawn(|| async { panic!("spilled milk") }).wait().unwrap_err();
    let source = std::error::Error::source(&error).unwrap();
    assert_eq!(source.to_string(), error.to_string());
}

/// Which reports of lost panics `stderr` holds, from the task's id on.
fn lost(stderr: &str) -> Vec<String> {
    let place = format!(", spawned at {}:", file!());
    let reports = stderr.lines().filter_map(|line| line.strip_prefix("glassloop: task ")?.split_once(&place));
    let (reports, ends): (Vec<_>, Vec<_>) = reports.unzip();
    assert!(ends.iter().all(|end| end.contains(", panicked, and nobody holds its handle: ")), "{stderr}");
    reports.into_iter().map(str::to_owned).collect()
}

#[test]
fn panic_that_no_remote_handle_will_give_is_reported_once() {
    let stderr = stderr_of_child("panic_that_no_remote_handle_will_give_is_reported_once", || {
        let (runtime, handle) = asleep();
        handle.spawn(|| async { panic!("detached before") }).detach(); // task 2, after the root of `collect`
        let unread = handle.spawn(|| async { panic!("dropped unread") });
        let read = handle.spawn(|| async { panic!("read") });
        let cancelled = handle.spawn(pending::<()>);
        collect(&runtime);
        assert!(unread.is_finished());
        thread::spawn(move || drop(unread)).join().unwrap();
        assert!(failed(read.wait()).is_panic());
        drop(runtime);
        drop(cancelled);
    });
    if !stderr.is_empty() {
        assert_eq!(lost(&stderr), ["2", "3"], "{stderr}");
    }
}

#[test]
fn panic_of_a_detached_remote_task_is_its_outcome() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.handle().spawn(|| async { panic!("on its way") }).detach();
    collect(&runtime);
    assert!(recorder.order().contains(&"done 2 panicked".to_owned()), "{}", recorder.order().join("\n"));
}

#[test]
#[allow(clippy::async_yields_async)] // the handles are dropped outside of the loop
fn handle_dropped_between_two_turns_leaves_its_tasks_panic_to_the_loop_which_knows_its_name() {
    let name = "handle_dropped_between_two_turns_leaves_its_tasks_panic_to_the_loop_which_knows_its_name";
    let stderr = stderr_of_child(name, || {
        let runtime = Runtime::new().unwrap();
        let panics = |name: &str| {
            runtime.block_on(async {
                let task = spawn_named(name, async { panic!("unread") });
                yield_now().await;
                task
            })
        };
        drop(panics("dropped before a turn"));
        let late = panics("dropped when the loop is gone");
        drop(panics("dropped before the end"));
        drop(runtime);
        drop(late);
    });
    if !stderr.is_empty() {
        assert_eq!(lost(&stderr), ["2 \"dropped before a turn\"", "6", "4"], "{stderr}");
    }
}

#[test]
fn task_that_aborts_itself_gives_cancelled() {
    let beside = beside();
    let task = beside.handle.spawn(|| async {
        let inner = Rc::new(RefCell::new(None::<glassloop::JoinHandle<()>>));
        let own = inner.clone();
        let task = spawn(async move {
            own.borrow().as_ref().unwrap().abort();
            pending::<()>().await;
        });
        *inner.borrow_mut() = Some(task);
        yield_now().await;
        let task = inner.take().unwrap();
        task.await.unwrap_err().is_cancelled()
    });
    assert!(task.wait().unwrap());
}

// Abort.

#[test]
fn abort_of_a_remote_handle_cancels_the_task() {
    let beside = beside();
    let (begun, wait) = mpsc::channel();
    let task = beside.handle.spawn(move || async move {
        begun.send(()).unwrap();
        pending::<()>().await;
    });
    wait.recv().unwrap();
    task.abort();
    let error = failed(task.wait());
    assert!(error.is_cancelled());
    assert_eq!(error.to_string(), format!("task {} was cancelled", error.id()));
}

#[test]
fn abort_before_the_task_was_made_never_makes_its_future() {
    let (runtime, handle) = asleep();
    let made = Arc::new(Mutex::new(false));
    let task = handle.spawn({
        let made = made.clone();
        move || async move { *made.lock().unwrap() = true }
    });
    task.abort();
    assert!(!task.is_finished(), "the loop has not turned");
    collect(&runtime);
    assert!(failed(task.wait()).is_cancelled());
    assert!(!*made.lock().unwrap());
}

#[test]
fn abort_drops_the_future_on_the_loops_thread() {
    let beside = beside();
    let (say, heard) = mpsc::channel();
    struct Says(Sender<thread::ThreadId>);
    impl Drop for Says {
        fn drop(&mut self) {
            self.0.send(thread::current().id()).unwrap();
        }
    }
    let loops = beside.handle.spawn(|| async { thread::current().id() }).wait().unwrap();
    let task = beside.handle.spawn(move || async move {
        let _says = Says(say);
        pending::<()>().await;
    });
    beside.handle.spawn(|| async {}).wait().unwrap(); // by now the task waits
    task.abort();
    assert_eq!(heard.recv().unwrap(), loops);
}

#[test]
fn abort_handle_of_a_local_task_cancels_it_from_a_thread() {
    let cancelled = glassloop::run(async {
        let task = spawn(pending::<()>());
        let abort = task.abort_handle();
        thread::spawn(move || abort.abort());
        task.await.unwrap_err().is_cancelled()
    });
    assert!(cancelled);
}

#[test]
fn abort_of_a_finished_task_changes_nothing() {
    let beside = beside();
    let task = beside.handle.spawn(|| async { 42 });
    while !task.is_finished() {
        thread::yield_now();
    }
    task.abort();
    task.abort();
    assert_eq!(task.wait().unwrap(), 42);
}

// Calls.

#[test]
fn calls_of_one_thread_run_in_their_order_among_its_spawns() {
    let (runtime, handle) = asleep();
    let order = Arc::new(Mutex::new(Vec::new()));
    let push = |word: &'static str| {
        let order = order.clone();
        move || order.lock().unwrap().push(word)
    };
    handle.call_soon(push("call 1")).unwrap();
    let spawned = push("task, behind all calls");
    handle.spawn(move || async move { spawned() }).detach();
    handle.call_soon(push("call 2")).unwrap();
    handle.call_soon(push("call 3")).unwrap();
    collect(&runtime);
    assert_eq!(*order.lock().unwrap(), ["call 1", "call 2", "call 3", "task, behind all calls"]);
}

#[test]
fn call_runs_in_collect_before_any_task_is_polled() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let handle = runtime.handle();
    thread::Builder::new()
        .name("caller".into())
        .spawn(move || handle.call_soon(|| spawn(async {}).detach()).unwrap())
        .unwrap()
        .join()
        .unwrap();
    runtime.block_on(yield_now());
    assert_eq!(
        recorder.order()[..8],
        [
            "wake 1: spawned",
            "turn 1",
            "collect",
            "wake 2: spawned",
            "run",
            "poll 1",
            "wake 1: task 1",
            "pending 1"
        ]
    );
}

#[test]
fn call_from_a_call_waits_for_the_next_turn() {
    let (runtime, handle) = asleep();
    let order = Rc::new(RefCell::new(Vec::new()));
    let (say, heard) = mpsc::channel();
    let inner = handle.clone();
    handle
        .call_soon(move || {
            say.send("outer").unwrap();
            inner.call_soon(move || say.send("inner").unwrap()).unwrap();
        })
        .unwrap();
    runtime.block_on(async {
        order.borrow_mut().extend(heard.try_iter());
        order.borrow_mut().push("root");
        sleep(Duration::ZERO).await;
        order.borrow_mut().extend(heard.try_iter());
    });
    assert_eq!(*order.borrow(), ["outer", "root", "inner"]);
}

#[test]
fn call_that_panics_leaves_the_loop_and_later_calls_alone() {
    let (runtime, handle) = asleep();
    let (say, heard) = mpsc::channel();
    handle.call_soon(|| panic!("spilled milk")).unwrap();
    handle.call_soon(move || say.send(()).unwrap()).unwrap();
    collect(&runtime);
    assert_eq!(heard.try_recv(), Ok(()));
}

#[test]
fn call_wakes_a_loop_that_sleeps() {
    let beside = beside();
    let (say, heard) = mpsc::channel();
    beside.handle.call_soon(move || say.send(42).unwrap()).unwrap();
    assert_eq!(heard.recv(), Ok(42));
}

#[test]
fn calls_on_the_loops_own_thread_wait_for_the_next_collect() {
    let seen = glassloop::run(async {
        let (say, heard) = mpsc::channel();
        Handle::current().call_soon(move || say.send(()).unwrap()).unwrap();
        let before = heard.try_recv().is_ok();
        sleep(Duration::ZERO).await;
        (before, heard.try_recv().is_ok())
    });
    assert_eq!(seen, (false, true));
}

// After the runtime is gone.

fn gone() -> (Handle, String) {
    let (runtime, handle) = asleep();
    let words = format!("glassloop runtime {} was dropped, so nothing can be sent to it any more", runtime.id());
    (handle, words)
}

#[test]
fn call_after_the_runtime_is_gone_is_an_error_and_drops_the_closure() {
    let (handle, words) = gone();
    let held = Arc::new(());
    let inner = held.clone();
    let error = handle.call_soon(move || drop(inner)).unwrap_err();
    assert_eq!(error.to_string(), words);
    assert_eq!(error.runtime_id(), handle.runtime_id());
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn spawn_after_the_runtime_is_gone_is_an_error_for_whoever_waits() {
    let (handle, words) = gone();
    let task = handle.spawn(|| async { 42 });
    assert!(task.is_finished());
    task.abort();
    assert_eq!(task.wait().unwrap_err().to_string(), words);
    assert_eq!(handle.spawn(|| async {}).wait_timeout(Duration::MAX).unwrap().unwrap_err().to_string(), words);
    let error = glassloop::run(handle.spawn(|| async {})).unwrap_err();
    assert!(matches!(error, RemoteError::Gone(_)));
}

#[test]
fn dump_after_the_runtime_is_gone_is_an_error() {
    let (handle, words) = gone();
    assert_eq!(handle.dump().unwrap_err().to_string(), words);
}

#[test]
fn task_not_made_when_the_runtime_goes_says_gone() {
    let (runtime, handle) = asleep();
    let task = handle.spawn(|| async { 42 });
    drop(runtime);
    assert!(matches!(task.wait(), Err(RemoteError::Gone(_))));
}

#[test]
fn task_that_waits_when_the_runtime_goes_says_cancelled() {
    let (runtime, handle) = asleep();
    let task = handle.spawn(pending::<()>);
    collect(&runtime);
    drop(runtime);
    assert!(failed(task.wait()).is_cancelled());
}

#[test]
fn waiting_thread_is_let_go_when_the_runtime_goes() {
    let (runtime, handle) = asleep();
    let task = handle.spawn(pending::<()>);
    let thread = thread::spawn(move || task.wait());
    drop(runtime);
    assert!(thread.join().unwrap().is_err());
}

#[test]
fn output_that_is_there_outlives_the_runtime() {
    let (runtime, handle) = asleep();
    let task = handle.spawn(|| async { 42 });
    collect(&runtime);
    drop(runtime);
    assert_eq!(task.wait().unwrap(), 42);
}

#[test]
fn spawn_by_a_destructor_of_a_runtime_that_goes_says_gone() {
    struct Spawns(Handle, Rc<Cell<Option<RemoteHandle<()>>>>);
    impl Drop for Spawns {
        fn drop(&mut self) {
            self.1.set(Some(self.0.spawn(|| async {})));
        }
    }
    let (runtime, handle) = asleep();
    let place = Rc::new(Cell::new(None));
    let spawns = Spawns(handle, place.clone());
    runtime
        .spawn(async move {
            let _spawns = spawns;
            pending::<()>().await;
        })
        .detach();
    collect(&runtime);
    drop(runtime);
    let error = place.take().unwrap().wait().unwrap_err();
    assert!(matches!(error, RemoteError::Gone(_)), "the task was never made, and this says: {error}");
}

#[test]
fn abort_handle_after_the_runtime_is_gone_does_nothing() {
    let runtime = Runtime::new().unwrap();
    let task = runtime.spawn(pending::<()>());
    let abort = task.abort_handle();
    runtime.block_on(yield_now());
    drop(runtime);
    thread::spawn(move || abort.abort()).join().unwrap();
    assert!(glassloop::run(task).unwrap_err().is_cancelled());
}

#[test]
fn handle_outside_of_a_loop_is_an_error() {
    let error = Handle::try_current().unwrap_err();
    assert!(error.to_string().starts_with("Handle::current was used outside of a glassloop runtime"), "{error}");
}

// Dump.

#[test]
fn dump_from_another_thread_names_the_tasks_and_their_waits() {
    let (say, dumps): (Sender<Dump>, Receiver<Dump>) = mpsc::channel();
    glassloop::run(async {
        let sleeper = spawn_named("sleeper", async { sleep(Duration::from_secs(3600)).await });
        yield_now().await;
        let handle = Handle::current();
        let job = spawn_blocking(move || say.send(handle.dump().unwrap()).unwrap());
        job.await.unwrap();
        sleeper.abort();
    });
    let dump = dumps.recv().unwrap();
    let [root, sleeper, job] = dump.tasks() else { panic!("{dump}") };
    assert_eq!(root.waits, [Waits::Join(job.id)]);
    assert_eq!(sleeper.name.as_deref(), Some("sleeper"));
    assert!(matches!(sleeper.waits[..], [Waits::Timer { .. }]));
    assert_eq!(job.waits, [Waits::Job]);
    assert!(dump.tasks().iter().all(|task| task.state == TaskState::Waiting));
    assert_eq!(dump.outlook(), Outlook::GoesOn);
}

#[test]
fn dump_on_the_loops_own_thread_is_answered_at_once() {
    glassloop::run(async {
        let dump = Handle::current().dump().unwrap();
        assert_eq!(dump.tasks()[0].state, TaskState::Running);
    });
}

#[test]
fn thread_that_waits_for_a_dump_is_let_go_when_the_runtime_goes() {
    let (runtime, handle) = asleep();
    let (about, ready) = mpsc::channel();
    let thread = thread::spawn(move || {
        about.send(()).unwrap();
        handle.dump().map(drop)
    });
    ready.recv().unwrap();
    let id = runtime.id();
    drop(runtime);
    assert_eq!(thread.join().unwrap().unwrap_err().runtime_id(), id);
}
