//! The FIFO of ready tasks, and the one place where an order is chosen.
//!
//! Tasks are polled in exactly the order in which they became ready, because a user can then tell from the text
//! of a program what runs next; trio shuffles its batches so that nobody relies on an order, we promise one
//! instead. The root is a task like any other.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use crate::cell::TaskRef;
use crate::trace::{Cause, Event, Tracer};

/// Who is next among the ready.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order {
    /// Whoever became ready first.
    Fifo,
    /// Anyone, by a generator that starts from this seed: another order that the program must bear, and the same
    /// one at each run.
    Seeded(u64),
}

pub(crate) struct Ready {
    queue: RefCell<VecDeque<TaskRef>>,
    order: Cell<Order>,
    halted: Cell<bool>,
}

impl Ready {
    pub(crate) fn new(order: Order) -> Ready {
        Ready { queue: RefCell::default(), order: Cell::new(order), halted: Cell::new(false) }
    }

    /// Puts a task at the back. The caller, the wake rule, saw that it is not in the queue.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef, trace: &Tracer, cause: impl FnOnce() -> Cause) {
        if trace.is_on() {
            return self.push_told(task, trace, cause());
        }
        self.queue.borrow_mut().push_back(task);
    }

    /// As `push`, where somebody observes; it is in the queue before anybody is told.
    #[cold]
    fn push_told(&self, task: TaskRef, trace: &Tracer, cause: Cause) {
        let id = task.id();
        self.queue.borrow_mut().push_back(task);
        trace.emit(|| Event::Wake { task: id, cause });
    }

    /// The next task, if there is one and the loop is not halted.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        if self.halted.get() {
            return None;
        }
        let mut queue = self.queue.borrow_mut();
        match self.order.get() {
            Order::Fifo => queue.pop_front(),
            Order::Seeded(_) if queue.is_empty() => None,
            Order::Seeded(state) => {
                let state = step(state);
                self.order.set(Order::Seeded(state));
                let choice = (u128::from(mix(state)) * queue.len() as u128) >> 64;
                queue.remove(choice as usize)
            }
        }
    }

    /// Whether there is nothing to run now.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.borrow().is_empty()
    }

    /// The root has finished: what is ready stays ready, for the next `block_on`.
    pub(crate) fn halt(&self, halted: bool) {
        self.halted.set(halted);
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.get()
    }

    /// Empties the queue, for shutdown; the tasks are the caller's to drop.
    pub(crate) fn take_all(&self) -> VecDeque<TaskRef> {
        self.queue.take()
    }
}

// SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
fn step(state: u64) -> u64 {
    state.wrapping_add(0x9e37_79b9_7f4a_7c15)
}

fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
