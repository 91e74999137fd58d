//! From words back to events.

use std::num::NonZeroU64;
use std::time::Duration;

use super::note::{self, JOINS, Notes, PHASES, SOURCES, TIMERS, Told, number_of, task_id};
use super::ring::Context;
use super::words::{self, Field, Kind, cause};
use crate::by_id::ById;
use crate::clock::Instant;
use crate::trace::{Cause, Direction, Event, Leaf, Outcome, Phase, SourceId, TaskId, TimerId, Via, Wait};

/// Stands for the task of a poll whose end was not read yet.
const UNKNOWN: u64 = u64::MAX;

struct Reader<'a> {
    notes: &'a Notes,
    said: Context,
    extras: Vec<u64>,
    /// What each task's wakes and waits named last in this block, by class.
    named: ById<u64>,
    /// Where the open poll begins in `events`, if its task is unknown yet.
    open: Option<usize>,
    events: Vec<(Instant, Event)>,
}

/// What stands in `named` for a task's class, which is less than 3.
fn key(task: u64, class: usize) -> NonZeroU64 {
    NonZeroU64::MIN | task.wrapping_mul(8) | (class as u64) << 1
}

/// The events that a recorder's words tell, oldest first.
pub(super) fn decode(notes: &Notes) -> Vec<(Instant, Event)> {
    let mut reader = Reader {
        notes,
        said: *notes.ring.context(notes.ring.tail),
        extras: Vec::new(),
        named: ById::default(),
        open: None,
        events: Vec::new(),
    };
    for block in notes.ring.blocks() {
        reader.named = ById::default();
        block.iter().for_each(|word| reader.read(*word));
    }
    reader.finish();
    reader.events
}

impl Reader<'_> {
    fn push(&mut self, event: Event) {
        self.events.push((Instant::from_nanos(self.said.at), event));
    }

    fn read(&mut self, word: u64) {
        match words::kind(word) {
            Kind::Nothing => {}
            Kind::Time => self.said.at += words::NUMBER.get(word),
            Kind::Extra => self.extras.push(words::NUMBER.get(word)),
            kind => {
                self.before(kind, word);
                self.main(kind, word);
                if !matches!(kind, Kind::Phase | Kind::Park) {
                    self.extras.clear(); // those two may be spelled out between an extra and its word
                }
            }
        }
    }

    /// What a word's bits tell to have happened before it.
    fn before(&mut self, kind: Kind, word: u64) {
        if word & words::TURN != 0 {
            self.begin_turn();
        }
        if word & words::INSIDE != 0 && self.said.open == 0 {
            self.begin_phase(number_of(Phase::Run));
            self.open = Some(self.events.len());
            self.push(Event::Poll(task_id(UNKNOWN)));
            (self.said.open, self.said.actor) = (words::INSIDE, UNKNOWN);
        }
        if kind == Kind::Wake && self.said.open == 0 {
            match words::CAUSE.get(word) {
                cause::TIMER => self.begin_phase(number_of(Phase::Fire)),
                cause::READ | cause::WRITE => self.begin_phase(number_of(Phase::Dispatch)),
                _ => {}
            }
        }
    }

    fn begin_turn(&mut self) {
        self.said.turn += 1;
        self.said.phase = 0;
        self.push(Event::Turn(self.said.turn));
    }

    fn begin_phase(&mut self, phase: u64) {
        if phase != self.said.phase && phase != 0 {
            self.push(Event::Phase(PHASES[phase as usize - 1]));
        }
        self.said.phase = phase;
    }

    fn main(&mut self, kind: Kind, word: u64) {
        match kind {
            Kind::Wake => self.wake(word),
            Kind::Pending => self.pending(word),
            Kind::Done => {
                let task = self.task(words::ENDED.get(word));
                let outcome =
                    [Outcome::Ready, Outcome::Panicked, Outcome::Cancelled][words::OUTCOME.get(word) as usize];
                self.end(word, words::DONE_TIME, Event::Done { task, outcome }, task);
            }
            Kind::Spawn => self.spawn(word),
            Kind::Abort => {
                let by = (word & words::BY != 0).then(|| task_id(self.said.actor));
                let task = self.task(words::ABORTED.get(word));
                self.push(Event::Abort { task, by });
            }
            Kind::Phase => {
                let phase = words::PHASE.get(word);
                self.begin_phase(phase);
            }
            Kind::Park => {
                let until = words::UNTIL.get(word);
                self.push(Event::Park(match words::PARKED.get(word) {
                    0 => Wait::Look,
                    1 => Wait::Timer(TimerId(until)),
                    2 => Wait::Forever,
                    _ => Wait::AtMost(Duration::from_nanos(until)),
                }));
            }
            Kind::Unpark => {
                match words::SLEPT.get(word) {
                    0 => {}
                    1 => self.push(Event::Park(Wait::Look)),
                    2 => {
                        let timer = words::TIMER.nearest(words::TIMER.get(word), self.said.last[TIMERS]);
                        self.push(Event::Park(Wait::Timer(TimerId(timer))));
                    }
                    _ => self.push(Event::Park(Wait::Forever)),
                }
                self.pass(word, words::UNPARK_TIME);
                self.push(Event::Unpark(words::EVENTS.get(word) as usize));
            }
            Kind::Jump => self.jump(Duration::from_nanos(words::REST.get(word))),
            Kind::Rare => {
                let at = words::REST.get(word).wrapping_sub(self.notes.rare_first) as usize;
                match self.notes.rare.get(at) {
                    Some((_, Event::Jump(by))) => self.jump(*by),
                    Some((_, event)) => self.push(event.clone()),
                    None => {}
                }
            }
            Kind::Nothing | Kind::Time | Kind::Extra => {}
        }
    }

    fn jump(&mut self, by: Duration) {
        self.push(Event::Jump(by));
        self.said.at += by.as_nanos() as u64;
    }

    /// The time that a word's field tells passes.
    fn pass(&mut self, word: u64, field: Field) {
        let time = field.get(word);
        self.said.at += if time == field.most() { self.extras.pop().unwrap_or_default() } else { time };
    }

    fn task(&self, code: u64) -> TaskId {
        task_id(self.notes.people.id_of(code, self.said.newest))
    }

    fn via(&self, number: u64) -> Option<Via> {
        self.notes.vias.get(number).copied()
    }

    fn wake(&mut self, word: u64) {
        let task = self.task(words::WOKEN.get(word));
        let payload = words::PAYLOAD.get(word);
        let (cause, via) = match words::CAUSE.get(word) {
            cause::TASK => (Cause::Task(task_id(self.said.actor)), self.via(words::VIA.get(payload))),
            cause::OTHER => {
                let by = self.extras.pop().unwrap_or_default();
                (Cause::Task(task_id(by)), self.via(words::VIA.get(payload)))
            }
            cause::TIMER => {
                let timer = words::PAYLOAD.nearest(payload, self.said.last[TIMERS]);
                self.named.insert(key(task.0.get(), TIMERS), timer);
                (Cause::Timer(TimerId(timer)), None)
            }
            why @ (cause::READ | cause::WRITE) => {
                let source = words::PAYLOAD.nearest(payload, self.said.last[SOURCES]);
                self.named.insert(key(task.0.get(), SOURCES), source);
                let direction = if why == cause::READ { Direction::Read } else { Direction::Write };
                (Cause::Source(SourceId(source), direction), None)
            }
            cause::THREAD => {
                let name = (words::THREAD.get(payload) as usize).checked_sub(1);
                let name = name.and_then(|name| self.notes.threads.all().get(name)).cloned();
                (Cause::Thread(name), self.via(words::VIA.get(payload)))
            }
            _ => {
                let cause = match words::PLAIN.get(payload) {
                    cause::SPAWNED => Cause::Spawned,
                    cause::JOB => Cause::Job,
                    cause::ABORTED => Cause::Aborted,
                    _ => Cause::Outside,
                };
                (cause, self.via(words::VIA.get(payload)))
            }
        };
        self.push(match word & words::AGAIN {
            0 => Event::Wake { task, cause, via },
            _ => Event::Merge { task, cause, via },
        });
    }

    fn spawn(&mut self, word: u64) {
        let id = words::SPAWNED.get(word);
        self.said.newest = id;
        let task = task_id(id);
        if let Some(person) = self.notes.people.get(id) {
            let name = self.notes.people.name(id).cloned();
            let (kind, by, site) = (person.kind(), person.by(), person.site);
            self.push(Event::Spawn { task, kind, name, by, site });
        }
        if word & words::READY != 0 {
            self.push(Event::Wake { task, cause: Cause::Spawned, via: None });
        }
    }

    fn pending(&mut self, word: u64) {
        let task = self.task(words::WAITS.get(word));
        let found = self.notes.leaves.get(words::LEAF.get(word)).copied();
        let on = found.map(|(leaf, told)| self.leaf(task.0.get(), leaf, told));
        self.end(word, words::PENDING_TIME, Event::Pending { task, on }, task);
    }

    /// The leaf, with its number.
    fn leaf(&mut self, task: u64, leaf: Leaf, told: Told) -> Leaf {
        let class = match leaf {
            Leaf::Timer { .. } => TIMERS,
            Leaf::Source { .. } => SOURCES,
            Leaf::Join { .. } => JOINS,
            Leaf::Sync { .. } => return leaf,
        };
        let number = match told {
            // Told before the time, if that needs an `Extra` too.
            Told::Whole if !self.extras.is_empty() => self.extras.remove(0),
            Told::Whole => 0,
            Told::Same => self.named.get(key(task, class)).copied().unwrap_or_default(),
            Told::Last(ahead) => self.said.last[class].wrapping_add(ahead),
            Told::Newest(back) => self.said.newest.saturating_sub(back),
        };
        self.named.insert(key(task, class), number);
        self.said.last[class] = number;
        match leaf {
            Leaf::Timer { site, .. } => Leaf::Timer { timer: TimerId(number), site },
            Leaf::Source { direction, site, .. } => Leaf::Source { source: SourceId(number), direction, site },
            Leaf::Join { spawned, .. } => Leaf::Join { task: task_id(number), spawned },
            Leaf::Sync { .. } => leaf,
        }
    }

    /// A task's turn ends with this event.
    fn end(&mut self, word: u64, time: Field, event: Event, task: TaskId) {
        self.pass(word, time);
        self.push(event);
        self.close(task);
        self.said.open = 0;
        self.said.actor = task.0.get();
    }

    /// Whose the poll was that was open.
    fn close(&mut self, task: TaskId) {
        let Some(start) = self.open.take() else { return };
        let unknown = task_id(UNKNOWN);
        for (_, event) in &mut self.events[start..] {
            match event {
                Event::Poll(polled) if *polled == unknown => *polled = task,
                Event::Wake { cause: Cause::Task(by), .. } | Event::Merge { cause: Cause::Task(by), .. }
                    if *by == unknown =>
                {
                    *by = task;
                }
                Event::Abort { by: Some(by), .. } if *by == unknown => *by = task,
                _ => {}
            }
        }
    }

    /// What has no word yet.
    fn finish(&mut self) {
        let notes = self.notes;
        self.close(task_id(notes.said.actor));
        if notes.due & note::TURN != 0 {
            self.begin_turn();
        }
        if notes.due & note::PHASE != 0 {
            self.begin_phase(notes.phase_due);
        }
        if notes.due & note::PARK != 0 {
            self.push(Event::Park(notes.park_due));
        }
        if notes.poll_is_due() {
            self.push(Event::Poll(task_id(notes.said.actor)));
        }
    }
}
