//! What happened, as values: one [`Event`] enum, one [`Observer`] method, and the tracer through which leaf verbs emit.
//!
//! The text of an event is its `Display` (see `line`); [`Recorder`] keeps events and their text.

mod line;
mod recorder;

pub use recorder::Recorder;

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Clock, Instant};
use crate::panics::{dispose, guarded, say};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
/// assert_eq!(joins.map(|(_at, event)| event.to_string()).collect::<Vec<_>>(), ["wake 1: task 2"]);
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
    },
    /// A task was woken that was ready already: many wakes before a poll are one poll.
    Merge {
        /// The task.
        task: TaskId,
        /// Why it was woken again.
        cause: Cause,
    },
    /// A task's future is about to be polled.
    Poll(TaskId),
    /// The poll ended, and the task waits.
    Pending(TaskId),
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

/// Sees every [`Event`] of a runtime, as it happens, on the loop's thread.
///
/// No borrow of the loop's state is held during the call, so an observer may wake, spawn, abort or ask for a dump.
/// Events that its own acts cause are given to it after it returned, in their order.
///
/// # Panics
/// An observer that panics is removed, and the panic is reported on standard error; the loop lives.
///
/// # Examples
/// ```
/// use glassloop::trace::{Event, Observer};
/// use glassloop::{Builder, time::Instant};
/// use std::{cell::Cell, rc::Rc};
///
/// #[derive(Default)]
/// struct CountPolls(Cell<u32>);
/// impl Observer for CountPolls {
///     fn event(&self, _at: Instant, event: &Event) {
///         if let Event::Poll(_) = event {
///             self.0.set(self.0.get() + 1);
///         }
///     }
/// }
///
/// let polls = Rc::new(CountPolls::default());
/// let runtime = Builder::new().observer(polls.clone()).build().unwrap();
/// runtime.block_on(glassloop::yield_now());
/// assert_eq!(polls.0.get(), 2);
/// ```
pub trait Observer {
    /// Called once an event; `at` is the runtime's clock.
    fn event(&self, at: Instant, event: &Event);
}

/// Where leaf verbs leave their events. Off, a seam costs a load, a test and a branch.
pub(crate) struct Tracer {
    on: Cell<bool>,
    clock: Rc<Clock>,
    observers: RefCell<Vec<Rc<dyn Observer>>>,
    /// An observer is being called: what it causes waits in `pending`.
    delivering: Cell<bool>,
    pending: RefCell<VecDeque<(Instant, Event)>>,
    /// When each waiting task was last polled; kept while anything is observed, for dumps.
    since: RefCell<HashMap<TaskId, Instant>>,
    /// Dumps want `since` even if nobody observes.
    track_waits: bool,
}

impl Tracer {
    pub(crate) fn new(clock: Rc<Clock>, observers: Vec<Rc<dyn Observer>>, track_waits: bool) -> Tracer {
        Tracer {
            on: Cell::new(track_waits || !observers.is_empty()),
            clock,
            observers: RefCell::new(observers),
            delivering: Cell::new(false),
            pending: RefCell::new(VecDeque::new()),
            since: RefCell::new(HashMap::new()),
            track_waits,
        }
    }

    /// Whether an observer is being told of an event.
    pub(crate) fn is_delivering(&self) -> bool {
        self.delivering.get()
    }

    /// How long ago a waiting task was last polled, if that is kept.
    pub(crate) fn waited(&self, task: TaskId) -> Option<Duration> {
        Some(self.clock.now() - *self.since.borrow().get(&task)?)
    }

    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.get()
    }

    /// The seam. The closure builds the event, and runs only when somebody observes.
    #[inline]
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if self.on.get() {
            self.deliver(event());
        }
    }

    #[cold]
    #[inline(never)]
    fn deliver(&self, event: Event) {
        let now = self.clock.now();
        match event {
            Event::Pending(task) => drop(self.since.borrow_mut().insert(task, now)),
            Event::Done { task, .. } => drop(self.since.borrow_mut().remove(&task)),
            _ => {}
        }
        self.pending.borrow_mut().push_back((now, event));
        if self.delivering.replace(true) {
            return; // the outer call below delivers it when the observer has returned
        }
        loop {
            let next = self.pending.borrow_mut().pop_front();
            let Some((at, event)) = next else { break };
            self.call_all(at, &event);
        }
        self.delivering.set(false);
    }

    fn call_all(&self, at: Instant, event: &Event) {
        let observers = self.observers.borrow().clone();
        for observer in observers {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| observer.event(at, event))) {
                say(format_args!("an observer panicked at «{event}» and was removed"));
                dispose(payload);
                let left = {
                    let mut all = self.observers.borrow_mut();
                    all.retain(|other| !Rc::ptr_eq(other, &observer));
                    all.len()
                };
                self.on.set(self.track_waits || left > 0);
                guarded("the destructor of an observer", || drop(observer)); // perhaps the last to hold it
            }
        }
    }
}
