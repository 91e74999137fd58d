//! What time it is: the real clock, or one that stands still until it is moved.

use std::cell::Cell;
use std::fmt;
use std::ops::{Add, AddAssign, Sub, SubAssign};
use std::sync::OnceLock;
use std::time::Duration;

/// Where the system's monotonic clock begins in our nanoseconds: 146 years may be subtracted from it and 438 added.
const ORIGIN: u64 = 1 << 62;

/// One moment by `std` and by us, for what goes from one to the other. `std` looked first, so by its clock ours is a
/// little slow: what is due by a moment that `std` gave is never early.
static ANCHOR: OnceLock<(std::time::Instant, u64)> = OnceLock::new();

fn anchor() -> (std::time::Instant, u64) {
    *ANCHOR.get_or_init(closest_looks)
}

/// Of several: a thread that was put aside between its two looks would make ours that slow as long as the process lives.
#[cold]
fn closest_looks() -> (std::time::Instant, u64) {
    let look = |_| {
        let (std, ours) = (std::time::Instant::now(), real_nanos());
        (std.elapsed(), (std, ours))
    };
    (0..4).map(look).min_by_key(|(apart, _)| *apart).expect("there are four").1
}

#[inline(never)] // where this is inlined, `sleep` no longer is: 12 instructions more, and 36 under a clock that stands
fn real_nanos() -> u64 {
    ORIGIN + ticks()
}

/// The system's monotonic clock in nanoseconds: on Linux asked without `std`, whose seconds and nanoseconds take 60
/// instructions more to put together and to subtract.
#[cfg(target_os = "linux")]
#[inline]
fn ticks() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}

#[cfg(not(target_os = "linux"))]
fn ticks() -> u64 {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos() as u64
}

/// A moment on a runtime's clock, in nanoseconds.
///
/// Inside a runtime [`Instant::now`] reads that runtime's clock, which may be virtual (see
/// [`time::pause`](crate::time::pause)); outside it reads the system's monotonic clock. Moments of two runtimes, or of
/// one and the system, can be compared only if no clock of theirs was ever paused: one that was goes on from where it
/// stood, apart from the system's.
///
/// It holds one `u64`, where `std::time::Instant` holds seconds and nanoseconds: timers compare moments far more
/// often than they read clocks.
///
/// # Examples
/// ```
/// use glassloop::time::Instant;
/// use std::time::Duration;
///
/// let start = Instant::now();
/// let later = start + Duration::from_millis(5);
/// assert_eq!(later - start, Duration::from_millis(5));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(u64);

impl Instant {
    /// Later than any deadline that is ever reached.
    pub(crate) const FAR: Instant = Instant(u64::MAX);

    /// The system's monotonic clock, whatever a runtime says.
    pub(crate) fn real() -> Instant {
        Instant(real_nanos())
    }

    /// The moment as a number, which means something only beside others, and to `from_nanos`.
    #[inline]
    pub(crate) fn nanos(self) -> u64 {
        self.0
    }

    #[cfg(feature = "glass")]
    pub(crate) fn from_nanos(nanos: u64) -> Instant {
        Instant(nanos)
    }

    /// The moment `duration` from this one, or `None` if it lies beyond what can be held (438 years).
    #[must_use]
    pub fn checked_add(&self, duration: Duration) -> Option<Instant> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Instant)
    }

    /// The moment `duration` before this one, or `None` if it lies beyond what can be held (146 years).
    #[must_use]
    pub fn checked_sub(&self, duration: Duration) -> Option<Instant> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_sub(nanos).map(Instant)
    }

    /// The moment `duration` from this one; past the end of time it is the end of time, which never comes.
    pub(crate) fn saturating_add(&self, duration: Duration) -> Instant {
        self.checked_add(duration).unwrap_or(Instant::FAR)
    }

    /// The time from `earlier` to this moment; zero if `earlier` is later.
    #[must_use]
    pub fn duration_since(&self, earlier: Instant) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// The time from `earlier` to this moment; `None` if `earlier` is later.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Instant) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_nanos)
    }

    /// The same moment as `std` calls it. Meaningless for a moment of a clock that was ever paused.
    ///
    /// # Panics
    /// If the platform's `Instant` cannot hold it.
    #[must_use]
    pub fn into_std(self) -> std::time::Instant {
        let (std, ours) = anchor();
        match self.0.checked_sub(ours) {
            Some(after) => std + Duration::from_nanos(after),
            None => std - Duration::from_nanos(ours - self.0),
        }
    }

    /// The moment that `std` calls `instant`.
    #[must_use]
    pub fn from_std(instant: std::time::Instant) -> Instant {
        let (std, ours) = anchor();
        match instant.checked_duration_since(std) {
            Some(after) => Instant(ours).saturating_add(after),
            None => Instant(ours.saturating_sub((std - instant).as_nanos() as u64)),
        }
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < ORIGIN { '-' } else { '+' };
        write!(f, "Instant({sign}{:?})", Duration::from_nanos(self.0.abs_diff(ORIGIN)))
    }
}

impl Add<Duration> for Instant {
    type Output = Instant;
    /// # Panics
    /// If the sum lies beyond what can be held, as `std`'s does.
    fn add(self, duration: Duration) -> Instant {
        self.checked_add(duration).expect("overflow when adding a duration to an instant")
    }
}

impl Sub<Duration> for Instant {
    type Output = Instant;
    /// # Panics
    /// If the difference lies beyond what can be held, as `std`'s does.
    fn sub(self, duration: Duration) -> Instant {
        self.checked_sub(duration).expect("overflow when subtracting a duration from an instant")
    }
}

impl AddAssign<Duration> for Instant {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl SubAssign<Duration> for Instant {
    fn sub_assign(&mut self, duration: Duration) {
        *self = *self - duration;
    }
}

impl Sub for Instant {
    type Output = Duration;
    /// Zero if `earlier` is later, as `std`'s is.
    fn sub(self, earlier: Instant) -> Duration {
        self.duration_since(earlier)
    }
}

impl From<std::time::Instant> for Instant {
    fn from(instant: std::time::Instant) -> Instant {
        Instant::from_std(instant)
    }
}

impl From<Instant> for std::time::Instant {
    fn from(instant: Instant) -> std::time::Instant {
        instant.into_std()
    }
}

/// A runtime's clock. Policy: real, or frozen at a moment that only `jump` moves.
pub(crate) struct Clock {
    /// Where the clock stands while it is virtual; `None` while it runs.
    frozen: Cell<Option<Instant>>,
    /// What resuming added to the real clock, modulo 2^64: a clock that was paused goes on from where it stood.
    offset: Cell<u64>,
}

impl Clock {
    pub(crate) fn new(paused: bool) -> Clock {
        let clock = Clock { frozen: Cell::new(None), offset: Cell::new(0) };
        if paused {
            clock.pause();
        }
        clock
    }

    #[inline]
    pub(crate) fn now(&self) -> Instant {
        self.frozen.get().unwrap_or_else(|| self.ticking())
    }

    /// As `now`, by `std`'s name. A clock that never stood still is the system's own: without the way to our
    /// nanoseconds and back, a request with hyper's time-out costs 75 instructions less.
    #[cfg(feature = "hyper")]
    pub(crate) fn now_std(&self) -> std::time::Instant {
        match (self.frozen.get(), self.offset.get()) {
            (None, 0) => std::time::Instant::now(),
            _ => self.now().into_std(),
        }
    }

    /// What this clock would say if it did not stand: sleeps in the kernel are measured by it.
    #[inline]
    pub(crate) fn ticking(&self) -> Instant {
        Instant(real_nanos().wrapping_add(self.offset.get()))
    }

    /// A moment of this clock on the system's; `None` while this one stands.
    #[cfg(unix)]
    pub(crate) fn on_system(&self, moment: Instant) -> Option<Instant> {
        (!self.is_paused()).then(|| Instant(moment.0.wrapping_sub(self.offset.get())))
    }

    pub(crate) fn is_paused(&self) -> bool {
        self.frozen.get().is_some()
    }

    /// Stops the clock; `false` if it stood already.
    pub(crate) fn pause(&self) -> bool {
        let running = !self.is_paused();
        self.frozen.set(Some(self.now()));
        running
    }

    /// Lets the clock run on from where it stands; `false` if it ran already.
    pub(crate) fn resume(&self) -> bool {
        let Some(at) = self.frozen.take() else { return false };
        self.offset.set(at.0.wrapping_sub(real_nanos()));
        true
    }

    /// Moves a stopped clock forward to `to`; a moment in the past changes nothing.
    pub(crate) fn jump(&self, to: Instant) {
        if let Some(at) = self.frozen.get() {
            self.frozen.set(Some(at.max(to)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_from_std_and_go_back_on_both_sides_of_the_anchor() {
        let (std, _) = anchor();
        for apart in [0, 1, 999_999_999, 1_000_000_001].map(Duration::from_nanos) {
            let (before, after) = (Instant::from_std(std - apart), Instant::from_std(std + apart));
            assert_eq!((before.into_std(), after.into_std()), (std - apart, std + apart));
            assert_eq!(after - before, 2 * apart);
        }
    }

    #[test]
    fn a_moment_of_std_is_not_early() {
        for _ in 0..1000 {
            let before = Instant::real();
            assert!(before <= Instant::from_std(std::time::Instant::now()));
        }
    }
}
