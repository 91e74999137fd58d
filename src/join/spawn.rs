//! How tasks are made, and how one steps back in the queue.

use std::fmt::Display;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::JoinHandle;
use crate::pool::Crew;
use crate::runtime::{Runtime, spawn_blocking_on, spawn_checked_on, spawn_on};
use crate::wake::{self, NoRuntime};

/// Makes a task of `future` on the loop that runs on this thread.
///
/// The future need not be `Send`. The loop owns the task: dropping the handle does not cancel it.
///
/// # Scheduling
/// The task is ready at once, at the back of the queue. It is never polled inside this call.
///
/// # Panics
/// Outside of a running loop; see [`try_spawn`].
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let task = glassloop::spawn(async { println!("second") });
///     println!("first");
///     task.await.unwrap();
/// });
/// ```
///
/// A future does nothing until it is driven, and the compiler says so:
/// ```compile_fail
/// # #![deny(unused_must_use)]
/// glassloop::run(async {
///     async { println!("never printed") }; // error: unused `async` block that must be used
/// });
/// ```
#[track_caller]
#[inline]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Location::caller();
    expect(wake::with_current("spawn", |state| JoinHandle::new(spawn_on(state, future, None, site))))
}

/// As [`spawn`], with a name that traces and reports show.
///
/// # Panics
/// Outside of a running loop.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     glassloop::spawn_named("greeter", async { println!("hello") }).await.unwrap();
/// });
/// ```
#[track_caller]
pub fn spawn_named<F>(name: impl Into<Arc<str>>, future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Location::caller();
    let name = Some(name.into());
    expect(wake::with_current("spawn_named", |state| JoinHandle::new(spawn_on(state, future, name, site))))
}

/// As [`spawn`], for a future whose error must not get lost: when it returns an `Err` and nobody reads it, because the
/// handle was dropped or the task detached, the error is treated as a panic is that nobody sees: it is said on standard
/// error, with the task and where it was spawned, or what else [`Builder::on_unhandled`](crate::Builder::on_unhandled)
/// was told.
///
/// The error's words are those of `{:#}`. The report is made when both are certain: the task has ended, and the handle
/// is gone. Whoever awaits the handle has read the error.
///
/// # Panics
/// Outside of a running loop.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     glassloop::spawn_checked(async {
///         std::fs::read("/no/such/file")?; // said: … returned an error, and nobody holds its handle: No such file …
///         Ok::<_, std::io::Error>(())
///     })
///     .detach();
///     glassloop::yield_now().await;
/// });
/// ```
///
/// It wants a `Result` whose error can be shown, and says so:
/// ```compile_fail,E0271
/// glassloop::run(async {
///     glassloop::spawn_checked(async { 1 }).detach(); // expected `Result<_, _>`, found `i32`
/// });
/// ```
#[track_caller]
pub fn spawn_checked<F, T, E>(future: F) -> JoinHandle<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: Display + 'static,
{
    let site = Location::caller();
    expect(wake::with_current("spawn_checked", |state| {
        JoinHandle::new(spawn_checked_on(state, future, None, site))
    }))
}

/// As [`spawn_checked`], with a name that traces and reports show.
///
/// # Panics
/// Outside of a running loop.
#[track_caller]
pub fn spawn_checked_named<F, T, E>(name: impl Into<Arc<str>>, future: F) -> JoinHandle<Result<T, E>>
where
    F: Future<Output = Result<T, E>> + 'static,
    T: 'static,
    E: Display + 'static,
{
    let site = Location::caller();
    let name = Some(name.into());
    expect(wake::with_current("spawn_checked_named", |state| {
        JoinHandle::new(spawn_checked_on(state, future, name, site))
    }))
}

/// As [`spawn`], but gives an error outside of a running loop; the future is dropped then.
///
/// # Errors
/// If no loop runs on this thread.
#[track_caller]
pub fn try_spawn<F>(future: F) -> Result<JoinHandle<F::Output>, NoRuntime>
where
    F: Future + 'static,
    F::Output: 'static,
{
    let site = Location::caller();
    wake::with_current("spawn", |state| JoinHandle::new(spawn_on(state, future, None, site)))
}

/// Runs `work` on a thread of the blocking pool; asyncio's `to_thread`.
///
/// No thread exists before the first job. When all threads are busy and their limit is reached, the job waits. A
/// panic in it is given to whoever awaits the handle. Aborting the handle takes a waiting job back; a job that runs
/// cannot be cancelled.
///
/// # Scheduling
/// The job's task is made ready, at the back of the queue, when the job's end is collected, with the job as cause.
///
/// # Panics
/// Outside of a running loop, and if no thread runs and none can be made.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let sum = glassloop::spawn_blocking(|| (1..=10).sum::<u32>()).await.unwrap();
///     assert_eq!(sum, 55);
/// });
/// ```
#[track_caller]
pub fn spawn_blocking<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Location::caller();
    expect(wake::with_current("spawn_blocking", |state| JoinHandle::new(spawn_blocking_on(state, work, site))))
}

/// As [`spawn_blocking`], but gives an error outside of a running loop; `work` is dropped then.
///
/// # Errors
/// If no loop runs on this thread.
///
/// # Panics
/// If no thread runs and none can be made.
#[track_caller]
pub fn try_spawn_blocking<F, T>(work: F) -> Result<JoinHandle<T>, NoRuntime>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Location::caller();
    wake::with_current("spawn_blocking", |state| JoinHandle::new(spawn_blocking_on(state, work, site)))
}

/// Runs `work`, which computes, on a thread of the CPU pool.
///
/// This pool has its own queue and its own threads, as many as the machine has processors
/// ([`Builder::max_cpu_threads`](crate::Builder::max_cpu_threads)); so computations do not hold up the files and
/// names that [`spawn_blocking`] waits for, nor the other way round. All else is as there: no thread before the first
/// job, a panic goes to whoever awaits the handle, and aborting it takes a waiting job back, never one that runs.
///
/// Work that waits for something does not belong here: it would keep a processor's thread and not use it.
///
/// # Scheduling
/// Jobs begin in the order of their spawns. A job's task is made ready, at the back of the queue, when the job's end
/// is collected, with the job as cause.
///
/// # Panics
/// Outside of a running loop, and if no thread runs and none can be made.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let halves = [0..500_000_u64, 500_000..1_000_000].map(|half| glassloop::spawn_cpu(|| half.sum::<u64>()));
///     let mut sum = 0;
///     for half in halves {
///         sum += half.await.unwrap(); // both are computed meanwhile, and the loop is free
///     }
///     assert_eq!(sum, 499_999_500_000);
/// });
/// ```
#[track_caller]
pub fn spawn_cpu<F, T>(work: F) -> JoinHandle<T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Location::caller();
    expect(wake::with_current("spawn_cpu", |state| JoinHandle::new(Crew::CPU.spawn_on(state, work, site))))
}

/// As [`spawn_cpu`], but gives an error outside of a running loop; `work` is dropped then.
///
/// # Errors
/// If no loop runs on this thread.
///
/// # Panics
/// If no thread runs and none can be made.
#[track_caller]
pub fn try_spawn_cpu<F, T>(work: F) -> Result<JoinHandle<T>, NoRuntime>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let site = Location::caller();
    wake::with_current("spawn_cpu", |state| JoinHandle::new(Crew::CPU.spawn_on(state, work, site)))
}

#[track_caller]
#[inline]
fn expect<T>(result: Result<T, NoRuntime>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{error}"),
    }
}

impl Runtime {
    /// Makes a task of `future` on this runtime, also between two `block_on`; see [`spawn`].
    ///
    /// # Scheduling
    /// As [`spawn`]: ready at once. It is polled when the loop next runs.
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let task = runtime.spawn(async { 6 * 7 });
    /// assert_eq!(runtime.block_on(task).unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + 'static,
        F::Output: 'static,
    {
        let handle = JoinHandle::new(spawn_on(self.state(), future, None, Location::caller()));
        self.state().inbox.nudge(); // a guest's host waits for its descriptor
        handle
    }
}

/// Steps back to the end of the queue, once.
///
/// # Scheduling
/// The task is woken while it is polled, so it goes to the back: all tasks that were ready run first. A long
/// computation that yields now and then lets timers and I/O be looked at.
///
/// # Cancel safety
/// Nothing is lost when it is dropped.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let other = glassloop::spawn(async { println!("first") });
///     glassloop::yield_now().await;
///     println!("second");
///     other.await.unwrap();
/// });
/// ```
pub fn yield_now() -> YieldNow {
    YieldNow { yielded: false }
}

/// The future of [`yield_now`].
#[derive(Debug)]
#[must_use = "futures do nothing unless you `.await` them"]
pub struct YieldNow {
    yielded: bool,
}

impl Future for YieldNow {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.yielded {
            return Poll::Ready(());
        }
        self.yielded = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
