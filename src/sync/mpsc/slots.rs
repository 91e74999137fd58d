//! So many of something, which are taken, waited for in a line, and given back: a channel's free slots, a queue's
//! items.

use std::cell::Cell;
use std::panic::Location;
use std::task::{Context, Poll};

use crate::waits::{Grant, Op, Place, WaitList};

#[derive(Debug)]
pub(in crate::sync) struct Slots {
    /// What nobody has. While somebody waits, it is less than the first in line wants.
    free: Cell<usize>,
    line: WaitList,
}

impl Slots {
    #[track_caller]
    pub(in crate::sync) const fn new(free: usize) -> Slots {
        Slots { free: Cell::new(free), line: WaitList::new() }
    }

    /// How many could be taken at once: none while somebody waits, for what is free belongs to the first in line.
    pub(in crate::sync) fn available(&self) -> usize {
        if self.line.is_empty() { self.free.get() } else { 0 }
    }

    /// Whether `n` are free, whoever waits for them.
    #[inline]
    pub(in crate::sync) fn is_free(&self, n: usize) -> bool {
        self.free.get() >= n
    }

    /// Takes `n`, if so many are free and nobody waits: those who wait come first. Nothing can always be taken.
    #[inline]
    pub(in crate::sync) fn try_take(&self, n: usize) -> bool {
        let takes = n == 0 || (self.line.is_empty() && self.is_free(n));
        if takes {
            self.free.set(self.free.get() - n);
        }
        takes
    }

    /// Takes `n`, or waits for its turn. `Grant::Closed`: [`close`](Slots::close) was called while it waited.
    #[inline]
    pub(in crate::sync) fn poll_take(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        n: usize,
    ) -> Poll<Grant> {
        if place.is_none() && self.try_take(n) {
            return Poll::Ready(Grant::Turn);
        }
        self.line.poll(place, cx, op, site, n)
    }

    /// Gives `n` back, or for the first time: to the first in line, as far as they go.
    #[inline]
    pub(in crate::sync) fn give(&self, n: usize) {
        self.free.set(self.free.get() + n);
        if !self.line.is_empty() {
            self.pass_on();
        }
    }

    /// A future that waited for `n` is dropped; what it was granted goes to the next.
    #[inline]
    pub(in crate::sync) fn leave(&self, place: &mut Place, n: usize) {
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
    pub(in crate::sync) fn close(&self) {
        self.line.grant_all(Grant::Closed);
    }

    fn pass_on(&self) {
        while let Some(want) = self.line.wants()
            && self.is_free(want)
        {
            self.free.set(self.free.get() - want);
            self.line.grant(Grant::Turn);
        }
    }
}
