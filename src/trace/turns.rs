//! Who hears of each turn of a task without hearing of any other event: the watchdog's table, the hook on slow polls.

use std::panic::Location;
use std::sync::Arc;

use super::slow::SlowPolls;
use super::watch::{Watch, Watched};
use super::{About, Kind, Leaf, Outcome, TaskId};

pub(crate) struct Turns {
    watch: Option<Watch>,
    slow: Option<SlowPolls>,
}

impl Turns {
    /// `None` if nobody wants to hear of any.
    pub(crate) fn new(watched: Option<Arc<Watched>>, slow: Option<SlowPolls>) -> Option<Turns> {
        (watched.is_some() || slow.is_some()).then(|| Turns { watch: watched.map(Watch::new), slow })
    }

    pub(super) fn watched(&self) -> Option<&Arc<Watched>> {
        self.watch.as_ref().map(Watch::shared)
    }

    pub(super) fn tells_names(&self) -> bool {
        self.slow.is_some()
    }

    #[inline(never)] // whoever has no watchdog saves its frame: 14 instructions a task
    pub(super) fn spawned(
        &self,
        task: TaskId,
        kind: Kind,
        site: &'static Location<'static>,
        name: Option<&Arc<str>>,
    ) {
        if let Some(watch) = &self.watch {
            watch.spawned(task, kind, site, name);
        }
    }

    /// The run phase begins.
    pub(super) fn run(&self) {
        if let Some(slow) = &self.slow {
            slow.begin();
        }
    }

    #[inline]
    pub(super) fn begin(&self, task: TaskId) {
        if let Some(watch) = &self.watch {
            watch.begin(task);
        }
    }

    pub(super) fn begin_unless_inside(&self, task: TaskId) {
        if let Some(watch) = &self.watch {
            watch.begin_unless_inside(task);
        }
    }

    #[inline]
    pub(super) fn pending(&self, task: TaskId, on: Option<Leaf>, about: impl FnOnce() -> About) {
        if let Some(watch) = &self.watch {
            watch.pending(task, on);
        }
        if let Some(slow) = &self.slow {
            slow.end(task, on, None, about);
        }
    }

    pub(super) fn done(&self, task: TaskId, outcome: Outcome, about: impl FnOnce() -> About) {
        if let Some(watch) = &self.watch {
            watch.done(task);
        }
        if let Some(slow) = &self.slow {
            slow.end(task, None, Some(outcome), about);
        }
    }

    pub(super) fn rest(&self) {
        if let Some(watch) = &self.watch {
            watch.rest();
        }
    }

    pub(super) fn resume(&self) {
        if let Some(watch) = &self.watch {
            watch.resume();
        }
        self.run(); // a task may be cancelled outside of the run phase: what was before is not its turn
    }
}
