//! What was sent and not yet received, oldest first.

use std::collections::VecDeque;

use crate::cell::{Cell, RefCell};

/// The oldest value stands apart. So one that finds the receiver waiting never enters the queue, and a channel of one
/// slot has none: a round trip over two of them took 561 instructions so, and 606 where all went through a queue.
pub(super) struct Values<T> {
    /// There if anything is.
    first: Cell<Option<T>>,
    rest: RefCell<VecDeque<T>>,
    /// How many are in `rest`.
    behind: Cell<usize>,
}

impl<T> Values<T> {
    /// With room for so many.
    pub(super) fn new(room: usize) -> Values<T> {
        let rest = VecDeque::with_capacity(room.saturating_sub(1));
        Values { first: Cell::new(None), rest: RefCell::new(rest), behind: Cell::new(0) }
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        usize::from(self.first.is_some()) + self.behind.get()
    }

    #[inline(always)]
    pub(super) fn push(&self, value: T) {
        if self.first.is_some() {
            self.behind.set(self.behind.get() + 1);
            self.rest.borrow_mut().push_back(value);
        } else {
            self.first.set(Some(value));
        }
    }

    #[inline(always)]
    pub(super) fn pop(&self) -> Option<T> {
        let value = self.first.take()?;
        if self.behind.get() > 0 {
            self.advance();
        }
        Some(value)
    }

    #[inline(never)] // or the queue's code would stand wherever a value is taken
    fn advance(&self) {
        self.behind.set(self.behind.get() - 1);
        self.first.set(self.rest.borrow_mut().pop_front());
    }
}
