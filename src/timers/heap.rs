//! The first timers of all runs: a min-heap of four children a node, half the depth of a binary one.

use super::When;
use super::slots::Slots;

#[derive(Clone, Copy)]
pub(super) struct Head {
    pub(super) when: When,
    pub(super) slot: u32,
}

/// Each head's timer knows its place here, so that a run is found when its first timer is taken back.
#[derive(Default)]
pub(super) struct Heap {
    heads: Vec<Head>,
}

const CHILDREN: usize = 4;

impl Heap {
    #[inline]
    pub(super) fn first(&self) -> Option<&Head> {
        self.heads.first()
    }

    /// The heads right under a place, none of them before the one there.
    pub(super) fn under(&self, place: usize) -> &[Head] {
        let below = self.heads.get(place * CHILDREN + 1..).unwrap_or_default();
        &below[..below.len().min(CHILDREN)]
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    #[inline]
    pub(super) fn push(&mut self, head: Head, slots: &mut Slots) {
        let place = self.heads.len();
        self.heads.push(head);
        match self.parent(place) {
            Some((_, above)) if head.when.is_before(above.when) => self.rise(place, head, slots),
            Some(_) => slots[head.slot].links.place = place as u32,
            None => {} // a new timer's place is 0
        }
    }

    /// A later timer stands at the head of the run at `place` now.
    #[inline]
    pub(super) fn replace(&mut self, place: usize, head: Head, slots: &mut Slots) {
        if self.heads.len() == 1 {
            self.set(place, head, slots);
        } else {
            self.sink(place, head, slots);
        }
    }

    #[inline]
    pub(super) fn remove(&mut self, place: usize, slots: &mut Slots) {
        if place + 1 == self.heads.len() {
            self.heads.pop();
        } else if let Some(last) = self.heads.pop() {
            self.fill(place, last, slots);
        }
    }

    #[inline(never)]
    fn fill(&mut self, place: usize, head: Head, slots: &mut Slots) {
        match self.parent(place) {
            Some((_, above)) if head.when.is_before(above.when) => self.rise(place, head, slots),
            _ => self.sink(place, head, slots),
        }
    }

    #[inline]
    fn parent(&self, place: usize) -> Option<(usize, Head)> {
        let parent = place.checked_sub(1)? / CHILDREN;
        Some((parent, self.heads[parent]))
    }

    #[inline]
    fn set(&mut self, place: usize, head: Head, slots: &mut Slots) {
        self.heads[place] = head;
        slots[head.slot].links.place = place as u32;
    }

    /// Puts `head` at `place`, which is free, or above it. Each level moves one head down and nothing up: half the
    /// writes of a swap.
    #[inline(never)]
    fn rise(&mut self, mut place: usize, head: Head, slots: &mut Slots) {
        while let Some((parent, above)) = self.parent(place) {
            if !head.when.is_before(above.when) {
                break;
            }
            self.set(place, above, slots);
            place = parent;
        }
        self.set(place, head, slots);
    }

    /// Puts `head` at `place`, which is free, or under it.
    #[inline(never)]
    fn sink(&mut self, mut place: usize, head: Head, slots: &mut Slots) {
        while let Some((child, least)) = self.least_child(place) {
            if !least.when.is_before(head.when) {
                break;
            }
            self.set(place, least, slots);
            place = child;
        }
        self.set(place, head, slots);
    }

    #[inline]
    fn least_child(&self, place: usize) -> Option<(usize, Head)> {
        let first = place * CHILDREN + 1;
        let children = self.heads.get(first..)?;
        let least = match children {
            // Which child is the least cannot be foretold: two rounds of a tournament without a jump. Where timers are
            // in no order it takes a quarter off a fire among 1000, and two fifths among 10,000.
            [a, b, c, d, ..] => {
                let left = usize::from(b.when.is_before(a.when));
                let right = 2 + usize::from(d.when.is_before(c.when));
                if children[right].when.is_before(children[left].when) { right } else { left }
            }
            few => (0..few.len()).reduce(|a, b| if few[b].when.is_before(few[a].when) { b } else { a })?,
        };
        Some((first + least, children[least]))
    }
}
