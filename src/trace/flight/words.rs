//! The words of the ring: what is in the 64 bits of each, and how they are put together and read.
//!
//! ```text
//! every word    kind 4
//! a main word   kind 4, turn 1, inside 1, …          tells an event; the others only prepare one
//!   Wake          again 1, cause 3, task 24, payload 30
//!   Pending       task 24, leaf 14, nanoseconds 20
//!   Done          outcome 2, task 24, nanoseconds 32
//!   Spawn         ready 1, task's whole id 57
//!   Abort         by 1, task 24
//!   Phase         phase 3
//!   Park          wait 2, timer or nanoseconds 56
//!   Unpark        wait 3, events 10, timer 20, nanoseconds 25
//!   Jump          nanoseconds 58
//!   Rare          number 58, in the table of rare events
//! Time          nanoseconds 60                       the next word is so much later
//! Extra         number 60                            what a field of the next main word has no room for
//! Nothing                                            fills up a block
//! ```
//! `turn` and `inside` tell events that have no words of their own: that a turn began before this, and that this
//! happened in a poll, which began before it if it had not yet.

/// What a word is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Nothing,
    Time,
    Extra,
    Wake,
    Pending,
    Done,
    Spawn,
    Abort,
    Phase,
    Park,
    Unpark,
    Jump,
    Rare,
}

const KINDS: [Kind; 13] = [
    Kind::Nothing,
    Kind::Time,
    Kind::Extra,
    Kind::Wake,
    Kind::Pending,
    Kind::Done,
    Kind::Spawn,
    Kind::Abort,
    Kind::Phase,
    Kind::Park,
    Kind::Unpark,
    Kind::Jump,
    Kind::Rare,
];

/// A piece of a word.
#[derive(Clone, Copy)]
pub(super) struct Field {
    at: u32,
    bits: u32,
}

impl Field {
    const fn new(at: u32, bits: u32) -> Field {
        Field { at, bits }
    }

    /// The greatest value that it holds.
    pub(super) const fn most(self) -> u64 {
        (1 << self.bits) - 1
    }

    /// Whether it holds this.
    #[inline]
    pub(super) const fn has_room(self, value: u64) -> bool {
        value <= self.most()
    }

    /// A word of which only this piece is set, to the low bits of `value`.
    #[inline]
    pub(super) const fn of(self, value: u64) -> u64 {
        (value & self.most()) << self.at
    }

    #[inline]
    pub(super) const fn get(self, word: u64) -> u64 {
        (word >> self.at) & self.most()
    }

    /// What the low bits that are kept of a number stand for: of all numbers that end so, the one nearest to `near`.
    pub(super) fn nearest(self, kept: u64, near: u64) -> u64 {
        let ahead = kept.wrapping_sub(near) & self.most();
        let back = (self.most() + 1) - ahead;
        if ahead <= self.most() / 2 || near < back { near + ahead } else { near - back }
    }

    /// Whether `nearest` finds this number again.
    #[inline]
    pub(super) const fn is_near(self, number: u64, near: u64) -> bool {
        number.abs_diff(near) < self.most() / 2
    }
}

pub(super) const KIND: Field = Field::new(0, 4);
pub(super) const TURN: u64 = 1 << 4;
pub(super) const INSIDE: u64 = 1 << 5;

/// What is prepared for the next word, or the delta of `Time`.
pub(super) const NUMBER: Field = Field::new(4, 60);

pub(super) const AGAIN: u64 = 1 << 6;
pub(super) const CAUSE: Field = Field::new(7, 3);
pub(super) const WOKEN: Field = Field::new(10, 24);
pub(super) const PAYLOAD: Field = Field::new(34, 30);

/// Of a payload, but for that of timers and sources, which are numbers: by what.
pub(super) const VIA: Field = Field::new(12, 14);
/// Of a payload: the number of the thread's name.
pub(super) const THREAD: Field = Field::new(0, 12);
/// Of a payload: which of the plain causes.
pub(super) const PLAIN: Field = Field::new(0, 2);

pub(super) const WAITS: Field = Field::new(6, 24);
pub(super) const LEAF: Field = Field::new(30, 14);
pub(super) const PENDING_TIME: Field = Field::new(44, 20);

pub(super) const OUTCOME: Field = Field::new(6, 2);
pub(super) const ENDED: Field = Field::new(8, 24);
pub(super) const DONE_TIME: Field = Field::new(32, 32);

pub(super) const READY: u64 = 1 << 6;
pub(super) const SPAWNED: Field = Field::new(7, 57);

pub(super) const BY: u64 = 1 << 6;
pub(super) const ABORTED: Field = Field::new(7, 24);

pub(super) const PHASE: Field = Field::new(6, 3);

pub(super) const PARKED: Field = Field::new(6, 2);
pub(super) const UNTIL: Field = Field::new(8, 56);

pub(super) const SLEPT: Field = Field::new(6, 3);
pub(super) const EVENTS: Field = Field::new(9, 10);
pub(super) const TIMER: Field = Field::new(19, 20);
pub(super) const UNPARK_TIME: Field = Field::new(39, 25);

pub(super) const REST: Field = Field::new(6, 58);

pub(super) fn kind(word: u64) -> Kind {
    KINDS[KIND.get(word) as usize]
}

/// The causes of a wake, with what the payload says.
pub(super) mod cause {
    /// The task that runs, or ran last: by what.
    pub(in super::super) const TASK: u64 = 0;
    /// Another task, whose id is in an `Extra`: by what.
    pub(in super::super) const OTHER: u64 = 1;
    /// The timer, by its low bits.
    pub(in super::super) const TIMER: u64 = 2;
    /// The source, by its low bits, and the direction.
    pub(in super::super) const READ: u64 = 3;
    pub(in super::super) const WRITE: u64 = 4;
    /// A thread, by the number of its name.
    pub(in super::super) const THREAD: u64 = 5;
    /// One of those below.
    pub(in super::super) const PLAIN: u64 = 6;

    pub(in super::super) const SPAWNED: u64 = 0;
    pub(in super::super) const JOB: u64 = 1;
    pub(in super::super) const ABORTED: u64 = 2;
    pub(in super::super) const OUTSIDE: u64 = 3;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_bits_stand_for_the_nearest_number_that_ends_so() {
        let field = Field::new(3, 4);
        for near in 0..100 {
            for number in (0..100).filter(|number| field.is_near(*number, near)) {
                assert_eq!(field.nearest(field.get(field.of(number)), near), number, "near {near}");
            }
        }
    }
}
