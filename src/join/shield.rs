//! A future that its awaiter cannot cancel.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::{JoinHandle, spawn};
use crate::cell::JoinError;

/// Makes a task of `future`, and awaits it: whoever drops the result cancels the waiting, not the work. asyncio's
/// `shield`.
///
/// What is dropped while it waits is detached: the task runs on, its output is dropped, and its panic is reported.
/// The end of the runtime cancels it as any task. To await the work again after a time-out, await it by reference.
///
/// # Scheduling
/// As [`spawn`]: ready at once, at the back of the queue.
///
/// # Panics
/// Outside of a running loop.
///
/// # Cancel safety
/// Dropping it detaches the task.
///
/// # Examples
/// ```
/// use glassloop::shield;
/// use glassloop::time::{pause, sleep, timeout};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let second = Duration::from_secs(1);
///     let mut saving = shield(async move {
///         sleep(2 * second).await;
///         "saved"
///     });
///     assert!(timeout(second, &mut saving).await.is_err());
///     assert_eq!(saving.await.unwrap(), "saved");
/// });
/// ```
#[track_caller]
pub fn shield<F>(future: F) -> Shield<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    Shield { task: spawn(future) }
}

/// The future of [`shield`].
#[must_use = "dropping it detaches its task; await it, or use `spawn` and `.detach()`"]
#[derive(Debug)]
pub struct Shield<T> {
    task: JoinHandle<T>,
}

impl<T> Shield<T> {
    /// The task, for its id, or to abort it.
    pub fn task(&self) -> &JoinHandle<T> {
        &self.task
    }
}

impl<T> Future for Shield<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.task).poll(cx)
    }
}
