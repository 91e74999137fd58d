//! What happens in a loop, as values.

use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{Leaf, Via};

/// Names a task within its runtime. Ids start at 1 and are never used again.
///
/// # Examples
/// ```
/// let id = glassloop::run(async { glassloop::spawn(async {}).id() });
/// assert_eq!(id.to_string(), "2"); // 1 is the future given to `run`
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub(crate) NonZeroU64);

/// Names a timer within its runtime, counted in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimerId(pub(crate) u64);

/// Names a registered socket within its runtime, counted in the order of registration.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(crate) u64);

/// Names a runtime within the process.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuntimeId(pub(crate) u64);

/// What a task was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A future given to `spawn`.
    Task,
    /// The future given to `block_on`.
    Root,
    /// The result of a closure given to `spawn_blocking`.
    Blocking,
    /// The result of a closure given to `spawn_cpu`.
    Cpu,
}

/// The five phases of one turn, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Takes what other threads left in the inbox, in arrival order.
    Collect,
    /// Wakes the waiters of timers that are due, by deadline, ties by creation.
    Fire,
    /// Polls ready tasks, at most `budget` of them.
    Run,
    /// Sleeps until I/O, the next deadline or the doorbell.
    Park,
    /// Turns the kernel's readiness into ready tasks.
    Dispatch,
}

/// Which way a socket became ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// There is something to read, to accept, or the end.
    Read,
    /// There is room to write, or a connection was made.
    Write,
}

/// Why a task became ready.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// It was spawned.
    Spawned,
    /// A task woke it, from its poll or from a destructor that ran in its turn. A task that finishes wakes the one
    /// that awaits its handle so.
    Task(TaskId),
    /// A timer was due.
    Timer(TimerId),
    /// The kernel reported a socket ready.
    Source(SourceId, Direction),
    /// Another thread woke it; the thread's name, if it has one.
    Thread(Option<Arc<str>>),
    /// Its job on the blocking or the CPU pool ended.
    Job,
    /// It was aborted.
    Aborted,
    /// The loop's thread woke it outside of every task.
    Outside,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its future returned.
    Ready,
    /// Its future, or the future's destructor, panicked.
    Panicked,
    /// It was aborted, or its runtime was dropped.
    Cancelled,
}

/// How long the park phase may sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// Not at all: tasks are ready, so it only looks at I/O.
    Look,
    /// Until this timer, or I/O, or another thread.
    Timer(TimerId),
    /// Until I/O or another thread.
    Forever,
    /// For at most this long, as the host of the loop said.
    AtMost(Duration),
}

/// One thing that happened in the loop. Its `Display` is the canonical line.
///
/// # Examples
/// ```
/// use glassloop::trace::{Cause, Event, Recorder};
///
/// let recorder = Recorder::new();
/// let runtime = glassloop::Builder::new().observer(recorder.observer()).build().unwrap();
/// runtime.block_on(async { glassloop::spawn(async {}).await.unwrap() });
/// let joins = recorder.events().into_iter().filter(|(_at, event)| {
///     matches!(event, Event::Wake { cause: Cause::Task(_), .. })
/// });
/// let lines: Vec<String> = joins.map(|(_at, event)| event.to_string()).collect();
/// assert!(lines[0].starts_with("wake 1: task 2, which ended, spawned at "), "{lines:?}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A turn began; turns are counted from 1.
    Turn(u64),
    /// A phase began that has something to do. Of the park phase, `Park` tells.
    Phase(Phase),
    /// A task was made. It is made ready by the event that follows, unless it waits for a blocking job.
    Spawn {
        /// The new task.
        task: TaskId,
        /// What it was made from.
        kind: Kind,
        /// Its name, if it was given one.
        name: Option<Arc<str>>,
        /// The task that made it.
        by: Option<TaskId>,
        /// Where in the source it was made.
        site: &'static Location<'static>,
    },
    /// A task became ready and stands at the back of the queue.
    Wake {
        /// The task.
        task: TaskId,
        /// Why.
        cause: Cause,
        /// By what the task that woke it did so, if that went through something of glassloop's.
        via: Option<Via>,
    },
    /// A task was woken that was ready already: many wakes before a poll are one poll.
    Merge {
        /// The task.
        task: TaskId,
        /// Why it was woken again.
        cause: Cause,
        /// As of a wake.
        via: Option<Via>,
    },
    /// A task's future is about to be polled.
    Poll(TaskId),
    /// The poll ended, and the task waits.
    Pending {
        /// The task.
        task: TaskId,
        /// What it waits for: the first leaf of glassloop's that it polled to no avail, if there was one.
        on: Option<Leaf>,
    },
    /// The task ended; its future is gone.
    Done {
        /// The task.
        task: TaskId,
        /// How it ended.
        outcome: Outcome,
    },
    /// A task was marked for cancellation.
    Abort {
        /// The task.
        task: TaskId,
        /// Who asked: the task that was running, if one was.
        by: Option<TaskId>,
    },
    /// The park phase: the loop looks at the kernel, and sleeps as long as `Wait` says.
    Park(Wait),
    /// The loop is awake again, and the kernel reported this many events.
    Unpark(usize),
    /// A virtual clock moved forward by this much.
    Jump(Duration),
    /// A socket, or something else that the kernel reports, was registered.
    Register {
        /// The name that it has from now on.
        source: SourceId,
        /// What it is: `socket`, `child process`.
        thing: &'static str,
        /// Its own address and its peer's, if it has them: `127.0.0.1:80 to 127.0.0.1:4000`.
        address: Option<Arc<str>>,
    },
    /// A future of glassloop's was dropped before it was ready; told in [debug](crate::Builder::debug) mode.
    Lost {
        /// The task that dropped it.
        task: Option<TaskId>,
        /// Its operation: `Mutex::lock`.
        what: &'static str,
        /// What went with it: its place in a line, bytes.
        lost: Arc<str>,
        /// Where the operation was begun.
        site: &'static Location<'static>,
    },
    /// Tasks that can never go on were found, while others live.
    Stuck {
        /// The tasks.
        tasks: Arc<[TaskId]>,
        /// Why, in words.
        why: Arc<str>,
    },
}
