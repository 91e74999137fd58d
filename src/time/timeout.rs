//! A future that must be ready in time.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep, sleep, sleep_until};

/// Drives `future`, but for no longer than `duration` from this call; asyncio's `wait_for`.
///
/// # Scheduling
/// Each poll polls the future first and looks at the timer after. So a future that is ready in the turn in which
/// the time ends gives its output.
///
/// # Errors
/// [`Elapsed`], if the time was over first. The future is dropped with the returned value.
///
/// # Panics
/// Outside of a running loop.
///
/// # Cancel safety
/// It drops `future`, which then must be safe to drop.
///
/// # Examples
/// ```
/// use glassloop::time::timeout;
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let limit = Duration::from_millis(2);
///     assert_eq!(timeout(limit, async { 7 }).await.unwrap(), 7);
///     assert!(timeout(limit, std::future::pending::<()>()).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout<F: IntoFuture>(duration: Duration, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep(duration) }
}

/// As [`timeout`], until a moment.
///
/// # Errors
/// [`Elapsed`], if the moment came first.
///
/// # Panics
/// Outside of a running loop.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, sleep, timeout_at};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     for _ in 0..2 {
///         // Two steps that must both be done by then.
///         timeout_at(deadline, async {}).await.unwrap();
///     }
///     assert!(timeout_at(deadline, sleep(Duration::from_secs(9))).await.is_err());
/// });
/// ```
#[track_caller]
pub fn timeout_at<F: IntoFuture>(deadline: Instant, future: F) -> Timeout<F::IntoFuture> {
    Timeout { future: future.into_future(), sleep: sleep_until(deadline) }
}

pin_project! {
    /// The future of [`timeout`] and [`timeout_at`].
    #[must_use = "futures do nothing unless you `.await` them"]
    #[derive(Debug)]
    pub struct Timeout<F> {
        #[pin]
        future: F,
        sleep: Sleep,
    }
}

impl<F> Timeout<F> {
    /// The future it drives.
    pub fn get_ref(&self) -> &F {
        &self.future
    }

    /// The future it drives, without its time limit.
    pub fn into_inner(self) -> F {
        self.future
    }
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, Elapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        Pin::new(this.sleep).poll(cx).map(|()| Err(Elapsed { _private: () }))
    }
}

/// The time was over before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Elapsed {
    _private: (),
}

impl fmt::Display for Elapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the time was over before the future was ready")
    }
}

impl std::error::Error for Elapsed {}

impl From<Elapsed> for std::io::Error {
    fn from(error: Elapsed) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::TimedOut, error)
    }
}
