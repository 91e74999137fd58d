//! The FIFO of ready tasks, and the one place where an order is chosen.
//!
//! Tasks are polled in exactly the order in which they became ready, because a user can then tell from the text
//! of a program what runs next; trio shuffles its batches so that nobody relies on an order, we promise one
//! instead. The root is a task like any other.

use std::cell::Cell;

use crate::cell::{Queue, Running, TaskRef};
use crate::trace::{Tracer, Via, Way, Why};

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
    queue: Queue,
    order: Cell<Order>,
    halted: Cell<bool>,
    /// Not halted, and first in is first out: one look at each `pop` instead of two.
    is_plain: Cell<bool>,
}

impl Ready {
    pub(crate) fn new(order: Order) -> Ready {
        let ready = Ready {
            queue: Queue::new(),
            order: Cell::new(order),
            halted: Cell::default(),
            is_plain: Cell::default(),
        };
        ready.halt(false);
        ready
    }

    /// Puts a task at the back. The caller, the wake rule, saw that it is not in the queue.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef, trace: &Tracer, why: impl FnOnce() -> Why) {
        if trace.tells_events() {
            return self.push_told(task, trace, why);
        }
        self.queue.push(task);
    }

    /// As `push`, where somebody observes. Made into a value out of line, a cause costs a wake no stack frame: 5
    /// instructions. It is in the queue before anybody is told.
    #[cold]
    #[inline(never)]
    fn push_told(&self, task: TaskRef, trace: &Tracer, why: impl FnOnce() -> Why) {
        let (id, why) = (task.id(), why());
        self.queue.push(task);
        trace.queued(self.queue.len());
        trace.wake(id, why);
    }

    /// As `push`, of a task of which those who observe were told already, or nobody does.
    #[inline]
    pub(crate) fn push_first(&self, task: TaskRef) {
        self.queue.push(task);
    }

    /// As `push`, if this happens in a task's turn, which is the cause then.
    #[inline]
    pub(crate) fn push_by(
        &self,
        task: TaskRef,
        trace: &Tracer,
        running: &Running,
        via: impl FnOnce() -> Option<Way>,
    ) {
        if trace.tells_events() {
            return self.push_told_by(task, trace, running, via);
        }
        self.queue.push(task);
    }

    /// The way of nearly all wakes: 41 instructions fewer than if it made a value of the cause first.
    #[cold]
    #[inline(never)]
    fn push_told_by(&self, task: TaskRef, trace: &Tracer, running: &Running, via: impl FnOnce() -> Option<Way>) {
        match running.id() {
            Some(by) if trace.is_lean() => {
                trace.wake_by(task.id(), by, via());
                self.queue.push(task); // last, or it would keep more in registers: nobody is called meanwhile
            }
            _ => self.push_told(task, trace, || Why { cause: running.cause(), via: via().map(Via::from) }),
        }
    }

    /// The next task, if there is one and the loop is not halted.
    #[inline]
    pub(crate) fn pop(&self) -> Option<TaskRef> {
        if self.is_plain.get() { self.queue.pop() } else { self.pop_otherwise() }
    }

    #[cold]
    fn pop_otherwise(&self) -> Option<TaskRef> {
        match self.order.get() {
            _ if self.halted.get() || self.queue.is_empty() => None,
            Order::Fifo => self.queue.pop(),
            Order::Seeded(state) => {
                let state = step(state);
                self.order.set(Order::Seeded(state));
                let choice = (u128::from(mix(state)) * self.queue.len() as u128) >> 64;
                self.queue.pop_at(choice as usize)
            }
        }
    }

    /// How many are ready.
    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether there is nothing to run now.
    pub(crate) fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    /// The root has finished: what is ready stays ready, for the next `block_on`.
    pub(crate) fn halt(&self, halted: bool) {
        self.halted.set(halted);
        self.is_plain.set(!halted && matches!(self.order.get(), Order::Fifo));
    }

    pub(crate) fn is_halted(&self) -> bool {
        self.halted.get()
    }

    /// The next task in any order and state, for shutdown, which empties the queue.
    pub(crate) fn take(&self) -> Option<TaskRef> {
        self.queue.pop()
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
