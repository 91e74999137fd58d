//! From events to words.
//!
//! Most events have no word of their own. A turn, a phase or a park is *due* when it happens, and told by a bit of the
//! next word, if what that word tells happens only then: a timer wakes in the fire phase. Only what would not be found
//! again is spelled out. That a poll has begun, each word in it tells, the first one so for all.

use std::collections::VecDeque;
use std::sync::Arc;

use super::people::{People, Person};
use super::ring::{Context, Ring};
use super::words::{self, Field};
use crate::trace::intern::{Seen, Table};
use crate::trace::{Event, Leaf, Noted, Outcome, Phase, TaskId, Via, Wait};

/// What happened and has no word yet.
pub(super) const TURN: u32 = 1;
pub(super) const PHASE: u32 = 2;
pub(super) const PARK: u32 = 4;

/// The classes of leaves that have numbers, as indices.
pub(super) const TIMERS: usize = 0;
pub(super) const SOURCES: usize = 1;
pub(super) const JOINS: usize = 2;

/// How a leaf's number is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Told {
    /// By an `Extra`; or it has none.
    Whole,
    /// The one last told of this task, in this block.
    Same,
    /// The one last told of this class, plus this.
    Last(u64),
    /// The newest task's, minus this.
    Newest(u64),
}

/// What a task's wake or wait named last.
#[derive(Clone, Copy, Default)]
pub(super) struct Named {
    pub(super) task: u64,
    pub(super) class: usize,
    pub(super) number: u64,
    pub(super) block: u64,
}

pub(super) const NAMED: usize = 256;

pub(super) struct Notes {
    pub(super) ring: Ring,
    /// What the words so far say.
    pub(super) said: Context,
    pub(super) due: u32,
    pub(super) phase_due: u64,
    pub(super) park_due: Wait,
    /// Where the cursor was when the open poll began: while it is there, no word has told of the poll.
    pub(super) poll_at: usize,
    /// Events seen.
    pub(super) seen: u64,
    /// How many of them were told when all was last forgotten.
    pub(super) cleared: u64,
    /// Where the cursor was when a task had just been spawned.
    pub(super) after_spawn: usize,
    pub(super) named: Box<[Named; NAMED]>,
    pub(super) leaves: Table<(Leaf, Told)>,
    pub(super) vias: Table<Via>,
    pub(super) threads: Seen<Arc<str>>,
    pub(super) people: People,
    /// Events that no word has room for, and the blocks of the words that stand for them.
    pub(super) rare: VecDeque<(u64, Event)>,
    /// The number of the first of them.
    pub(super) rare_first: u64,
}

impl Notes {
    /// Keeps at least so many words; `at` is the time.
    pub(super) fn new(words: usize) -> Notes {
        Notes {
            ring: Ring::new(words),
            said: Context::default(),
            due: 0,
            phase_due: 0,
            park_due: Wait::Forever,
            poll_at: usize::MAX,
            seen: 0,
            cleared: 0,
            after_spawn: usize::MAX,
            named: Box::new([Named { block: u64::MAX, ..Named::default() }; NAMED]),
            leaves: Table::new(words::LEAF.most() as usize),
            vias: Table::new(words::VIA.most() as usize),
            threads: Seen::default(),
            people: People::new(words),
            rare: VecDeque::new(),
            rare_first: 0,
        }
    }

    /// The time from which on it is told.
    pub(super) fn begin(&mut self, at: u64) {
        self.said.at = at;
        self.ring.context_mut(0).at = at;
    }

    /// An event; of those after a poll, a sleep and outside of the loop `now` is exact, of the others it is the
    /// moment of the last that was.
    pub(super) fn note(&mut self, now: u64, event: &Event) {
        match event {
            Event::Poll(task) => self.poll(*task),
            Event::Pending { task, on } => {
                let noted = if on.is_some() { Noted::WHOLE } else { Noted::NOTHING };
                self.pending(now, *task, noted, || *on);
            }
            Event::Done { task, outcome } => self.done(now, *task, *outcome),
            Event::Wake { task, cause, via } => self.wake(now, *task, cause, *via, false),
            Event::Merge { task, cause, via } => self.wake(now, *task, cause, *via, true),
            Event::Spawn { task, kind, name, by, site } => {
                self.spawn(now, *task, Person::new(*kind, name.is_some(), *by, site), name.clone(), false);
            }
            _ => {
                self.begin_event();
                match event {
                    Event::Unpark(events) => self.unpark(now, *events as u64),
                    _ => self.note_seldom(now, event),
                }
            }
        }
    }

    #[inline]
    pub(super) fn begin_event(&mut self) {
        if self.ring.is_full() {
            self.begin_block();
        }
        self.seen += 1;
    }

    #[inline]
    pub(super) fn poll(&mut self, task: TaskId) {
        if self.due != 0 {
            self.begin_run();
        }
        self.seen += 1;
        (self.said.open, self.said.actor) = (words::INSIDE, task.0.get());
        self.poll_at = self.ring.cursor();
    }

    #[inline(never)]
    fn begin_run(&mut self) {
        if self.ring.is_full() {
            self.begin_block();
        }
        self.spell_out_unless(number_of(Phase::Run));
    }

    /// Whether a poll has begun of which no word tells yet.
    #[inline]
    pub(super) fn poll_is_due(&self) -> bool {
        self.said.open != 0 && self.poll_at == self.ring.cursor()
    }

    #[inline(never)]
    fn note_seldom(&mut self, now: u64, event: &Event) {
        self.catch_up(now);
        match event {
            Event::Turn(_) => {
                self.spell_out();
                self.due |= TURN;
            }
            Event::Phase(phase) => {
                if self.due & (PHASE | PARK) != 0 {
                    self.spell_out();
                }
                self.due |= PHASE;
                self.phase_due = number_of(*phase);
            }
            Event::Park(wait) => {
                if self.due & (PHASE | PARK) != 0 {
                    self.spell_out();
                }
                match wait {
                    Wait::AtMost(limit) if limit.as_nanos() > u128::from(words::UNTIL.most()) => {
                        self.rare(event.clone())
                    }
                    _ => (self.due, self.park_due) = (self.due | PARK, *wait),
                }
            }
            Event::Abort { task, by } if by.is_none_or(|by| by.0.get() == self.said.actor) => {
                let by = if by.is_some() { words::BY } else { 0 };
                let code = self.people.code(task.0.get());
                self.tell(kind_of(words::Kind::Abort) | by | words::ABORTED.of(code), 0);
            }
            Event::Jump(by) => {
                let nanos = by.as_nanos() as u64; // of a clock that holds no more
                if words::REST.has_room(nanos) {
                    self.tell(kind_of(words::Kind::Jump) | words::REST.of(nanos), 0);
                } else {
                    self.rare(event.clone());
                }
                self.said.at += nanos;
            }
            _ => self.rare(event.clone()),
        }
    }

    /// A word for an event, with bits for what is due; it tells of itself that this phase runs.
    #[inline]
    pub(super) fn tell(&mut self, word: u64, phase: u64) {
        let due = if self.due == 0 { 0 } else { self.settle(phase) };
        self.ring.put(word | due | self.said.open);
    }

    /// The bits for what is due.
    #[inline(never)]
    fn settle(&mut self, phase: u64) -> u64 {
        self.spell_out_unless(if self.said.open != 0 { number_of(Phase::Run) } else { phase });
        let turn = self.take_turn();
        if self.due & PHASE != 0 {
            self.said.phase = self.phase_due;
        }
        self.due = 0;
        turn
    }

    /// Words for what is due, if they are needed before something that happens in this phase.
    fn spell_out_unless(&mut self, phase: u64) {
        if self.due & PARK != 0 || (self.due & PHASE != 0 && self.phase_due != phase) {
            self.spell_out();
        }
    }

    fn take_turn(&mut self) -> u64 {
        if self.due & TURN == 0 {
            return 0;
        }
        self.due &= !TURN;
        self.said.turn += 1;
        self.said.phase = 0;
        words::TURN
    }

    /// Words for what is due.
    fn spell_out(&mut self) {
        if self.due & PHASE != 0 || self.due & (TURN | PARK) == TURN {
            let phase = if self.due & PHASE != 0 { self.phase_due } else { 0 };
            let turn = self.take_turn();
            self.ring.put(kind_of(words::Kind::Phase) | turn | words::PHASE.of(phase));
            self.said.phase = phase;
        }
        if self.due & PARK != 0 {
            let (wait, until) = match self.park_due {
                Wait::Look => (0, 0),
                Wait::Timer(timer) => (1, timer.0),
                Wait::Forever => (2, 0),
                Wait::AtMost(limit) => (3, limit.as_nanos() as u64),
            };
            let turn = self.take_turn();
            self.ring.put(kind_of(words::Kind::Park) | turn | words::PARKED.of(wait) | words::UNTIL.of(until));
        }
        self.due = 0;
    }

    /// The time goes on to `now`, if that is later.
    #[inline]
    pub(super) fn catch_up(&mut self, now: u64) {
        if now > self.said.at {
            self.pass_to(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn pass_to(&mut self, now: u64) {
        while now > self.said.at {
            let step = (now - self.said.at).min(words::NUMBER.most());
            self.ring.put(kind_of(words::Kind::Time) | words::NUMBER.of(step));
            self.said.at += step;
        }
    }

    /// The time from the last word to this one, as the field tells it: if it has no room, an `Extra` has.
    #[inline]
    fn time(&mut self, now: u64, field: Field) -> u64 {
        let time = now.saturating_sub(self.said.at);
        self.said.at += time;
        if time < field.most() { field.of(time) } else { self.long_time(time, field) }
    }

    #[cold]
    #[inline(never)]
    fn long_time(&mut self, time: u64, field: Field) -> u64 {
        self.ring.put(kind_of(words::Kind::Extra) | words::NUMBER.of(time.min(words::NUMBER.most())));
        field.of(field.most())
    }

    /// A spawn; and that the task is ready, if it is.
    #[inline(always)] // the person is made where it is kept, and not read back before its parts are written
    pub(super) fn spawn(
        &mut self,
        now: u64,
        task: TaskId,
        person: Person,
        name: Option<Arc<str>>,
        is_ready: bool,
    ) {
        self.begin_event();
        self.catch_up(now);
        let task = task.0.get();
        self.people.spawned(task, person, name);
        self.seen += u64::from(is_ready);
        let ready = if is_ready { words::READY } else { 0 };
        self.tell(kind_of(words::Kind::Spawn) | ready | words::SPAWNED.of(task), 0);
        self.after_spawn = self.ring.cursor();
    }

    /// As `pending`, if one word tells all of it; else `false`, and nothing is done.
    #[inline(always)] // see `FlightRecorder::pending`
    pub(super) fn pending_in_a_word(&mut self, now: u64, task: TaskId, on: Noted) -> bool {
        let (task, time) = (task.0.get(), now.wrapping_sub(self.said.at)); // a great one, if that is later
        let Some(code) = self.people.young_code(task) else { return false };
        if on == Noted::WHOLE || time >= words::PENDING_TIME.most() || self.due != 0 {
            return false;
        }
        let word = pending_word(code, on.number().into()) | words::PENDING_TIME.of(time);
        if !self.ring.put_alone(word | self.said.open) {
            return false;
        }
        self.seen += 1;
        self.said.at = now;
        self.ended(task);
        true
    }

    pub(super) fn pending(&mut self, now: u64, task: TaskId, on: Noted, whole: impl FnOnce() -> Option<Leaf>) {
        self.begin_event();
        let task = task.0.get();
        let leaf = match on {
            Noted::WHOLE => self.whole_leaf(task, whole),
            noted => noted.number().into(),
        };
        let word = pending_word(self.people.code(task), leaf);
        let time = self.time(now, words::PENDING_TIME);
        self.tell(word | time, 0);
        self.ended(task);
    }

    #[inline(always)] // into the end of a task: 12 instructions
    pub(super) fn done(&mut self, now: u64, task: TaskId, outcome: Outcome) {
        self.begin_event();
        let task = task.0.get();
        let word = kind_of(words::Kind::Done)
            | words::ENDED.of(self.people.code(task))
            | words::OUTCOME.of(match outcome {
                Outcome::Ready => 0,
                Outcome::Panicked => 1,
                Outcome::Cancelled => 2,
            });
        let time = self.time(now, words::DONE_TIME);
        self.tell(word | time, 0);
        self.ended(task);
        self.people.ended(task, self.ring.block);
    }

    /// A task's turn is over.
    #[inline]
    fn ended(&mut self, task: u64) {
        self.said.open = 0;
        self.said.actor = task;
    }

    #[inline(never)]
    fn unpark(&mut self, now: u64, events: u64) {
        if !words::EVENTS.has_room(events) {
            self.spell_out(); // before the time moves on, which is the sleep's
            self.catch_up(now);
            return self.rare(Event::Unpark(events as usize));
        }
        let (slept, timer) = match self.park_due {
            _ if self.due != PARK && self.due != PARK | TURN => (0, 0),
            Wait::Look => (1, 0),
            Wait::Timer(timer) if words::TIMER.is_near(timer.0, self.said.last[TIMERS]) => (2, timer.0),
            Wait::Forever => (3, 0),
            _ => (0, 0),
        };
        if slept != 0 {
            self.due &= !PARK;
        }
        let word = kind_of(words::Kind::Unpark)
            | words::SLEPT.of(slept)
            | words::EVENTS.of(events)
            | words::TIMER.of(timer);
        // As above.
        if self.due & (PARK | PHASE) != 0 {
            self.spell_out();
        }
        let time = self.time(now, words::UNPARK_TIME);
        self.tell(word | time, 0);
    }

    #[cold]
    #[inline(never)]
    pub(super) fn rare(&mut self, event: Event) {
        let number = self.rare_first + self.rare.len() as u64;
        self.rare.push_back((self.ring.block, event));
        self.tell(kind_of(words::Kind::Rare) | words::REST.of(number), 0);
    }
}

#[inline]
fn pending_word(task: u64, leaf: u64) -> u64 {
    kind_of(words::Kind::Pending) | words::WAITS.of(task) | words::LEAF.of(leaf)
}

#[inline]
pub(super) fn kind_of(kind: words::Kind) -> u64 {
    kind as u64
}

/// Phases by number; 0 is none.
pub(super) const PHASES: [Phase; 5] = [Phase::Collect, Phase::Fire, Phase::Run, Phase::Park, Phase::Dispatch];

#[inline]
pub(super) const fn number_of(phase: Phase) -> u64 {
    phase as u64 + 1
}

/// Whom a number names.
pub(super) fn task_id(number: u64) -> TaskId {
    TaskId(number.max(1).try_into().expect("at least 1"))
}
