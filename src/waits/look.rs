//! The table, as dumps and reports see it.

use std::panic::Location;

use super::table::{Stage, table};
use super::{Grant, Op};
use crate::cell::{Inbox, TaskRef, Waiter};
use crate::trace::TaskId;

/// One entry of the table.
pub(crate) struct Stand {
    /// The key of its entry, good until the table changes.
    key: usize,
    pub(crate) stage: Standing,
    /// Names the thing that is waited for or held.
    pub(crate) list: u32,
    pub(crate) ticket: u64,
    task: Option<TaskRef>,
    pub(crate) op: &'static Op,
    /// Where it waits, or took what it holds.
    pub(crate) site: &'static Location<'static>,
    /// Where the thing was made.
    pub(crate) made: &'static Location<'static>,
    pub(crate) is_reported: bool,
}

impl Stand {
    /// The task that waits or holds, if it is one of this loop, and live.
    pub(crate) fn task_of(&self, inbox: &Inbox) -> Option<TaskId> {
        let live = self.task.as_ref().filter(|task| !task.is_finished() && task.is_of(inbox));
        live.map(TaskRef::id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waits,
    /// It was granted and has not been polled since.
    Granted,
    Holds,
}

/// All entries of this thread's table that wait, hold or were granted their turn, in the order in which they came.
pub(crate) fn stands() -> Vec<Stand> {
    let mut all = table(|table| {
        let entries = table.entries.borrow();
        let all = entries.iter().enumerate().filter_map(|(key, entry)| {
            let stage = match entry.stage {
                Stage::Free => return None,
                Stage::Waiting => Standing::Waits,
                Stage::Granted(Grant::Turn) => Standing::Granted,
                Stage::Granted(Grant::All | Grant::Closed) => return None, // it holds nobody up
                Stage::Held => Standing::Holds,
            };
            Some(Stand {
                key,
                stage,
                list: entry.list,
                ticket: entry.ticket,
                task: match &entry.waiter {
                    Some(Waiter::Task(task)) => Some(task.clone()),
                    _ => None,
                },
                op: entry.op,
                site: entry.site,
                made: entry.made,
                is_reported: entry.reported,
            })
        });
        all.collect::<Vec<_>>()
    });
    all.sort_unstable_by_key(|stand| stand.ticket);
    all
}

/// Whether somebody waits for a lock, or was granted something and has not taken it.
#[inline]
pub(crate) fn may_be_stuck() -> bool {
    table(|table| table.locks.get() + table.untaken.get() > 0)
}

/// A number that changes when somebody comes to wait, or is granted.
pub(crate) fn news() -> u64 {
    table(|table| table.news.get())
}

/// Notes that this entry was reported, so that it is once.
pub(crate) fn mark_reported(stand: &Stand) {
    table(|table| {
        if let Some(entry) = table.entries.borrow_mut().get_mut(stand.key)
            && entry.ticket == stand.ticket
        {
            entry.reported = true;
        }
    });
}
