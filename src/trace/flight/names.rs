//! How a word names what an event is about: leaves, causes and threads by their numbers in tables.

use std::panic::Location;
use std::sync::Arc;

use super::note::{JOINS, NAMED, Named, Notes, SOURCES, TIMERS, Told, kind_of};
use super::words;
use crate::trace::intern::{address, place_of};
use crate::trace::{Class, Leaf, Via};

impl Notes {
    /// The number of a wait for something that has no number of its own; 0 if there is no room for more.
    pub(super) fn sync(
        &mut self,
        what: &'static str,
        class: Class,
        site: &'static Location<'static>,
        made: &'static Location<'static>,
    ) -> u64 {
        let leaf = Leaf::Sync { what, class, site, made };
        self.leaves.number(place_of(&leaf), || (leaf, Told::Whole))
    }

    #[cold]
    #[inline(never)]
    pub(super) fn whole_leaf(&mut self, task: u64, leaf: impl FnOnce() -> Option<Leaf>) -> u64 {
        leaf().map_or(0, |leaf| self.leaf(task, &leaf))
    }

    /// The number of a leaf, in its table; how its own number is told is part of it.
    fn leaf(&mut self, task: u64, leaf: &Leaf) -> u64 {
        let (class, number) = match *leaf {
            Leaf::Sync { what, class, site, made } => return self.sync(what, class, site, made),
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
        let [a, b, c, kind] = place_of(leaf);
        let numbered = self.leaves.number([a, b, c, kind | how], || (*leaf, told));
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

    pub(super) fn via(&mut self, via: Option<Via>) -> u64 {
        let Some(via) = via else { return 0 };
        let key = [via.what.len(), via.what.as_ptr().addr(), address(via.made), 0];
        self.vias.number(key, || via)
    }

    /// The number of a thread's name; 0 if there is no room for more names.
    pub(super) fn thread(&mut self, name: &Arc<str>) -> u64 {
        let has_room = (self.threads.all().len() as u64) < words::THREAD.most();
        match self.threads.find(name) {
            Some(place) => place as u64 + 1,
            None if has_room => self.threads.place(name.clone()) as u64 + 1,
            None => 0,
        }
    }
}

fn place(task: u64, class: usize) -> usize {
    (task as usize * 3 + class) % NAMED
}
