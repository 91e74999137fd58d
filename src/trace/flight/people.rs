//! Who the tasks are: what was said of each when it was spawned, for as long as the ring or the runtime knows it.
//!
//! A task's word in the ring is its id's low bits. A server spawns for ever while some tasks live for ever, so a task
//! that is older than the low bits can tell has a number instead, as an elder.

use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::panic::Location;
use std::sync::Arc;

use crate::by_id::{ById, Places};
use crate::trace::{Kind, TaskId};

/// What was said of a task when it was spawned, but for its name: in half a cache line, for a program that spawns writes
/// one for each.
#[derive(Clone, Copy)]
pub(super) struct Person {
    pub(super) site: &'static Location<'static>,
    /// The task that made it; 0: none.
    by: u64,
    /// Its kind in the lowest bits, whether it has a name, and in the others the block in which it ended.
    rest: u64,
}

const KINDS: [Kind; 4] = [Kind::Task, Kind::Root, Kind::Blocking, Kind::Cpu];
const KIND: u64 = 3;
const NAMED: u64 = 4;
const ENDED: u32 = 3;
/// The block of a task that lives.
const LIVES: u64 = u64::MAX >> ENDED;

impl Person {
    #[inline(always)]
    pub(super) fn new(kind: Kind, is_named: bool, by: Option<TaskId>, site: &'static Location<'static>) -> Person {
        let named = if is_named { NAMED } else { 0 };
        Person { site, by: by.map_or(0, |by| by.0.get()), rest: LIVES << ENDED | named | kind as u64 }
    }

    pub(super) fn kind(&self) -> Kind {
        KINDS[(self.rest & KIND) as usize]
    }

    pub(super) fn by(&self) -> Option<TaskId> {
        NonZeroU64::new(self.by).map(TaskId)
    }

    fn is_named(&self) -> bool {
        self.rest & NAMED != 0
    }

    fn ended(&self) -> u64 {
        self.rest >> ENDED
    }

    #[inline]
    fn end(&mut self, block: u64) {
        self.rest = self.rest & (NAMED | KIND) | block << ENDED;
    }
}

/// The bits of a task's code.
const BITS: u32 = 23;
const LOW: u64 = (1 << BITS) - 1;
const ELDER: u64 = 1 << BITS;

/// So many may live among the young though they are old.
const FEW: usize = 1024;

pub(super) struct People {
    /// The names of those who have one, by id.
    names: ById<Arc<str>>,
    /// By id, one after the other.
    young: VecDeque<Person>,
    /// The id of the first among them.
    first: u64,
    /// How many of them there may be.
    most: usize,
    /// The others: where in `seats` they are, by id.
    elders: Places,
    seats: Vec<Option<(u64, Person)>>,
    free: Vec<usize>,
    /// Elders that ended, and the block in which they did.
    leaving: VecDeque<(u64, u64)>,
    newest: u64,
}

impl People {
    /// At most so many are kept by id alone.
    pub(super) fn new(most: usize) -> People {
        People {
            names: ById::default(),
            young: VecDeque::new(),
            first: 1,
            most: most.min(LOW as usize / 2),
            elders: Places::default(),
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
    pub(super) fn spawned(&mut self, id: u64, person: Person, name: Option<Arc<str>>) {
        if self.newest + 1 != id {
            self.skip_to(id);
        }
        self.newest = id;
        if let Some(name) = name {
            self.name_it(id, name);
        }
        if self.young.len() >= self.most {
            self.age();
        }
        self.young.push_back(person);
    }

    #[cold]
    #[inline(never)]
    fn name_it(&mut self, id: u64, name: Arc<str>) {
        if let Some(id) = NonZeroU64::new(id) {
            self.names.insert(id, name);
        }
    }

    fn forget_name(&mut self, id: u64, person: Person) {
        if person.is_named()
            && let Some(id) = NonZeroU64::new(id)
        {
            self.names.remove(id);
        }
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
        if person.ended() != LIVES {
            // Its words may be in the ring. Counted as if it ended now, it is kept a little longer than need be.
            self.leaving
                .push_back((self.leaving.back().map_or(person.ended(), |last| last.0.max(person.ended())), id));
        }
        let seat = self.free.pop().unwrap_or_else(|| {
            self.seats.push(None);
            self.seats.len() - 1
        });
        self.seats[seat] = Some((id, person));
        self.elders.insert(NonZeroU64::new(id).expect("ids begin with 1"), seat);
    }

    #[inline]
    pub(super) fn ended(&mut self, id: u64, block: u64) {
        match self.young.get_mut(id.wrapping_sub(self.first) as usize) {
            Some(person) => person.end(block),
            _ => self.elder_ended(id, block),
        }
    }

    #[cold]
    fn elder_ended(&mut self, id: u64, block: u64) {
        if self.elder(id).is_some() {
            self.leaving.push_back((block, id));
        }
    }

    /// Forgets those who ended before this block.
    pub(super) fn forget_before(&mut self, block: u64) {
        loop {
            match self.young.front().copied() {
                Some(first) if first.ended() < block => {
                    self.young.pop_front();
                    self.forget_name(self.first, first);
                    self.first += 1;
                }
                // One that lives on must not keep all that come after it.
                Some(first) if first.ended() == LIVES && self.young.len() > FEW => self.age(),
                _ => break,
            }
        }
        while let Some((ended, id)) = self.leaving.front().copied()
            && ended < block
        {
            self.leaving.pop_front();
            if let Some(seat) = NonZeroU64::new(id).and_then(|id| self.elders.remove(id)) {
                if let Some((_, person)) = self.seats[seat].take() {
                    self.forget_name(id, person);
                }
                self.free.push(seat);
            }
        }
    }

    /// What stands for a task in a word.
    #[inline]
    pub(super) fn code(&self, id: u64) -> u64 {
        self.young_code(id).unwrap_or_else(|| self.elder_code(id))
    }

    /// The same of one who is no elder.
    #[inline]
    pub(super) fn young_code(&self, id: u64) -> Option<u64> {
        (self.newest.wrapping_sub(id) <= LOW).then_some(id & LOW)
    }

    #[cold]
    fn elder_code(&self, id: u64) -> u64 {
        self.elder(id).map_or(id & LOW, |seat| ELDER | seat as u64)
    }

    /// Where an elder is in `seats`.
    fn elder(&self, id: u64) -> Option<usize> {
        self.elders.get(NonZeroU64::new(id)?)
    }

    /// Whom a code means, where `newest` was the newest task.
    pub(super) fn id_of(&self, code: u64, newest: u64) -> u64 {
        if code & ELDER != 0 {
            let seat = self.seats.get((code & LOW) as usize);
            return seat.and_then(Option::as_ref).map_or(0, |(id, _)| *id);
        }
        newest - (newest.wrapping_sub(code) & LOW)
    }

    pub(super) fn name(&self, id: u64) -> Option<&Arc<str>> {
        self.names.get(NonZeroU64::new(id)?)
    }

    pub(super) fn get(&self, id: u64) -> Option<&Person> {
        if let Some(person) = self.young.get(id.wrapping_sub(self.first) as usize) {
            return Some(person);
        }
        self.seats[self.elder(id)?].as_ref().map(|(_, person)| person)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person() -> Person {
        Person::new(Kind::Task, false, None, Location::caller())
    }

    #[test]
    fn a_task_that_outlives_many_others_is_told_apart_from_them() {
        let mut people = People::new(10);
        people.spawned(5, person(), None);
        let twin = 5 + LOW + 1; // its low bits are the same
        people.spawned(twin, person(), None);
        people.spawned(twin + 1, person(), None);
        for id in [5, twin, twin + 1] {
            assert_eq!(people.id_of(people.code(id), people.newest()), id);
        }
        assert_ne!(people.code(5), people.code(twin));
    }

    #[test]
    fn whoever_ended_is_known_until_its_block_is_gone() {
        let mut people = People::new(2);
        (1..=4).for_each(|id| people.spawned(id, person(), None)); // 1 and 2 are elders by now
        people.ended(1, 7);
        people.ended(3, 7);
        people.forget_before(7);
        assert!((1..=4).all(|id| people.get(id).is_some()));
        people.forget_before(8);
        assert_eq!((1..=4).filter(|id| people.get(*id).is_some()).collect::<Vec<_>>(), [2, 4]);
        people.ended(2, 8);
        people.forget_before(9);
        assert!((1..=4).all(|id| people.elder(id).is_none()));
        assert_eq!(people.free.len(), people.seats.len());
    }
}
