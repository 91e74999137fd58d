//! Who the tasks are: what was said of each when it was spawned, for as long as the ring or the runtime knows it.
//!
//! A task's word in the ring is its id's low bits. A server spawns for ever while some tasks live for ever, so a task
//! that is older than the low bits can tell has a number instead, as an elder.

use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::sync::Arc;

use crate::trace::{Kind, TaskId};

/// What was said of a task when it was spawned.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) kind: Kind,
    pub(super) name: Option<Arc<str>>,
    pub(super) by: Option<TaskId>,
    pub(super) site: &'static Location<'static>,
    /// The block in which it ended.
    ended: u64,
}

/// Of a task that lives.
const LIVES: u64 = u64::MAX;

impl Person {
    pub(super) fn new(
        kind: Kind,
        name: Option<Arc<str>>,
        by: Option<TaskId>,
        site: &'static Location<'static>,
    ) -> Person {
        Person { kind, name, by, site, ended: LIVES }
    }
}

/// The bits of a task's code.
const BITS: u32 = 23;
const LOW: u64 = (1 << BITS) - 1;
const ELDER: u64 = 1 << BITS;

/// So many may live among the young though they are old.
const FEW: usize = 1024;

pub(super) struct People {
    /// By id, one after the other.
    young: VecDeque<Person>,
    /// The id of the first among them.
    first: u64,
    /// How many of them there may be.
    most: usize,
    /// The others: where in `seats` they are, by id.
    elders: HashMap<u64, u32>,
    seats: Vec<Option<(u64, Person)>>,
    free: Vec<u32>,
    /// Elders that ended, and the block in which they did.
    leaving: VecDeque<(u64, u64)>,
    newest: u64,
}

impl People {
    /// At most so many are kept by id alone.
    pub(super) fn new(most: usize) -> People {
        People {
            young: VecDeque::new(),
            first: 1,
            most: most.min(LOW as usize / 2),
            elders: HashMap::new(),
            seats: Vec::new(),
            free: Vec::new(),
            leaving: VecDeque::new(),
            newest: 0,
        }
    }

    /// The last task that was spawned.
    #[inline]
    pub(super) fn newest(&self) -> u64 {
        self.newest
    }

    #[inline(always)]
    pub(super) fn spawned(&mut self, id: u64, person: Person) {
        if self.newest + 1 != id {
            self.skip_to(id);
        }
        self.newest = id;
        if self.young.len() >= self.most {
            self.age();
        }
        self.young.push_back(person);
    }

    /// Ids that nobody was announced with.
    #[cold]
    fn skip_to(&mut self, id: u64) {
        debug_assert!(self.newest < id, "ids are never used again");
        while !self.young.is_empty() {
            self.age();
        }
        self.first = id;
    }

    /// The oldest of the young is an elder from now on.
    #[cold]
    fn age(&mut self) {
        let Some(person) = self.young.pop_front() else { return };
        let id = self.first;
        self.first += 1;
        if person.ended != LIVES {
            // Its words may be in the ring. Counted as if it ended now, it is kept a little longer than need be.
            self.leaving
                .push_back((self.leaving.back().map_or(person.ended, |last| last.0.max(person.ended)), id));
        }
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() as u32 - 1
        });
        self.seats[seat as usize] = Some((id, person));
        self.elders.insert(id, seat);
    }

    #[inline]
    pub(super) fn ended(&mut self, id: u64, block: u64) {
        match self.young.get_mut(id.wrapping_sub(self.first) as usize) {
            Some(person) => person.ended = block,
            _ => self.elder_ended(id, block),
        }
    }

    #[cold]
    fn elder_ended(&mut self, id: u64, block: u64) {
        if self.elders.contains_key(&id) {
            self.leaving.push_back((block, id));
        }
    }

    /// Forgets those who ended before this block.
    pub(super) fn forget_before(&mut self, block: u64) {
        loop {
            match self.young.front() {
                Some(first) if first.ended < block => {
                    self.young.pop_front();
                    self.first += 1;
                }
                // One that lives on must not keep all that come after it.
                Some(first) if first.ended == LIVES && self.young.len() > FEW => self.age(),
                _ => break,
            }
        }
        while let Some((ended, id)) = self.leaving.front().copied()
            && ended < block
        {
            self.leaving.pop_front();
            if let Some(seat) = self.elders.remove(&id) {
                self.seats[seat as usize] = None;
                self.free.push(seat);
            }
        }
    }

    /// What stands for a task in a word.
    #[inline]
    pub(super) fn code(&self, id: u64) -> u64 {
        if self.newest.wrapping_sub(id) <= LOW { id & LOW } else { self.elder_code(id) }
    }

    #[cold]
    fn elder_code(&self, id: u64) -> u64 {
        self.elders.get(&id).map_or(id & LOW, |seat| ELDER | u64::from(*seat))
    }

    /// Whom a code means, where `newest` was the newest task.
    pub(super) fn id_of(&self, code: u64, newest: u64) -> u64 {
        if code & ELDER != 0 {
            let seat = self.seats.get((code & LOW) as usize);
            return seat.and_then(Option::as_ref).map_or(0, |(id, _)| *id);
        }
        newest - (newest.wrapping_sub(code) & LOW)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Person> {
        if let Some(person) = self.young.get(id.wrapping_sub(self.first) as usize) {
            return Some(person);
        }
        let seat = *self.elders.get(&id)?;
        self.seats[seat as usize].as_ref().map(|(_, person)| person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Person {
        Person::new(Kind::Task, None, None, Location::caller())
    }

    #[test]
    fn a_task_that_outlives_many_others_is_told_apart_from_them() {
        let mut people = People::new(10);
        people.spawned(5, person());
        let twin = 5 + LOW + 1; // its low bits are the same
        people.spawned(twin, person());
        people.spawned(twin + 1, person());
        for id in [5, twin, twin + 1] {
            assert_eq!(people.id_of(people.code(id), people.newest()), id);
        }
        assert_ne!(people.code(5), people.code(twin));
    }

    #[test]
    fn whoever_ended_is_known_until_its_block_is_gone() {
        let mut people = People::new(2);
        (1..=4).for_each(|id| people.spawned(id, person())); // 1 and 2 are elders by now
        people.ended(1, 7);
        people.ended(3, 7);
        people.forget_before(7);
        assert!((1..=4).all(|id| people.get(id).is_some()));
        people.forget_before(8);
        assert_eq!((1..=4).filter(|id| people.get(*id).is_some()).collect::<Vec<_>>(), [2, 4]);
        people.ended(2, 8);
        people.forget_before(9);
        assert!(people.elders.is_empty());
        assert_eq!(people.free.len(), people.seats.len());
    }
}
