//! The end of a runtime: every future is dropped here, on the loop's thread, in spawn order, with nothing borrowed; and
//! who was asked to end and did not is told.

use std::fmt::{self, Write};
use std::num::NonZeroU64;
use std::panic::Location;
use std::time::{Duration, Instant};

use super::drain::drain;
use super::dump::{self, TaskView};
use super::{Runtime, lost, refuse_nesting, start};
use crate::cell;
use crate::live;
use crate::panics::{guarded, say};
use crate::state::State;
use crate::trace::TaskId;
use crate::wake;

impl Runtime {
    /// Drops the runtime, but waits for running blocking jobs no longer than `limit`.
    ///
    /// Its tasks are dropped where they are; [`shutdown_gracefully`](Runtime::shutdown_gracefully) lets them end first.
    /// Jobs that are queued are cancelled. A job that is still running after `limit` runs on by itself; its result is
    /// dropped on its thread.
    ///
    /// # Errors
    /// [`Unfinished`] names the jobs that did not end in time, and the tasks that were dropped.
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
        let tasks = wake::enter(&self.state, || dump::take(&self.state).into_tasks());
        let jobs = self.close(deadline);
        if jobs.is_empty() { Ok(()) } else { Err(Unfinished::new(jobs, tasks)) }
    }

    /// Turns the loop until all tasks have ended by themselves, but no longer than `limit`; then drops the runtime, and
    /// with it the tasks that are left, and says which they were and what each waited for.
    ///
    /// Tell the tasks that they shall end before you call this: cancel the `sync::CancellationToken` that they watch,
    /// close the channel that they read. Nobody is aborted. Tasks that they spawn are waited for like the others. `limit` is one for all of it, and is measured by
    /// the runtime's clock for tasks, by the system's for blocking jobs.
    ///
    /// # Errors
    /// [`Unfinished`] names those that did not end in time: tasks, with what each waited for, and blocking jobs.
    ///
    /// # Panics
    /// - Inside a running loop, this one or another.
    /// - With a report, when a task has failed unseen, if the runtime was told so by
    ///   [`OnUnhandled::Shutdown`](crate::trace::OnUnhandled::Shutdown).
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "sync")] {
    /// use glassloop::sync::CancellationToken;
    /// use std::time::Duration;
    ///
    /// let runtime = glassloop::Builder::new().start_paused(true).build().unwrap();
    /// let stop = CancellationToken::new();
    /// runtime.block_on(async {
    ///     let stopped = stop.clone();
    ///     glassloop::spawn(async move {
    ///         stopped.cancelled().await;
    ///         glassloop::time::sleep(Duration::from_secs(2)).await; // says goodbye
    ///     })
    ///     .detach();
    ///     glassloop::spawn_named("stubborn", std::future::pending::<()>()).detach();
    ///     glassloop::yield_now().await;
    /// });
    /// stop.cancel();
    /// let unfinished = runtime.shutdown_gracefully(Duration::from_secs(5)).unwrap_err();
    /// assert_eq!(unfinished.tasks().len(), 1);
    /// assert_eq!(unfinished.tasks()[0].name.as_deref(), Some("stubborn"));
    /// # }
    /// ```
    #[track_caller]
    pub fn shutdown_gracefully(self, limit: Duration) -> Result<(), Unfinished> {
        let site = Location::caller();
        refuse_nesting("shutdown_gracefully", site);
        let deadline = Instant::now().checked_add(limit);
        let is_stopped = self.state.stopped.borrow().is_some();
        let tasks = if is_stopped { Vec::new() } else { drain(&self.state, limit, deadline, site) };
        let jobs = self.close(deadline);
        lost::refuse_if_stopped(&self.state); // after the end, which a panic would let wait for jobs without a limit
        if jobs.is_empty() && tasks.is_empty() { Ok(()) } else { Err(Unfinished::new(jobs, tasks)) }
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        self.close(None);
    }
}

impl Runtime {
    /// Ends everything, and who looks on from other threads.
    fn close(&self, deadline: Option<Instant>) -> Vec<UnfinishedJob> {
        let jobs = close(&self.state, deadline);
        #[cfg(feature = "glass")]
        self.watchers.end(deadline);
        jobs
    }
}

/// Says, in debug mode, which tasks a runtime ends before they have ended.
fn note_cut_short(state: &State) {
    const MOST: usize = 10;
    let tasks = dump::take(state).into_tasks();
    if tasks.is_empty() {
        return;
    }
    let mut words = format!("runtime {} ends before {} of its tasks, which are dropped:", state.id, tasks.len());
    for task in tasks.iter().take(MOST) {
        let _ = write!(words, "\n  {task}");
    }
    if tasks.len() > MOST {
        let _ = write!(words, "\n  and {} more", tasks.len() - MOST);
    }
    say(format_args!("{words}"));
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

/// Ends everything, once. The jobs that ran on.
fn close(state: &State, deadline: Option<Instant>) -> Vec<UnfinishedJob> {
    if state.closing.replace(true) {
        return Vec::new();
    }
    let no_way_back = NoWayBack;
    live::retract(state.id);
    let _awake = super::turn::Awake::new(state);
    let unfinished = wake::enter(state, || {
        if state.debug {
            note_cut_short(state);
        }
        state.pool.stop(); // first: what is destroyed below may end a job, and another would begin in its place
        let sites: Vec<_> = state.tasks.all().iter().map(|task| (task.id(), task.site())).collect();
        state.inbox.close();
        // Destructors may wake, drop handles, spawn and leave futures: what they spawn is cancelled at once, and what
        // they leave is dropped at once, so nothing is added to what ends here.
        while let Some(task) = state.tasks.first() {
            state.running.during(&task, || start::cancel(state, &task));
        }
        while let Some(task) = state.ready.take() {
            drop(task);
        }
        state.stays.keys().into_iter().for_each(|key| end_stay(state, key));
        let waiters = std::iter::from_fn(|| state.timers.pop_any()).chain(state.reactor.take_waiters());
        waiters.for_each(|waiter| guarded("the destructor of a foreign waker", || drop(waiter)));
        state.pool.wait(deadline);
        cell::close();
        let left = state.pool.running().into_iter();
        let site = |id| sites.binary_search_by_key(&id, |(task, _)| *task).ok().map(|at| sites[at].1);
        left.filter_map(|id| Some(UnfinishedJob { id, site: site(id)? })).collect()
    });
    std::mem::forget(no_way_back);
    unfinished
}

/// Drops the future of a key that is outside of every task; or that was left while the runtime ends.
pub(crate) fn end_stay(state: &State, key: NonZeroU64) {
    guarded("the destructor of a future that stayed", || drop(state.stays.take(key)));
}

/// What had not ended when [`Runtime::shutdown`] or [`Runtime::shutdown_gracefully`] stopped waiting; see there for
/// examples.
///
/// Its `Display` is a line for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    jobs: Vec<UnfinishedJob>,
    tasks: Vec<TaskView>,
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
    /// A task whose job is told is not told again.
    fn new(jobs: Vec<UnfinishedJob>, mut tasks: Vec<TaskView>) -> Unfinished {
        tasks.retain(|task| jobs.iter().all(|job| job.id != task.id));
        Unfinished { jobs, tasks }
    }

    /// The jobs that run on, in spawn order.
    #[must_use]
    pub fn jobs(&self) -> &[UnfinishedJob] {
        &self.jobs
    }

    /// The tasks that were dropped, in spawn order, as they were before: what each waited for, and where.
    #[must_use]
    pub fn tasks(&self) -> &[TaskView] {
        &self.tasks
    }
}

impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unfinished { jobs, tasks } = self;
        let told = [told(jobs.len(), "blocking job"), told(tasks.len(), "task")];
        let told: Vec<String> = told.into_iter().flatten().collect();
        write!(f, "{} had not ended when the runtime stopped waiting:", told.join(" and "))?;
        for UnfinishedJob { id, site } in jobs {
            write!(f, "\n  task {id}, spawned at {site}: its job runs on")?;
        }
        tasks.iter().try_for_each(|task| write!(f, "\n  {task}"))
    }
}

fn told(number: usize, thing: &str) -> Option<String> {
    (number > 0).then(|| format!("{number} {thing}{}", if number == 1 { "" } else { "s" }))
}

impl std::error::Error for Unfinished {}
