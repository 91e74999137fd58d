//! A wake's word.

use super::note::{Notes, SOURCES, TIMERS, kind_of, number_of, task_id};
use super::words::{self, cause};
use crate::trace::{Cause, Direction, Event, Phase, TaskId, Via};

impl Notes {
    pub(super) fn wake(&mut self, now: u64, task: TaskId, cause: &Cause, via: Option<Via>, again: bool) {
        if matches!((cause, via, again), (Cause::Spawned, None, false)) {
            return self.wake_spawned(now, task);
        }
        self.begin_event();
        self.catch_up(now);
        let (again, task) = (if again { words::AGAIN } else { 0 }, task.0.get());
        self.wake_otherwise(again, task, cause, via);
    }

    /// A wake by a task, the way of it by its number, if one word tells all of it; else `false`, and nothing is done.
    #[inline(always)] // see `Sinks::wake_by`
    pub(super) fn wake_in_a_word(&mut self, now: u64, task: TaskId, by: TaskId, via: u64) -> bool {
        let Some(code) = self.people.young_code(task.0.get()) else { return false };
        if now > self.said.at || self.said.actor != by.0.get() || self.due != 0 {
            return false;
        }
        let word = wake_word(0, cause::TASK, code, words::VIA.of(via));
        let is_told = self.ring.put_alone(word | self.said.open);
        self.seen += u64::from(is_told);
        is_told
    }

    /// A wake by a task.
    pub(super) fn wake_by(&mut self, now: u64, task: TaskId, by: TaskId, via: u64) {
        self.begin_event();
        self.catch_up(now);
        self.put_wake_by(0, task.0.get(), by, via);
    }

    /// The wake of a task that was spawned: a bit of that word if it was the last, which needs no room.
    fn wake_spawned(&mut self, now: u64, task: TaskId) {
        let task = task.0.get();
        let follows = self.after_spawn == self.ring.cursor() && task == self.people.newest();
        if follows && self.due == 0 && !self.poll_is_due() && now <= self.said.at {
            self.seen += 1;
            return self.ring.amend(words::READY);
        }
        self.begin_event();
        self.catch_up(now);
        self.put_wake(0, task, cause::PLAIN, words::PLAIN.of(cause::SPAWNED), 0);
    }

    fn put_wake_by(&mut self, again: u64, task: u64, by: TaskId, via: u64) {
        let by = by.0.get();
        let why = if by == self.said.actor { cause::TASK } else { self.by_other(by) };
        self.put_wake(again, task, why, words::VIA.of(via), 0);
    }

    #[cold]
    #[inline(never)]
    fn by_other(&mut self, by: u64) -> u64 {
        self.ring.put(kind_of(words::Kind::Extra) | words::NUMBER.of(by));
        cause::OTHER
    }

    #[inline(never)]
    fn wake_otherwise(&mut self, again: u64, task: u64, cause: &Cause, via: Option<Via>) {
        let is_plain = via.is_none();
        let (phase, why, payload) = match cause {
            Cause::Task(by) => {
                let via = self.via(via);
                return self.put_wake_by(again, task, *by, via);
            }
            Cause::Spawned if is_plain => (0, cause::PLAIN, words::PLAIN.of(cause::SPAWNED)),
            Cause::Timer(timer) if is_plain && words::PAYLOAD.is_near(timer.0, self.said.last[TIMERS]) => {
                self.name(task, TIMERS, timer.0);
                (number_of(Phase::Fire), cause::TIMER, timer.0)
            }
            Cause::Source(source, way)
                if is_plain && words::PAYLOAD.is_near(source.0, self.said.last[SOURCES]) =>
            {
                self.name(task, SOURCES, source.0);
                let why = if *way == Direction::Read { cause::READ } else { cause::WRITE };
                (number_of(Phase::Dispatch), why, source.0)
            }
            Cause::Thread(name) => {
                let thread = name.as_ref().map_or(0, |name| self.thread(name));
                (0, cause::THREAD, words::THREAD.of(thread) | words::VIA.of(self.via(via)))
            }
            Cause::Job | Cause::Aborted | Cause::Outside => {
                let why = match cause {
                    Cause::Job => cause::JOB,
                    Cause::Aborted => cause::ABORTED,
                    _ => cause::OUTSIDE,
                };
                (0, cause::PLAIN, words::PLAIN.of(why) | words::VIA.of(self.via(via)))
            }
            Cause::Spawned | Cause::Timer(_) | Cause::Source(..) => {
                let (task, cause) = (task_id(task), cause.clone());
                return self.rare(match again {
                    0 => Event::Wake { task, cause, via },
                    _ => Event::Merge { task, cause, via },
                });
            }
        };
        // Within a poll a wake tells no phase.
        let phase = if self.said.open != 0 { 0 } else { phase };
        self.put_wake(again, task, why, payload, phase);
    }

    #[inline]
    fn put_wake(&mut self, again: u64, task: u64, why: u64, payload: u64, phase: u64) {
        self.tell(wake_word(again, why, self.people.code(task), payload), phase);
    }
}

#[inline]
fn wake_word(again: u64, why: u64, task: u64, payload: u64) -> u64 {
    let (why, task, payload) = (words::CAUSE.of(why), words::WOKEN.of(task), words::PAYLOAD.of(payload));
    kind_of(words::Kind::Wake) | again | why | task | payload
}
