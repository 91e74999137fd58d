//! All live tasks of a loop, and what each is known to wait for.
//!
//! Nothing is noted a poll for this: whoever makes a task wait (a timer, a socket, a handle, a job) knows it, and is
//! asked here.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::clock::Instant;
use crate::state::State;
use crate::task::{QUEUED, TaskRef, Waiter};
use crate::trace::{Direction, Kind, SourceId, TaskId, TimerId};
use crate::wake::{self, NoRuntime};

/// Every live task of the loop that runs on this thread.
///
/// # Errors
/// If none does.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let sleeper = glassloop::spawn_named("sleeper", glassloop::time::sleep(std::time::Duration::from_secs(9)));
///     glassloop::yield_now().await;
///     let dump = glassloop::dump().unwrap();
///     assert_eq!(dump.tasks().len(), 2); // this task, and the sleeper
///     assert!(dump.to_string().contains("waits for timer 1"));
///     sleeper.abort();
/// });
/// ```
pub fn dump() -> Result<Dump, NoRuntime> {
    wake::with_current("dump", take)
}

/// The live tasks of a loop at one moment, in spawn order. Its `Display` is a line a task.
#[derive(Debug, Clone)]
pub struct Dump {
    tasks: Vec<TaskView>,
}

/// One task of a [`Dump`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskView {
    /// Its id.
    pub id: TaskId,
    /// What it was made from.
    pub kind: Kind,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// Whether it runs, is ready, or waits.
    pub state: TaskState,
    /// What it is known to wait for. Empty for a task that waits for something that glassloop did not make.
    pub waits: Vec<Waits>,
    /// Whether wakers of it, or abort handles, are kept anywhere, which may wake it.
    pub has_wakers: bool,
}

/// What a live task is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// It is being polled.
    Running,
    /// It stands in the queue.
    Ready,
    /// It was polled, and waits.
    Waiting,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Waits {
    /// A timer.
    Timer {
        /// Which.
        timer: TimerId,
        /// When it is due.
        deadline: Instant,
        /// Where it was made.
        site: &'static Location<'static>,
    },
    /// A socket.
    Source {
        /// Which.
        source: SourceId,
        /// For what.
        direction: Direction,
        /// Where the operation was begun.
        site: Option<&'static Location<'static>>,
    },
    /// Another task's output.
    Join(TaskId),
    /// Its own job on the blocking pool.
    Job,
}

impl Dump {
    /// The tasks, in spawn order.
    #[must_use]
    pub fn tasks(&self) -> &[TaskView] {
        &self.tasks
    }
}

pub(super) fn take(state: &State) -> Dump {
    let tasks = state.tasks.all();
    let mut views: Vec<TaskView> = tasks.iter().map(|task| view(state, task)).collect();
    let mut note = |id: TaskId, waits: Waits| {
        // In spawn order, ids grow.
        if let Ok(at) = views.binary_search_by_key(&id, |view| view.id) {
            views[at].waits.push(waits);
        }
    };
    for task in &tasks {
        if let Some(joiner) = task.joiner() {
            note(joiner.id(), Waits::Join(task.id()));
        }
    }
    state.timers.each(|waiter, timer, deadline, site| {
        if let Waiter::Task(task) = waiter {
            note(task.id(), Waits::Timer { timer, deadline, site });
        }
    });
    state.reactor.each(|waiter, source, direction, site| {
        if let Waiter::Task(task) = waiter {
            note(task.id(), Waits::Source { source, direction, site });
        }
    });
    Dump { tasks: views }
}

fn view(state: &State, task: &TaskRef) -> TaskView {
    let id = task.id();
    let running = state.running.id() == Some(id);
    let ready = task.header().has(QUEUED);
    TaskView {
        id,
        kind: task.kind(),
        name: state.names.borrow().get(&id).cloned(),
        site: task.site(),
        state: match (running, ready) {
            (true, _) => TaskState::Running,
            (false, true) => TaskState::Ready,
            (false, false) => TaskState::Waiting,
        },
        waits: if task.kind() == Kind::Blocking { vec![Waits::Job] } else { Vec::new() },
        has_wakers: TaskRef::is_shared(task.header()),
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, task) in self.tasks.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "  {task}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TaskView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} ({})", self.id, self.kind)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {}, ", self.site)?;
        match self.state {
            TaskState::Running => return f.write_str("is running"),
            TaskState::Ready => return f.write_str("is ready"),
            TaskState::Waiting => f.write_str("waits for ")?,
        }
        for (n, waits) in self.waits.iter().enumerate() {
            write!(f, "{}{waits}", if n > 0 { " and " } else { "" })?;
        }
        match (self.waits.is_empty(), self.has_wakers) {
            (true, true) => f.write_str("a wake that somebody may give who keeps its waker"),
            (true, false) => f.write_str("a wake, and nobody keeps its waker"),
            (false, _) => Ok(()),
        }
    }
}

impl fmt::Display for Waits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waits::Timer { timer, site, .. } => write!(f, "timer {timer} (made at {site})"),
            Waits::Source { source, direction, site: None } => {
                write!(f, "socket {source} to be {direction}")
            }
            Waits::Source { source, direction, site: Some(site) } => {
                write!(f, "socket {source} to be {direction} (at {site})")
            }
            Waits::Join(id) => write!(f, "task {id} to finish"),
            Waits::Job => f.write_str("its job on the blocking pool"),
        }
    }
}
