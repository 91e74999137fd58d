//! The ring of ready tasks: first in, first out.
//!
//! By hand, because each wake and each poll pass through it: 8 instructions in and 8 out, where a
//! `RefCell<VecDeque>` takes 25 each with its borrows and its bounds.
//!
//! # Invariants
//! - **RING**: the places from `head` up to `tail`, modulo the ring's length, hold a `TaskRef` each; all others, of
//!   which there is always one, are unused. No method runs foreign code, or hands out a reference into the ring.

use std::cell::{Cell, UnsafeCell};
use std::mem::MaybeUninit;

use super::TaskRef;

type Place = MaybeUninit<TaskRef>;

/// It grows, and never shrinks.
pub(crate) struct Queue {
    ring: UnsafeCell<Box<[Place]>>,
    /// Where the next task out stands.
    head: Cell<usize>,
    /// Where the next task in goes.
    tail: Cell<usize>,
    /// The ring's length, a power of two, less one: so an index wraps by a mask.
    mask: Cell<usize>,
}

impl Queue {
    pub(crate) fn new() -> Queue {
        const PLACES: usize = 64;
        Queue {
            ring: UnsafeCell::new(Box::new_uninit_slice(PLACES)),
            head: Cell::new(0),
            tail: Cell::new(0),
            mask: Cell::new(PLACES - 1),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tail.get().wrapping_sub(self.head.get()) & self.mask.get()
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.get() == self.tail.get()
    }

    /// Puts a task at the back.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        let tail = self.tail.get();
        // SAFETY: RING: the place at `tail` is unused.
        unsafe { self.place(tail).write(MaybeUninit::new(task)) };
        let next = (tail + 1) & self.mask.get();
        self.tail.set(next);
        if next == self.head.get() {
            self.grow(); // now, so that no other push needs to look for room
        }
    }

    /// Takes the task at the front.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        if self.is_empty() {
            return None;
        }
        let head = self.head.get();
        self.head.set((head + 1) & self.mask.get());
        // SAFETY: RING: the place at `head` held a task, which nobody else takes.
        Some(unsafe { self.place(head).read().assume_init() })
    }

    /// Takes the task that stands `index` places behind the front; the front one gets its place.
    pub(crate) fn pop_at(&self, index: usize) -> Option<TaskRef> {
        if index < self.len() {
            let (ring, head) = (self.place(0), self.head.get());
            // SAFETY: RING: both places hold tasks. One pointer leads to both: a second `place` would end its right.
            unsafe { ring.add(head).swap(ring.add((head + index) & self.mask.get())) };
        }
        self.pop()
    }

    /// `index` is less than the ring's length. The pointer may be used until the next call.
    #[inline]
    fn place(&self, index: usize) -> *mut Place {
        debug_assert!(index <= self.mask.get(), "RING");
        // SAFETY: RING: nobody else refers to the ring; all that calls this masks its index.
        unsafe { (*self.ring.get()).as_mut_ptr().add(index) }
    }

    /// The ring is full: `tail` has come round to `head`.
    #[cold]
    #[inline(never)]
    fn grow(&self) {
        let len = self.mask.get() + 1;
        let mut wider = Box::new_uninit_slice(len * 2);
        for (index, place) in wider.iter_mut().take(len).enumerate() {
            // SAFETY: RING: every place holds a task, which moves; the old ring forgets it.
            *place = unsafe { self.place((self.head.get() + index) & self.mask.get()).read() };
        }
        // SAFETY: RING: nobody else refers to the ring.
        unsafe { *self.ring.get() = wider };
        self.head.set(0);
        self.tail.set(len);
        self.mask.set(len * 2 - 1);
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}
