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

pub(crate) use look::{Stand, Standing, mark_reported, may_be_stuck, news, stands};
pub(crate) use lost::note_lost;
pub(crate) use op::Op;

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::panic::Location;
use std::task::{Context, Poll};

use slab::Slab;

use crate::cell::Waiter;
use crate::trace::{RuntimeId, TaskId};
use crate::wake;

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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Granted(Grant),
    Held,
}

struct Entry {
    stage: Stage,
    /// Counted in the order of arrival, over all lists of the thread.
    ticket: u64,
    /// How much it wants: permits, items.
    want: usize,
    /// Its neighbours in the line, while it waits.
    next: u32,
    prev: u32,
    list: u32,
    /// While it waits.
    waiter: Option<Waiter>,
    /// The task that came, if one did.
    who: Option<(RuntimeId, TaskId)>,
    op: &'static Op,
    site: &'static Location<'static>,
    made: &'static Location<'static>,
    reported: bool,
}

struct Table {
    entries: RefCell<Slab<Entry>>,
    tickets: Cell<u64>,
    lists: Cell<u32>,
    /// How many entries wait for locks.
    locks: Cell<usize>,
    /// How many were granted their turn and have not taken it.
    untaken: Cell<usize>,
    /// Counts waits and grants.
    news: Cell<u64>,
}

thread_local! {
    static TABLE: Table = const {
        Table {
            entries: RefCell::new(Slab::new()),
            tickets: Cell::new(0),
            lists: Cell::new(0),
            locks: Cell::new(0),
            untaken: Cell::new(0),
            news: Cell::new(0),
        }
    };
}

impl Table {
    fn granted(&self, grant: Grant) {
        self.untaken.set(self.untaken.get() + usize::from(grant == Grant::Turn));
        self.news.set(self.news.get() + 1);
    }

    /// What was granted was taken, or handed back.
    fn settled(&self, grant: Grant) {
        self.untaken.set(self.untaken.get() - usize::from(grant == Grant::Turn));
    }
}

/// Gives `act` this thread's table; `None` while the thread ends and the table is gone.
#[inline]
fn table<R>(act: impl FnOnce(&Table) -> R) -> Option<R> {
    TABLE.try_with(act).ok()
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
        table(|table| table.entries.borrow()[self.front.get() as usize].want)
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
        let granted = table(|table| {
            let entries = &mut *table.entries.borrow_mut();
            let Stage::Granted(grant) = entries[place.0 as usize].stage else { return None };
            entries.remove(place.0 as usize); // its waiter was taken when it was granted
            table.settled(grant);
            Some(grant)
        });
        let Some(grant) = granted.flatten() else {
            self.refresh(place, cx);
            return Poll::Pending;
        };
        *place = Place::NONE;
        Poll::Ready(grant)
    }

    /// As [`poll`](WaitList::poll), for a lock: who is granted it holds it.
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
        let who = wake::who();
        let held = table(|table| {
            let entry = &mut table.entries.borrow_mut()[place.0 as usize];
            let Stage::Granted(grant) = entry.stage else { return false };
            entry.stage = Stage::Held;
            entry.who = who;
            table.settled(grant);
            true
        });
        if held == Some(true) {
            return Poll::Ready(Hold(std::mem::replace(place, Place::NONE).0));
        }
        self.refresh(place, cx);
        Poll::Pending
    }

    /// Holds a lock that was free.
    #[inline]
    pub(crate) fn hold(&self, op: &'static Op, site: &'static Location<'static>) -> Hold {
        let who = wake::who();
        Hold(self.insert(Stage::Held, None, who, op, site, 0))
    }

    /// The lock was given back.
    #[inline]
    pub(crate) fn unhold(&self, hold: Hold) {
        let entry = table(|table| table.entries.borrow_mut().try_remove(hold.0 as usize));
        drop(entry);
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
        let waiter = table(|table| {
            let entries = &mut *table.entries.borrow_mut();
            self.unlink(table, entries, key);
            let entry = &mut entries[key as usize];
            entry.stage = Stage::Granted(grant);
            table.granted(grant);
            entry.waiter.take()
        });
        // Nothing is borrowed now: waking runs observers and foreign wakers.
        if let Some(waiter) = waiter.flatten() {
            wake::wake(waiter);
        }
        true
    }

    /// Grants all who wait now, in their order; not those who come while they are woken. How many.
    pub(crate) fn grant_all(&self, grant: Grant) -> usize {
        let Some(last) = table(|table| table.tickets.get()) else { return 0 };
        let is_due = || table(|table| table.entries.borrow()[self.front.get() as usize].ticket <= last);
        let mut granted = 0;
        while !self.is_empty() && is_due() == Some(true) {
            self.grant(grant);
            granted += 1;
        }
        granted
    }

    /// Whether the next poll will be ready.
    pub(crate) fn is_granted(&self, place: &Place) -> bool {
        table(|table| matches!(table.entries.borrow()[place.0 as usize].stage, Stage::Granted(_))) == Some(true)
    }

    /// The future that waited is dropped. What it was granted and did not take is handed back: a [`Grant::Turn`] is
    /// to be passed on.
    #[inline]
    #[must_use = "a turn that was not taken is to be passed on"]
    pub(crate) fn leave(&self, place: &mut Place) -> Option<Grant> {
        let key = place.take()?;
        let entry = table(|table| {
            let entries = &mut *table.entries.borrow_mut();
            match entries[key as usize].stage {
                Stage::Waiting => self.unlink(table, entries, key),
                Stage::Granted(grant) => table.settled(grant),
                Stage::Held => {}
            }
            entries.remove(key as usize)
        })?;
        match entry.stage {
            Stage::Granted(grant) => Some(grant),
            Stage::Waiting | Stage::Held => {
                if !entry.op.loses.is_empty() {
                    note_lost(entry.op.name, entry.site, || entry.op.loses.to_owned());
                }
                None // the entry's waiter may be foreign, and is dropped here, outside of the table
            }
        }
    }

    fn join(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) {
        if wake::address(cx).is_null() {
            *place = Place(self.insert(Stage::Waiting, None, None, op, site, want));
            self.set_waiter(place, cx);
        } else {
            *place = Place(self.insert(Stage::Waiting, Some(wake::waiter(cx)), wake::who(), op, site, want));
        }
    }

    #[inline]
    fn insert(
        &self,
        stage: Stage,
        waiter: Option<Waiter>,
        who: Option<(RuntimeId, TaskId)>,
        op: &'static Op,
        site: &'static Location<'static>,
        want: usize,
    ) -> u32 {
        let key = table(|table| {
            let ticket = table.tickets.get() + 1;
            table.tickets.set(ticket);
            if self.id.get() == 0 {
                table.lists.set(table.lists.get() + 1);
                self.id.set(table.lists.get());
            }
            let prev = if stage == Stage::Waiting { self.back.get() } else { NOBODY };
            let (list, made) = (self.id.get(), self.made);
            let entry = Entry {
                stage,
                ticket,
                want,
                next: NOBODY,
                prev,
                list,
                waiter,
                who,
                op,
                site,
                made,
                reported: false,
            };
            let entries = &mut *table.entries.borrow_mut();
            let key = u32::try_from(entries.insert(entry)).expect("fewer than 2^32 waits at once");
            if stage == Stage::Waiting {
                match prev {
                    NOBODY => self.front.set(key),
                    prev => entries[prev as usize].next = key,
                }
                self.back.set(key);
                table.locks.set(table.locks.get() + usize::from(op.is_lock));
                table.news.set(table.news.get() + 1);
            }
            key
        });
        key.unwrap_or(NOBODY)
    }

    /// Takes a waiting entry out of the line.
    #[inline]
    fn unlink(&self, table: &Table, entries: &mut Slab<Entry>, key: u32) {
        let (next, prev, is_lock) = {
            let entry = &entries[key as usize];
            (entry.next, entry.prev, entry.op.is_lock)
        };
        match prev {
            NOBODY => self.front.set(next),
            prev => entries[prev as usize].next = next,
        }
        match next {
            NOBODY => self.back.set(prev),
            next => entries[next as usize].prev = prev,
        }
        table.locks.set(table.locks.get() - usize::from(is_lock));
    }

    /// Polled again while it waits: perhaps by another task.
    fn refresh(&self, place: &Place, cx: &Context<'_>) {
        let is_same = table(|table| match &table.entries.borrow()[place.0 as usize].waiter {
            Some(Waiter::Task(task)) => task.address() == wake::address(cx),
            Some(Waiter::Waker(waker)) => waker.will_wake(cx.waker()),
            None => false,
        });
        if is_same != Some(true) {
            self.set_waiter(place, cx);
        }
    }

    /// To clone a foreign waker may do anything, and so grant this very wait: then it is woken at once.
    fn set_waiter(&self, place: &Place, cx: &Context<'_>) {
        let waiter = wake::waiter(cx);
        let who = if matches!(waiter, Waiter::Task(_)) { wake::who() } else { None };
        let rest = table(|table| {
            let entry = &mut table.entries.borrow_mut()[place.0 as usize];
            if entry.stage != Stage::Waiting {
                return Err(waiter);
            }
            entry.who = who;
            Ok(entry.waiter.replace(waiter))
        });
        match rest {
            Some(Err(waiter)) => wake::wake(waiter),
            before => drop(before), // foreign perhaps
        }
    }
}
