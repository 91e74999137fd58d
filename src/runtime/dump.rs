//! All live tasks of a loop, and what each is known to wait for.
//!
//! Nothing is noted a poll for this: whoever makes a task wait (a timer, a socket, a handle, a job) knows it, and is
//! asked here.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{circles, deadlock};

use crate::cell::{QUEUED, TaskRef, Waiter};
use crate::clock::Instant;
use crate::state::State;
use crate::trace::{Direction, Kind, SourceId, TaskId, TimerId};
use crate::waits::{self, Stand, Standing};
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
    /// Whether wakers of it, or abort handles, are kept anywhere, which may wake it. The pool keeps one until the
    /// task's job has ended.
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
    /// A socket, or something else that the kernel reports.
    Source {
        /// Which.
        source: SourceId,
        /// What it is: `socket`, `child process`, `signal listener`.
        thing: &'static str,
        /// For what.
        direction: Direction,
        /// Where the operation was begun.
        site: Option<&'static Location<'static>>,
    },
    /// Another task's output.
    Join(TaskId),
    /// Its own job on the blocking pool.
    Job,
    /// Its own job on the CPU pool.
    CpuJob,
    /// Something that another task gives: a lock, a permit, an item.
    Sync {
        /// The operation: `Mutex::lock`.
        what: &'static str,
        /// Where it waits.
        site: &'static Location<'static>,
        /// Where the thing was made.
        made: &'static Location<'static>,
        /// Of a lock: who has it.
        held_by: Vec<Holder>,
    },
}

/// Who has a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Holder {
    /// The task that took it, unless that has ended, or it was taken outside of every task of the loop. A guard that
    /// was given to another task is still told as this one's, and never leads to the report of a circle.
    pub task: Option<TaskId>,
    /// Where it was taken.
    pub site: &'static Location<'static>,
    /// It was handed over, and the future that it was handed to has not been polled since.
    pub is_untaken: bool,
    /// It does not have it yet: it waits to write, and came before one who waits to read.
    pub is_before: bool,
    /// It may be another task's by now: its guard owns its lock, or it was not taken by a future that stands in the task
    /// itself, but by one in a box perhaps, or by a `try_` call.
    pub may_have_moved: bool,
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

    /// The circles of tasks that await each other's output or locks, each as a chain that its last task closes.
    #[must_use]
    pub fn circles(&self) -> Vec<Vec<TaskId>> {
        circles::of(&self.tasks)
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
    state.reactor.each(|waiter, source, thing, direction, site| {
        if let Waiter::Task(task) = waiter {
            note(task.id(), Waits::Source { source, thing, direction, site: Some(site) });
        }
    });
    let stands = waits::stands();
    let mut locks: HashMap<u32, Lock> = HashMap::new();
    stands
        .iter()
        .filter(|stand| stand.op.is_lock)
        .for_each(|stand| locks.entry(stand.list).or_default().note(stand));
    for stand in stands.iter().filter(|stand| stand.stage == Standing::Waits) {
        if let Some(task) = stand.task_of(&state.inbox) {
            let held_by = if stand.op.is_lock { holders(state, &locks[&stand.list], stand) } else { Vec::new() };
            let Stand { op, site, made, .. } = stand;
            note(task, Waits::Sync { what: op.name, site, made, held_by });
        }
    }
    Dump { outlook, tasks: views }
}

/// Who stands at a lock, but for those who wait to share it: a crowd that waits is not looked at for each of them.
#[derive(Default)]
struct Lock<'a> {
    having: Vec<&'a Stand>,
    /// One of them shares it with nobody.
    is_owned: bool,
    /// Those who wait to have it alone.
    before: Vec<&'a Stand>,
}

impl<'a> Lock<'a> {
    fn note(&mut self, stand: &'a Stand) {
        if stand.stage != Standing::Waits {
            self.having.push(stand);
            self.is_owned |= !stand.op.is_shared;
        } else if !stand.op.is_shared {
            self.before.push(stand);
        }
    }
}

/// Who must give way before `waiting` has the lock: those who have it, or, where readers have it and this one would
/// read too, those who came before it to write.
fn holders(state: &State, lock: &Lock, waiting: &Stand) -> Vec<Holder> {
    let could_share = waiting.op.is_shared && !lock.is_owned;
    let up_to = lock.before.partition_point(|stand| stand.ticket < waiting.ticket);
    let (having, before) =
        if could_share { (&[][..], &lock.before[..up_to]) } else { (&lock.having[..], &[][..]) };
    let all = having.iter().chain(before);
    all.map(|stand| Holder {
        task: stand.task_of(&state.inbox),
        site: stand.site,
        is_untaken: stand.stage == Standing::Granted,
        is_before: stand.stage == Standing::Waits,
        may_have_moved: stand.may_have_moved(state),
    })
    .collect()
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
        waits: match task.kind() {
            Kind::Blocking => vec![Waits::Job],
            Kind::Cpu => vec![Waits::CpuJob],
            _ => Vec::new(),
        },
        waited: if running || ready { None } else { state.trace.waited(id) },
        has_wakers: task.header().is_shared(),
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
            write!(f, "\n  a circle: {}", circles::told(&circle))?;
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
            Waits::Source { source, thing, direction, site } => {
                // By the number that traces give it.
                write!(f, "socket {source}")?;
                if *thing != "socket" {
                    write!(f, " ({thing})")?;
                }
                write!(f, " to be {direction}")?;
                site.map_or(Ok(()), |site| write!(f, " (at {site})"))
            }
            Waits::Join(id) => write!(f, "task {id} to finish"),
            Waits::Job => f.write_str("its job on the blocking pool"),
            Waits::CpuJob => f.write_str("its job on the CPU pool"),
            Waits::Sync { what, site, made, held_by } => {
                write!(f, "{what} (at {site}; made at {made}")?;
                held_by.iter().try_for_each(|holder| write!(f, "; {holder}"))?;
                f.write_str(")")
            }
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_untaken, self.is_before) {
            (true, _) => "handed to ",
            (_, true) => "waited for before by ",
            _ => "taken by ",
        })?;
        match self.task {
            Some(task) => write!(f, "task {task}")?,
            None => f.write_str("a task that has ended, or code outside of this loop,")?,
        }
        write!(f, " at {}", self.site)?;
        match (self.is_untaken, self.may_have_moved) {
            (true, _) => f.write_str(", which has not polled it since"),
            (_, true) => f.write_str(", with a guard that it may have given away"),
            _ => Ok(()),
        }
    }
}
