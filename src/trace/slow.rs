//! Polls that took long, told when they are over.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::{About, Kind, Leaf, Outcome, TaskId};
use crate::clock::Instant;
use crate::panics::guarded;

/// A poll that held the loop for longer than it should; see [`Builder::on_slow_poll`](crate::Builder::on_slow_poll).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SlowPoll {
    /// The task.
    pub id: TaskId,
    /// What it was made from.
    pub kind: Kind,
    /// Its name, if it was given one.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// What it waits for now, if it waits and told.
    pub on: Option<Leaf>,
    /// How it ended, if it did.
    pub outcome: Option<Outcome>,
    /// How long its turn took, by the system's clock, also where the runtime's is virtual. What the end of a task runs
    /// (hooks, the destructor of its future) counts.
    pub took: Duration,
}

impl fmt::Display for SlowPoll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {} ({})", self.id, self.kind)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {}, held the loop for {:.3?}", self.site, self.took)?;
        match (self.outcome, self.on) {
            (Some(outcome), _) => write!(f, " and ended: {outcome}"),
            (None, Some(leaf)) => write!(f, ", and now waits for {leaf}"),
            (None, None) => Ok(()),
        }
    }
}

pub(crate) type TellSlow = Box<dyn FnMut(&SlowPoll)>;

/// Somebody wants to hear of slow polls. One clock reading a poll: the end of a turn is the begin of the next.
pub(crate) struct SlowPolls {
    limit: Duration,
    /// Taken out while it is called: a poll that ends meanwhile, in a destructor of its own, is not told.
    call: Cell<Option<TellSlow>>,
    /// When the turn began.
    since: Cell<Instant>,
}

impl SlowPolls {
    pub(crate) fn new(limit: Duration, call: TellSlow) -> SlowPolls {
        SlowPolls { limit, call: Cell::new(Some(call)), since: Cell::new(Instant::real()) }
    }

    /// The run phase begins, or the loop awoke: what was before it is nobody's turn.
    pub(super) fn begin(&self) {
        self.since.set(Instant::real());
    }

    /// A turn is over.
    #[inline]
    pub(super) fn end(
        &self,
        id: TaskId,
        on: Option<Leaf>,
        outcome: Option<Outcome>,
        about: impl FnOnce() -> About,
    ) {
        let now = Instant::real();
        let took = now - self.since.replace(now);
        if took >= self.limit {
            let (kind, name, site) = about();
            self.tell(&SlowPoll { id, kind, name, site, on, outcome, took });
        }
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, slow: &SlowPoll) {
        let Some(mut call) = self.call.take() else { return };
        guarded("a hook on slow polls", || call(slow));
        self.call.set(Some(call));
        self.begin(); // the hook's own time is not the next task's
    }
}
