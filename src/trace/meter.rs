//! Counts what happens, for [`Builder::metrics`](crate::Builder::metrics).

use std::cell::RefCell;
use std::time::Duration;

use super::{Cause, Event, Wait};
use crate::clock::Instant;

/// What a runtime counts if it was built with [`Builder::metrics`](crate::Builder::metrics). All of it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counted {
    /// Polls of tasks.
    pub polls: u64,
    /// Wakes that made a task ready, by their first cause.
    pub wakes: Wakes,
    /// Wakes of tasks that were ready already.
    pub merges: u64,
    /// How often the loop went to sleep, or would have under a virtual clock.
    pub parks: u64,
    /// How long it slept. Like all times here it is measured by the runtime's clock.
    pub park_time: Duration,
    /// How long its turns took from their beginning to their park: polls, and the loop's own work.
    pub busy_time: Duration,
    /// The most tasks that were ever ready at once.
    pub longest_queue: usize,
}

/// How many wakes had which [`Cause`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wakes {
    /// The task was spawned.
    pub spawned: u64,
    /// Another task, or itself.
    pub task: u64,
    /// A timer was due.
    pub timer: u64,
    /// The kernel reported a socket.
    pub source: u64,
    /// Another thread.
    pub thread: u64,
    /// Its job on a pool ended.
    pub job: u64,
    /// It was aborted.
    pub aborted: u64,
    /// The loop's thread, outside of every task.
    pub outside: u64,
}

impl Wakes {
    /// All of them.
    #[must_use]
    pub fn sum(&self) -> u64 {
        let Wakes { spawned, task, timer, source, thread, job, aborted, outside } = *self;
        spawned + task + timer + source + thread + job + aborted + outside
    }

    fn count(&mut self, cause: &Cause) {
        *match cause {
            Cause::Spawned => &mut self.spawned,
            Cause::Task(_) => &mut self.task,
            Cause::Timer(_) => &mut self.timer,
            Cause::Source(..) => &mut self.source,
            Cause::Thread(_) => &mut self.thread,
            Cause::Job => &mut self.job,
            Cause::Aborted => &mut self.aborted,
            Cause::Outside => &mut self.outside,
        } += 1;
    }
}

/// A sink of the tracer. It reads the clock where a turn begins and where the loop parks, never for a poll.
#[derive(Default)]
pub(crate) struct Meter(RefCell<State>);

#[derive(Default)]
struct State {
    counted: Counted,
    /// When the turns began since which the loop has not parked.
    awake: Option<Instant>,
    /// When it went to sleep.
    asleep: Option<Instant>,
}

impl Meter {
    pub(crate) fn counted(&self) -> Counted {
        self.0.borrow().counted
    }

    /// So many tasks are ready.
    pub(super) fn queued(&self, ready: usize) {
        let longest = &mut self.0.borrow_mut().counted.longest_queue;
        *longest = ready.max(*longest);
    }

    pub(super) fn count(&self, event: &Event, now: impl FnOnce() -> Instant) {
        let State { counted, awake, asleep } = &mut *self.0.borrow_mut();
        match event {
            Event::Poll(_) => counted.polls += 1,
            Event::Wake { cause, .. } => counted.wakes.count(cause),
            Event::Merge { .. } => counted.merges += 1,
            Event::Turn(_) => {
                *asleep = None;
                if awake.is_none() {
                    *awake = Some(now());
                }
            }
            Event::Park(wait) => {
                let now = now();
                counted.busy_time += awake.take().map_or(Duration::ZERO, |since| now - since);
                if *wait != Wait::Look {
                    counted.parks += 1;
                    *asleep = Some(now);
                }
            }
            Event::Unpark(_) => {
                counted.park_time += asleep.take().map_or(Duration::ZERO, |since| now() - since);
            }
            Event::Jump(by) if asleep.is_some() => counted.park_time += *by, // or else `time::advance` did it
            _ => {}
        }
    }

    /// The loop stops turning, until it is driven again.
    pub(super) fn stop(&self, now: impl FnOnce() -> Instant) {
        let State { counted, awake, .. } = &mut *self.0.borrow_mut();
        counted.busy_time += awake.take().map_or(Duration::ZERO, |since| now() - since);
    }
}
