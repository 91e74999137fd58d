//! The table of a thread: all entries of all lists, in one block of memory that is used again and again.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::panic::Location;

use super::{Grant, NOBODY, Op};
use crate::cell::Waiter;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's; `next` is the next that is free.
    Free,
    Waiting,
    Granted(Grant),
    Held,
}

pub(super) struct Entry {
    pub(super) stage: Stage,
    pub(super) reported: bool,
    /// The list it stands in, by number.
    pub(super) list: u32,
    /// Its neighbours in the line, while it waits.
    pub(super) next: u32,
    pub(super) prev: u32,
    /// Counted in the order of arrival, over all lists of the thread.
    pub(super) ticket: u64,
    /// How much it wants: permits, items.
    pub(super) want: usize,
    /// Who waits, or holds. A foreign waker only until it is woken.
    pub(super) waiter: Option<Waiter>,
    pub(super) op: &'static Op,
    pub(super) site: &'static Location<'static>,
    /// Where the thing was made.
    pub(super) made: &'static Location<'static>,
}

/// Without a destructor, so that a look at it is a plain load; `AtEnd` frees it.
pub(super) struct Table {
    pub(super) entries: RefCell<ManuallyDrop<Vec<Entry>>>,
    /// The first entry that is free.
    free: Cell<u32>,
    /// Counts entries and grants.
    pub(super) news: Cell<u64>,
    lists: Cell<u32>,
    /// How many entries wait for locks.
    pub(super) locks: Cell<usize>,
    /// How many were granted their turn and have not taken it.
    pub(super) untaken: Cell<usize>,
}

thread_local! {
    static TABLE: Table = const {
        Table {
            entries: RefCell::new(ManuallyDrop::new(Vec::new())),
            free: Cell::new(NOBODY),
            news: Cell::new(0),
            lists: Cell::new(0),
            locks: Cell::new(0),
            untaken: Cell::new(0),
        }
    };
    static AT_END: AtEnd = const { AtEnd };
}

/// Gives `act` this thread's table.
#[inline]
pub(super) fn table<R>(act: impl FnOnce(&Table) -> R) -> R {
    TABLE.with(act)
}

impl Table {
    /// Makes a free entry `list`'s, with the next ticket, and without neighbours or waiter; the rest is the caller's.
    #[inline]
    pub(super) fn take(&self, entries: &mut Vec<Entry>) -> u32 {
        if self.free.get() == NOBODY {
            self.grow(entries);
        }
        let key = self.free.get();
        let entry = &mut entries[key as usize];
        self.free.set(entry.next);
        entry.reported = false;
        entry.next = NOBODY;
        entry.prev = NOBODY;
        entry.ticket = self.news.get() + 1;
        self.news.set(entry.ticket);
        key
    }

    /// The entry is free again. Its waiter is the caller's to drop, when the table is not borrowed.
    #[inline]
    #[must_use]
    pub(super) fn give(&self, entries: &mut [Entry], key: u32) -> Option<Waiter> {
        let entry = &mut entries[key as usize];
        entry.stage = Stage::Free;
        entry.next = self.free.replace(key);
        entry.waiter.take()
    }

    #[inline]
    pub(super) fn granted(&self, grant: Grant) {
        self.untaken.set(self.untaken.get() + usize::from(grant == Grant::Turn));
        self.news.set(self.news.get() + 1);
    }

    /// What was granted was taken, or handed back.
    #[inline]
    pub(super) fn settled(&self, grant: Grant) {
        self.untaken.set(self.untaken.get() - usize::from(grant == Grant::Turn));
    }

    /// A number for a list; 0 is none.
    #[cold]
    pub(super) fn name_list(&self) -> u32 {
        let name = self.lists.get().wrapping_add(1).max(1);
        self.lists.set(name);
        name
    }

    #[cold]
    #[inline(never)]
    fn grow(&self, entries: &mut Vec<Entry>) {
        static NOTHING: Op = Op::new("nothing");
        let _ = AT_END.try_with(|_| ());
        let key = u32::try_from(entries.len()).ok().filter(|key| *key != NOBODY);
        entries.push(Entry {
            stage: Stage::Free,
            reported: false,
            list: 0,
            next: NOBODY,
            prev: NOBODY,
            ticket: 0,
            want: 0,
            waiter: None,
            op: &NOTHING,
            site: Location::caller(),
            made: Location::caller(),
        });
        self.free.set(key.expect("fewer than 2^32 waits at once"));
    }
}

/// Frees the table when its thread ends, unless something still waits: that may yet be looked for.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        table(|table| {
            let entries = &mut *table.entries.borrow_mut();
            if entries.iter().all(|entry| entry.stage == Stage::Free) {
                **entries = Vec::new();
                table.free.set(NOBODY);
            }
        });
    }
}
