//! What was sent and not yet received, oldest first.

use std::collections::VecDeque;

use crate::cell::{Cell, RefCell};

/// The oldest value stands apart. So one that finds the receiver waiting never enters the queue, and a channel of one
/// slot has none: a round trip over two of them takes 561 instructions, where all go through a queue 606.
pub(super) struct Values<T> {
    first: Cell<Option<T>>,
    rest: RefCell<VecDeque<T>>,
    /// Of all. `first` is there if this is not 0.
    len: Cell<usize>,
}

impl<T> Values<T> {
    /// With room for so many.
    pub(super) fn new(room: usize) -> Values<T> {
        let rest = VecDeque::with_capacity(room.saturating_sub(1));
        Values { first: Cell::new(None), rest: RefCell::new(rest), len: Cell::new(0) }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.len.get()
    }

    #[inline(always)]
    pub(super) fn push(&self, value: T) {
        let len = self.len.get();
        self.len.set(len + 1);
        if len == 0 {
            self.first.set(Some(value));
        } else {
            self.rest.borrow_mut().push_back(value);
        }
    }

    #[inline(always)]
    pub(super) fn pop(&self) -> Option<T> {
        let value = self.first.take()?;
        let len = self.len.get() - 1;
        self.len.set(len);
        if len > 0 {
            self.first.set(self.rest.borrow_mut().pop_front());
        }
        Some(value)
    }
}
