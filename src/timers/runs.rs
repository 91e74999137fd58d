//! Runs: timers linked in the order in which they fire.

use std::panic::Location;

use super::heap::{Head, Heap};
use super::slots::{Links, NONE, Slots};
use super::{TimerKey, When};
use crate::cell::Waiter;
use crate::clock::Instant;
use crate::trace::TimerId;

pub(super) struct Runs {
    slots: Slots,
    heap: Heap,
    ends: Ends,
}

impl Runs {
    pub(super) fn new() -> Runs {
        Runs { slots: Slots::new(), heap: Heap::default(), ends: Ends::new() }
    }

    /// The timer that fires first.
    #[inline]
    pub(super) fn first(&self) -> Option<&Head> {
        self.heap.first()
    }

    /// Timers that fire after this one; all are reached in this way from the first, each once.
    pub(super) fn after(&self, slot: u32) -> impl Iterator<Item = Head> {
        let Links { place, previous, next } = self.slots[slot].links;
        let heads = if previous == NONE { self.heap.under(place as usize) } else { &[] };
        let next = self.slots.get(next).map(|timer| Head { when: timer.when, slot: next });
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

    /// Takes a timer out, if it is there still.
    #[inline]
    pub(super) fn remove(&mut self, key: TimerKey) -> Option<Waiter> {
        let (links, waiter) = self.slots.remove(key)?;
        self.unlink(key.slot, links);
        waiter
    }

    pub(super) fn move_to(&mut self, slot: u32, when: When) {
        self.unlink(slot, self.slots[slot].links);
        let timer = &mut self.slots[slot];
        (timer.when, timer.links) = (when, Links::ALONE);
        self.link(slot, when);
    }

    /// Puts a timer behind the latest open run that it does not come before, or begins a run with it.
    #[inline]
    fn link(&mut self, slot: u32, when: When) {
        match self.ends.extend(slot, when) {
            Some(last) => {
                self.slots[last].links.next = slot;
                self.slots[slot].links.previous = last;
            }
            None => self.heap.push(Head { when, slot }, &mut self.slots),
        }
    }

    #[inline]
    fn unlink(&mut self, slot: u32, links: Links) {
        match links {
            Links { place, previous: NONE, next: NONE } => {
                self.ends.remove(slot);
                self.heap.remove(place as usize, &mut self.slots);
            }
            Links { place, previous: NONE, next } => {
                let second = &mut self.slots[next];
                second.links.previous = NONE;
                let head = Head { when: second.when, slot: next };
                self.heap.replace(place as usize, head, &mut self.slots);
            }
            Links { previous, next: NONE, .. } => {
                let last = &mut self.slots[previous];
                last.links.next = NONE;
                self.ends.replace(slot, Head { when: last.when, slot: previous });
            }
            Links { previous, next, .. } => {
                self.slots[next].links.previous = previous;
                self.slots[previous].links.next = next;
            }
        }
    }
}

/// How many runs can be added to: as many different time-outs can be in use side by side, each a run of its own. With 16
/// a hundred thousand timers in no order are 6,000 runs instead of 20,000, and miss a cache of 1 MiB 22.4 times each
/// instead of 24.5; but a lone sleep costs 14 instructions more, for the ends are looked through in a loop, and one of a
/// thousand that fire 65.
const OPEN: usize = 4;

/// The last timers of the runs that can be added to, as a rule the latest first.
struct Ends {
    ends: [Head; OPEN],
    count: usize,
}

impl Ends {
    fn new() -> Ends {
        let none = When { deadline: Instant::FAR, id: TimerId(0) };
        Ends { ends: [Head { when: none, slot: NONE }; OPEN], count: 0 }
    }

    /// Makes a timer the last of the latest run that it does not come before; the one that was it. `None` if it begins a
    /// run.
    #[inline]
    fn extend(&mut self, slot: u32, when: When) -> Option<u32> {
        let new = Head { when, slot };
        for end in self.ends.iter_mut().take(self.count) {
            if end.when.is_before(when) {
                return Some(std::mem::replace(end, new).slot);
            }
        }
        // It comes before all. The latest of them, which has the fewest to come after it, makes room.
        if self.count == OPEN {
            self.close(0);
        }
        self.ends[self.count] = new;
        self.count += 1;
        None
    }

    #[inline]
    fn place_of(&self, slot: u32) -> Option<usize> {
        self.ends.iter().take(self.count).position(|end| end.slot == slot)
    }

    /// `before` is the last timer of a run now, whose last one is gone.
    #[inline]
    fn replace(&mut self, slot: u32, before: Head) {
        if let Some(place) = self.place_of(slot) {
            self.ends[place] = before;
        }
    }

    /// A run's only timer is gone.
    #[inline]
    fn remove(&mut self, slot: u32) {
        match self.place_of(slot) {
            Some(place) if place + 1 == self.count => self.count = place,
            Some(place) => self.close(place),
            None => {}
        }
    }

    #[inline(never)]
    fn close(&mut self, place: usize) {
        self.ends[place..self.count].rotate_left(1);
        self.count -= 1;
    }
}
