//! In which order a queue gives its items.

use std::collections::VecDeque;

pub(super) trait Store: Default {
    type Item;

    /// If it panics, the item is in the store.
    fn put(&mut self, item: Self::Item);

    /// The next item, of at least one. If it panics, the item is in the store.
    fn take(&mut self) -> Self::Item;
}

/// The oldest first.
pub(super) struct Fifo<T>(VecDeque<T>);

impl<T> Default for Fifo<T> {
    fn default() -> Fifo<T> {
        Fifo(VecDeque::new())
    }
}

impl<T> Store for Fifo<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        self.0.push_back(item);
    }

    fn take(&mut self) -> T {
        self.0.pop_front().expect("an item was promised")
    }
}

/// The newest first.
pub(super) struct Lifo<T>(Vec<T>);

impl<T> Default for Lifo<T> {
    fn default() -> Lifo<T> {
        Lifo(Vec::new())
    }
}

impl<T> Store for Lifo<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        self.0.push(item);
    }

    fn take(&mut self) -> T {
        self.0.pop().expect("an item was promised")
    }
}

/// The smallest first, and of equal ones the oldest: a binary heap. `std`'s would lose an item whose `Ord` panics
/// while it is taken out; here items change places and leave the vector last.
pub(super) struct Smallest<T> {
    /// None is smaller than the one at half its place.
    heap: Vec<(T, u64)>,
    /// Numbers the items.
    count: u64,
}

impl<T> Default for Smallest<T> {
    fn default() -> Smallest<T> {
        Smallest { heap: Vec::new(), count: 0 }
    }
}

impl<T: Ord> Smallest<T> {
    fn is_less(&self, a: usize, b: usize) -> bool {
        self.heap[a].cmp(&self.heap[b]).is_lt()
    }
}

impl<T: Ord> Store for Smallest<T> {
    type Item = T;

    fn put(&mut self, item: T) {
        let mut at = self.heap.len();
        self.heap.push((item, self.count));
        self.count += 1;
        while at > 0 && self.is_less(at, (at - 1) / 2) {
            self.heap.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn take(&mut self) -> T {
        let last = self.heap.len().checked_sub(1).expect("an item was promised");
        self.heap.swap(0, last);
        let mut at = 0;
        while let Some(child) =
            (2 * at + 1..last.min(2 * at + 3)).reduce(|a, b| if self.is_less(b, a) { b } else { a })
            && self.is_less(child, at)
        {
            self.heap.swap(child, at);
            at = child;
        }
        self.heap.pop().expect("an item was promised").0
    }
}
