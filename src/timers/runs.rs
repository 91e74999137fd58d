//! Runs: timers linked in the order in which they fire.

use std::panic::Location;

use super::heap::{Head, Heap};
use super::slots::{NONE, Slots};
use super::{TimerKey, When};
use crate::cell::Waiter;

/// How many runs can be added to: as many different time-outs can be in use side by side, each a run of its own.
const OPEN: usize = 4;

pub(super) struct Runs {
    slots: Slots,
    heap: Heap,
    /// The last timers of the runs that can be added to, as a rule the latest first; NONE where there are fewer.
    open: [u32; OPEN],
}

impl Runs {
    pub(super) fn new() -> Runs {
        Runs { slots: Slots::new(), heap: Heap::default(), open: [NONE; OPEN] }
    }

    /// The timer that fires first.
    #[inline]
    pub(super) fn first(&self) -> Option<&Head> {
        self.heap.first()
    }

    /// Timers that fire after this one; all are reached in this way from the first, each once.
    pub(super) fn after(&self, slot: u32) -> impl Iterator<Item = Head> {
        let timer = &self.slots[slot];
        let next = self.slots.get(timer.next).map(|next| Head { when: next.when, slot: timer.next });
        let heads = if timer.previous == NONE { self.heap.under(timer.place as usize) } else { &[] };
        next.into_iter().chain(heads.iter().copied())
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.heap.len()
    }

    #[inline]
    pub(super) fn has(&self, key: TimerKey) -> bool {
        self.slots.get(key.slot).is_some_and(|timer| timer.when.id == key.id)
    }

    #[inline]
    pub(super) fn waiter(&self, key: TimerKey) -> Option<&Waiter> {
        self.slots.get(key.slot).filter(|timer| timer.when.id == key.id)?.waiter.as_ref()
    }

    pub(super) fn waiter_mut(&mut self, key: TimerKey) -> Option<&mut Waiter> {
        self.slots.get_mut(key.slot).filter(|timer| timer.when.id == key.id)?.waiter.as_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (When, &Waiter, &'static Location<'static>)> {
        self.slots.iter().filter_map(|timer| Some((timer.when, timer.waiter.as_ref()?, timer.site)))
    }

    #[inline]
    pub(super) fn insert(&mut self, when: When, waiter: Waiter, site: &'static Location<'static>) -> u32 {
        let slot = self.slots.insert(when, waiter, site);
        self.link(slot, when);
        slot
    }

    #[inline]
    pub(super) fn remove(&mut self, slot: u32) -> Option<Waiter> {
        self.unlink(slot);
        self.slots.remove(slot)
    }

    pub(super) fn move_to(&mut self, slot: u32, when: When) {
        self.unlink(slot);
        let timer = &mut self.slots[slot];
        (timer.when, timer.previous, timer.next) = (when, NONE, NONE);
        self.link(slot, when);
    }

    /// Puts a timer behind the latest open run that it does not come before, or begins a run with it.
    #[inline]
    fn link(&mut self, slot: u32, when: When) {
        for open in &mut self.open {
            let last = *open;
            if let Some(end) = self.slots.get_mut(last)
                && end.when.is_before(when)
            {
                end.next = slot;
                self.slots[slot].previous = last;
                *open = slot;
                return;
            }
        }
        self.begin(slot, when);
    }

    #[inline]
    fn begin(&mut self, slot: u32, when: When) {
        // It comes before all open ends. The latest of them, which has the fewest to come after it, is closed for it.
        let gap = self.open.iter().rposition(|last| *last == NONE).unwrap_or(0);
        for place in gap + 1..OPEN {
            self.open[place - 1] = self.open[place];
        }
        self.open[OPEN - 1] = slot;
        self.heap.push(Head { when, slot }, &mut self.slots);
    }

    #[inline]
    fn unlink(&mut self, slot: u32) {
        let timer = &self.slots[slot];
        let (place, previous, next) = (timer.place as usize, timer.previous, timer.next);
        if next == NONE {
            for open in self.open.iter_mut().filter(|last| **last == slot) {
                *open = previous;
            }
        } else {
            self.slots[next].previous = previous;
        }
        if previous != NONE {
            self.slots[previous].next = next;
        } else if next != NONE {
            let head = Head { when: self.slots[next].when, slot: next };
            self.heap.replace(place, head, &mut self.slots);
        } else {
            self.heap.remove(place, &mut self.slots);
        }
    }
}
