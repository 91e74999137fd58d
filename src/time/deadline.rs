//! Time limits that hold for all that is done inside of them.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::{Instant, Sleep, sleep_until};
use crate::task::{LocalKey, TaskLocalFuture};

static DEADLINE: LocalKey<Instant> = LocalKey::__new("time::current_deadline");

/// Drives `future` until a moment, which everything inside can ask for with [`current_deadline`]. Inside of another
/// deadline the earlier one holds.
///
/// A task that is spawned inside is not bound by it. One that is spawned with [`task::inherit`](crate::task::inherit)
/// knows it, so that deadlines in there are bound by it.
///
/// # Scheduling
/// As [`timeout_at`](super::timeout_at): the future is polled first, the timer is looked at after.
///
/// # Errors
/// [`DeadlineElapsed`], if the moment came first; it says whether the deadline was this one or one around it.
///
/// # Panics
/// Outside of a running loop.
///
/// # Cancel safety
/// It drops `future`, which then must be safe to drop.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, current_deadline, deadline, deadline_at, pause, sleep};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let second = Duration::from_secs(1);
///     let start = Instant::now();
///     deadline_at(start + 3 * second, async {
///         // Asks for ten seconds, and is left three.
///         let error = deadline(10 * second, sleep(60 * second)).await.unwrap_err();
///         assert!(error.is_outer());
///         assert_eq!(current_deadline(), Some(start + 3 * second));
///     })
///     .await
///     .unwrap();
///     assert_eq!(start.elapsed(), 3 * second);
/// });
/// ```
#[track_caller]
pub fn deadline_at<F: IntoFuture>(moment: Instant, future: F) -> Deadline<F::IntoFuture> {
    let outer = current_deadline().filter(|outer| *outer < moment);
    let deadline = outer.unwrap_or(moment);
    let future = DEADLINE.scope(deadline, future.into_future());
    Deadline { future, sleep: sleep_until(deadline), deadline, outer: outer.is_some(), begun: false }
}

/// As [`deadline_at`], counted from this call.
///
/// # Errors
/// As [`deadline_at`].
///
/// # Panics
/// As [`deadline_at`].
#[track_caller]
pub fn deadline<F: IntoFuture>(duration: Duration, future: F) -> Deadline<F::IntoFuture> {
    deadline_at(Instant::now().saturating_add(duration), future)
}

/// The deadline that holds here: the earliest of those that this runs inside of.
#[must_use]
pub fn current_deadline() -> Option<Instant> {
    DEADLINE.try_get().ok()
}

pin_project! {
    /// The future of [`deadline`] and [`deadline_at`].
    #[must_use = "futures do nothing unless you `.await` them"]
    #[derive(Debug)]
    pub struct Deadline<F> {
        #[pin]
        future: TaskLocalFuture<Instant, F>,
        sleep: Sleep,
        deadline: Instant,
        outer: bool,
        begun: bool,
    }
}

impl<F> Deadline<F> {
    /// When it ends: its own moment, or that of a deadline around it.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }
}

impl<F: Future> Future for Deadline<F> {
    type Output = Result<F::Output, DeadlineElapsed>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        // An argument is made before the call: so one in `deadline(…, deadline(…))` learns here what is around it.
        if !std::mem::replace(this.begun, true)
            && let Some(outer) = current_deadline().filter(|outer| *outer < *this.deadline)
        {
            this.future.as_mut().set_value(outer);
            this.sleep.reset(outer);
            (*this.deadline, *this.outer) = (outer, true);
        }
        if let Poll::Ready(output) = this.future.poll(cx) {
            return Poll::Ready(Ok(output));
        }
        let error = DeadlineElapsed { deadline: *this.deadline, outer: *this.outer };
        Pin::new(this.sleep).poll(cx).map(|()| Err(error))
    }
}

/// A deadline came before the future was ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeadlineElapsed {
    deadline: Instant,
    outer: bool,
}

impl DeadlineElapsed {
    /// The moment that came.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it was the moment of a deadline around the one that gives this error.
    #[must_use]
    pub fn is_outer(&self) -> bool {
        self.outer
    }
}

impl fmt::Display for DeadlineElapsed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.outer {
            true => "the deadline around this one came before the future was ready",
            false => "its deadline came before the future was ready",
        })
    }
}

impl std::error::Error for DeadlineElapsed {}

impl From<DeadlineElapsed> for std::io::Error {
    fn from(error: DeadlineElapsed) -> std::io::Error {
        std::io::Error::new(std::io::ErrorKind::TimedOut, error)
    }
}
