//! Sleeping, time-outs, intervals, and the virtual clock.
//!
//! A timer is never early, and all timers of a runtime are woken in the order of their deadlines, ties in the order
//! of creation. A sleep of 100 µs is late by about the time a thread takes to wake, on Linux, and in a crowd of timers
//! by 800 µs more at most ([`sleep`]); elsewhere by the system's granularity, a millisecond as a rule.
//!
//! ```
//! use glassloop::time::{Instant, pause, sleep, timeout};
//! use std::time::Duration;
//!
//! glassloop::run(async {
//!     pause(); // from here on, time passes only while nothing else can happen
//!     let start = Instant::now();
//!     let hour = Duration::from_secs(3600);
//!     assert!(timeout(hour, sleep(2 * hour)).await.is_err());
//!     assert_eq!(start.elapsed(), hour);
//! });
//! ```

mod deadline;
mod interval;
mod sleep;
mod timeout;
mod virtual_clock;

pub use crate::clock::Instant;
pub use deadline::{Deadline, DeadlineElapsed, current_deadline, deadline, deadline_at};
pub use interval::{Interval, MissedTickBehavior, Tick, interval, interval_at};
pub use sleep::{Sleep, sleep, sleep_until, try_sleep, try_sleep_until};
pub use timeout::{Elapsed, Timeout, timeout, timeout_at};
pub use virtual_clock::{advance, is_paused, pause, resume};

use std::time::Duration;

use crate::wake;

impl Instant {
    /// This moment on the clock of the loop that runs on this thread; without one, on the system's clock.
    #[must_use]
    pub fn now() -> Instant {
        wake::current(|state| state.map_or_else(Instant::real, |state| state.clock.now()))
    }

    /// The time from this moment to now; zero if it lies ahead.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Instant::now().duration_since(*self)
    }
}
