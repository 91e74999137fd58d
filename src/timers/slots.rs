//! Where timers stand in memory: in slots that are used again.

use std::ops::{Index, IndexMut};
use std::panic::Location;

use super::{TimerKey, When};
use crate::cell::Waiter;
use crate::trace::TimerId;

/// No slot.
pub(super) const NONE: u32 = u32::MAX;

/// A timer, or a vacant place for one.
pub(super) struct Slot {
    pub(super) when: When,
    /// None in a vacant slot.
    pub(super) waiter: Option<Waiter>,
    pub(super) site: &'static Location<'static>,
    pub(super) links: Links,
}

/// Where a timer stands in the order.
#[derive(Clone, Copy)]
pub(super) struct Links {
    /// Where its run stands in the heap; of a run's first timer alone.
    pub(super) place: u32,
    /// Its neighbours in its run. A vacant slot's `next` is the vacant one to be used after it.
    pub(super) previous: u32,
    pub(super) next: u32,
}

impl Links {
    pub(super) const ALONE: Links = Links { place: 0, previous: NONE, next: NONE };
}

/// What no timer has: they start at 1.
const VACANT: TimerId = TimerId(0);

pub(super) struct Slots {
    slots: Vec<Slot>,
    vacant: u32,
}

impl Slots {
    pub(super) fn new() -> Slots {
        Slots { slots: Vec::new(), vacant: NONE }
    }

    #[inline]
    pub(super) fn insert(&mut self, when: When, waiter: Waiter, site: &'static Location<'static>) -> u32 {
        let slot = self.vacant;
        let timer = Slot { when, waiter: Some(waiter), site, links: Links::ALONE };
        match self.slots.get_mut(slot as usize) {
            Some(vacant) => {
                self.vacant = vacant.links.next;
                *vacant = timer;
                slot
            }
            None => self.append(timer),
        }
    }

    #[cold]
    fn append(&mut self, timer: Slot) -> u32 {
        let slot = u32::try_from(self.slots.len()).ok().filter(|slot| *slot < NONE);
        self.slots.push(timer);
        slot.expect("fewer than 2^32 timers")
    }

    /// Takes a timer out of its slot, if it is there still: where it stood, and who waited.
    #[inline]
    pub(super) fn remove(&mut self, key: TimerKey) -> Option<(Links, Option<Waiter>)> {
        let timer = self.slots.get_mut(key.slot as usize).filter(|timer| timer.when.id == key.id)?;
        let links = timer.links;
        timer.when.id = VACANT;
        timer.links.next = self.vacant;
        self.vacant = key.slot;
        Some((links, timer.waiter.take()))
    }

    #[inline]
    pub(super) fn get(&self, slot: u32) -> Option<&Slot> {
        self.slots.get(slot as usize)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, slot: u32) -> Option<&mut Slot> {
        self.slots.get_mut(slot as usize)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter()
    }
}

impl Index<u32> for Slots {
    type Output = Slot;
    #[inline]
    fn index(&self, slot: u32) -> &Slot {
        &self.slots[slot as usize]
    }
}

impl IndexMut<u32> for Slots {
    #[inline]
    fn index_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }
}
