//! How a word names what an event is about: leaves, causes and threads by their numbers in tables.

use std::sync::Arc;

use super::note::{JOINS, NAMED, Named, Notes, SOURCES, TIMERS, Told, kind_of};
use super::words;
use crate::trace::intern::{Key, address, place_of};
use crate::trace::{Leaf, Via};

impl Notes {
    /// The number of a leaf, in its table; how its own number is told is part of it.
    #[inline(always)]
    pub(super) fn leaf(&mut self, task: u64, leaf: &Leaf) -> u64 {
        if let Leaf::Sync { .. } = leaf
            && let Some(number) = self.leaves.recent(place_of(leaf))
        {
            return number;
        }
        self.leaf_otherwise(task, leaf)
    }

    #[inline(never)]
    fn leaf_otherwise(&mut self, task: u64, leaf: &Leaf) -> u64 {
        let (class, number) = match *leaf {
            Leaf::Sync { .. } => return self.leaves.remember(place_of(leaf), || (*leaf, Told::Whole)),
            Leaf::Timer { timer, .. } => (TIMERS, timer.0),
            Leaf::Source { source, .. } => (SOURCES, source.0),
            Leaf::Join { task, .. } => (JOINS, task.0.get()),
        };
        let told = self.told(task, class, number);
        let how = match told {
            Told::Whole => 0,
            Told::Same => 1,
            Told::Last(ahead) => 2 + ahead as usize,
            Told::Newest(back) => 8 + back as usize,
        };
        let [what, a, b, kind] = place_of(leaf);
        let numbered = self.leaves.number([what, a, b, kind | how], || (*leaf, told));
        if numbered != 0 {
            if told == Told::Whole {
                self.ring.put(kind_of(words::Kind::Extra) | words::NUMBER.of(number));
            }
            self.name(task, class, number);
            self.said.last[class] = number;
        }
        numbered
    }

    /// How a leaf's number is told in the fewest words.
    fn told(&self, task: u64, class: usize, number: u64) -> Told {
        let named = &self.named[place(task, class)];
        if named.task == task && named.class == class && named.number == number && named.block == self.ring.block {
            return Told::Same;
        }
        match (number.wrapping_sub(self.said.last[class]), self.people.newest().wrapping_sub(number)) {
            (ahead @ 0..=3, _) => Told::Last(ahead),
            (_, back @ 0..=3) if class == JOINS => Told::Newest(back),
            _ => Told::Whole,
        }
    }

    pub(super) fn name(&mut self, task: u64, class: usize, number: u64) {
        self.named[place(task, class)] = Named { task, class, number, block: self.ring.block };
    }

    #[inline]
    pub(super) fn via(&mut self, via: Option<Via>) -> u64 {
        let Some(via) = via else { return 0 };
        self.vias.recent(key_of(&via)).unwrap_or_else(|| self.new_via(&via))
    }

    #[cold]
    #[inline(never)]
    fn new_via(&mut self, via: &Via) -> u64 {
        self.vias.remember(key_of(via), || *via)
    }

    /// The number of a thread's name; 0 if there is no room for more names.
    pub(super) fn thread(&mut self, name: &Arc<str>) -> u64 {
        if let Some(number) = self.thread_numbers.get(name) {
            return *number;
        }
        if self.threads.len() as u64 == words::THREAD.most() {
            return 0;
        }
        self.threads.push(name.clone());
        let number = self.threads.len() as u64;
        self.thread_numbers.insert(name.clone(), number);
        number
    }
}

fn place(task: u64, class: usize) -> usize {
    (task as usize * 3 + class) % NAMED
}

#[inline(always)]
fn key_of(via: &Via) -> Key {
    [via.what.as_ptr() as usize, via.what.len(), address(via.made), 0]
}
