//! Waiting for many.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Waits for all of `futures`, side by side in one task, and gives their outputs in the order of the futures,
/// whoever was ready first; asyncio's `gather`.
///
/// Over [`JoinHandle`](crate::JoinHandle)s it gives every `Result<T, JoinError>`: asyncio's
/// `gather(return_exceptions=True)`.
///
/// # Scheduling
/// Each poll polls every future that is not ready, in their order. So a wake costs a look at each: for thousands of
/// futures that finish one by one, spawn them and await their handles one after the other.
///
/// # Cancel safety
/// Dropped, it drops all futures and the outputs it has. Handles among them detach their tasks.
///
/// # Examples
/// ```
/// let outputs = glassloop::run(async {
///     glassloop::join_all((1..=3).map(|n| async move { n * 10 })).await
/// });
/// assert_eq!(outputs, [10, 20, 30]);
/// ```
pub fn join_all<I>(futures: I) -> JoinAll<I::Item>
where
    I: IntoIterator,
    I::Item: Future,
{
    JoinAll { members: futures.into_iter().map(Member::new).collect() }
}

/// As [`join_all`], but the first error ends it: it is returned at once, and the other futures are dropped.
///
/// Where futures fail in the same poll, the first in their order counts. asyncio's documents disagree on what a
/// failure in `gather` does to the others, and CPython lets them run; here the others are dropped on purpose. Over
/// handles, dropping detaches: abort them, or spawn nothing.
///
/// # Scheduling
/// As [`join_all`].
///
/// # Errors
/// The first future's error.
///
/// # Cancel safety
/// As [`join_all`].
///
/// # Examples
/// ```
/// let result = glassloop::run(glassloop::try_join_all([
///     std::future::ready(Ok(1)),
///     std::future::ready(Err("no")),
/// ]));
/// assert_eq!(result, Err("no"));
/// ```
pub fn try_join_all<I, T, E>(futures: I) -> TryJoinAll<I::Item>
where
    I: IntoIterator,
    I::Item: Future<Output = Result<T, E>>,
{
    TryJoinAll { members: futures.into_iter().map(Member::new).collect() }
}

/// A future, then its output, then nothing.
enum Member<F: Future> {
    /// Boxed one by one: pinned in one block they would need unsafe.
    Running(Pin<Box<F>>),
    Done(F::Output),
    Taken,
}

impl<F: Future> Member<F> {
    fn new(future: F) -> Member<F> {
        Member::Running(Box::pin(future))
    }

    /// Polls it unless it is done.
    fn drive(&mut self, cx: &mut Context<'_>) -> Poll<&mut F::Output> {
        if let Member::Running(future) = self {
            *self = Member::Done(ready!(future.as_mut().poll(cx)));
        }
        match self {
            Member::Done(output) => Poll::Ready(output),
            _ => panic!("a join was polled again after it gave its outputs"),
        }
    }

    fn take(&mut self) -> F::Output {
        match std::mem::replace(self, Member::Taken) {
            Member::Done(output) => output,
            _ => unreachable!("outputs are taken once, when all are there"),
        }
    }
}

/// The future of [`join_all`].
#[must_use = "futures do nothing unless you `.await` them"]
pub struct JoinAll<F: Future> {
    members: Vec<Member<F>>,
}

impl<F: Future> Unpin for JoinAll<F> {}

impl<F: Future> Future for JoinAll<F> {
    type Output = Vec<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = false;
        for member in &mut self.members {
            waiting |= member.drive(cx).is_pending();
        }
        if waiting { Poll::Pending } else { Poll::Ready(self.members.iter_mut().map(Member::take).collect()) }
    }
}

/// The future of [`try_join_all`].
#[must_use = "futures do nothing unless you `.await` them"]
pub struct TryJoinAll<F: Future> {
    members: Vec<Member<F>>,
}

impl<F: Future> Unpin for TryJoinAll<F> {}

impl<F, T, E> Future for TryJoinAll<F>
where
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<Vec<T>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut waiting = false;
        let mut failed = None;
        for (at, member) in self.members.iter_mut().enumerate() {
            match member.drive(cx) {
                Poll::Pending => waiting = true,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(_)) => {
                    failed = Some(at);
                    break;
                }
            }
        }
        if let Some(at) = failed {
            let failure = self.members[at].take();
            // In their order; and whoever polls again is told so.
            self.members.iter_mut().for_each(|member| *member = Member::Taken);
            return Poll::Ready(failure.map(|_| unreachable!("it failed")));
        }
        if waiting {
            return Poll::Pending;
        }
        Poll::Ready(self.members.iter_mut().map(Member::take).collect())
    }
}
