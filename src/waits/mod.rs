//! The one wait list: who waits for what other tasks give, and who holds it.
//!
//! Locks, channels, groups: whatever lets one task wait for another keeps a [`WaitList`] and waits here, or, where one
//! alone can wait, a [`Seat`]. The entries of all waits of a thread are used again and again, so a wait allocates
//! nothing once there are enough, and a dump or a report of a deadlock finds every one of them. The life of an entry:
//!
//! ```text
//!          1             2             3
//!   (none) ──► Waiting ──► Granted ──► (gone)      1  WaitList::poll, at the back of its list
//!                 │            │ │                 2  WaitList::grant, from the front; the waiter is woken
//!                 │ 5        5 │ └──► Held ──► 4   3  WaitList::poll again, or poll_hold
//!                 ▼            ▼                   4  Hold::end
//!              (gone)       (gone)                 5  WaitList::leave: the future was dropped; a grant that
//!                                                     was not taken is handed back, to be passed on
//! ```
//!
//! Order: first come, first served. A grant takes an entry out of the line at once, so nobody can come between the
//! grant and the poll that takes it (trio's parking lot; a lock is handed over, not set free).
#![cfg_attr(not(feature = "sync"), allow(dead_code))] // groups of tasks, which are always there, need but a part

mod entry;
mod look;
mod lost;
mod op;
#[cfg(feature = "sync")]
mod seat;

pub(crate) use look::{Stand, Standing, stands};
#[cfg(feature = "sync")]
pub(crate) use look::{mark_reported, may_be_stuck, news};
pub(crate) use lost::note_lost;
pub(crate) use op::Op;
#[cfg(feature = "sync")]
pub(crate) use seat::Seat;

use std::fmt;
use std::mem;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::cell::{Cell, Stays};
use crate::wake;
use entry::{Entry, Link, Stage, Table, table};

/// What a waiter was woken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Its turn: whoever is granted this and goes away must pass it on.
    Turn,
    /// The same, and it goes to the last in line.
    LastTurn,
    /// News for all who waited. There is nothing to pass on.
    All,
    /// What it waited for will never come.
    Closed,
}

impl Grant {
    fn is_turn(self) -> bool {
        matches!(self, Grant::Turn | Grant::LastTurn)
    }
}

/// The place of a wait in a line, held by the future that waits.
#[derive(Default)]
pub(crate) struct Place(Stays<Option<Rc<Entry>>>);

impl Place {
    /// Before the first poll, and after the last.
    pub(crate) const NONE: Place = Place(Stays(None));

    #[inline]
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    /// It was none before a call that the compiler cannot look into, and is told so once more behind it: then the
    /// destructor that follows need not look. 4 instructions a value sent on an mpsc channel.
    #[cfg(feature = "sync")]
    #[inline(always)]
    pub(crate) fn stays_none(&mut self) {
        debug_assert!(self.is_none(), "it was looked at before");
        mem::forget(mem::replace(self, Place::NONE));
    }

    /// Whether the next poll will be ready.
    pub(crate) fn is_granted(&self) -> bool {
        self.0.as_ref().is_some_and(|entry| matches!(entry.stage.get(), Stage::Granted(_)))
    }
}

/// That somebody holds a lock, kept in its guard.
#[must_use = "a hold ends by `end`"]
pub(crate) struct Hold(Stays<Option<Rc<Entry>>>);

impl Hold {
    /// In the guard's destructor, before the lock is handed on.
    #[inline]
    pub(crate) fn end(&mut self) {
        if let Some(entry) = self.0.take() {
            entry.give();
        }
    }
}

/// The line in front of one thing.
pub(crate) struct WaitList {
    front: Link,
    back: Link,
    /// Names it in dumps; 0 before its first entry.
    id: Cell<u32>,
    /// Where the thing was made.
    made: &'static Location<'static>,
}

impl WaitList {
    /// The caller's place is told in reports as the place where the thing was made.
    #[track_caller]
    pub(crate) const fn new() -> WaitList {
        WaitList { front: Link::new(), back: Link::new(), id: Cell::new(0), made: Location::caller() }
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.first(|first| first.is_none())
    }

    #[inline]
    fn first<R>(&self, look: impl FnOnce(Option<&Entry>) -> R) -> R {
        let first = self.front.take();
        let seen = look(first.as_deref());
        self.front.put(first);
        seen
    }

    /// Waits: joins the end of the line at the first call, is granted in a later one, and then has left the line.
    /// Until then the task of `cx` is woken by the grant.
    #[inline]
    pub(crate) fn poll(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) -> Poll<Grant> {
        let Some(entry) = &*place.0 else {
            self.join(place, cx, op, site, want);
            return Poll::Pending;
        };
        let Stage::Granted(grant) = entry.stage.get() else {
            entry.refresh(cx);
            return Poll::Pending;
        };
        entry.settle(grant);
        if let Some(entry) = place.0.take() {
            entry.give();
        }
        Poll::Ready(grant)
    }

    /// As [`poll`](WaitList::poll), for a lock: who is granted it holds it.
    #[inline]
    pub(crate) fn poll_hold(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
        taker: *const (),
    ) -> Poll<Hold> {
        let Some(entry) = &*place.0 else {
            self.join(place, cx, op, site, want);
            return Poll::Pending;
        };
        let Stage::Granted(grant) = entry.stage.get() else {
            entry.refresh(cx);
            return Poll::Pending;
        };
        entry.settle(grant);
        entry.stage.set(Stage::Held);
        entry.taker.set(taker);
        // Whoever polls now holds it; a foreign executor's polls leave nobody.
        let granted = entry.task.take();
        if granted.as_ref().is_some_and(wake::is_running) {
            entry.set_task(granted);
        } else {
            entry.set_task(wake::running());
        }
        Poll::Ready(Hold(Stays(place.0.take())))
    }

    /// Holds a lock that was free. `taker` is the address of the future that takes it, if one does.
    #[inline]
    pub(crate) fn hold(&self, op: &'static Op, site: &'static Location<'static>, taker: *const ()) -> Hold {
        let Some(entry) = self.entry(Stage::Held, op, site) else { return self.hold_prepared(op, site, taker) };
        entry.taker.set(taker);
        entry.set_task(wake::running());
        Hold(Stays(Some(entry)))
    }

    #[cold]
    #[inline(never)]
    fn hold_prepared(&self, op: &'static Op, site: &'static Location<'static>, taker: *const ()) -> Hold {
        self.prepare();
        self.hold(op, site, taker)
    }

    /// Grants the first in line what it waits for, and wakes it; `false` if nobody waits.
    #[inline]
    pub(crate) fn grant(&self, grant: Grant) -> bool {
        self.grant_if(grant, |_| true)
    }

    /// As [`grant`](WaitList::grant), if what the first in line wants is right; else nothing, and `false`.
    #[inline]
    pub(crate) fn grant_if(&self, grant: Grant, is_right: impl FnOnce(usize) -> bool) -> bool {
        let Some(first) = self.front.take() else { return false };
        if !is_right(first.want.get()) {
            self.front.put(Some(first));
            return false;
        }
        let next = first.next.take();
        match &next {
            Some(next) => drop(next.prev.take()),
            None => drop(self.back.take()),
        }
        self.front.put(next);
        first.grant(grant);
        true
    }

    /// As [`grant`](WaitList::grant), to the last in line: a [`Grant::LastTurn`].
    pub(crate) fn grant_last(&self) -> bool {
        let Some(last) = self.back.take() else { return false };
        self.back.put(Some(last.clone()));
        self.unlink(&last);
        last.grant(Grant::LastTurn);
        true
    }

    /// Grants all who wait now, in their order; not those who come while they are woken. How many.
    pub(crate) fn grant_all(&self, grant: Grant) -> usize {
        if self.is_empty() {
            return 0;
        }
        let last = table(|table| table.news.get());
        let is_due = || self.first(|first| first.is_some_and(|first| first.ticket.get() <= last));
        let mut granted = 0;
        while is_due() {
            self.grant(grant);
            granted += 1;
        }
        granted
    }

    /// The future that waited is dropped. What it was granted and did not take is handed back: a turn is to be
    /// passed on.
    #[inline]
    #[must_use = "a turn that was not taken is to be passed on"]
    pub(crate) fn leave(&self, place: &mut Place) -> Option<Grant> {
        self.leave_early(place.0.take()?)
    }

    #[inline(never)]
    fn leave_early(&self, entry: Rc<Entry>) -> Option<Grant> {
        let (op, site) = (entry.op.get(), entry.site.get());
        let granted = match entry.stage.get() {
            Stage::Granted(grant) => {
                entry.settle(grant);
                Some(grant)
            }
            _ => {
                self.unlink(&entry);
                table(|table| table.locks.set(table.locks.get() - usize::from(op.is_lock)));
                None
            }
        };
        entry.give_early();
        if granted.is_none() && !op.loses.is_empty() {
            note_lost(op.what.name, site, || op.loses.to_owned());
        }
        granted
    }

    #[inline(never)] // one copy, without a stack frame, for what is rare is called last: 56 instructions, and took 68
    fn join(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) {
        let Some(entry) = self.entry(Stage::Waiting, op, site) else {
            return self.join_prepared(place, cx, op, site, want);
        };
        entry.want.set(want);
        let last = self.back.take();
        match &last {
            None => self.front.put(Some(entry.clone())),
            Some(last) => last.next.put(Some(entry.clone())),
        }
        entry.prev.put(last);
        self.back.put(Some(entry.clone()));
        table(|table| table.locks.set(table.locks.get() + usize::from(op.is_lock)));
        mem::forget(place.0.take()); // it was empty
        // It stands in line before its waker is cloned: to clone a foreign one may do anything.
        place.0.insert(entry).set_waiter(cx);
    }

    #[cold]
    #[inline(never)]
    fn join_prepared(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) {
        self.prepare();
        self.join(place, cx, op, site, want);
    }

    /// An entry that was nobody's; `None` if [`prepare`](WaitList::prepare) is to be called first.
    #[inline]
    fn entry(&self, stage: Stage, op: &'static Op, site: &'static Location<'static>) -> Option<Rc<Entry>> {
        let list = self.id.get();
        if list == 0 {
            return None;
        }
        let entry = Entry::take(self.made)?;
        entry.stage.set(stage);
        entry.list.set(list);
        entry.op.set(op);
        entry.site.set(site);
        Some(entry)
    }

    /// The list has a name from its first entry on, and there is an entry to take.
    fn prepare(&self) {
        if self.id.get() == 0 {
            self.id.set(table(Table::name_list));
        }
        table(Table::provide);
    }

    /// Takes a waiting entry out of the line.
    fn unlink(&self, entry: &Entry) {
        let (next, prev) = (entry.next.take(), entry.prev.take());
        let back = if let Some(next) = &next { &next.prev } else { &self.back };
        drop(back.take());
        back.put(prev.clone());
        let front = if let Some(prev) = &prev { &prev.next } else { &self.front };
        drop(front.take());
        front.put(next);
    }
}

impl fmt::Debug for WaitList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WaitList").field("id", &self.id.get()).finish_non_exhaustive()
    }
}
