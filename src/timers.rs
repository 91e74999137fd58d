//! Deadlines and who waits for them: a 4-ary heap whose entries know their place, so that a timer is cancelled
//! where it stands.
//!
//! Order: by deadline, ties by creation (`TimerId`). Most timers are time-outs: made late in the heap, and
//! cancelled before they are due; both touch a place or two.

use std::cell::{Cell, RefCell};
use std::panic::Location;

use slab::Slab;

use crate::cell::Waiter;
use crate::clock::Instant;
use crate::trace::TimerId;

/// Names an armed timer: its place in the slab, and its number, which is never used again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimerKey {
    slot: u32,
    id: TimerId,
}

pub(crate) struct Timers {
    created: Cell<u64>,
    heap: RefCell<Heap>,
}

#[derive(Default)]
struct Heap {
    /// Min-heap of four children a node: half the depth of a binary one, and siblings share a cache line or two.
    order: Vec<Entry>,
    armed: Slab<Armed>,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Instant,
    id: TimerId,
    slot: u32,
}

struct Armed {
    id: TimerId,
    place: u32,
    waiter: Waiter,
    site: &'static Location<'static>,
}

const CHILDREN: usize = 4;

impl Entry {
    fn before(&self, other: &Entry) -> bool {
        (self.deadline, self.id) < (other.deadline, other.id)
    }
}

impl Timers {
    pub(crate) fn new() -> Timers {
        Timers { created: Cell::new(0), heap: RefCell::default() }
    }

    /// A number for a new timer: its place among timers of the same deadline.
    #[inline]
    pub(crate) fn next_id(&self) -> TimerId {
        let id = self.created.get() + 1;
        self.created.set(id);
        TimerId(id)
    }

    /// The earliest deadline that will ever come, and its timer.
    #[inline]
    pub(crate) fn next(&self) -> Option<(Instant, TimerId)> {
        let heap = self.heap.borrow();
        let first = heap.order.first().filter(|entry| entry.deadline < Instant::FAR)?;
        Some((first.deadline, first.id))
    }

    pub(crate) fn arm(
        &self,
        deadline: Instant,
        id: TimerId,
        waiter: Waiter,
        site: &'static Location<'static>,
    ) -> TimerKey {
        let mut heap = self.heap.borrow_mut();
        let place = heap.order.len();
        let slot = heap.armed.insert(Armed { id, place: place as u32, waiter, site });
        let slot = u32::try_from(slot).expect("fewer than 2^32 timers");
        heap.order.push(Entry { deadline, id, slot });
        heap.rise(place);
        TimerKey { slot, id }
    }

    /// Whether the timer has not fired.
    pub(crate) fn is_armed(&self, key: TimerKey) -> bool {
        self.heap.borrow().find(key).is_some()
    }

    /// Makes `waiter` the one to wake, unless it is already; hands back who is not woken then.
    pub(crate) fn set_waiter(&self, key: TimerKey, waiter: Waiter) -> Option<Waiter> {
        let mut heap = self.heap.borrow_mut();
        match heap.armed.get_mut(key.slot as usize) {
            Some(armed) if armed.id == key.id && !armed.waiter.is_same(&waiter) => {
                Some(std::mem::replace(&mut armed.waiter, waiter))
            }
            _ => Some(waiter),
        }
    }

    /// Takes a timer back; its waiter is the caller's to drop.
    #[inline]
    pub(crate) fn cancel(&self, key: TimerKey) -> Option<Waiter> {
        let mut heap = self.heap.borrow_mut();
        let place = heap.find(key)?;
        Some(heap.remove(place).waiter)
    }

    /// Takes the first timer whose deadline is not after `now`.
    pub(crate) fn pop_due(&self, now: Instant) -> Option<(TimerId, Waiter)> {
        let mut heap = self.heap.borrow_mut();
        let first = heap.order.first()?;
        if first.deadline > now {
            return None;
        }
        let armed = heap.remove(0);
        Some((armed.id, armed.waiter))
    }

    /// Takes any timer, for shutdown.
    pub(crate) fn pop_any(&self) -> Option<Waiter> {
        let mut heap = self.heap.borrow_mut();
        let last = heap.order.len().checked_sub(1)?;
        Some(heap.remove(last).waiter)
    }

    /// Asks for every armed timer.
    pub(crate) fn each(&self, mut look: impl FnMut(&Waiter, TimerId, Instant, &'static Location<'static>)) {
        let heap = self.heap.borrow();
        for entry in &heap.order {
            let armed = &heap.armed[entry.slot as usize];
            look(&armed.waiter, armed.id, entry.deadline, armed.site);
        }
    }
}

impl Heap {
    fn find(&self, key: TimerKey) -> Option<usize> {
        let armed = self.armed.get(key.slot as usize)?;
        (armed.id == key.id).then_some(armed.place as usize)
    }

    fn remove(&mut self, place: usize) -> Armed {
        let gone = self.order.swap_remove(place);
        if place < self.order.len() {
            self.settle(place);
            let place = self.sink(place);
            self.rise(place);
        }
        self.armed.remove(gone.slot as usize)
    }

    /// Tells the entry at `place` where it stands.
    fn settle(&mut self, place: usize) {
        let slot = self.order[place].slot as usize;
        self.armed[slot].place = place as u32;
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.order.swap(a, b);
        self.settle(a);
        self.settle(b);
    }

    fn rise(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if !self.order[place].before(&self.order[parent]) {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
    }

    fn sink(&mut self, mut place: usize) -> usize {
        loop {
            let first = place * CHILDREN + 1;
            let last = (first + CHILDREN).min(self.order.len());
            let mut least = place;
            for child in first..last {
                if self.order[child].before(&self.order[least]) {
                    least = child;
                }
            }
            if least == place {
                return place;
            }
            self.swap(place, least);
            place = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;
    use std::time::Duration;

    fn arm(timers: &Timers, at: Instant) -> TimerKey {
        timers.arm(at, timers.next_id(), Waiter::Waker(Waker::noop().clone()), Location::caller())
    }

    #[test]
    fn due_come_out_by_deadline_then_by_creation_whatever_was_cancelled_between() {
        let timers = Timers::new();
        let start = Instant::real();
        let mut seed = 7_u64;
        let mut alive = Vec::new();
        for n in 0..2000_u64 {
            seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let at = start + Duration::from_nanos(seed >> 57);
            alive.push((at, arm(&timers, at)));
            if n % 3 == 0 {
                let (_, key) = alive.remove((seed >> 20) as usize % alive.len());
                assert!(timers.cancel(key).is_some());
                assert!(timers.cancel(key).is_none(), "a cancelled timer is gone");
            }
        }
        let mut expected: Vec<_> = alive.iter().map(|(at, key)| (*at, key.id)).collect();
        expected.sort();
        let fired: Vec<_> =
            std::iter::from_fn(|| timers.pop_due(start + Duration::from_secs(1))).map(|(id, _)| id).collect();
        assert_eq!(fired, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
        assert!(timers.next().is_none());
    }
}
