//! Where one alone waits.

use std::panic::Location;
use std::rc::Rc;
use std::task::Context;

use super::entry::{Entry, Stage, Table, table};
use super::{Grant, Op};
use crate::cell::OnceCell;

/// A place for one who waits: the receiver of a channel. What comes is news for whoever sits here, and nobody else's,
/// so there is nothing to pass on.
///
/// It keeps the entry of its first wait, so a wait and its end are a few stores each: a round trip over two channels
/// took 1231 instructions where their receivers stood in lines, and 801 so.
pub(crate) struct Seat {
    entry: OnceCell<Rc<Entry>>,
    /// Where the thing was made.
    made: &'static Location<'static>,
}

impl Seat {
    /// The caller's place is told in reports as the place where the thing was made.
    #[track_caller]
    pub(crate) const fn new() -> Seat {
        Seat { entry: OnceCell::new(), made: Location::caller() }
    }

    /// From now until the next [`tell`](Seat::tell) or [`leave`](Seat::leave), the task of `cx` waits here.
    #[inline(never)] // one copy, without a stack frame, for what is rare is called last: 28 instructions, and took 43
    pub(crate) fn wait(&self, cx: &Context<'_>, op: &'static Op, site: &'static Location<'static>) {
        let Some(entry) = self.entry.get() else { return self.begin(cx, op, site) };
        entry.op.set(op);
        entry.site.set(site);
        if entry.stage.replace(Stage::Waiting) == Stage::Waiting {
            return entry.refresh(cx);
        }
        entry.ticket.set(table(|table| table.count()));
        entry.set_waiter(cx);
    }

    /// The first wait.
    #[cold]
    #[inline(never)]
    fn begin(&self, cx: &Context<'_>, op: &'static Op, site: &'static Location<'static>) {
        if let Some(entry) = Entry::take(self.made) {
            entry.list.set(0);
            let is_first = self.entry.set(entry).is_ok();
            debug_assert!(is_first, "it is empty until now");
        } else {
            table(Table::provide);
        }
        self.wait(cx, op, site); // again
    }

    /// Wakes whoever waits here.
    #[inline(never)] // as `wait`
    pub(crate) fn tell(&self) {
        self.tell_as(Stage::Free);
    }

    /// The same, where what it waits for will never come.
    #[cold]
    #[inline(never)]
    pub(crate) fn tell_closed(&self) {
        self.tell_as(Stage::Granted(Grant::Closed)); // as good as free
    }

    #[inline]
    fn tell_as(&self, stage: Stage) {
        if let Some(entry) = self.taken() {
            entry.stage.set(stage);
            entry.wake();
        }
    }

    /// Whoever waited here does so no more.
    #[inline]
    pub(crate) fn leave(&self) {
        if let Some(entry) = self.taken() {
            entry.clear();
        }
    }

    #[inline]
    fn taken(&self) -> Option<&Entry> {
        self.entry.get().map(|entry| &**entry).filter(|entry| entry.stage.get() == Stage::Waiting)
    }
}

impl Drop for Seat {
    #[inline]
    fn drop(&mut self) {
        self.leave();
        if let Some(entry) = self.entry.take() {
            entry.give();
        }
    }
}
