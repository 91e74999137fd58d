//! What the poll that runs waits for, noted where a leaf was polled to no avail.

use std::panic::Location;

use super::{Class, Leaf, Tracer};

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
    pub(crate) fn note_leaf(&self, leaf: impl FnOnce() -> Leaf) {
        if self.is_on.get() && self.noted.get() == Noted::NOTHING {
            match leaf() {
                Leaf::Sync { what, class, site, made } => self.note_sync(what, class, site, made),
                leaf => self.keep_leaf(leaf),
            }
        }
    }

    /// Kept and read again, a leaf's 40 bytes took 18 instructions a wait: where its number will do, that is all that
    /// is kept. By parts, for they are in registers.
    #[inline(always)] // into the few kinds of leaf: 10 instructions
    fn note_sync(
        &self,
        what: &'static str,
        class: Class,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) {
        if self.is_lean.get()
            && self.turns.is_none()
            && let Some(number) = self.sinks.number_of(what, class, site, made)
        {
            self.noted.set(number);
        } else {
            self.keep_leaf(Leaf::Sync { what, class, site, made });
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
