//! What is kept of each live task while somebody observes, for dumps: how often it was polled, how long that took, and
//! what it waits for.

use std::cell::RefCell;
use std::time::Duration;

use super::{Event, Leaf, TaskId};
use crate::by_id::ById;
use crate::clock::Instant;

/// What is known of a live task since its spawn.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    /// How often it was polled; the poll that runs counts.
    pub(crate) polls: u64,
    /// How long its polls took, without the one that runs.
    busy: Duration,
    /// What its last poll found that it has to wait for.
    pub(crate) leaf: Option<Leaf>,
    /// When it was last polled, or the poll that runs began; before its first poll, when it was made.
    since: Instant,
    is_running: bool,
}

impl Account {
    /// How long its polls took up to now.
    pub(crate) fn busy(&self, now: Instant) -> Duration {
        if self.is_running { self.busy + (now - self.since) } else { self.busy }
    }

    /// How long ago its last poll ended.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        now - self.since
    }
}

/// The accounts of all live tasks; `None` if dumps do not ask for them.
pub(crate) struct Accounts(RefCell<Option<ById<Account>>>);

impl Accounts {
    pub(crate) fn new(are_kept: bool) -> Accounts {
        Accounts(RefCell::new(are_kept.then(ById::default)))
    }

    pub(crate) fn of(&self, task: TaskId) -> Option<Account> {
        self.0.borrow().as_ref()?.get(task.0).copied()
    }

    /// Nobody observes any more: what is not kept up to date is not told.
    pub(crate) fn end(&self) {
        *self.0.borrow_mut() = None;
    }

    pub(crate) fn note(&self, now: Instant, event: &Event) {
        let mut table = self.0.borrow_mut();
        let Some(table) = &mut *table else { return };
        match event {
            Event::Spawn { task, .. } => {
                let new = Account { polls: 0, busy: Duration::ZERO, leaf: None, since: now, is_running: false };
                table.insert(task.0, new);
            }
            Event::Poll(task) => {
                if let Some(account) = table.get_mut(task.0) {
                    account.polls += 1;
                    account.leaf = None;
                    (account.since, account.is_running) = (now, true);
                }
            }
            Event::Pending { task, on } => {
                if let Some(account) = table.get_mut(task.0) {
                    account.busy = account.busy(now);
                    account.leaf = *on;
                    (account.since, account.is_running) = (now, false);
                }
            }
            Event::Done { task, .. } => {
                table.remove(task.0);
            }
            _ => {}
        }
    }
}
