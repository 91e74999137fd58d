//! One timer, as a future.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Instant;
use crate::state::State;
use crate::timers::TimerKey;
use crate::trace::{Leaf, RuntimeId, TimerId};
use crate::wake::{self, NoRuntime};

/// Waits for `duration`, counted from this call. `Duration::MAX` waits for ever.
///
/// # Scheduling
/// The clock is read in this call, so the timer is never early, even when it is made late in a long turn. It fires
/// in the fire phase of a turn, also when `duration` is zero: the task that waits is made ready at the back of the
/// queue.
///
/// The loop wakes for this timer alone, as exactly as the kernel does it. Not so in a crowd: where timers have been
/// firing, and the next and at least eleven others are due within 800 µs, the loop may wake once for some of
/// them. So a timer in a crowd is up to 800 µs later than it would be by itself; the order stays. This is
/// not so under a virtual clock, nor in a [`Guest`](crate::Guest)'s turns.
///
/// # Panics
/// Outside of a running loop; see [`try_sleep`].
///
/// # Cancel safety
/// Dropping it cancels the timer; nothing is lost.
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, sleep};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let start = Instant::now();
///     sleep(Duration::from_millis(2)).await;
///     assert!(start.elapsed() >= Duration::from_millis(2));
/// });
/// ```
#[track_caller]
pub fn sleep(duration: Duration) -> Sleep {
    expect(try_sleep(duration))
}

/// Waits until `deadline`. One that has passed is waited for until the next fire phase.
///
/// # Scheduling
/// As [`sleep`], but the clock is not read.
///
/// # Panics
/// Outside of a running loop.
///
/// # Cancel safety
/// As [`sleep`].
///
/// # Examples
/// ```
/// use glassloop::time::{Instant, sleep_until};
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let deadline = Instant::now() + Duration::from_millis(2);
///     sleep_until(deadline).await;
///     assert!(Instant::now() >= deadline);
/// });
/// ```
#[track_caller]
pub fn sleep_until(deadline: Instant) -> Sleep {
    expect(try_sleep_until(deadline))
}

/// As [`sleep`], but gives an error outside of a running loop.
///
/// # Errors
/// If no loop runs on this thread.
#[track_caller]
pub fn try_sleep(duration: Duration) -> Result<Sleep, NoRuntime> {
    let site = Location::caller();
    wake::with_current("sleep", |state| Sleep::new(state, state.clock.now().saturating_add(duration), site))
}

/// As [`sleep_until`], but gives an error outside of a running loop.
///
/// # Errors
/// If no loop runs on this thread.
#[track_caller]
pub fn try_sleep_until(deadline: Instant) -> Result<Sleep, NoRuntime> {
    let site = Location::caller();
    wake::with_current("sleep_until", |state| Sleep::new(state, deadline, site))
}

#[track_caller]
fn expect(sleep: Result<Sleep, NoRuntime>) -> Sleep {
    match sleep {
        Ok(sleep) => sleep,
        Err(error) => panic!("{error}"),
    }
}

/// A timer of one loop; made by [`sleep`] and [`sleep_until`].
///
/// It holds a key into the loop's timers and no reference, so it is `Send` and `Sync`. It may be dropped on any
/// thread, and polled on its own loop alone.
///
/// # Panics
/// When it is polled on another loop, or outside of any.
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Sleep {
    deadline: Instant,
    id: TimerId,
    stage: Stage,
    runtime: RuntimeId,
    site: &'static Location<'static>,
}

#[derive(Clone, Copy)]
enum Stage {
    /// Not polled yet.
    New,
    /// In this slot; with `id`, which it was armed with, its key.
    Armed(u32),
    /// Fired, and seen to have fired.
    Over,
}

impl Sleep {
    fn new(state: &State, deadline: Instant, site: &'static Location<'static>) -> Sleep {
        Sleep { deadline, id: state.timers.next_id(), stage: Stage::New, runtime: state.id, site }
    }

    /// As [`sleep_until`], told in traces as made at `site`.
    pub(super) fn until(deadline: Instant, site: &'static Location<'static>) -> Sleep {
        expect(wake::with_current("sleep_until", |state| Sleep::new(state, deadline, site)))
    }

    /// When it ends.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Whether it has ended: it fired, or an earlier poll said so.
    ///
    /// # Panics
    /// On another loop than its own, or outside of any, while it is armed.
    #[must_use]
    pub fn is_elapsed(&self) -> bool {
        match self.stage {
            Stage::New => false,
            Stage::Armed(slot) => self.on_own_loop(|state| !state.timers.is_armed(self.key(slot))),
            Stage::Over => true,
        }
    }

    /// Gives it another deadline; allocates nothing. Whoever waits for it is woken then, without another poll.
    ///
    /// # Scheduling
    /// Among timers of the same deadline it counts as created now.
    ///
    /// # Panics
    /// On another loop than its own, or outside of any.
    ///
    /// # Examples
    /// ```
    /// use glassloop::time::{Instant, sleep};
    /// use std::time::Duration;
    ///
    /// glassloop::run(async {
    ///     let mut idle = sleep(Duration::from_secs(60));
    ///     idle.reset(Instant::now() + Duration::from_millis(1));
    ///     idle.await;
    /// });
    /// ```
    pub fn reset(&mut self, deadline: Instant) {
        let (id, stage) = self.on_own_loop(|state| {
            let id = state.timers.next_id();
            match self.stage {
                Stage::Armed(slot) if state.timers.rearm(self.key(slot), deadline, id) => (id, self.stage),
                _ => (id, Stage::New),
            }
        });
        (self.deadline, self.id, self.stage) = (deadline, id, stage);
    }

    fn key(&self, slot: u32) -> TimerKey {
        TimerKey { slot, id: self.id }
    }

    fn leaf(&self) -> Leaf {
        Leaf::Timer { timer: self.id, site: self.site }
    }

    #[inline]
    fn on_own_loop<R>(&self, act: impl FnOnce(&State) -> R) -> R {
        wake::with_own("sleep", self.runtime, act).unwrap_or_else(|error| panic!("{error}"))
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.stage = this.on_own_loop(|state| match this.stage {
            Stage::New => {
                let waiter = wake::waiter(cx, || this.leaf());
                Stage::Armed(state.timers.arm(this.deadline, this.id, waiter, this.site).slot)
            }
            Stage::Armed(slot) => {
                let key = this.key(slot);
                if !state.timers.is_armed(key) {
                    return Stage::Over;
                }
                if let Some(waiter) = wake::new_waiter(cx, || this.leaf(), |task| state.timers.wakes(key, task)) {
                    drop(state.timers.set_waiter(key, waiter));
                }
                Stage::Armed(slot)
            }
            Stage::Over => Stage::Over,
        });
        if matches!(this.stage, Stage::Over) { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        let Stage::Armed(slot) = self.stage else { return };
        let key = self.key(slot);
        // Nearly always on its loop, which needs no message.
        let cancelled = wake::own(self.runtime, |state| {
            state.trace.forget_leaf(|noted| matches!(noted, Leaf::Timer { timer, .. } if *timer == self.id));
            drop(state.timers.cancel(key));
        });
        if cancelled.is_none() {
            cancel_elsewhere(self.runtime, key);
        }
    }
}

#[cold]
fn cancel_elsewhere(runtime: RuntimeId, key: TimerKey) {
    wake::on_loop(runtime, move |state| drop(state.timers.cancel(key)));
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("timer", &self.id).field("deadline", &self.deadline).finish()
    }
}
