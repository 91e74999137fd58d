//! What the loop tells of turns, to those who hear of them alone: see `turns`.

use std::panic::Location;
use std::sync::Arc;

use super::{About, Kind, Outcome, TaskId, Tracer, Turns};

impl Tracer {
    /// What the watchdog sees, if there is one.
    #[cfg(feature = "glass")]
    pub(crate) fn watched(&self) -> Option<&Arc<super::Watched>> {
        self.turns.as_ref().and_then(Turns::watched)
    }

    /// A task was made.
    #[inline]
    pub(crate) fn made(
        &self,
        task: TaskId,
        kind: Kind,
        site: &'static Location<'static>,
        name: Option<&Arc<str>>,
    ) {
        if let Some(turns) = &self.turns {
            turns.spawned(task, kind, site, name);
        }
    }

    /// The run phase begins.
    pub(crate) fn turns_begin(&self) {
        if let Some(turns) = &self.turns {
            turns.run();
        }
    }

    /// A task is about to be polled.
    #[inline]
    pub(crate) fn turn_begins(&self, task: TaskId) {
        if let Some(turns) = &self.turns {
            turns.begin(task);
        }
    }

    /// The future of a task is about to be dropped, perhaps in the turn of another.
    pub(crate) fn cancel_begins(&self, task: TaskId) {
        if let Some(turns) = &self.turns {
            turns.begin_unless_inside(task);
        }
    }

    /// A poll ended, and the task waits.
    #[inline]
    pub(crate) fn turn_pends(&self, task: TaskId, about: impl FnOnce() -> About) {
        if let Some(turns) = &self.turns {
            turns.pending(task, self.take_leaf(), about);
        }
    }

    /// All that belongs to a task's end has been done.
    pub(crate) fn turn_ends(&self, task: TaskId, outcome: Outcome, about: impl FnOnce() -> About) {
        if let Some(turns) = &self.turns {
            turns.done(task, outcome, about);
        }
    }

    /// Whether somebody wants a task's name once more at the very end of it.
    pub(crate) fn tells_names(&self) -> bool {
        self.turns.as_ref().is_some_and(Turns::tells_names)
    }

    /// The loop is about to sleep, or is left.
    #[inline]
    pub(crate) fn rest(&self) {
        if let Some(turns) = &self.turns {
            turns.rest();
        }
    }

    /// The loop is awake.
    #[inline]
    pub(crate) fn resume(&self) {
        if let Some(turns) = &self.turns {
            turns.resume();
        }
    }
}
