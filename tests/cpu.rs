//! The CPU pool: threads and a queue of its own beside the blocking pool's, and the same rules.

use std::panic::panic_any;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use glassloop::time::{Instant, sleep};
use glassloop::trace::Recorder;
use glassloop::{
    Builder, JoinHandle, Runtime, Waits, dump, spawn, spawn_blocking, spawn_cpu, try_spawn_cpu, yield_now,
};

/// One thread for each kind of work, so that one job that does not end fills a pool.
fn one_thread_each() -> Runtime {
    Builder::new().max_blocking_threads(1).max_cpu_threads(1).build().unwrap()
}

/// A job that has begun, and runs until it is freed.
struct Held<T> {
    handle: JoinHandle<T>,
    free: mpsc::Sender<()>,
}

/// A way to spawn a job that waits, and then returns.
type Spawn = fn(Box<dyn FnOnce() + Send>) -> JoinHandle<()>;

fn on_cpu(work: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
    spawn_cpu(work)
}

fn on_files(work: Box<dyn FnOnce() + Send>) -> JoinHandle<()> {
    spawn_blocking(work)
}

/// Returns when the job runs.
fn hold(spawn: Spawn) -> Held<()> {
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel();
    let handle = spawn(Box::new(move || {
        began.send(()).unwrap();
        let _ = held.recv();
    }));
    has_begun.recv().unwrap();
    Held { handle, free }
}

// ---- two pools

#[test]
fn a_full_cpu_pool_leaves_file_work_alone() {
    one_thread_each().block_on(async {
        let held = hold(on_cpu);
        let waiting = spawn_cpu(|| "computed");
        assert_eq!(spawn_blocking(|| "read").await.unwrap(), "read");
        assert!(!waiting.is_finished(), "the only CPU thread is held");
        drop(held.free);
        assert_eq!(waiting.await.unwrap(), "computed");
    });
}

#[test]
fn full_file_work_leaves_the_cpu_pool_alone() {
    one_thread_each().block_on(async {
        let held = hold(on_files);
        let waiting = spawn_blocking(|| "read");
        assert_eq!(spawn_cpu(|| "computed").await.unwrap(), "computed");
        assert!(!waiting.is_finished(), "the only thread for files is held");
        drop(held.free);
        assert_eq!(waiting.await.unwrap(), "read");
    });
}

#[test]
fn each_pool_names_and_numbers_its_own_threads() {
    let name = || thread::current().name().map(str::to_owned);
    let names = one_thread_each()
        .block_on(async { [spawn_blocking(name).await.unwrap(), spawn_cpu(name).await.unwrap()] });
    assert_eq!(names.map(Option::unwrap), ["glassloop-job-1", "glassloop-cpu-1"]);
}

#[test]
fn the_limit_of_cpu_threads_is_used_and_not_exceeded() {
    let (at_once, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let pairs = Arc::new(Barrier::new(2)); // passed by two jobs that run at once, and by none alone
    Builder::new().max_blocking_threads(1).max_cpu_threads(2).build().unwrap().block_on(async {
        let jobs: Vec<_> = (0..10)
            .map(|_| {
                let (at_once, most, pairs) = (at_once.clone(), most.clone(), pairs.clone());
                spawn_cpu(move || {
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

/// A job more than there are processors waits until one of the others has ended.
#[test]
fn by_default_there_are_as_many_cpu_threads_as_processors() {
    let processors = thread::available_parallelism().unwrap().get();
    glassloop::run(async {
        let held: Vec<_> = (0..processors).map(|_| hold(on_cpu)).collect(); // so many run at once
        let one_more = spawn_cpu(|| ());
        spawn_blocking(|| ()).await.unwrap();
        assert!(!one_more.is_finished());
        drop(held);
        one_more.await.unwrap();
    });
}

#[test]
fn a_limit_of_no_cpu_threads_is_refused() {
    let error = Builder::new().max_cpu_threads(0).build().map(|_| ()).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(error.to_string().starts_with("Builder::max_cpu_threads is 0"), "{error}");
}

// ---- order

#[test]
fn cpu_jobs_run_in_the_order_of_their_spawns() {
    let log = Arc::new(Mutex::new(Vec::new()));
    one_thread_each().block_on(async {
        let held = hold(on_cpu); // all stand in the queue before the first begins
        let jobs: Vec<_> = (0..20)
            .map(|n| {
                let log = log.clone();
                spawn_cpu(move || log.lock().unwrap().push(n))
            })
            .collect();
        drop(held.free);
        for job in jobs {
            job.await.unwrap();
        }
    });
    assert!(log.lock().unwrap().iter().copied().eq(0..20));
}

#[test]
fn the_loop_goes_on_while_a_cpu_job_runs() {
    glassloop::run(async {
        let (send, receive) = mpsc::channel();
        let job = spawn_cpu(move || receive.iter().take(3).sum::<u32>());
        let heart = spawn(async move {
            for beat in 1..=3 {
                sleep(Duration::from_micros(1)).await;
                send.send(beat).unwrap(); // so the job ends only if the heart beats
            }
        });
        assert_eq!(job.await.unwrap(), 6);
        heart.await.unwrap();
    });
}

// ---- panics and cancellation

#[test]
fn a_panic_in_a_cpu_job_is_carried_to_its_awaiter_and_its_thread_lives() {
    one_thread_each().block_on(async {
        let thread = spawn_cpu(|| thread::current().id()).await.unwrap();
        let error = spawn_cpu(|| panic_any(7_u8)).await.unwrap_err();
        assert_eq!(*error.into_panic().downcast::<u8>().unwrap(), 7);
        assert_eq!(spawn_cpu(|| thread::current().id()).await.unwrap(), thread);
    });
}

#[test]
fn a_queued_cpu_job_is_taken_back_by_abort() {
    one_thread_each().block_on(async {
        let held = hold(on_cpu);
        let queued = spawn_cpu(|| unreachable!("it was taken back"));
        queued.abort();
        let error: glassloop::JoinError = queued.await.unwrap_err();
        assert!(error.is_cancelled());
        drop(held.free);
        held.handle.await.unwrap();
    });
}

#[test]
fn a_running_cpu_job_is_not_cancelled_by_abort() {
    glassloop::run(async {
        let held = hold(on_cpu);
        held.handle.abort();
        yield_now().await;
        assert!(!held.handle.is_finished());
        drop(held.free);
        held.handle.await.unwrap();
    });
}

#[test]
fn outside_of_a_loop_a_cpu_job_is_refused_and_dropped() {
    let owned = Arc::new(());
    let lent = owned.clone();
    let error = try_spawn_cpu(move || drop(lent)).unwrap_err();
    assert!(error.to_string().starts_with("spawn_cpu was used outside of a glassloop runtime"), "{error}");
    assert_eq!(Arc::strong_count(&owned), 1);
}

// ---- policies

#[test]
fn an_inline_cpu_job_runs_on_the_loops_thread_in_its_tasks_first_poll() {
    let recorder = Recorder::new();
    let runtime = Builder::new().inline_blocking().observer(recorder.observer()).build().unwrap();
    let thread = runtime.block_on(async { spawn_cpu(|| thread::current().id()).await.unwrap() });
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
fn a_virtual_clock_stands_while_a_cpu_job_is_out() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let held = hold(on_cpu);
        let start = Instant::now();
        let sleeper = spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            start.elapsed()
        });
        yield_now().await; // the timer is armed
        let freed = spawn_cpu(move || drop(held.free));
        held.handle.await.unwrap();
        freed.await.unwrap();
        assert_eq!(start.elapsed(), Duration::ZERO, "no jump while jobs were out");
        assert_eq!(sleeper.await.unwrap(), Duration::from_secs(3600));
    });
}

/// Everybody waits, and only the job can end it: so the loop sleeps, and gives no verdict.
#[test]
fn a_loop_that_waits_for_a_cpu_job_is_no_deadlock() {
    let runtime = Runtime::new().unwrap();
    let output = runtime.try_block_on(async {
        let held = hold(on_cpu);
        let outlook = dump().unwrap().outlook();
        thread::spawn(move || drop(held.free));
        held.handle.await.unwrap();
        outlook
    });
    assert_eq!(output.unwrap(), glassloop::Outlook::GoesOn);
}

#[test]
fn a_dump_says_which_pool_a_tasks_job_is_on() {
    glassloop::run(async {
        let (computes, waits) = (hold(on_cpu), hold(on_files));
        let dump = dump().unwrap();
        assert_eq!(dump.tasks()[1].waits, [Waits::CpuJob]);
        assert_eq!(dump.tasks()[2].waits, [Waits::Job]);
        let lines = dump.to_string();
        assert!(lines.contains("waits for its job on the CPU pool"), "{lines}");
        assert!(lines.contains("waits for its job on the blocking pool"), "{lines}");
        drop((computes, waits));
    });
}

// ---- the end of the runtime

#[test]
fn shutdown_names_a_running_cpu_job_and_takes_back_a_queued_one() {
    let runtime = one_thread_each();
    let (began, has_begun) = mpsc::channel();
    let (free, held) = mpsc::channel::<()>();
    let line = line!() + 2;
    let id = runtime.block_on(async move {
        let running = spawn_cpu(move || {
            began.send(()).unwrap();
            let _ = held.recv();
        });
        spawn_cpu(|| unreachable!("it was taken back")).detach();
        running.id()
    });
    has_begun.recv().unwrap();
    let unfinished = runtime.shutdown(Duration::from_millis(1)).unwrap_err();
    let [job] = unfinished.jobs() else { panic!("{unfinished}") };
    assert_eq!((job.id, job.site.file(), job.site.line()), (id, file!(), line));
    drop(free);
}

#[test]
fn dropping_the_runtime_waits_for_a_running_cpu_job() {
    let runtime = Runtime::new().unwrap();
    let (ended, has_ended) = mpsc::channel();
    let handle = runtime.handle();
    runtime.block_on(async {
        let (began, has_begun) = mpsc::channel();
        spawn_cpu(move || {
            began.send(()).unwrap();
            while handle.call_soon(|| ()).is_ok() {
                thread::yield_now(); // until the runtime is being dropped
            }
            ended.send(()).unwrap();
        })
        .detach();
        has_begun.recv().unwrap();
    });
    drop(runtime);
    assert_eq!(has_ended.try_recv(), Ok(()));
}
