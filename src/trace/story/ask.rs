//! What a reader asks a story.

use std::collections::BTreeMap;
use std::time::Duration;

use super::{Life, Poll, Polled, Story, Woken};
use crate::clock::Instant;
use crate::trace::{Cause, Class, Kind, Leaf, SourceId, TaskId};

/// A stretch of time in which a task waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Waited {
    /// When it began: the end of a poll, or the spawn of a job's task.
    pub from: Instant,
    /// When it was woken, or the recording or the task ended.
    pub until: Instant,
    /// What the poll found that it had to wait for.
    pub on: Option<Leaf>,
    /// Of what kind that is. Where no leaf told it, what ended the wait does.
    pub class: Class,
    /// The poll after which it waited, as a place in [`Story::polls`].
    pub after: Option<usize>,
    /// The poll that followed the wake.
    pub before: Option<usize>,
}

/// Who had his turn while a task stood in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Ahead {
    /// Who, as a place in [`Story::tasks`].
    pub task: usize,
    /// In how many polls.
    pub polls: usize,
    /// For how long, as far as the other waited meanwhile.
    pub time: Duration,
}

/// What a task's polls, waits and queueing come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Totals {
    /// How often it was polled.
    pub polls: usize,
    /// How long its polls took.
    pub busy: Duration,
    /// Its longest poll.
    pub longest: Duration,
    /// How long it stood in the queue.
    pub queued: Duration,
    /// How long it waited to be woken.
    pub waited: Duration,
}

impl Story {
    /// Where a task stands in [`Story::tasks`].
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<usize> {
        self.tasks.binary_search_by_key(&id, |task| task.id).ok()
    }

    /// How long the recording is.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end - self.begin
    }

    /// Of what kind a wait is. To wait for the end of a job's task is to wait for the pool.
    #[must_use]
    pub fn class_of(&self, leaf: &Leaf) -> Class {
        match leaf {
            Leaf::Join { task, .. } => match self.task(*task).map(|task| self.tasks[task].kind) {
                Some(Kind::Blocking | Kind::Cpu) => Class::Pool,
                _ => Class::Join,
            },
            leaf => leaf.class(),
        }
    }

    /// What was said of a source when it was registered: the address of a socket.
    #[must_use]
    pub fn address(&self, source: SourceId) -> Option<&str> {
        let place = self.sources.binary_search_by_key(&source, |registered| registered.source).ok()?;
        self.sources[place].address.as_deref()
    }

    /// How long a poll's task stood in the queue before it.
    #[must_use]
    pub fn queued(&self, poll: usize) -> Duration {
        let poll = &self.polls[poll];
        poll.woken.as_ref().map_or(Duration::ZERO, |woken| poll.start - woken.at)
    }

    /// Who had his turn while the task of this poll stood in the queue, the longest first.
    ///
    /// "It waited 40 ms, 38 of them behind task 7."
    #[must_use]
    pub fn ahead_of(&self, poll: usize) -> Vec<Ahead> {
        let late = &self.polls[poll];
        let Some(woken) = &late.woken else { return Vec::new() };
        let first = self.polls.partition_point(|other| other.end <= woken.at).min(poll);
        let mut by_task: BTreeMap<usize, Ahead> = BTreeMap::new();
        for other in &self.polls[first..poll] {
            let time = other.end.min(late.start) - other.start.max(woken.at);
            if !time.is_zero() {
                let ahead = by_task.entry(other.task).or_insert(Ahead {
                    task: other.task,
                    polls: 0,
                    time: Duration::ZERO,
                });
                ahead.polls += 1;
                ahead.time += time;
            }
        }
        let mut ahead: Vec<Ahead> = by_task.into_values().collect();
        ahead.sort_by_key(|ahead| std::cmp::Reverse(ahead.time));
        ahead
    }

    /// The wait that the wake before this poll ended, if the task had waited: it did not if it woke itself, or was new.
    #[must_use]
    pub fn wait_before(&self, poll: usize) -> Option<Waited> {
        let task = &self.tasks[self.polls[poll].task];
        let at = task.polls.binary_search(&poll).ok()?;
        let before = at.checked_sub(1).map(|before| task.polls[before]);
        self.wait(task, before, Some(poll))
    }

    /// All waits of a task, which is given as a place in [`Story::tasks`], in their order.
    pub fn waits(&self, task: usize) -> impl Iterator<Item = Waited> + '_ {
        let task = &self.tasks[task];
        let befores = std::iter::once(None).chain(task.polls.iter().copied().map(Some));
        let afters = task.polls.iter().copied().map(Some).chain(std::iter::once(None));
        befores.zip(afters).filter_map(move |(after, before)| self.wait(task, after, before))
    }

    /// The wait of `task` between two polls of it that follow each other; `None`: there is none on that side.
    fn wait(&self, task: &Life, after: Option<usize>, before: Option<usize>) -> Option<Waited> {
        let last: Option<&Poll> = after.map(|poll| &self.polls[poll]);
        let (from, on) = match last {
            Some(Poll { end, result: Polled::Pending(on), .. }) => (*end, *on),
            None if matches!(task.kind, Kind::Blocking | Kind::Cpu) => (task.spawned?, None),
            _ => return None,
        };
        let woken = match before {
            Some(poll) => self.polls[poll].woken.as_ref(),
            None => task.ready.as_ref(),
        };
        let is_its_own = |woken: &Woken| woken.cause == Cause::Task(task.id) || woken.cause == Cause::Spawned;
        if woken.is_some_and(is_its_own) {
            return None;
        }
        let until = match (woken, before) {
            (Some(woken), _) => woken.at,
            (None, Some(poll)) => self.polls[poll].start,
            (None, None) => self.end,
        };
        let class = match (on, woken.map(|woken| &woken.cause)) {
            (Some(leaf), _) => self.class_of(&leaf),
            (None, _) if last.is_none() => Class::Pool,
            (None, Some(Cause::Job)) => Class::Pool,
            (None, Some(Cause::Timer(_))) => Class::Timer,
            (None, Some(Cause::Source(..))) => Class::Socket,
            (None, _) => Class::Other,
        };
        Some(Waited { from, until, on, class, after, before })
    }

    /// What a task's polls, waits and queueing come to; it is given as a place in [`Story::tasks`].
    #[must_use]
    pub fn totals(&self, task: usize) -> Totals {
        let mut totals = Totals::default();
        for &poll in &self.tasks[task].polls {
            let time = self.polls[poll].length();
            totals.polls += 1;
            totals.busy += time;
            totals.longest = totals.longest.max(time);
            totals.queued += self.queued(poll);
        }
        totals.queued += self.tasks[task].ready.as_ref().map_or(Duration::ZERO, |ready| self.end - ready.at);
        totals.waited = self.waits(task).map(|wait| wait.length()).sum();
        totals
    }
}

impl Poll {
    /// How long it took.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.end - self.start
    }
}

impl Waited {
    /// How long it was.
    #[must_use]
    pub fn length(&self) -> Duration {
        self.until - self.from
    }
}
