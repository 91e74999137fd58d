//! What happened, as a story: tasks and their lives, polls with what woke them and what they waited for then.
//!
//! It is read once from a list of events (`read`); the page, the timeline, `explain` and the exports are told from it,
//! by what a reader asks (`ask`).
//!
//! A recording may begin in the middle, for a full recorder drops its oldest events. What was before is then unknown,
//! and said to be: where a task was spawned, why it ran, when its poll began.

mod ask;
mod explain;
mod read;
mod style;
mod timeline;
mod words;

use std::panic::Location;
use std::sync::Arc;

use super::{Cause, Event, Kind, Leaf, Outcome, SourceId, TaskId, Via, Wait};
use crate::clock::Instant;

pub use ask::{Ahead, Totals, Waited};
pub use explain::{Advice, Busy, Delays, Explain, Held, Locked, Step, Who};
pub use style::Style;
#[cfg(unix)]
pub use style::width;

/// A recorded run, in terms of what a reader asks for.
///
/// # Examples
/// ```
/// use glassloop::trace::{Cause, Recorder};
/// use glassloop::{Builder, spawn_named, time::sleep};
/// use std::time::Duration;
///
/// let recorder = Recorder::new();
/// let runtime = Builder::new().start_paused(true).observer(recorder.observer()).build().unwrap();
/// runtime.block_on(async { spawn_named("nap", sleep(Duration::from_millis(20))).await.unwrap() });
///
/// let story = recorder.story();
/// let nap = story.tasks.iter().position(|task| task.name.as_deref() == Some("nap")).unwrap();
/// let last = &story.polls[*story.tasks[nap].polls.last().unwrap()];
/// assert!(matches!(last.woken.as_ref().unwrap().cause, Cause::Timer(_)));
/// assert_eq!(story.totals(nap).waited, Duration::from_millis(20));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Story {
    /// The time of the first event.
    pub begin: Instant,
    /// The time of the last event.
    pub end: Instant,
    /// How many events before the first were dropped because the recorder was full.
    pub dropped: u64,
    /// The tasks, in spawn order, which is that of their ids.
    pub tasks: Vec<Life>,
    /// The polls, in the order in which they ran.
    pub polls: Vec<Poll>,
    /// The loop's sleeps, in their order; looks at the kernel are not among them.
    pub sleeps: Vec<Asleep>,
    /// What the kernel was asked to report, in the order of registration.
    pub sources: Vec<Registered>,
    /// What debug mode reported: [`Event::Lost`] and [`Event::Stuck`].
    pub reports: Vec<(Instant, Event)>,
}

/// The life of a task. One that was spawned before the recording is [`Kind::Task`], unless something told better.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Life {
    /// Its id.
    pub id: TaskId,
    /// What it was made from.
    pub kind: Kind,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned; unknown if that was before the recording.
    pub site: Option<&'static Location<'static>>,
    /// The task that made it.
    pub by: Option<TaskId>,
    /// When it was made; unknown if that was before the recording.
    pub spawned: Option<Instant>,
    /// The poll in which it was made, as a place in [`Story::polls`].
    pub during: Option<usize>,
    /// When it was aborted, if it was, and by which task.
    pub aborted: Option<(Instant, Option<TaskId>)>,
    /// When and how it ended, if it did.
    pub ended: Option<(Instant, Outcome)>,
    /// A wake that no poll has followed yet: it is ready.
    pub ready: Option<Woken>,
    /// Its polls, as places in [`Story::polls`].
    pub polls: Vec<usize>,
}

/// One poll of a task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Poll {
    /// Whose, as a place in [`Story::tasks`].
    pub task: usize,
    /// Why it ran; unknown if that was before the recording.
    pub woken: Option<Woken>,
    /// When it began.
    pub start: Instant,
    /// When it ended; the end of the recording if it had not.
    pub end: Instant,
    /// How it ended.
    pub result: Polled,
}

/// How a poll ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Polled {
    /// The task waits, for this if a leaf of glassloop's told it.
    Pending(Option<Leaf>),
    /// The task ended. A task that was aborted ends in a turn of its own, without being polled; one that its runtime's
    /// end cancels has no turn, and its poll no length.
    Done(Outcome),
    /// It was still running when the recording ended.
    Running,
}

/// Why a task became ready.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Woken {
    /// When.
    pub at: Instant,
    /// The first cause.
    pub cause: Cause,
    /// By what a task woke it, if that went through something of glassloop's.
    pub via: Option<Via>,
    /// The poll in which it was woken, as a place in [`Story::polls`].
    pub during: Option<usize>,
    /// How often it was woken again before it ran.
    pub again: u32,
}

/// A sleep of the loop.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Asleep {
    /// When it began.
    pub start: Instant,
    /// When it ended; a virtual clock jumps.
    pub end: Instant,
    /// For how long it would have slept.
    pub wait: Wait,
    /// How many events the kernel reported at its end.
    pub events: usize,
}

/// A socket, or something else that the kernel reports.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registered {
    /// Its name in the trace.
    pub source: SourceId,
    /// What it is.
    pub thing: &'static str,
    /// Its own address and its peer's, if it has them.
    pub address: Option<Arc<str>>,
    /// When it was registered.
    pub at: Instant,
    /// The poll in which that was, as a place in [`Story::polls`].
    pub during: Option<usize>,
    /// When a connection that was waited for was made: it was introduced again, with its peer.
    pub connected: Option<Instant>,
}
