//! A clock that stands still, and jumps when there is nothing else to wait for.

use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::{Instant, Sleep};
use crate::state::State;
use crate::trace::Event;
use crate::wake;

/// Stops this loop's clock. From now on time moves only by [`advance`], or when the loop has nothing else to do.
///
/// When the loop would sleep, and a look at I/O that does not wait finds nothing, no blocking job is out and no
/// other thread has left a message, the clock jumps to the next deadline. So hours of sleeping pass at once, in the
/// order in which they would have passed.
///
/// # Panics
/// Outside of a running loop, and if the clock stands already.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, pause, sleep};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let start = Instant::now();
///     sleep(Duration::from_secs(86_400)).await;
///     assert_eq!(start.elapsed(), Duration::from_secs(86_400));
/// });
/// ```
#[track_caller]
#[inline]
pub fn pause() {
    assert!(on_clock("time::pause", |state| state.clock.pause()), "time::pause: the clock stands already");
}

/// Lets this loop's clock run on from where it stands.
///
/// # Panics
/// Outside of a running loop, and if the clock runs already.
#[track_caller]
#[inline]
pub fn resume() {
    let resumed = on_clock("time::resume", |state| {
        state.reactor.forget_alarm();
        state.clock.resume()
    });
    assert!(resumed, "time::resume: the clock runs already");
}

/// Whether this loop's clock stands still.
///
/// # Panics
/// Outside of a running loop.
#[must_use]
#[track_caller]
#[inline]
pub fn is_paused() -> bool {
    on_clock("time::is_paused", |state| state.clock.is_paused())
}

/// Moves a stopped clock by `duration`.
///
/// # Scheduling
/// When this returns, every timer that was due by then has fired, and every task that they woke has been polled
/// once, for this call waits on a timer of its own that is the last of them. With a [seed](crate::Builder::seed), which
/// polls what is ready in another order, some of these tasks may still be ready: await what you need of them.
///
/// # Panics
/// Outside of a running loop, if the clock runs, and if `duration` from now lies beyond the end of time, 438 years
/// from the start of the process.
///
/// # Cancel safety
/// The clock has moved as soon as the future was polled.
///
/// # Examples
/// ```
/// use glassloop::time::{advance, pause, sleep};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     pause();
///     let sleeper = glassloop::spawn(sleep(Duration::from_secs(5)));
///     glassloop::yield_now().await; // the sleeper begins
///     advance(Duration::from_secs(5)).await;
///     assert!(sleeper.is_finished());
/// });
/// ```
#[track_caller]
pub fn advance(duration: Duration) -> impl Future<Output = ()> {
    let site = Location::caller();
    async move {
        let target = on_clock("time::advance", |state| {
            assert!(state.clock.is_paused(), "time::advance: the clock runs; call time::pause first");
            let target = state.clock.now().saturating_add(duration);
            assert!(target < Instant::FAR, "time::advance: {duration:?} from now lies beyond the end of time");
            state.trace.emit(|| Event::Jump(duration));
            state.clock.jump(target);
            target
        });
        Sleep::until(target, site).await;
    }
}

#[track_caller]
fn on_clock<R>(what: &'static str, act: impl FnOnce(&State) -> R) -> R {
    match wake::with_current(what, act) {
        Ok(result) => result,
        Err(error) => panic!("{error}"),
    }
}
