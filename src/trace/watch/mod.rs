//! What a watchdog on another thread may know of a loop at any moment, also while a poll is stuck: which turn of which
//! task it is at, and of each live task its origin and what it waited for last.
//!
//! A poll pays for it a few plain stores, and no clock reading: the watcher reads the clock. `pulse` has the protocol
//! between the two, `table` the tasks.

#[cfg(all(test, loom))]
mod models;
mod pulse;
mod table;

use std::cell::RefCell;
use std::panic::Location;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

use super::{Kind, Leaf, RuntimeId, TaskId};
pub(crate) use pulse::{At, Pulse};
pub use table::WatchedTask;
use table::{Seating, Table};

/// What loop and watcher share.
pub(crate) struct Watched {
    pub(crate) pulse: Pulse,
    pub(crate) table: Table,
    pub(crate) runtime: RuntimeId,
    /// The loop's thread, as the system numbers it.
    pub(crate) thread: Option<u32>,
    /// No turn should take longer.
    pub(crate) limit: Duration,
    /// The watcher's thread, to wake it.
    pub(crate) watcher: OnceLock<Thread>,
    /// What the watcher found the loop at, and since when.
    seen: Mutex<Option<(At, Instant)>>,
    is_over: AtomicBool,
}

impl Watched {
    pub(crate) fn new(runtime: RuntimeId, thread: Option<u32>, limit: Duration) -> Watched {
        Watched {
            pulse: Pulse::new(),
            table: Table::new(),
            runtime,
            thread,
            limit,
            watcher: OnceLock::new(),
            seen: Mutex::new(None),
            is_over: AtomicBool::new(false),
        }
    }

    /// How long the loop has been at this: at least so long, and hardly longer than a pause of the watcher's more.
    pub(crate) fn held_for(&self, at: At) -> Duration {
        let seen = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.filter(|(seen, _)| *seen == at).map_or(Duration::ZERO, |(_, since)| since.elapsed())
    }

    pub(crate) fn set_seen(&self, seen: Option<(At, Instant)>) {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    /// There is nothing more to watch.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.wake_watcher();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn wake_watcher(&self) {
        if let Some(thread) = self.watcher.get() {
            thread.unpark();
        }
    }
}

/// The loop's end of it.
pub(crate) struct Watch {
    shared: Arc<Watched>,
    seating: RefCell<Seating>,
}

impl Watch {
    pub(crate) fn new(shared: Arc<Watched>) -> Watch {
        Watch { shared, seating: RefCell::default() }
    }

    pub(crate) fn shared(&self) -> &Arc<Watched> {
        &self.shared
    }

    pub(super) fn spawned(
        &self,
        task: TaskId,
        kind: Kind,
        site: &'static Location<'static>,
        name: Option<&Arc<str>>,
    ) {
        self.seating.borrow_mut().seated(&self.shared.table, task, kind, site, name);
    }

    /// A turn of `task` begins.
    #[inline]
    pub(super) fn begin(&self, task: TaskId) {
        self.shared.pulse.begin(task);
    }

    /// As `begin`; but in another's turn, whose it remains, nothing happens.
    pub(super) fn begin_unless_inside(&self, task: TaskId) {
        if self.shared.pulse.turn().is_none() {
            self.begin(task);
        }
    }

    /// The poll ended, and with it the turn.
    pub(super) fn pending(&self, task: TaskId, on: Option<Leaf>) {
        self.seating.borrow_mut().waits(&self.shared.table, task, on);
        self.shared.pulse.end();
    }

    /// The task has ended; and if the turn was its own, so has the turn.
    pub(super) fn done(&self, task: TaskId) {
        self.seating.borrow_mut().left(&self.shared.table, task);
        if self.shared.pulse.turn() == Some(task) {
            self.shared.pulse.end();
        }
    }

    /// The loop is about to sleep, or is left.
    pub(super) fn rest(&self) {
        self.shared.pulse.rest();
    }

    /// The loop is awake.
    pub(super) fn resume(&self) {
        if self.shared.pulse.resume() {
            self.shared.wake_watcher();
        }
    }
}
