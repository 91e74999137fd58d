//! The blocking pool: no thread before the first job, jobs that begin in order, and what becomes of each.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any};
use std::process::Command;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Condvar, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use glassloop::time::{Instant, sleep, timeout};
use glassloop::trace::{Event, Kind, Observer, Recorder};
use glassloop::{Builder, Handle, RemoteError, Runtime, spawn, spawn_blocking, yield_now};

/// Longer than anything here takes, and shorter than the default keep-alive.
const LONG: Duration = Duration::from_secs(8);

fn with_threads(limit: usize) -> Runtime {
    Builder::new().max_blocking_threads(limit).build().unwrap()
}

/// A job that has begun, and runs until it is freed.
struct Held<T> {
    handle: glassloop::JoinHandle<T>,
    free: mpsc::Sender<()>,
}

/// Returns when the job runs.
fn hold<T: Send + 'static>(output: T) -> Held<T> {
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel();
    let handle = spawn_blocking(move || {
        began.send(()).unwrap();
        let _ = held.recv();
        output
    });
    has_begun.recv().unwrap();
    Held { handle, free }
}

/// Says on which thread it is dropped.
struct Traced(mpsc::Sender<thread::ThreadId>);

impl Drop for Traced {
    fn drop(&mut self) {
        let _ = self.0.send(thread::current().id());
    }
}

// ---- threads

/// In a process of its own, where no other test makes threads.
#[cfg(target_os = "linux")]
#[test]
fn no_thread_is_made_before_the_first_job() {
    use glassloop::net::{TcpListener, TcpStream};
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let output =
            child.args(["no_thread_is_made_before_the_first_job", "--exact", "--nocapture"]).env(CHILD, "1");
        let output = output.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        spawn(yield_now()).await.unwrap();
        sleep(Duration::from_micros(100)).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = spawn(TcpStream::connect(listener.local_addr().unwrap()));
        listener.accept().await.unwrap();
        client.await.unwrap().unwrap();
        assert_eq!(threads(), before, "tasks, timers, sockets and numeric addresses need none");
        let held = hold(());
        assert_eq!(threads(), before + 1);
        drop(held);
    });
    drop(runtime);
}

/// In a process of its own, whose threads are to have more stack than there is memory.
#[cfg(target_os = "linux")]
#[test]
fn a_job_for_which_no_thread_can_be_made_is_refused_and_dropped_at_its_turn() {
    const STACK: &str = "RUST_MIN_STACK";
    let huge = (1_u64 << 62).to_string();
    if std::env::var_os(STACK).is_none_or(|stack| stack != *huge) {
        let mut child = Command::new(std::env::current_exe().unwrap());
        let name = "a_job_for_which_no_thread_can_be_made_is_refused_and_dropped_at_its_turn";
        let output = child.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(STACK, huge);
        let output = output.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        return;
    }
    let runtime = Runtime::new().unwrap();
    let (dropped, was_dropped) = mpsc::channel();
    runtime.block_on(async {
        let traced = Traced(dropped);
        let refused = catch_unwind(AssertUnwindSafe(|| spawn_blocking(move || drop(traced)).detach()));
        let words = *refused.unwrap_err().downcast::<String>().unwrap();
        assert!(words.contains("no thread could be made for it"), "{words}");
        assert!(was_dropped.try_recv().is_err(), "not before its turn");
        yield_now().await;
        assert_eq!(was_dropped.try_recv(), Ok(thread::current().id()));
        assert_eq!(glassloop::metrics().unwrap().blocking, glassloop::Load::default());
    });
    assert_eq!(runtime.metrics().alive, 0);
}

#[test]
fn the_limit_of_threads_is_used_and_not_exceeded() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pairs = Arc::new(Barrier::new(2)); // passed by two jobs that run at once, and by none alone
    with_threads(2).block_on(async {
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let (at_once, most, pairs) = (at_once.clone(), most.clone(), pairs.clone());
                spawn_blocking(move || {
                    most.fetch_max(at_once.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    pairs.wait();
                    at_once.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert_eq!(most.load(Ordering::SeqCst), 2);
}

/// Each of them needs all the others, so a job left in the queue for which nobody comes shows.
#[test]
fn jobs_that_wait_for_each_other_all_get_threads_whether_made_or_called() {
    const JOBS: usize = 6;
    with_threads(JOBS).block_on(async {
        for _ in 0..200 {
            let begun = Arc::new((Mutex::new(0), Condvar::new()));
            let job = |_| {
                let begun = begun.clone();
                spawn_blocking(move || {
                    let (count, news) = &*begun;
                    let mut count = count.lock().unwrap();
                    *count += 1;
                    news.notify_all();
                    !news.wait_timeout_while(count, LONG, |count| *count < JOBS).unwrap().1.timed_out()
                })
            };
            let jobs: Vec<_> = (0..JOBS).map(job).collect();
            for job in jobs {
                assert!(job.await.unwrap(), "a job waited for one that had no thread");
            }
        }
    });
}

/// The jobs come at all distances up to past the time that a thread stays, so that some call one which is leaving.
#[test]
fn a_job_that_comes_while_its_thread_leaves_is_run() {
    let runtime = Builder::new().thread_keep_alive(Duration::from_micros(20)).build().unwrap();
    runtime.block_on(async {
        for n in 0..3000 {
            let next = std::time::Instant::now() + Duration::from_micros(n % 160);
            while std::time::Instant::now() < next {}
            let job = timeout(LONG, spawn_blocking(move || n)).await;
            assert_eq!(job.expect("nobody came for the job").unwrap(), n);
        }
    });
}

#[test]
fn a_short_job_behind_one_that_waits_is_run_by_another_thread() {
    glassloop::run(async {
        let first = hold(1);
        assert_eq!(spawn_blocking(|| 2).await.unwrap(), 2);
        let third = hold(3);
        assert_eq!(spawn_blocking(|| 4).await.unwrap(), 4);
        drop((first.free, third.free));
        assert_eq!((first.handle.await.unwrap(), third.handle.await.unwrap()), (1, 3));
    });
}

#[test]
fn an_idle_thread_ends_after_its_keep_alive_and_the_next_job_gets_a_new_one() {
    thread_local! {
        static END: Cell<Option<Traced>> = const { Cell::new(None) };
    }
    let runtime = Builder::new().thread_keep_alive(Duration::from_millis(1)).build().unwrap();
    let (ended, has_ended) = mpsc::channel();
    let first = runtime.block_on(async {
        spawn_blocking(move || {
            END.set(Some(Traced(ended)));
            thread::current().id()
        })
        .await
        .unwrap()
    });
    assert_eq!(has_ended.recv_timeout(LONG), Ok(first), "it ends long before the default of ten seconds");
    let second = runtime.block_on(async { spawn_blocking(|| thread::current().id()).await.unwrap() });
    assert_ne!(first, second);
}

#[test]
fn pool_threads_are_named_and_numbered() {
    let name = with_threads(1)
        .block_on(async { spawn_blocking(|| thread::current().name().map(str::to_owned)).await.unwrap() });
    assert_eq!(name.as_deref(), Some("glassloop-job-1"));
}

// ---- order

#[test]
fn jobs_begin_in_the_order_in_which_they_were_made() {
    let log = Arc::new(Mutex::new(Vec::new()));
    with_threads(1).block_on(async {
        let jobs: Vec<_> = (0..20)
            .map(|n| {
                let log = log.clone();
                spawn_blocking(move || log.lock().unwrap().push(n))
            })
            .collect();
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert!(log.lock().unwrap().iter().copied().eq(0..20));
}

/// When an observer hears of a task, its job is not in the queue yet.
#[test]
fn a_job_that_an_observer_of_a_spawn_makes_begins_after_the_job_that_was_made_before() {
    /// Makes a job when it hears of one, once it is told to.
    struct Shadow {
        is_on: Rc<Cell<bool>>,
        log: Arc<Mutex<Vec<&'static str>>>,
    }
    impl Observer for Shadow {
        fn event(&self, _at: Instant, event: &Event) {
            if matches!(event, Event::Spawn { kind: Kind::Blocking, .. }) && self.is_on.replace(false) {
                let log = self.log.clone();
                spawn_blocking(move || log.lock().unwrap().push("the observer's")).detach();
            }
        }
    }
    let (is_on, log) = (Rc::new(Cell::new(false)), Arc::new(Mutex::new(Vec::new())));
    let observer = Rc::new(Shadow { is_on: is_on.clone(), log: log.clone() });
    let runtime = Builder::new().max_blocking_threads(1).observer(observer).build().unwrap();
    runtime.block_on(async {
        let held = hold(());
        is_on.set(true);
        let seen = log.clone();
        let first = spawn_blocking(move || seen.lock().unwrap().push("the one it heard of"));
        let last = spawn_blocking(|| {});
        drop(held.free);
        first.await.unwrap();
        last.await.unwrap();
    });
    assert_eq!(*log.lock().unwrap(), ["the one it heard of", "the observer's"]);
}

#[test]
fn a_result_does_not_wait_for_the_next_job_of_its_thread() {
    with_threads(1).block_on(async {
        let held = hold("a result");
        let (free, waits) = mpsc::channel::<()>();
        let next = spawn_blocking(move || waits.recv().is_err());
        drop(held.free);
        assert_eq!(timeout(LONG, held.handle).await.expect("the next job runs on").unwrap(), "a result");
        drop(free);
        assert!(next.await.unwrap());
    });
}

#[test]
fn results_come_in_the_order_in_which_jobs_ended_and_with_the_job_as_cause() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let (first, second) = (hold("first"), hold("second"));
        drop(second.free);
        assert_eq!(second.handle.await.unwrap(), "second");
        drop(first.free);
        assert_eq!(first.handle.await.unwrap(), "first");
    });
    let wakes: Vec<_> = recorder.order().into_iter().filter(|line| line.ends_with("its job ended")).collect();
    assert_eq!(wakes, ["wake 3: its job ended", "wake 2: its job ended"]);
}

#[test]
fn a_burst_of_jobs_all_run_and_each_gives_its_own_result() {
    with_threads(4).block_on(async {
        let jobs: Vec<_> = (0..1000_u32).map(|n| spawn_blocking(move || n * 2)).collect();
        for (n, job) in (0..1000_u32).zip(jobs) {
            assert_eq!(job.await.unwrap(), n * 2);
        }
    });
}

#[test]
fn the_loop_runs_on_while_a_job_waits() {
    let (send, receive) = mpsc::channel();
    glassloop::run(async {
        let job = spawn_blocking(move || receive.recv().unwrap());
        let feeder = spawn(async move {
            sleep(Duration::from_micros(1)).await;
            send.send(7).unwrap();
        });
        assert_eq!(job.await.unwrap(), 7);
        feeder.await.unwrap();
    });
}

// ---- panics and results

#[test]
fn a_panic_in_a_job_is_carried_to_its_awaiter_and_its_thread_lives() {
    let runtime = with_threads(1);
    runtime.block_on(async {
        let thread = spawn_blocking(|| thread::current().id()).await.unwrap();
        let error = spawn_blocking(|| panic_any(7_u8)).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 7);
        assert_eq!(spawn_blocking(|| thread::current().id()).await.unwrap(), thread);
    });
}

#[test]
fn a_job_whose_handle_was_dropped_runs_and_its_result_is_dropped_on_the_loops_thread() {
    let (dropped, was_dropped) = mpsc::channel();
    with_threads(1).block_on(async {
        spawn_blocking(move || Traced(dropped)).detach();
        spawn_blocking(|| ()).await.unwrap(); // on the same thread, behind it
    });
    assert_eq!(was_dropped.recv_timeout(LONG), Ok(thread::current().id()));
}

// ---- cancellation

#[test]
fn a_queued_job_is_cancelled_at_its_turn_and_its_closure_dropped_there() {
    let runtime = with_threads(1);
    let (dropped, was_dropped) = mpsc::channel();
    runtime.block_on(async {
        let held = hold(());
        let closure = Traced(dropped);
        let queued = spawn_blocking(move || {
            let _closure = &closure;
            unreachable!("it was taken back")
        });
        queued.abort();
        queued.abort();
        assert!(was_dropped.try_recv().is_err(), "abort runs no destructor");
        assert!(!queued.is_finished());
        yield_now().await;
        assert_eq!(was_dropped.try_recv(), Ok(thread::current().id()));
        assert!(queued.await.unwrap_err().is_cancelled());
        drop(held.free);
        held.handle.await.unwrap();
    });
}

#[test]
fn a_queued_job_may_be_cancelled_from_another_thread() {
    with_threads(1).block_on(async {
        let held = hold(());
        let queued = spawn_blocking(|| unreachable!("it was taken back"));
        let abort = queued.abort_handle();
        thread::spawn(move || abort.abort()).join().unwrap();
        let error: glassloop::JoinError = queued.await.unwrap_err();
        assert!(error.is_cancelled());
        drop(held);
    });
}

#[test]
fn a_running_job_is_not_cancelled_by_abort() {
    glassloop::run(async {
        let held = hold(5);
        held.handle.abort();
        held.handle.abort_handle().abort();
        yield_now().await;
        assert!(!held.handle.is_finished());
        drop(held.free);
        assert_eq!(held.handle.await.unwrap(), 5);
    });
}

#[test]
fn jobs_behind_a_cancelled_one_run() {
    with_threads(1).block_on(async {
        let held = hold(());
        let cancelled = spawn_blocking(|| ());
        let behind = spawn_blocking(|| 6);
        cancelled.abort();
        drop(held.free);
        assert_eq!(behind.await.unwrap(), 6);
        assert!(cancelled.await.unwrap_err().is_cancelled());
    });
}

#[test]
fn of_jobs_cancelled_at_the_front_in_the_middle_and_at_the_end_none_runs_and_the_others_keep_their_order() {
    let log = Arc::new(Mutex::new(Vec::new()));
    with_threads(1).block_on(async {
        let held = hold(());
        let job = |n| {
            let log = log.clone();
            spawn_blocking(move || log.lock().unwrap().push(n))
        };
        let jobs: Vec<_> = (0..8).map(job).collect();
        for n in [7, 0, 3, 4, 6] {
            jobs[n].abort();
        }
        drop(held.free);
        let mut cancelled = Vec::new();
        for (n, job) in jobs.into_iter().enumerate() {
            if job.await.is_err_and(|error| error.is_cancelled()) {
                cancelled.push(n);
            }
        }
        assert_eq!(cancelled, [0, 3, 4, 6, 7]);
    });
    assert_eq!(*log.lock().unwrap(), [1, 2, 5]);
}

// ---- the end of the runtime

#[test]
fn a_job_that_sends_through_a_handle_learns_that_its_runtime_shuts_down() {
    let runtime = Runtime::new().unwrap();
    let heard = Arc::new(AtomicBool::new(false));
    let (flag, handle) = (heard.clone(), runtime.handle());
    let (began, has_begun) = mpsc::channel();
    runtime.block_on(async {
        spawn_blocking(move || {
            began.send(()).unwrap();
            // The runtime's end is the only end of this: dropping it waits for the job.
            while handle.call_soon(|| ()).is_ok() {
                thread::yield_now();
            }
            let error = handle.spawn(|| async {}).wait().unwrap_err();
            flag.store(matches!(error, RemoteError::Gone(_)), Ordering::SeqCst);
        })
        .detach();
    });
    has_begun.recv().unwrap();
    drop(runtime);
    assert!(heard.load(Ordering::SeqCst));
}

#[test]
fn a_job_that_waits_for_a_task_of_its_loop_is_let_go_when_the_runtime_shuts_down() {
    let runtime = Runtime::new().unwrap();
    let (outcome, outcomes) = mpsc::channel();
    runtime.block_on(async {
        let handle = Handle::current();
        let held = spawn_blocking(move || {
            let task = handle.spawn(std::future::pending::<()>);
            outcome.send(task.wait().unwrap_err().to_string()).unwrap();
        });
        // Until the task that the job asked for is there.
        while glassloop::dump().unwrap().tasks().len() < 3 {
            sleep(Duration::from_micros(50)).await;
        }
        held.detach();
    });
    drop(runtime);
    assert_eq!(outcomes.recv_timeout(LONG).unwrap(), "task 3 was cancelled");
}

// ---- policies

#[test]
fn a_virtual_clock_stands_while_a_job_is_out() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let held = hold(());
        let start = Instant::now();
        let sleeper = spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            start.elapsed()
        });
        yield_now().await; // the timer is armed
        spawn_blocking(move || drop(held.free)).detach();
        held.handle.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "no jump while jobs were out");
        assert_eq!(sleeper.await.unwrap(), Duration::from_secs(3600));
    });
}

#[test]
fn an_inline_job_runs_on_the_loops_thread_in_its_tasks_first_poll() {
    let recorder = Recorder::new();
    let runtime = Builder::new().inline_blocking().observer(recorder.observer()).build().unwrap();
    let began = Arc::new(AtomicBool::new(false));
    let thread = runtime.block_on(async {
        let flag = began.clone();
        let job = spawn_blocking(move || {
            flag.store(true, Ordering::SeqCst);
            thread::current().id()
        });
        assert!(!began.load(Ordering::SeqCst), "it does not run inside spawn_blocking");
        job.await.unwrap()
    });
    assert_eq!(thread, thread::current().id());
    assert_eq!(
        recorder.order(),
        [
            "wake 1: spawned",
            "turn 1",
            "run",
            "poll 1",
            "wake 2: spawned",
            "pending 1",
            "poll 2",
            "done 2 ready",
            "wake 1: task 2",
            "poll 1",
            "done 1 ready"
        ]
    );
}

#[test]
fn an_inline_job_may_panic_or_be_cancelled_before_its_turn() {
    let runtime = Builder::new().inline_blocking().build().unwrap();
    runtime.block_on(async {
        let panics = spawn_blocking(|| panic!("inline"));
        assert_eq!(panics.await.unwrap_err().to_string(), "task 2 panicked: inline");
        let cancelled = spawn_blocking(|| unreachable!("it was taken back"));
        cancelled.abort();
        let error: glassloop::JoinError = cancelled.await.unwrap_err();
        assert!(error.is_cancelled());
    });
}

#[test]
fn a_job_may_run_a_loop_of_its_own() {
    let output = glassloop::run(async {
        let job = spawn_blocking(|| glassloop::run(async { spawn_blocking(|| 3).await.unwrap() + 1 }));
        job.await.unwrap()
    });
    assert_eq!(output, 4);
}

#[test]
fn a_jobs_task_is_polled_when_its_job_has_ended_and_not_before() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    runtime.block_on(async {
        let held = hold(());
        yield_now().await;
        drop(held.free);
        held.handle.await.unwrap();
    });
    let polls = recorder.order().into_iter().filter(|line| line == "poll 2").count();
    assert_eq!(polls, 1);
}
