//! One job: its life, and the future that gives its result.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::Outstanding;
use crate::inbox::Work;
use crate::panics::Payload;

/// A job, on its way there and back. One thread has it at a time, and moves it on: so nobody ever locks it.
pub(super) struct Job<F, T> {
    pub(super) place: usize,
    pub(super) stage: Stage<F, T>,
}

pub(super) enum Stage<F, T> {
    Waiting(F),
    /// Nobody else can see it then.
    Running,
    Ended(Result<T, Payload>),
}

impl<F, T> Work for Job<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    fn run(&mut self) {
        if let Stage::Waiting(work) = std::mem::replace(&mut self.stage, Stage::Running) {
            self.stage = Stage::Ended(catch_unwind(AssertUnwindSafe(work)));
        }
    }

    fn place(&self) -> usize {
        self.place
    }
}

/// The result of a job, as its task awaits it. A job that did not begin is dropped with it.
pub(crate) struct JobFuture<F, T> {
    pub(super) place: usize,
    pub(super) outstanding: Rc<Outstanding>,
    pub(super) types: PhantomData<fn() -> (F, T)>,
}

impl<F, T> Future for JobFuture<F, T>
where
    F: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    type Output = T;

    /// Stores no waker: when the result is there, the loop wakes the task that was given to `submit`.
    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<T> {
        let Some(job) = self.outstanding.take(self.place) else { return Poll::Pending };
        let job: Box<dyn Any> = job;
        match job.downcast::<Job<F, T>>().expect("the job of this place").stage {
            Stage::Ended(result) => Poll::Ready(result.unwrap_or_else(|payload| resume_unwind(payload))),
            Stage::Waiting(work) => Poll::Ready(work()), // inline: the task of one that was taken back is not polled
            Stage::Running => unreachable!("a worker has it"),
        }
    }
}

impl<F, T> Drop for JobFuture<F, T> {
    fn drop(&mut self) {
        drop(self.outstanding.remove(self.place));
    }
}
