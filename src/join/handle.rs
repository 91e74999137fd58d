//! The handle of a task: its output, and the way to abort it.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::{JoinError, Joined, RemoteRef, TaskRef};
use crate::panics::Payload;
use crate::runtime::{abort, report_lost};
use crate::trace::{Leaf, TaskId};
use crate::wake;

/// The right to a task's output. Await it, or say with [`detach`](JoinHandle::detach) that nobody will.
///
/// Dropping it never cancels the task: the loop owns it, and it runs on. What is lost is its output; if that is a
/// panic, it is reported on standard error, or what else [`Builder::on_unhandled`](crate::Builder::on_unhandled) says;
/// so is an `Err`, if [`spawn_checked`](crate::spawn_checked) made the task.
///
/// It stays on the loop's thread; [`abort_handle`](JoinHandle::abort_handle) gives what may leave it, and
/// [`stay`](crate::stay) a way to await it in a future that must be `Send`.
///
/// # Scheduling
/// When the task finishes, whoever awaits the handle is made ready at the back of the queue, with the task as cause.
///
/// # Cancel safety
/// Await `&mut handle` and drop that future: nothing is lost, and the handle can be awaited again. So awaiting by
/// reference is what asyncio calls `shield`.
///
/// # Panics
/// When it is polled again after it gave its output.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let task = glassloop::spawn(async { 6 * 7 });
///     assert_eq!(task.await.unwrap(), 42);
/// });
/// ```
///
/// Neither the handle nor the task reference in it leaves the loop's thread:
/// ```compile_fail,E0277
/// glassloop::run(async {
///     let task = glassloop::spawn(async { 6 * 7 });
///     std::thread::spawn(move || drop(task));
/// });
/// ```
#[must_use = "dropping a handle detaches its task and loses its output; await it, or say so with `.detach()`"]
pub struct JoinHandle<T> {
    joined: Joined<T>,
}

impl<T> JoinHandle<T> {
    pub(super) fn new(joined: Joined<T>) -> JoinHandle<T> {
        JoinHandle { joined }
    }

    pub(super) fn joined(&self) -> &Joined<T> {
        &self.joined
    }

    /// Names the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.joined.task().id()
    }

    /// Whether the task's future is gone: it returned, panicked, or was cancelled.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.joined.task().is_finished()
    }

    /// Lets the task run on without anyone who awaits it.
    pub fn detach(self) {}

    /// Cancels the task: at its turn in the queue its future is dropped instead of polled, on the loop's thread,
    /// never inside this call. Then the handle gives a [`JoinError`] that says so.
    ///
    /// Nothing happens to a task that has finished, or that was aborted before; a task may abort itself, and is
    /// then polled to its next `.await` and dropped at its next turn. A blocking job is cancelled while it waits
    /// for a thread; one that runs is not.
    ///
    /// # Scheduling
    /// The task is woken: it goes to the back of the queue, unless it stands there already.
    pub fn abort(&self) {
        let task = self.joined.task();
        if wake::with_loop_of(task, |state| abort(state, task)).is_none() {
            self.abort_handle().abort();
        }
    }

    /// What may abort the task from any thread. While it exists and the task lives, there is no deadlock verdict.
    #[must_use]
    pub fn abort_handle(&self) -> AbortHandle {
        AbortHandle { id: self.id(), task: self.joined.task().to_remote() }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(output) = self.joined.take() else {
            if self.joined.is_spent() {
                refuse(self.joined.task());
            }
            wait_for(self.joined.task(), cx);
            return Poll::Pending;
        };
        if self.joined.task().may_be_reported() {
            forget_name(self.joined.task());
        }
        Poll::Ready(output)
    }
}

/// Whoever `cx` stands for awaits the task. Out of line: once for all types of output.
#[inline(never)]
pub(super) fn wait_for(task: &TaskRef, cx: &Context<'_>) {
    let leaf = || Leaf::Join { task: task.id(), spawned: task.site() };
    if let Some(waiter) = wake::new_waiter(cx, leaf, |address| task.is_awaited_by(address)) {
        task.set_awaited_by(waiter);
    }
}

#[cold]
#[inline(never)]
fn refuse(task: &TaskRef) -> ! {
    panic!(
        "the JoinHandle of task {} was polled again after it gave its output; a handle gives it once",
        task.id()
    )
}

/// A panicked task's name was kept for a report that is not needed now.
#[cold]
fn forget_name(task: &TaskRef) {
    wake::with_loop_of(task, |state| state.names.borrow_mut().remove(task.id().0));
}

impl<T> Unpin for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(failure) = self.joined.give_up() {
            let_go(self.joined.task(), failure);
        }
    }
}

/// Reports what nobody saw, if that is a failure. The task's name is known to its own loop alone.
#[cold]
fn let_go(task: &TaskRef, failure: Option<Payload>) {
    let Some(payload) = failure else {
        if task.is_finished() && task.may_be_reported() {
            forget_name(task);
        }
        return;
    };
    let mut payload = Some(payload);
    wake::with_loop_of(task, |state| payload.take().map(|payload| report_lost(Some(state), task, payload)));
    if let Some(payload) = payload {
        report_lost(None, task, payload);
    }
}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinHandle(task {})", self.id())
    }
}

/// Aborts a task from any thread.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let task = glassloop::spawn(std::future::pending::<()>());
///     let abort = task.abort_handle();
///     std::thread::spawn(move || abort.abort());
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
#[derive(Clone)]
pub struct AbortHandle {
    id: TaskId,
    /// `None` if the task had finished when this was made.
    task: Option<RemoteRef>,
}

impl AbortHandle {
    /// Names the task.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// As [`JoinHandle::abort`]; from another thread it counts from the loop's next collect. If the runtime is gone,
    /// nothing happens: its tasks were cancelled.
    pub fn abort(&self) {
        if let Some(task) = self.task.clone() {
            wake::on_loop(task.runtime(), move |state| abort(state, &wake::near(state, task)));
        }
    }
}

impl fmt::Debug for AbortHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AbortHandle(task {})", self.id)
    }
}
