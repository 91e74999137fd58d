//! Tasks that another thread asked for, and waits for.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::{AbortHandle, JoinHandle};
use crate::cell::JoinError;
use crate::panics::Payload;
use crate::runtime::{Handle, Lost, RuntimeGone, spawn_on};
use crate::trace::{RuntimeId, TaskId};
use crate::wake;

impl Handle {
    /// Makes a task on the loop's thread from any thread; asyncio's `run_coroutine_threadsafe`.
    ///
    /// `make` crosses to the loop's thread and makes the future there, in the task's first poll; so the future
    /// itself need not be `Send`. Its output comes back through the returned handle.
    ///
    /// # Scheduling
    /// The task is spawned at the loop's next collect, in the order in which one thread asks.
    ///
    /// # Examples
    /// ```
    /// use std::rc::Rc;
    ///
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let handle = runtime.handle();
    /// let thread = std::thread::spawn(move || {
    ///     let task = handle.spawn(|| async { *Rc::new(6) * 7 });
    ///     task.wait().unwrap()
    /// });
    /// runtime.block_on(async { glassloop::time::sleep(std::time::Duration::from_millis(20)).await });
    /// assert_eq!(thread.join().unwrap(), 42);
    /// ```
    #[track_caller]
    pub fn spawn<M, F>(&self, make: M) -> RemoteHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let site = Location::caller();
        let runtime = self.runtime_id();
        let gone = RuntimeGone::new(runtime);
        let shared = Arc::new(Shared { state: Mutex::default(), done: Condvar::new() });
        let sender = Sender { shared: shared.clone(), gone: gone.clone() };
        let sent = self.call_soon(move || {
            let shared = sender.shared.clone();
            let inner = async move { make().await };
            let spawned = wake::with_current("Handle::spawn", |state| {
                let task = JoinHandle::new(spawn_on(state, Reporting { inner, sender }, None, site));
                shared.spawned(task.abort_handle());
                task.detach();
            });
            drop(spawned); // a call always runs on its loop
        });
        drop(sent); // if the runtime is gone, the sender was dropped and said so
        RemoteHandle { shared, runtime, owner: self.owner(), site, taken: false }
    }
}

/// Where the output of a task crosses over.
struct Shared<T> {
    state: Mutex<State<T>>,
    done: Condvar,
}

struct State<T> {
    result: Option<Result<T, RemoteError>>,
    waker: Option<Waker>,
    /// The task, when it is made.
    id: Option<TaskId>,
    /// Kept for the handle, and only while that exists: it keeps the loop from a verdict.
    abort: Option<AbortHandle>,
    /// Abort was asked for before the task was made.
    aborted: bool,
    /// The handle is gone.
    detached: bool,
}

impl<T> Default for State<T> {
    fn default() -> State<T> {
        State { result: None, waker: None, id: None, abort: None, aborted: false, detached: false }
    }
}

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawned(&self, abort: AbortHandle) {
        let mut state = self.lock();
        state.id = Some(abort.id());
        if state.aborted {
            drop(state);
            abort.abort();
        } else if !state.detached {
            state.abort = Some(abort);
        }
    }

    /// Leaves the result for the handle; if that is gone, the result comes back.
    fn finish(&self, result: Result<T, RemoteError>) -> Option<Result<T, RemoteError>> {
        let mut state = self.lock();
        if state.detached || state.result.is_some() {
            return Some(result);
        }
        state.result = Some(result);
        let (waker, abort) = (state.waker.take(), state.abort.take());
        drop(state);
        self.done.notify_all();
        drop(abort);
        if let Some(waker) = waker {
            waker.wake();
        }
        None
    }
}

/// Gives the result, or, dropped before, says that there will be none.
struct Sender<T> {
    shared: Arc<Shared<T>>,
    gone: RuntimeGone,
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        let made = self.shared.lock().id;
        let error = match made {
            Some(id) => RemoteError::Failed(JoinError::cancelled(id)),
            None => RemoteError::Gone(self.gone.clone()),
        };
        drop(self.shared.finish(Err(error)));
    }
}

pin_project! {
    /// A future that hands its output, or its panic, to another thread.
    struct Reporting<F: Future> {
        #[pin]
        inner: F,
        sender: Sender<F::Output>,
    }
}

impl<F: Future> Future for Reporting<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let result = match catch_unwind(AssertUnwindSafe(|| this.inner.poll(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(payload) => {
                let id = wake::current(|state| state.and_then(|state| state.running.id()));
                let id = id.expect("a task is polled by its loop");
                Err(RemoteError::Failed(JoinError::panicked(id, payload)))
            }
        };
        if let Some((_, payload)) = this.sender.shared.finish(result).and_then(panic_of) {
            resume_unwind(payload); // nobody will ask for it: the task's own, which its loop reports
        }
        Poll::Ready(())
    }
}

/// Which task panicked, and with what, if it did.
fn panic_of<T>(result: Result<T, RemoteError>) -> Option<(TaskId, Payload)> {
    match result {
        Err(RemoteError::Failed(error)) => Some((error.id(), error.try_into_panic().ok()?)),
        _ => None,
    }
}

/// The output of a task of another thread's loop: wait for it, or await it.
///
/// Dropping it detaches the task. What is lost then is its output; if that is a panic, it is reported on standard
/// error, or what else [`Builder::on_unhandled`](crate::Builder::on_unhandled) says.
///
/// # Examples
/// ```
/// use glassloop::{Handle, RemoteError};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let handle = Handle::current();
///     let thread = glassloop::spawn_blocking(move || {
///         let endless = handle.spawn(|| std::future::pending::<()>());
///         // Not ready in time: the handle comes back.
///         let endless = endless.wait_timeout(Duration::from_millis(1)).unwrap_err();
///         endless.abort();
///         endless.wait().unwrap_err()
///     });
///     assert!(matches!(thread.await.unwrap(), RemoteError::Failed(error) if error.is_cancelled()));
/// });
/// ```
///
/// # Cancel safety
/// Await `&mut handle` and drop that future: nothing is lost.
///
/// # Panics
/// When it is polled again after it gave its output.
#[must_use = "dropping it detaches the task and loses its output; wait for it, await it, or say so with `.detach()`"]
pub struct RemoteHandle<T> {
    shared: Arc<Shared<T>>,
    runtime: RuntimeId,
    /// The thread of the task's loop.
    owner: ThreadId,
    /// Where the task was asked for.
    site: &'static Location<'static>,
    taken: bool,
}

impl<T> RemoteHandle<T> {
    /// Blocks this thread until the task has finished.
    ///
    /// # Errors
    /// [`RemoteError`]: the task panicked or was cancelled, or its runtime was dropped before it was made.
    ///
    /// # Panics
    /// On the thread of the task's own loop while the task is unfinished, for it could not run meanwhile: await the
    /// handle there. And when the output was taken by a poll.
    pub fn wait(self) -> Result<T, RemoteError> {
        self.refuse_what_never_ends();
        let mut state = self.shared.lock();
        loop {
            if let Some(result) = state.result.take() {
                return result;
            }
            state = self.shared.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// As [`wait`](RemoteHandle::wait), but no longer than `limit`; the handle comes back if the task still runs.
    ///
    /// # Errors
    /// The handle itself, if the time is over. The inner error is that of `wait`.
    ///
    /// # Panics
    /// As [`wait`](RemoteHandle::wait).
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<T, RemoteError>, RemoteHandle<T>> {
        self.refuse_what_never_ends();
        let deadline = Instant::now().checked_add(limit);
        let mut state = self.shared.lock();
        loop {
            if let Some(result) = state.result.take() {
                return Ok(result);
            }
            let left = deadline.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                drop(state);
                return Err(self);
            }
            state = match self.shared.done.wait_timeout(state, left) {
                Ok((state, _)) => state,
                Err(poison) => poison.into_inner().0,
            };
        }
    }

    /// Cancels the task, as [`JoinHandle::abort`] does, from any thread.
    pub fn abort(&self) {
        let mut state = self.shared.lock();
        state.aborted = true;
        let abort = state.abort.clone();
        drop(state);
        if let Some(abort) = abort {
            abort.abort();
        }
    }

    /// Whether the result is there.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.shared.lock().result.is_some()
    }

    /// Lets the task run on without anyone who waits for it.
    pub fn detach(self) {}

    #[track_caller]
    fn refuse_what_never_ends(&self) {
        assert!(!self.taken, "wait was called on a RemoteHandle after it gave its output; a handle gives it once");
        assert!(
            self.is_finished() || std::thread::current().id() != self.owner,
            "wait was called on the loop of runtime {} for one of its own tasks, which could never run meanwhile; \
             `.await` the handle instead",
            self.runtime
        );
    }
}

impl<T> Future for RemoteHandle<T> {
    type Output = Result<T, RemoteError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        assert!(!self.taken, "a RemoteHandle was polled again after it gave its output; a handle gives it once");
        let waker = cx.waker().clone(); // cloned and dropped with nothing locked: it is foreign code
        let mut state = self.shared.lock();
        let (poll, before) = match state.result.take() {
            Some(result) => (Poll::Ready(result), Some(waker)),
            None => (Poll::Pending, state.waker.replace(waker)),
        };
        drop(state);
        drop(before);
        self.taken = poll.is_ready();
        poll
    }
}

impl<T> Drop for RemoteHandle<T> {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.detached = true;
        let (abort, waker, unread) = (state.abort.take(), state.waker.take(), state.result.take());
        drop(state);
        drop((abort, waker));
        if let Some((id, payload)) = unread.and_then(panic_of) {
            Lost::new(id, self.site, payload).send(self.runtime);
        }
    }
}

impl<T> Unpin for RemoteHandle<T> {}

impl<T> fmt::Debug for RemoteHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RemoteHandle(runtime {})", self.runtime)
    }
}

/// Why a task that another thread asked for gave no output.
#[derive(Debug)]
#[non_exhaustive]
pub enum RemoteError {
    /// It panicked or was cancelled.
    Failed(JoinError),
    /// The runtime was dropped before the task was made.
    Gone(RuntimeGone),
}

impl fmt::Display for RemoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RemoteError::Failed(error) => error.fmt(f),
            RemoteError::Gone(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RemoteError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            RemoteError::Failed(error) => Some(error),
            RemoteError::Gone(error) => Some(error),
        }
    }
}
