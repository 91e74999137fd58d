//! What is drawn, in the order of time.

use std::time::Duration;

use crate::by_id::by_number;
use crate::clock::Instant;
use crate::trace::story::{Asleep, Story, Waited, Woken};
use crate::trace::{Event, TaskId};

/// One line of the file.
pub(super) struct Entry<'a> {
    pub(super) at: Instant,
    /// Where times are equal, and under a virtual clock most are: the poll with which it goes, and the place there.
    order: u64,
    pub(super) mark: Mark<'a>,
}

/// What comes first of that which goes with one poll. A viewer nests what begins at one moment in the file's order:
/// what ends there has to come before what begins, and a slice before the arrows that are bound to it.
#[derive(Clone, Copy)]
enum Rank {
    Poll,
    Within,
    After,
    /// The number of ready tasks is told once a moment, when all that happened then was told.
    Count,
}

pub(super) enum Mark<'a> {
    /// A poll, as a place in the story.
    Poll(usize),
    /// A wait of a task, which is given as a place in the story.
    Wait(usize, Waited),
    /// A task stands in the queue.
    Queued {
        task: usize,
        until: Instant,
        woken: &'a Woken,
    },
    Sleep(&'a Asleep),
    /// An arrow from a poll to the poll that its wake led to; that one's place is the arrow's id.
    Arrow {
        from: usize,
        id: usize,
    },
    ArrowHead {
        id: usize,
    },
    Abort {
        task: usize,
        by: Option<TaskId>,
    },
    Report(&'a Event),
    /// So many tasks stand in the queue from now on.
    Ready(u64),
}

pub(super) fn of(story: &Story) -> Vec<Entry<'_>> {
    let mut marks = Marks { story, entries: Vec::with_capacity(story.polls.len() * 5), changes: Vec::new() };
    for poll in 0..story.polls.len() {
        marks.poll(poll);
    }
    for task in 0..story.tasks.len() {
        marks.task(task);
    }
    for sleep in &story.sleeps {
        marks.add(sleep.start, marks.poll_before(sleep.start), Rank::After, Mark::Sleep(sleep));
    }
    for (at, event) in &story.reports {
        marks.add(*at, marks.poll_before(*at), Rank::Within, Mark::Report(event));
    }
    marks.counts();
    by_number(by_number(marks.entries, |entry| entry.order), |entry| entry.at.nanos())
}

struct Marks<'a> {
    story: &'a Story,
    entries: Vec<Entry<'a>>,
    /// When the queue became longer, or shorter, by one.
    changes: Vec<(Instant, i64)>,
}

impl<'a> Marks<'a> {
    fn add(&mut self, at: Instant, poll: usize, rank: Rank, mark: Mark<'a>) {
        self.entries.push(Entry { at, order: (poll as u64) << 2 | rank as u64, mark });
    }

    /// The last poll that began at a moment, or before it.
    fn poll_before(&self, at: Instant) -> usize {
        self.story.polls.partition_point(|poll| poll.start <= at).saturating_sub(1)
    }

    fn poll(&mut self, place: usize) {
        let poll = &self.story.polls[place];
        self.add(poll.start, place, Rank::Poll, Mark::Poll(place));
        let Some(woken) = &poll.woken else { return };
        let life = &self.story.tasks[poll.task];
        let before =
            life.polls.binary_search(&place).ok().and_then(|at| at.checked_sub(1)).map(|at| life.polls[at]);
        self.queued(poll.task, before, woken, poll.start, place);
        self.changes.push((poll.start, -1));
        if let Some(from) = woken.during {
            let waker = &self.story.polls[from];
            // A task's end wakes who awaits it when the poll is over. Viewers bind an arrow to the slice that is open,
            // and that which ends just then no longer is.
            let last = waker.end.checked_sub(Duration::from_nanos(1)).unwrap_or(waker.end);
            let at = woken.at.min(last).max(waker.start);
            self.add(at, from, Rank::Within, Mark::Arrow { from, id: place });
            self.add(poll.start, place, Rank::Within, Mark::ArrowHead { id: place });
        }
    }

    /// A task stood in the queue from its wake, or from the end of the poll in which it was woken.
    fn queued(&mut self, task: usize, before: Option<usize>, woken: &'a Woken, until: Instant, poll: usize) {
        self.changes.push((woken.at, 1));
        let from = before.map_or(woken.at, |before| self.story.polls[before].end.max(woken.at));
        if from < until {
            let order = woken.during.or(before).unwrap_or_else(|| self.poll_before(from).min(poll));
            self.add(from, order, Rank::After, Mark::Queued { task, until, woken });
        }
    }

    fn task(&mut self, task: usize) {
        let life = &self.story.tasks[task];
        for wait in self.story.waits(task).filter(|wait| wait.from < wait.until) {
            let order = wait.after.unwrap_or_else(|| self.poll_before(wait.from));
            self.add(wait.from, order, Rank::After, Mark::Wait(task, wait));
        }
        if let Some(woken) = &life.ready {
            self.queued(task, life.polls.last().copied(), woken, self.story.end, self.story.polls.len());
        }
        if let Some((at, by)) = life.aborted {
            self.add(at, self.poll_before(at), Rank::Within, Mark::Abort { task, by });
        }
    }

    fn counts(&mut self) {
        let mut ready = 0;
        let changes = by_number(std::mem::take(&mut self.changes), |(at, _)| at.nanos());
        for now in changes.chunk_by(|one, next| one.0 == next.0) {
            let by: i64 = now.iter().map(|change| change.1).sum();
            ready += by;
            if by != 0 {
                let ready = u64::try_from(ready).unwrap_or(0);
                self.add(now[0].0, usize::MAX, Rank::Count, Mark::Ready(ready));
            }
        }
    }
}
