//! A meeting of so many tasks.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cell::Cell;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

static WAIT: Op = Op::new(Class::Signal, "Barrier::wait", "came last to the Barrier");

/// Holds tasks up until so many have come; then all go on, and it begins again.
///
/// asyncio's `abort` and `reset` are not here: they would make every wait a `Result`. Whoever is dropped gives its
/// place back, so [`run_until_cancelled`](super::CancellationToken::run_until_cancelled) around the wait does what
/// they do.
///
/// # Scheduling
/// The last to come is the leader: it does not wait, and makes the others ready in the order in which they came.
///
/// # Examples
/// ```
/// use glassloop::{join_all, sync::Barrier};
///
/// glassloop::run(async {
///     let barrier = Barrier::new(3);
///     let met = join_all((0..3).map(|_| barrier.wait())).await;
///     let leaders: Vec<bool> = met.iter().map(|met| met.is_leader()).collect();
///     assert_eq!(leaders, [false, false, true]);
/// });
/// ```
pub struct Barrier {
    size: usize,
    arrived: Cell<usize>,
    /// How often all had come.
    rounds: Cell<u64>,
    line: WaitList,
}

impl Barrier {
    /// For `n` tasks. None are as one: nobody ever waits.
    #[must_use]
    #[track_caller]
    pub const fn new(n: usize) -> Barrier {
        Barrier { size: n, arrived: Cell::new(0), rounds: Cell::new(0), line: WaitList::new() }
    }

    /// Waits until all have come.
    ///
    /// # Cancel safety
    /// Dropped before all have come, it counts as not come (where tokio's counts as come).
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = BarrierWaitResult> {
        Waiting { barrier: self, place: Place::NONE, round: 0, site: Location::caller() }
    }
}

impl fmt::Debug for Barrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Barrier")
            .field("size", &self.size)
            .field("arrived", &self.arrived.get())
            .finish_non_exhaustive()
    }
}

/// How a task left a [`Barrier`].
#[derive(Debug, Clone)]
pub struct BarrierWaitResult(bool);

impl BarrierWaitResult {
    /// Whether it was the last to come; one in each round is.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.0
    }
}

/// The future of a meeting.
#[must_use = "futures do nothing unless you `.await` them"]
struct Waiting<'a> {
    barrier: &'a Barrier,
    place: Place,
    /// In which it came.
    round: u64,
    site: &'static Location<'static>,
}

impl Future for Waiting<'_> {
    type Output = BarrierWaitResult;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<BarrierWaitResult> {
        let this = &mut *self;
        let barrier = this.barrier;
        if this.place.is_none() {
            let arrived = barrier.arrived.get() + 1;
            if arrived >= barrier.size {
                barrier.arrived.set(0);
                barrier.rounds.set(barrier.rounds.get() + 1);
                barrier.line.grant_all(Grant::All);
                return Poll::Ready(BarrierWaitResult(true));
            }
            barrier.arrived.set(arrived);
            this.round = barrier.rounds.get();
        }
        let polled = barrier.line.poll(&mut this.place, cx, &WAIT, this.site, 1);
        polled.map(|_| BarrierWaitResult(false))
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let is_counted = !self.place.is_none() && self.round == self.barrier.rounds.get();
        // What it was granted is nobody else's.
        let _ = self.barrier.line.leave(&mut self.place);
        if is_counted {
            self.barrier.arrived.set(self.barrier.arrived.get() - 1);
        }
    }
}
