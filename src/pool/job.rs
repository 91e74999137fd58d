//! One job: its life, and the future that gives its result.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use super::{Outstanding, lock};
use crate::panics::{Payload, guarded};
use crate::trace::TaskId;

/// A job, without its types.
pub(super) trait Work: Send + Sync {
    /// On a worker. Whether somebody waits for it: its task is the caller's to wake then.
    fn run(&self) -> bool;
    /// Takes a queued job back; `false` if it runs or has run.
    fn cancel(&self) -> bool;
    fn is_running(&self) -> bool;
}

pub(super) struct Job<F, T>(Mutex<Stage<F, T>>);

enum Stage<F, T> {
    Queued(F),
    /// Taken back; the closure is dropped with its task, at that task's turn.
    Cancelled(F),
    Running,
    /// It runs, and nobody wants its result any more.
    Abandoned,
    Done(Result<T, Payload>),
    Gone,
}

impl<F, T> Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    pub(super) fn new(work: F) -> Job<F, T> {
        Job(Mutex::new(Stage::Queued(work)))
    }

    /// Takes the closure, if it has not begun.
    fn begin(&self) -> Option<F> {
        let mut stage = lock(&self.0);
        match std::mem::replace(&mut *stage, Stage::Running) {
            Stage::Queued(work) => Some(work),
            other => {
                *stage = other;
                None
            }
        }
    }

    /// The task is gone. Hands out what the job still held, to be dropped outside of the lock.
    fn forget(&self) -> Stage<F, T> {
        let mut stage = lock(&self.0);
        let after = if matches!(*stage, Stage::Running) { Stage::Abandoned } else { Stage::Gone };
        std::mem::replace(&mut *stage, after)
    }
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn run(&self) -> bool {
        let Some(work) = self.begin() else { return false };
        let result = catch_unwind(AssertUnwindSafe(work));
        let mut stage = lock(&self.0);
        if matches!(*stage, Stage::Running) {
            *stage = Stage::Done(result);
            return true;
        }
        drop(stage);
        // A panic here would end the worker; the value has nobody to tell.
        guarded("the destructor of a late job's result", || drop(result));
        *lock(&self.0) = Stage::Gone;
        false
    }

    fn cancel(&self) -> bool {
        let mut stage = lock(&self.0);
        match std::mem::replace(&mut *stage, Stage::Gone) {
            Stage::Queued(work) | Stage::Cancelled(work) => {
                *stage = Stage::Cancelled(work);
                true
            }
            other => {
                *stage = other;
                false
            }
        }
    }

    fn is_running(&self) -> bool {
        matches!(&*lock(&self.0), Stage::Running | Stage::Abandoned)
    }
}

/// The result of a job, as its task awaits it. Dropped before, it takes a queued job back.
pub(crate) struct JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    pub(super) job: Arc<Job<F, T>>,
    pub(super) id: TaskId,
    pub(super) inline: bool,
    pub(super) outstanding: Rc<Outstanding>,
}

impl<F, T> Future for JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    type Output = T;

    /// Stores no waker: the worker wakes the task that was given to `submit`.
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<T> {
        if self.inline
            && let Some(work) = self.job.begin()
        {
            return Poll::Ready(work());
        }
        let mut stage = lock(&self.job.0);
        if !matches!(*stage, Stage::Done(_)) {
            return Poll::Pending;
        }
        let Stage::Done(result) = std::mem::replace(&mut *stage, Stage::Gone) else { unreachable!() };
        drop(stage);
        Poll::Ready(result.unwrap_or_else(|payload| resume_unwind(payload)))
    }
}

impl<F, T> Drop for JobFuture<F, T>
where
    F: FnOnce() -> T + Send,
    T: Send,
{
    fn drop(&mut self) {
        let listed = self.outstanding.0.borrow_mut().remove(self.id.0);
        drop(listed);
        drop(self.job.forget());
    }
}
