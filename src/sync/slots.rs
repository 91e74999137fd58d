//! So many of something, which are taken, waited for in a line, and given back: a semaphore's permits, a channel's free
//! slots, a queue's items.

use std::panic::Location;
use std::task::{Context, Poll};

use crate::cell::Cell;
use crate::waits::{Grant, Op, Place, WaitList};

#[derive(Debug)]
pub(super) struct Slots {
    /// What whoever comes may take. Nothing while somebody waits: so one look says both, 2 instructions less a value.
    free: Cell<usize>,
    /// What nobody has while somebody waits: less than the first in line wants.
    kept: Cell<usize>,
    closed: Cell<bool>,
    line: WaitList,
}

impl Slots {
    #[track_caller]
    pub(super) const fn new(free: usize) -> Slots {
        Slots { free: Cell::new(free), kept: Cell::new(0), closed: Cell::new(false), line: WaitList::new() }
    }

    /// How many could be taken at once: none while somebody waits, for what is free belongs to the first in line.
    pub(super) fn available(&self) -> usize {
        self.release();
        self.free.get()
    }

    /// How many nobody has, whoever waits for them.
    pub(super) fn free(&self) -> usize {
        self.free.get() + self.kept.get()
    }

    /// Takes `n`, if so many are free and nobody waits: those who wait come first. Nothing can always be taken.
    #[inline]
    pub(super) fn try_take(&self, n: usize) -> bool {
        take(&self.free, n) || (self.kept.get() > 0 && self.take_released(n))
    }

    /// What is kept may be nobody's already: a foreign waker that is woken or dropped asks before `release` is called
    /// for those who wait, and one that panics keeps it from being called.
    #[cold]
    #[inline(never)]
    fn take_released(&self, n: usize) -> bool {
        self.release();
        take(&self.free, n)
    }

    /// Takes `n`, or waits for its turn. `Grant::Closed`: [`close`](Slots::close) was called while it waited.
    #[inline]
    pub(super) fn poll_take(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        n: usize,
    ) -> Poll<Grant> {
        if place.is_none() {
            if self.try_take(n) {
                return Poll::Ready(Grant::Turn);
            }
            self.keep(); // before it waits, for its waker may be foreign
        }
        self.line.poll(place, cx, op, site, n)
    }

    /// Gives `n` back, or for the first time: to the first in line, as far as they go.
    #[inline]
    pub(super) fn give(&self, n: usize) {
        self.free.set(self.free.get() + n);
        if !self.line.is_empty() {
            self.pass_on();
        }
    }

    /// A future that waited for `n` is dropped; what it was granted goes to the next.
    #[inline]
    pub(super) fn leave(&self, place: &mut Place, n: usize) {
        if place.is_none() {
            return;
        }
        match self.line.leave(place) {
            Some(Grant::Turn) => self.give(n),
            Some(_) => {}
            None => self.pass_on(), // it may have wanted more than those behind it
        }
    }

    /// Tells all who wait that their turn will not come.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.line.grant_all(Grant::Closed);
        self.release();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Grants their turn to as many from the front of the line as get all they want.
    #[inline(never)]
    fn pass_on(&self) {
        self.keep();
        while !self.is_closed() && self.line.grant_if(Grant::Turn, |want| take(&self.kept, want)) {}
        self.release();
    }

    /// What is free belongs to those who wait.
    #[inline]
    fn keep(&self) {
        self.kept.set(self.kept.get() + self.free.replace(0));
    }

    /// What is kept is free, if nobody waits any more.
    #[inline]
    fn release(&self) {
        if self.line.is_empty() {
            self.free.set(self.free.get() + self.kept.replace(0));
        }
    }
}

/// Takes `n` of what is there, if that is enough.
#[inline]
fn take(there: &Cell<usize>, n: usize) -> bool {
    let rest = there.get();
    let is_enough = n <= rest;
    if is_enough {
        there.set(rest - n);
    }
    is_enough
}
