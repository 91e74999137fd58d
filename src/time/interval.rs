//! Ticks at a fixed period.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use super::{Instant, Sleep, sleep_until};

/// Ticks now, and then every `period`.
///
/// # Panics
/// If `period` is zero, and outside of a running loop.
///
/// # Examples
/// ```
/// use glassloop::time::{interval, pause};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let mut ticks = interval(Duration::from_secs(1));
///     let first = ticks.tick().await;
///     let third = {
///         ticks.tick().await;
///         ticks.tick().await
///     };
///     assert_eq!(third - first, Duration::from_secs(2));
/// });
/// ```
#[track_caller]
pub fn interval(period: Duration) -> Interval {
    interval_at(Instant::now(), period)
}

/// Ticks at `start`, and then every `period`.
///
/// # Panics
/// As [`interval`].
#[track_caller]
pub fn interval_at(start: Instant, period: Duration) -> Interval {
    assert!(!period.is_zero(), "an interval of period zero would tick without end; give it a period above zero");
    Interval { sleep: sleep_until(start), period, behavior: MissedTickBehavior::default() }
}

/// What an [`Interval`] does when its user comes late. The names and meanings are tokio's.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, MissedTickBehavior, advance, interval, pause};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let start = Instant::now();
///     let mut ticks = interval(Duration::from_secs(10));
///     ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
///     ticks.tick().await;
///     advance(Duration::from_secs(34)).await; // the ticks at 10, 20 and 30 s are missed
///     ticks.tick().await; // at once, for all of them
///     ticks.tick().await;
///     assert_eq!(start.elapsed(), Duration::from_secs(40));
/// });
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MissedTickBehavior {
    /// Tick at once, as often as ticks were missed, until the plan is met again.
    #[default]
    Burst,
    /// Tick at once, then every period from then on: the plan is moved.
    Delay,
    /// Tick at once, then at the next tick of the plan: those missed are left out.
    Skip,
}

/// The ticks of [`interval`].
#[derive(Debug)]
pub struct Interval {
    sleep: Sleep,
    period: Duration,
    behavior: MissedTickBehavior,
}

impl Interval {
    /// Waits for the next tick, and gives the moment for which it was planned.
    ///
    /// # Cancel safety
    /// Dropped, it has used up no tick.
    pub fn tick(&mut self) -> Tick<'_> {
        Tick { interval: self }
    }

    /// The poll of [`tick`](Interval::tick).
    pub fn poll_tick(&mut self, cx: &mut Context<'_>) -> Poll<Instant> {
        ready!(Pin::new(&mut self.sleep).poll(cx));
        let planned = self.sleep.deadline();
        let now = Instant::now();
        let next = planned.saturating_add(self.period);
        // A tick that a park or a busy turn made a little late was not missed.
        let missed = now > planned.saturating_add(self.period.min(Duration::from_millis(5)));
        let next = match self.behavior {
            MissedTickBehavior::Delay if missed => now.saturating_add(self.period),
            MissedTickBehavior::Skip if missed => {
                let late = (now - planned).as_nanos() % self.period.as_nanos();
                now.saturating_add(self.period - Duration::from_nanos(late as u64))
            }
            _ => next,
        };
        self.sleep.reset(next);
        Poll::Ready(planned)
    }

    /// Lets the next tick be a period from now.
    pub fn reset(&mut self) {
        self.sleep.reset(Instant::now().saturating_add(self.period));
    }

    /// Sets what happens when ticks are missed.
    pub fn set_missed_tick_behavior(&mut self, behavior: MissedTickBehavior) {
        self.behavior = behavior;
    }

    /// What happens when ticks are missed.
    #[must_use]
    pub fn missed_tick_behavior(&self) -> MissedTickBehavior {
        self.behavior
    }

    /// The time between ticks.
    #[must_use]
    pub fn period(&self) -> Duration {
        self.period
    }
}

/// The future of [`Interval::tick`].
#[must_use = "futures do nothing unless you `.await` them"]
#[derive(Debug)]
pub struct Tick<'a> {
    interval: &'a mut Interval,
}

impl Future for Tick<'_> {
    type Output = Instant;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Instant> {
        self.interval.poll_tick(cx)
    }
}
