//! The table, as dumps and reports see it.

use std::num::NonZeroU64;
use std::panic::Location;
use std::rc::Rc;

use super::Op;
use super::entry::{Entry, Stage, table};
use crate::by_id::in_order;
use crate::cell::{Inbox, TaskRef};
use crate::state::State;
use crate::trace::{Kind, TaskId};

/// One entry of the table.
pub(crate) struct Stand {
    entry: Rc<Entry>,
    pub(crate) stage: Standing,
    /// Names the thing that is waited for or held.
    pub(crate) list: u32,
    pub(crate) ticket: u64,
    task: Option<TaskRef>,
    taker: *const (),
    pub(crate) op: &'static Op,
    /// Where it waits, or took what it holds.
    pub(crate) site: &'static Location<'static>,
    /// Where the thing was made.
    pub(crate) made: &'static Location<'static>,
    pub(crate) is_reported: bool,
}

impl Stand {
    /// As a key: never 0.
    pub(crate) fn list(&self) -> NonZeroU64 {
        NonZeroU64::MIN.saturating_add(u64::from(self.list))
    }

    /// The task that waits or holds, if it is one of this loop, and live.
    pub(crate) fn task_of(&self, inbox: &Inbox) -> Option<TaskId> {
        let live = self.task.as_ref().filter(|task| !task.is_finished() && task.is_of(inbox));
        live.map(TaskRef::id)
    }

    /// Whether what it holds may be another task's by now: its guard owns its lock; or it was not taken by a future
    /// that stands in its task itself, where it is pinned, but in a box perhaps, which can be given away.
    pub(crate) fn may_have_moved(&self, state: &State) -> bool {
        let is_in = |task: &TaskRef| match task.kind() {
            Kind::Root => state.root.get().has(self.taker),
            _ => task.has_inside(self.taker),
        };
        self.stage == Standing::Holds && (self.op.may_move || !self.task.as_ref().is_some_and(is_in))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Waits,
    /// It was granted and has not been polled since.
    Granted,
    Holds,
}

/// All entries of this thread that wait, hold or were granted their turn, in the order in which they came.
pub(crate) fn stands() -> Vec<Stand> {
    table(|table| {
        let all = table.all.borrow();
        let taken = all.iter().enumerate().filter(|(_, entry)| entry.stage.get() != Stage::Free);
        let places = in_order(taken.map(|(at, entry)| (entry.ticket.get(), at)));
        places.into_iter().filter_map(|(_, at)| stand(&all[at])).collect()
    })
}

fn stand(entry: &Rc<Entry>) -> Option<Stand> {
    let stage = match entry.stage.get() {
        Stage::Free => return None,
        Stage::Waiting => Standing::Waits,
        Stage::Granted(grant) if grant.is_turn() => Standing::Granted,
        Stage::Granted(_) => return None, // it holds nobody up
        Stage::Held => Standing::Holds,
    };
    let task = entry.task.take();
    entry.set_task(task.clone());
    Some(Stand {
        entry: entry.clone(),
        stage,
        list: entry.list.get(),
        ticket: entry.ticket.get(),
        task,
        taker: entry.taker.get(),
        op: entry.op.get(),
        site: entry.site.get(),
        made: entry.made.get(),
        is_reported: entry.reported.get(),
    })
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
    stand.entry.reported.set(true);
}
