//! What the poll that runs waits for, noted where a leaf was polled to no avail.

use std::panic::Location;

use super::{Found, Leaf, Tracer, What};

/// What the poll that runs was found to wait for first, in one word.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Noted(u32);

impl Noted {
    pub(super) const NOTHING: Noted = Noted(0);
    /// A leaf, kept whole.
    pub(super) const WHOLE: Noted = Noted(u32::MAX);

    /// The leaf that the flight recorder has under this number, which is not 0.
    #[cfg(feature = "glass")]
    pub(super) fn numbered(number: u32) -> Noted {
        debug_assert!(number != 0 && number != u32::MAX);
        Noted(number)
    }

    #[cfg(feature = "glass")]
    #[inline]
    pub(super) fn number(self) -> u32 {
        self.0
    }
}

impl Tracer {
    /// A leaf was polled to no avail: the poll that runs waits for it, and perhaps for others after it.
    #[inline]
    pub(crate) fn note_leaf<L: Into<Found>>(&self, leaf: impl FnOnce() -> L) {
        if self.noted.get() != Noted::NOTHING {
            return;
        }
        match leaf().into() {
            Found::Sync(what, site, made) if self.is_alone() => self.note_sync(what, site, made),
            found if self.is_on.get() => self.keep_leaf(found.into()),
            _ => {}
        }
    }

    /// Kept and read again, a leaf's 40 bytes took 18 instructions a wait: where its number will do, that is all that
    /// is kept. By parts, for they are in registers.
    #[inline(always)] // into the few kinds of leaf: 10 instructions
    fn note_sync(&self, what: &'static What, site: &'static Location<'static>, made: &'static Location<'static>) {
        match self.sinks.number_of(what, site, made) {
            Some(number) => self.noted.set(number),
            None => self.note_new(what, site, made),
        }
    }

    /// A wait that was not noted of late.
    #[cold]
    #[inline(never)]
    fn note_new(&self, what: &'static What, site: &'static Location<'static>, made: &'static Location<'static>) {
        match self.sinks.new_number_of(what, site, made) {
            Some(number) => self.noted.set(number),
            None => self.keep_leaf(Found::Sync(what, site, made).into()),
        }
    }

    #[inline] // where it is made: the watchdog's way
    fn keep_leaf(&self, leaf: Leaf) {
        self.noted.set(Noted::WHOLE);
        *self.leaf.borrow_mut() = Some(leaf);
    }

    /// A future that was polled to no avail is gone: what it was for is not waited for any more.
    #[inline]
    pub(crate) fn forget_leaf(&self, is: impl FnOnce(&Leaf) -> bool) {
        if self.is_on.get() {
            self.forget_leaf_if(is);
        }
    }

    #[cold]
    #[inline(never)]
    fn forget_leaf_if(&self, is: impl FnOnce(&Leaf) -> bool) {
        if self.noted_leaf().as_ref().is_some_and(is) {
            self.noted.set(Noted::NOTHING);
        }
    }

    /// What was noted.
    #[inline]
    fn noted_leaf(&self) -> Option<Leaf> {
        match self.noted.get() {
            Noted::NOTHING => None,
            #[cfg(feature = "glass")]
            noted if noted != Noted::WHOLE => self.numbered_leaf(noted),
            _ => *self.leaf.borrow(),
        }
    }

    #[cfg(feature = "glass")]
    #[cold]
    #[inline(never)]
    fn numbered_leaf(&self, noted: Noted) -> Option<Leaf> {
        self.sinks.flight.as_ref()?.leaf(noted.number())
    }

    /// Takes what the poll that ends waits for.
    #[inline]
    pub(super) fn take_leaf(&self) -> Option<Leaf> {
        let leaf = self.noted_leaf();
        self.noted.set(Noted::NOTHING);
        leaf
    }
}
