//! All live tasks of a loop, and what each is known to wait for.
//!
//! Nothing is noted a poll for this: whoever makes a task wait (a timer, a socket, a handle, a job) knows it, and is
//! asked here.

use std::collections::HashSet;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::deadlock;

use crate::clock::Instant;
use crate::state::State;
use crate::cell::{QUEUED, TaskRef, Waiter};
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

/// The live tasks of a loop at one moment, in spawn order. Its `Display` is a line a task, and a line for each circle
/// of tasks that await each other.
#[derive(Debug, Clone)]
pub struct Dump {
    tasks: Vec<TaskView>,
    outlook: Outlook,
}

/// Whether a loop can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outlook {
    /// A task is ready or runs, or a timer, a socket or a blocking job is waited for.
    GoesOn,
    /// Nothing of glassloop's own can wake a task, but a waker of one is kept somewhere, or a message or a handle may
    /// come through; whoever keeps it may use it, or never. glassloop does not guess.
    Unknown,
    /// Nothing can ever wake it.
    Deadlock,
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
    /// For how long it has waited; known if the runtime is observed, or built with
    /// [`track_waits`](crate::Builder::track_waits).
    pub waited: Option<Duration>,
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

    /// Whether the loop can go on.
    #[must_use]
    pub fn outlook(&self) -> Outlook {
        self.outlook
    }

    /// The circles of tasks that await each other's output, each as a chain that its last task closes.
    #[must_use]
    pub fn circles(&self) -> Vec<Vec<TaskId>> {
        circles(&self.tasks)
    }
}

pub(super) fn take(state: &State) -> Dump {
    let outlook = deadlock::outlook(state); // counts references, so before this makes its own
    let tasks = state.tasks.all();
    let mut views: Vec<TaskView> = tasks.iter().map(|task| view(state, task)).collect();
    let mut note = |id: TaskId, waits: Waits| {
        // In spawn order, ids grow.
        if let Ok(at) = views.binary_search_by_key(&id, |view| view.id) {
            views[at].waits.push(waits);
        }
    };
    for task in &tasks {
        if let Some(joiner) = task.joiner()
            && joiner.is_of(&state.inbox)
        {
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
    Dump { outlook, tasks: views }
}

/// The circles of tasks that await each other, each once, from its task of the lowest id.
fn circles(tasks: &[TaskView]) -> Vec<Vec<TaskId>> {
    let awaits = |id: TaskId| {
        let at = tasks.binary_search_by_key(&id, |task| task.id).ok();
        let waits = at.map_or(&[][..], |at| &tasks[at].waits);
        waits.iter().filter_map(|waits| if let Waits::Join(next) = waits { Some(*next) } else { None })
    };
    let mut circles = Vec::new();
    let mut done = HashSet::new();
    for start in tasks.iter().map(|task| task.id) {
        // Depth first; the path is the chain of awaits from `start`.
        let mut path = vec![(start, awaits(start))];
        while let Some((_, nexts)) = path.last_mut() {
            match nexts.next() {
                Some(next) if next == start => circles.push(path.iter().map(|(id, _)| *id).collect()),
                Some(next) if done.insert((start, next)) => path.push((next, awaits(next))),
                Some(_) => {}
                None => drop(path.pop()),
            }
        }
    }
    circles.retain(|circle: &Vec<TaskId>| circle.iter().min() == circle.first());
    circles
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
        waited: if running || ready { None } else { state.trace.waited(id) },
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
        for circle in self.circles() {
            f.write_str("\n  a circle: ")?;
            for id in &circle {
                write!(f, "task {id} awaits ")?;
            }
            write!(f, "task {}", circle[0])?;
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
            (true, true) => f.write_str("a wake that somebody may give who keeps its waker")?,
            (true, false) => f.write_str("a wake, and nobody keeps its waker")?,
            (false, _) => {}
        }
        match self.waited {
            Some(waited) => write!(f, ", for {waited:?} now"),
            None => Ok(()),
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
