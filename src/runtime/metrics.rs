//! A loop in numbers.

use super::{Builder, Runtime};
use crate::pool::Load;
use crate::state::State;
use crate::trace::Counted;
use crate::wake::{self, NoRuntime};

/// The numbers of the loop that runs on this thread.
///
/// # Errors
/// If none does.
///
/// # Examples
/// ```
/// let metrics = glassloop::run(async {
///     let task = glassloop::spawn(glassloop::time::sleep(std::time::Duration::from_millis(1)));
///     glassloop::yield_now().await;
///     let metrics = glassloop::metrics().unwrap();
///     task.await.unwrap();
///     metrics
/// });
/// assert_eq!((metrics.spawned, metrics.alive, metrics.timers), (2, 2, 1));
/// assert_eq!(metrics.counted, None); // what costs something is counted where it was asked for
/// ```
pub fn metrics() -> Result<Metrics, NoRuntime> {
    wake::with_current("metrics", take)
}

/// A loop at one moment, in numbers. They are there already, whether anybody asks or not; but for `counted`, which costs
/// something a poll, and `timers` and the jobs that are queued, which are counted here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metrics {
    /// Turns of the loop so far.
    pub turns: u64,
    /// Tasks made so far, among them those of `block_on` and of blocking jobs.
    pub spawned: u64,
    /// Tasks that have not ended.
    pub alive: usize,
    /// Tasks that stand in the queue.
    pub ready: usize,
    /// Timers that are armed.
    pub timers: usize,
    /// Sockets, and what else the kernel was asked to report.
    pub sources: usize,
    /// The pool for blocking jobs.
    pub blocking: Load,
    /// The pool for computations.
    pub cpu: Load,
    /// What is counted event by event, if [`Builder::metrics`](crate::Builder::metrics) was asked for.
    pub counted: Option<Counted>,
}

impl Builder {
    /// Counts events, for [`Metrics::counted`](crate::Metrics::counted): polls, wakes by cause, times. What else is in
    /// [`Metrics`](crate::Metrics) is there without it.
    ///
    /// # Examples
    /// ```
    /// let runtime = glassloop::Builder::new().metrics(true).build().unwrap();
    /// runtime.block_on(glassloop::yield_now());
    /// let counted = runtime.metrics().counted.unwrap();
    /// assert_eq!((counted.polls, counted.wakes.spawned, counted.wakes.task), (2, 1, 1));
    /// ```
    pub fn metrics(mut self, count: bool) -> Builder {
        self.metrics = count;
        self
    }
}

impl Runtime {
    /// The numbers of this runtime's loop.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        take(&self.state)
    }
}

pub(super) fn take(state: &State) -> Metrics {
    let (blocking, cpu) = state.pool.load();
    Metrics {
        turns: state.turns.get(),
        spawned: state.spawned.get(),
        alive: state.tasks.len(),
        ready: state.ready.len(),
        timers: state.timers.armed(),
        sources: state.reactor.registered(),
        blocking,
        cpu,
        counted: state.trace.counted(),
    }
}
