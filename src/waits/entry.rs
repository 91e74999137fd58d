//! The entries of a thread: all that waits, holds or was granted something, used again and again.
//!
//! An entry is counted, so whoever has it reaches it by one pointer, and nothing of it is ever borrowed: nothing here
//! can meet itself again in foreign code. (They were numbered before, in a table behind one `RefCell`: then a round
//! trip by two `Notify`s took 916 instructions, and 772 so.)

use std::cell::{Cell, RefCell};
use std::mem::{self, ManuallyDrop};
use std::panic::Location;
use std::ptr;
use std::rc::Rc;
use std::task::{Context, Waker};

use super::{Grant, Op};
use crate::cell::{Stays, TaskRef, Waiter};
use crate::trace::{Class, Found, Leaf, Way};
use crate::wake;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nobody's, or a seat's in which nobody waits.
    Free,
    Waiting,
    Granted(Grant),
    Held,
}

pub(super) struct Entry {
    /// Who waits, was granted a turn, or holds, if it is a task of ours.
    pub(super) task: Cell<Option<TaskRef>>,
    /// Who waits, if it is anybody else.
    foreign: Cell<Option<Waker>>,
    /// Its neighbours in the line, while it waits. While it is nobody's, `next` is the next such.
    pub(super) next: Link,
    pub(super) prev: Link,
    pub(super) op: Cell<&'static Op>,
    pub(super) site: Cell<&'static Location<'static>>,
    /// Where the thing was made.
    pub(super) made: Cell<&'static Location<'static>>,
    /// Of one that holds: the address of the future that took it, if one did.
    pub(super) taker: Cell<*const ()>,
    /// How much it wants: permits, items.
    pub(super) want: Cell<usize>,
    /// Counted in the order of arrival, over all that waits or holds in the thread.
    pub(super) ticket: Cell<u64>,
    /// The list it stands in, by number; 0: in none.
    pub(super) list: Cell<u32>,
    pub(super) stage: Cell<Stage>,
    pub(super) reported: Cell<bool>,
}

/// One end of a chain. What was in it is forgotten when another is put there, not dropped: this room takes before it
/// puts. (Where every `set` looked for itself what it replaced, and the two kinds of waiter were one cell, the round
/// trip took 913.) Dropped full, it leaks: only a line in which somebody waits for ever, forgotten, is.
pub(super) struct Link(Stays<Cell<ManuallyDrop<Option<Rc<Entry>>>>>);

impl Link {
    pub(super) const fn new() -> Link {
        Link(Stays(Cell::new(ManuallyDrop::new(None))))
    }

    #[inline]
    pub(super) fn take(&self) -> Option<Rc<Entry>> {
        ManuallyDrop::into_inner(self.0.replace(ManuallyDrop::new(None)))
    }

    #[inline]
    pub(super) fn put(&self, entry: Option<Rc<Entry>>) {
        self.0.set(ManuallyDrop::new(entry));
    }
}

/// Without a destructor, so that a look at it is a plain load; `AtEnd` empties it.
pub(super) struct Table {
    /// Every entry, for whoever asks what waits.
    pub(super) all: RefCell<ManuallyDrop<Vec<Rc<Entry>>>>,
    /// The first entry that is nobody's.
    free: Link,
    /// Counts arrivals and grants.
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
            all: RefCell::new(ManuallyDrop::new(Vec::new())),
            free: Link::new(),
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
    #[inline]
    pub(super) fn count(&self) -> u64 {
        let news = self.news.get() + 1;
        self.news.set(news);
        news
    }

    /// A number for a list; 0 is none.
    #[cold]
    pub(super) fn name_list(&self) -> u32 {
        let name = self.lists.get().wrapping_add(1).max(1);
        self.lists.set(name);
        name
    }

    /// Makes entries, if none is free.
    pub(super) fn provide(&self) {
        const AT_ONCE: usize = 16;
        let free = self.free.take();
        if free.is_some() {
            return self.free.put(free);
        }
        let _ = AT_END.try_with(|_| ());
        let mut all = self.all.borrow_mut();
        for _ in 0..AT_ONCE {
            let entry = Rc::new(Entry::new());
            all.push(entry.clone());
            entry.next.put(self.free.take());
            self.free.put(Some(entry));
        }
    }
}

impl Entry {
    fn new() -> Entry {
        static NOTHING: Op = Op::new(Class::Other, "nothing", "did nothing");
        Entry {
            task: Cell::new(None),
            foreign: Cell::new(None),
            next: Link::new(),
            prev: Link::new(),
            op: Cell::new(&NOTHING),
            site: Cell::new(Location::caller()),
            made: Cell::new(Location::caller()),
            taker: Cell::new(ptr::null()),
            want: Cell::new(0),
            ticket: Cell::new(0),
            list: Cell::new(0),
            stage: Cell::new(Stage::Free),
            reported: Cell::new(false),
        }
    }

    /// An entry that was nobody's, if there is one, with the next ticket, and without neighbours or waiter.
    #[inline]
    pub(super) fn take(made: &'static Location<'static>) -> Option<Rc<Entry>> {
        table(|table| {
            let entry = table.free.take()?;
            table.free.put(entry.next.take());
            entry.reported.set(false);
            entry.ticket.set(table.count());
            entry.made.set(made);
            Some(entry)
        })
    }

    /// It is nobody's again.
    #[inline]
    pub(super) fn give(self: Rc<Entry>) {
        self.stage.set(Stage::Free);
        let task = self.task.take();
        table(|table| {
            self.next.put(table.free.take());
            table.free.put(Some(self));
        });
        drop(task);
    }

    /// The same for one whose waiter, foreign perhaps, was not woken.
    #[cold]
    pub(super) fn give_early(self: Rc<Entry>) {
        wake::forget_leaf(|noted| *noted == Leaf::from(self.leaf()));
        let foreign = self.foreign.take();
        self.give();
        drop(foreign);
    }

    /// What whoever stands in it waits for.
    fn leaf(&self) -> Found {
        Found::Sync(&self.op.get().what, self.site.get(), self.made.get())
    }

    /// What is done by whoever wakes the one who stands in it.
    #[expect(clippy::unnecessary_wraps, reason = "a wake may have none")]
    fn via(&self) -> Option<Way> {
        let Op { gives, closes, .. } = self.op.get();
        let what = if self.stage.get() == Stage::Granted(Grant::Closed) { closes } else { gives };
        Some(Way { what, made: self.made.get() })
    }

    /// Nobody stands in it yet: now whoever `cx` stands for does.
    #[inline]
    pub(super) fn set_waiter(&self, cx: &Context<'_>) {
        match wake::plain_waiter(cx) {
            Some(task) => self.set_task(Some(task)),
            None => self.set_other(cx),
        }
    }

    /// As `set_waiter`, where the waker is no plain one of ours. To clone a foreign one may do anything, and so grant this
    /// very wait: then it is woken at once.
    #[cold]
    #[inline(never)]
    fn set_other(&self, cx: &Context<'_>) {
        match wake::waiter(cx, || self.leaf()) {
            Waiter::Task(task) => self.set_task(Some(task)),
            Waiter::Waker(waker) if self.stage.get() == Stage::Waiting => {
                drop((self.task.take(), self.foreign.replace(Some(waker)))); // foreign perhaps
            }
            late => wake::wake(late),
        }
    }

    /// Nobody stands in it yet: now this task does.
    #[inline]
    pub(super) fn set_task(&self, task: Option<TaskRef>) {
        let before = self.task.replace(task);
        debug_assert!(before.is_none(), "somebody stands in this entry");
        mem::forget(before); // so that no code looks for it
    }

    /// Polled again while it waits: perhaps by another task.
    #[inline(never)]
    pub(super) fn refresh(&self, cx: &Context<'_>) {
        let (task, foreign) = (self.task.take(), self.foreign.take());
        let is_same = match (&task, &foreign) {
            (Some(task), _) => task.address() == wake::address(cx, || self.leaf()),
            (None, Some(waker)) => waker.will_wake(cx.waker()),
            (None, None) => false,
        };
        if is_same {
            self.set_task(task);
            self.foreign.set(foreign);
        } else {
            self.set_waiter(cx);
            drop((task, foreign)); // foreign perhaps
        }
    }

    /// Wakes whoever waits here.
    #[inline]
    pub(super) fn wake(&self) {
        match self.task.take() {
            Some(task) => wake::wake_task(task, || self.via()),
            None => self.wake_foreign(),
        }
    }

    #[cold]
    #[inline(never)]
    fn wake_foreign(&self) {
        if let Some(waker) = self.foreign.take() {
            wake::wake(Waiter::Waker(waker));
        }
    }

    /// Nobody waits here any more.
    #[inline(never)]
    pub(super) fn clear(&self) {
        wake::forget_leaf(|noted| *noted == Leaf::from(self.leaf()));
        self.stage.set(Stage::Free);
        drop((self.task.take(), self.foreign.take())); // foreign perhaps
    }

    /// Out of the line: wakes whoever waits. Of one whose turn it is, reports want to know whose it is until it takes
    /// it.
    #[inline]
    pub(super) fn grant(&self, grant: Grant) {
        self.stage.set(Stage::Granted(grant));
        table(|table| {
            table.count();
            table.locks.set(table.locks.get() - usize::from(self.op.get().is_lock));
            table.untaken.set(table.untaken.get() + usize::from(grant.is_turn()));
        });
        if grant.is_turn()
            && let Some(task) = self.task.take()
        {
            self.set_task(Some(task.clone()));
            return wake::wake_task(task, || self.via());
        }
        self.wake();
    }

    /// What was granted was taken, or handed back.
    #[inline]
    pub(super) fn settle(&self, grant: Grant) {
        table(|table| table.untaken.set(table.untaken.get() - usize::from(grant.is_turn())));
    }
}

/// Empties the table when its thread ends. What still waits keeps its entry.
struct AtEnd;

impl Drop for AtEnd {
    fn drop(&mut self) {
        table(|table| {
            let mut next = table.free.take();
            while let Some(entry) = next {
                next = entry.next.take(); // one by one: the chain may be long
            }
            drop(ManuallyDrop::into_inner(table.all.replace(ManuallyDrop::new(Vec::new()))));
        });
    }
}
