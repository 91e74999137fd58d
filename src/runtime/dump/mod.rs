//! All live tasks of a loop, and what each is known to wait for.
//!
//! Nothing is noted a poll for this: whoever makes a task wait (a timer, a socket, a handle, a job) knows it, and is
//! asked here.

#[cfg(feature = "glass")]
mod json;
mod words;

use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

pub(super) use words::Sentences;

use super::{circles, deadlock};

use crate::by_id::ById;
use crate::cell::{QUEUED, TaskRef, Waiter};
use crate::clock::Instant;
use crate::state::State;
use crate::trace::{Direction, Kind, Leaf, SourceId, TaskId, TimerId};
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

/// The live tasks of a loop at one moment, in spawn order.
///
/// Its `Display` is a sentence a task, and a line for each circle of tasks that await each other; `{:#}` is a table of
/// the same. Built with the feature `glass`, it has `to_json` too.
#[derive(Debug, Clone)]
pub struct Dump {
    at: Instant,
    tasks: Vec<TaskView>,
    outlook: Outlook,
}

/// Whether a loop can go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outlook {
    /// A task is ready or runs, or a timer, a socket or a blocking job is waited for.
    GoesOn,
    /// Nothing of glassloop's own can wake a task, but a waker of one or a [`Stay`](crate::Stay) is kept somewhere, or a
    /// message or a handle may come through; whoever keeps it may use it, or never. glassloop does not guess.
    Unknown,
    /// Nothing can ever wake it.
    Deadlock,
}

/// One task of a [`Dump`].
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// What its last poll found first that it had to wait for; the poll may have dropped that later on. It tells also
    /// what `waits` cannot know, because it was polled with the waker of a foreign crate's future. Known as `polls` is.
    pub leaf: Option<Leaf>,
    /// For how long it has waited: since its last poll, or its spawn. Known as `polls` is.
    pub waited: Option<Duration>,
    /// How often it was polled; the poll that runs counts. Known if the runtime is observed, or built with
    /// [`track_waits`](crate::Builder::track_waits).
    pub polls: Option<u64>,
    /// How long its polls took, up to now. Known as `polls` is.
    pub busy: Option<Duration>,
    /// Whether wakers of it, or abort handles, are kept anywhere, which may wake it. The pool needs none to wake a
    /// job's task.
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

    /// When it was taken, by the runtime's clock.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    pub(super) fn into_tasks(self) -> Vec<TaskView> {
        self.tasks
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
    let at = state.clock.now();
    let tasks = state.tasks.all();
    let mut views: Vec<TaskView> = tasks.iter().map(|task| view(state, task, at)).collect();
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
    state.reactor.each(|task, source, thing, direction, site| {
        note(task.id(), Waits::Source { source, thing, direction, site: Some(site) });
    });
    let stands = waits::stands();
    // Without the feature no lock can be made: 6 KiB of a binary.
    let is_lock = |stand: &&Stand| cfg!(feature = "sync") && stand.op.is_lock;
    let mut locks: ById<Lock> = ById::default();
    stands.iter().filter(is_lock).for_each(|stand| locks.get_or_default(stand.list()).note(stand));
    for stand in stands.iter().filter(|stand| stand.stage == Standing::Waits) {
        if let Some(task) = stand.task_of(&state.inbox) {
            let lock = if is_lock(&stand) { locks.get(stand.list()) } else { None };
            let held_by = lock.map(|lock| holders(state, lock, stand)).unwrap_or_default();
            let Stand { op, site, made, .. } = stand;
            note(task, Waits::Sync { what: op.what.name, site, made, held_by });
        }
    }
    Dump { at, outlook, tasks: views }
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

fn view(state: &State, task: &TaskRef, now: Instant) -> TaskView {
    let id = task.id();
    let account = state.trace.account(id);
    let running = state.running.id() == Some(id);
    let ready = task.header().has(QUEUED);
    TaskView {
        id,
        kind: task.kind(),
        name: state.names.borrow().get(id.0).cloned(),
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
        leaf: account.and_then(|account| account.leaf),
        waited: if running || ready { None } else { account.map(|account| account.waited(now)) },
        polls: account.map(|account| account.polls),
        busy: account.map(|account| account.busy(now)),
        has_wakers: task.header().is_shared(),
    }
}
