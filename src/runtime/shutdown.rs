//! The end of a runtime: every future is dropped here, on the loop's thread, in spawn order, with nothing borrowed.

use std::fmt;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::{Runtime, start};
use crate::cell;
use crate::panics::{guarded, say};
use crate::state::State;
use crate::trace::TaskId;
use crate::wake;

impl Runtime {
    /// Drops the runtime, but waits for running blocking jobs no longer than `limit`.
    ///
    /// Jobs that are queued are cancelled. A job that is still running then runs on by itself; its result is
    /// dropped on its thread.
    ///
    /// # Errors
    /// [`Unfinished`] names the jobs that did not end in time.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    ///
    /// let runtime = glassloop::Runtime::new().unwrap();
    /// let (begin, begun) = std::sync::mpsc::channel::<()>();
    /// let (free, held) = std::sync::mpsc::channel::<()>();
    /// runtime.block_on(async {
    ///     glassloop::spawn_blocking(move || begin.send(()).and_then(|()| Ok(held.recv()))).detach();
    /// });
    /// begun.recv().unwrap();
    /// let unfinished = runtime.shutdown(Duration::from_millis(1)).unwrap_err();
    /// assert_eq!(unfinished.jobs().len(), 1);
    /// drop(free);
    /// ```
    pub fn shutdown(self, limit: Duration) -> Result<(), Unfinished> {
        // A limit beyond what the clock can hold is no limit.
        let deadline = Instant::now().checked_add(limit);
        let unfinished = close(&self.state, deadline);
        if unfinished.jobs.is_empty() { Ok(()) } else { Err(unfinished) }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        close(&self.state, None);
    }
}

/// Aborts the process if `close` unwinds. Cells rest on its end (LOOP): a future left in its slot, in a loop that is
/// gone, would be reached through an inbox that is gone too. Nothing foreign in `close` is called unguarded.
struct NoWayBack;

impl Drop for NoWayBack {
    fn drop(&mut self) {
        say(format_args!("a panic came through the end of a runtime, which must not stop half-way: aborting"));
        std::process::abort();
    }
}

/// Ends everything, once.
fn close(state: &State, deadline: Option<Instant>) -> Unfinished {
    if state.closing.replace(true) {
        return Unfinished { jobs: Vec::new() };
    }
    let no_way_back = NoWayBack;
    wake::retract(state.id);
    let unfinished = wake::enter(state, || {
        state.pool.stop(); // first: what is destroyed below may end a job, and another would begin in its place
        let jobs = state.pool.jobs();
        let sites: Vec<_> = state.tasks.all().iter().map(|task| (task.id(), task.site())).collect();
        state.inbox.close();
        // Destructors may wake, drop handles and spawn (what is spawned now is cancelled at once).
        while let Some(task) = state.tasks.first() {
            state.running.during(&task, || start::cancel(state, &task));
        }
        while let Some(task) = state.ready.take() {
            drop(task);
        }
        let waiters = std::iter::from_fn(|| state.timers.pop_any()).chain(state.reactor.take_waiters());
        waiters.for_each(|waiter| guarded("the destructor of a foreign waker", || drop(waiter)));
        state.pool.wait(deadline);
        cell::close();
        let left = jobs.iter().filter(|(_, job)| job.is_running()).map(|(id, _)| *id);
        let site = |id| sites.binary_search_by_key(&id, |(task, _)| *task).ok().map(|at| sites[at].1);
        Unfinished { jobs: left.filter_map(|id| Some(UnfinishedJob { id, site: site(id)? })).collect() }
    });
    std::mem::forget(no_way_back);
    unfinished
}

/// The blocking jobs that were still running when [`Runtime::shutdown`] stopped waiting; see there for an example.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    jobs: Vec<UnfinishedJob>,
}

/// A blocking job that outlived its runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnfinishedJob {
    /// The task that would have given its result.
    pub id: TaskId,
    /// Where `spawn_blocking` or `spawn_cpu` was called.
    pub site: &'static Location<'static>,
}

impl Unfinished {
    /// The jobs, in spawn order.
    #[must_use]
    pub fn jobs(&self) -> &[UnfinishedJob] {
        &self.jobs
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocking jobs were still running when the runtime stopped waiting:", self.jobs.len())?;
        for job in &self.jobs {
            write!(f, " task {} (spawned at {})", job.id, job.site)?;
        }
        Ok(())
    }
}

impl std::error::Error for Unfinished {}
