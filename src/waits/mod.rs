//! The one wait list: who waits for what other tasks give, and who holds it.
//!
//! Locks, channels, groups: whatever lets one task wait for another keeps a [`WaitList`] and waits here. All waits of
//! a thread stand in one table, so a wait allocates nothing once the table has grown, and a dump or a report of a
//! deadlock finds every one of them. The life of an entry:
//!
//! ```text
//!          1             2             3
//!   (none) ──► Waiting ──► Granted ──► (gone)      1  WaitList::poll, at the back of its list
//!                 │            │ │                 2  WaitList::grant, from the front; the waiter is woken
//!                 │ 5        5 │ └──► Held ──► 4   3  WaitList::poll again, or poll_hold
//!                 ▼            ▼                   4  WaitList::unhold
//!              (gone)       (gone)                 5  WaitList::leave: the future was dropped; a grant that
//!                                                     was not taken is handed back, to be passed on
//! ```
//!
//! Order: first come, first served. A grant takes an entry out of the line at once, so nobody can come between the
//! grant and the poll that takes it (trio's parking lot; a lock is handed over, not set free).
#![cfg_attr(not(feature = "sync"), allow(dead_code))] // groups of tasks, which are always there, need but a part

mod look;
mod lost;
mod op;
mod table;

pub(crate) use look::{Stand, Standing, mark_reported, may_be_stuck, news, stands};
pub(crate) use lost::note_lost;
pub(crate) use op::Op;

use std::cell::Cell;
use std::marker::PhantomData;
use std::panic::Location;
use std::task::{Context, Poll};

use crate::cell::Waiter;
use crate::wake;
use table::{Entry, Stage, Table, table};

/// What a waiter was woken with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Its turn: whoever is granted this and goes away must pass it on.
    Turn,
    /// News for all who waited. There is nothing to pass on.
    All,
    /// What it waited for will never come.
    Closed,
}

/// The place of a wait in the table, held by the future that waits.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Place(u32);

impl Place {
    /// Before the first poll, and after the last.
    pub(crate) const NONE: Place = Place(NOBODY);

    pub(crate) fn is_none(&self) -> bool {
        self.0 == NOBODY
    }

    fn take(&mut self) -> Option<u32> {
        let key = std::mem::replace(&mut self.0, NOBODY);
        (key != NOBODY).then_some(key)
    }
}

/// An entry of one who holds a lock, kept in its guard.
#[derive(Debug)]
#[must_use = "a hold ends by `unhold`"]
pub(crate) struct Hold(u32);

const NOBODY: u32 = u32::MAX;

/// The line in front of one thing; the entries themselves stand in the thread's table.
#[derive(Debug)]
pub(crate) struct WaitList {
    front: Cell<u32>,
    back: Cell<u32>,
    /// Names it in the table; 0 before its first entry.
    id: Cell<u32>,
    /// Where the thing was made.
    made: &'static Location<'static>,
    /// Its keys are those of this thread's table: never `Send`, lest a leaked wait be looked for in another's.
    here: PhantomData<*const ()>,
}

impl WaitList {
    /// The caller's place is told in reports as the place where the thing was made.
    #[track_caller]
    pub(crate) const fn new() -> WaitList {
        WaitList {
            front: Cell::new(NOBODY),
            back: Cell::new(NOBODY),
            id: Cell::new(0),
            made: Location::caller(),
            here: PhantomData,
        }
    }

    /// Whether nobody waits.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.front.get() == NOBODY
    }

    /// How much the first in line wants.
    #[inline]
    pub(crate) fn wants(&self) -> Option<usize> {
        if self.is_empty() {
            return None;
        }
        Some(table(move |table| table.entries.borrow()[self.front.get() as usize].want))
    }

    /// Waits: joins the end of the line at the first call, is granted in a later one, and then has left the line and
    /// the table. Until then the task of `cx` is woken by the grant.
    #[inline]
    pub(crate) fn poll(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) -> Poll<Grant> {
        if place.is_none() {
            self.join(place, cx, op, site, want);
            return Poll::Pending;
        }
        let key = place.0;
        let granted = table(move |table| {
            let entries = &mut *table.entries.borrow_mut();
            let Stage::Granted(grant) = entries[key as usize].stage else { return None };
            table.settled(grant);
            Some((grant, table.give(entries, key)))
        });
        let Some((grant, waiter)) = granted else {
            self.refresh(place, cx);
            return Poll::Pending;
        };
        *place = Place::NONE;
        drop(waiter); // outside of the table
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
    ) -> Poll<Hold> {
        if place.is_none() {
            self.join(place, cx, op, site, want);
            return Poll::Pending;
        }
        let key = place.0;
        let before = table(move |table| {
            let entry = &mut table.entries.borrow_mut()[key as usize];
            let Stage::Granted(grant) = entry.stage else { return None };
            entry.stage = Stage::Held;
            table.settled(grant);
            // Whoever polls now holds it; a foreign executor's polls leave nobody.
            let is_running = |waiter: &Waiter| matches!(waiter, Waiter::Task(task) if wake::is_running(task));
            if entry.waiter.as_ref().is_some_and(is_running) {
                return Some(None);
            }
            Some(std::mem::replace(&mut entry.waiter, wake::running().map(Waiter::Task)))
        });
        let Some(before) = before else {
            self.refresh(place, cx);
            return Poll::Pending;
        };
        drop(before);
        Poll::Ready(Hold(std::mem::replace(place, Place::NONE).0))
    }

    /// Holds a lock that was free.
    #[inline]
    pub(crate) fn hold(&self, op: &'static Op, site: &'static Location<'static>) -> Hold {
        let holder = wake::running().map(Waiter::Task);
        let key = table(move |table| {
            let entries = &mut *table.entries.borrow_mut();
            let key = table.take(entries);
            self.fill(table, &mut entries[key as usize], Stage::Held, holder, op, site);
            key
        });
        Hold(key)
    }

    /// The lock was given back.
    #[inline]
    pub(crate) fn unhold(&self, hold: Hold) {
        let waiter = table(move |table| table.give(&mut table.entries.borrow_mut(), hold.0));
        drop(waiter); // outside of the table
    }

    /// Grants the first in line what it waits for, and wakes it; `false` if nobody waits.
    #[inline]
    pub(crate) fn grant(&self, grant: Grant) -> bool {
        self.grant_to(self.front.get(), grant)
    }

    /// As [`grant`](WaitList::grant), to the last in line.
    pub(crate) fn grant_last(&self, grant: Grant) -> bool {
        self.grant_to(self.back.get(), grant)
    }

    #[inline]
    fn grant_to(&self, key: u32, grant: Grant) -> bool {
        if key == NOBODY {
            return false;
        }
        let waiter = table(move |table| {
            let entries = &mut *table.entries.borrow_mut();
            self.unlink(table, entries, key);
            let entry = &mut entries[key as usize];
            entry.stage = Stage::Granted(grant);
            table.granted(grant);
            match &entry.waiter {
                Some(Waiter::Task(task)) => Some(Waiter::Task(task.clone())), // reports want to know whose it is
                _ => entry.waiter.take(),
            }
        });
        // Nothing is borrowed now: waking runs observers and foreign wakers.
        if let Some(waiter) = waiter {
            wake::wake(waiter);
        }
        true
    }

    /// Grants all who wait now, in their order; not those who come while they are woken. How many.
    pub(crate) fn grant_all(&self, grant: Grant) -> usize {
        if self.is_empty() {
            return 0;
        }
        let last = table(move |table| table.news.get());
        let is_due = || table(move |table| table.entries.borrow()[self.front.get() as usize].ticket <= last);
        let mut granted = 0;
        while !self.is_empty() && is_due() {
            self.grant(grant);
            granted += 1;
        }
        granted
    }

    /// Whether the next poll will be ready.
    pub(crate) fn is_granted(&self, place: &Place) -> bool {
        table(move |table| matches!(table.entries.borrow()[place.0 as usize].stage, Stage::Granted(_)))
    }

    /// The future that waited is dropped. What it was granted and did not take is handed back: a [`Grant::Turn`] is
    /// to be passed on.
    #[inline]
    #[must_use = "a turn that was not taken is to be passed on"]
    pub(crate) fn leave(&self, place: &mut Place) -> Option<Grant> {
        if place.is_none() { None } else { self.leave_early(place) }
    }

    fn leave_early(&self, place: &mut Place) -> Option<Grant> {
        let key = place.take()?;
        let (granted, op, site, waiter) = table(move |table| {
            let entries = &mut *table.entries.borrow_mut();
            let Entry { stage, op, site, .. } = entries[key as usize];
            let granted = match stage {
                Stage::Granted(grant) => {
                    table.settled(grant);
                    Some(grant)
                }
                _ => {
                    self.unlink(table, entries, key);
                    None
                }
            };
            (granted, op, site, table.give(entries, key))
        });
        drop(waiter); // foreign perhaps
        if granted.is_none() && !op.loses.is_empty() {
            note_lost(op.name, site, || op.loses.to_owned());
        }
        granted
    }

    #[inline]
    fn join(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) {
        let own = wake::own_waiter(cx);
        let is_own = own.is_some();
        place.0 = self.enter(own, op, site, want);
        if !is_own {
            // To clone a foreign waker may do anything, and so grant this very wait: it must stand in line before.
            self.set_waiter(place, cx);
        }
    }

    /// Puts an entry at the end of the line.
    #[inline]
    fn enter(
        &self,
        waiter: Option<Waiter>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) -> u32 {
        table(move |table| {
            let entries = &mut *table.entries.borrow_mut();
            let key = table.take(entries);
            let entry = &mut entries[key as usize];
            self.fill(table, entry, Stage::Waiting, waiter, op, site);
            entry.want = want;
            let last = self.back.replace(key);
            entry.prev = last;
            match last {
                NOBODY => self.front.set(key),
                last => entries[last as usize].next = key,
            }
            table.locks.set(table.locks.get() + usize::from(op.is_lock));
            key
        })
    }

    #[inline]
    fn fill(
        &self,
        table: &Table,
        entry: &mut Entry,
        stage: Stage,
        waiter: Option<Waiter>,
        op: &'static Op,
        site: &'static Location<'static>,
    ) {
        if self.id.get() == 0 {
            self.id.set(table.name_list());
        }
        entry.stage = stage;
        entry.list = self.id.get();
        entry.op = op;
        entry.site = site;
        entry.made = self.made;
        let none = std::mem::replace(&mut entry.waiter, waiter);
        debug_assert!(none.is_none(), "a free entry has no waiter");
        std::mem::forget(none);
    }

    /// Takes a waiting entry out of the line.
    #[inline]
    fn unlink(&self, table: &Table, entries: &mut [Entry], key: u32) {
        let Entry { next, prev, op, .. } = entries[key as usize];
        match prev {
            NOBODY => self.front.set(next),
            prev => entries[prev as usize].next = next,
        }
        match next {
            NOBODY => self.back.set(prev),
            next => entries[next as usize].prev = prev,
        }
        table.locks.set(table.locks.get() - usize::from(op.is_lock));
    }

    /// Polled again while it waits: perhaps by another task.
    fn refresh(&self, place: &Place, cx: &Context<'_>) {
        let is_same = table(move |table| match &table.entries.borrow()[place.0 as usize].waiter {
            Some(Waiter::Task(task)) => task.address() == wake::address(cx),
            Some(Waiter::Waker(waker)) => waker.will_wake(cx.waker()),
            None => false,
        });
        if !is_same {
            self.set_waiter(place, cx);
        }
    }

    /// To clone a foreign waker may do anything, and so grant this very wait: then it is woken at once.
    #[cold]
    fn set_waiter(&self, place: &Place, cx: &Context<'_>) {
        let waiter = wake::waiter(cx);
        let rest = table(move |table| {
            let entry = &mut table.entries.borrow_mut()[place.0 as usize];
            if entry.stage != Stage::Waiting {
                return Err(waiter);
            }
            Ok(entry.waiter.replace(waiter))
        });
        match rest {
            Err(waiter) => wake::wake(waiter),
            Ok(before) => drop(before), // foreign perhaps
        }
    }
}
