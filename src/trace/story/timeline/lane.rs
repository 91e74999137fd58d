//! One line of a timeline: what takes most of each column's time.

use std::time::Duration;

use super::Scale;
use crate::clock::Instant;
use crate::trace::Class;

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mark {
    Nothing,
    Ran,
    RanBriefly,
    Queued,
    Asleep,
    Waited(Class),
    Cancelled,
    Panicked,
}

impl Mark {
    /// The character, so that it can be read without colours, and its colour, as ANSI parameters.
    pub(super) fn look(self) -> (char, &'static str) {
        match self {
            Mark::Nothing => (' ', ""),
            Mark::Ran => ('█', "1"),
            Mark::RanBriefly => ('│', "1"),
            Mark::Queued => ('▒', "33"),
            Mark::Asleep => ('▁', "2"),
            Mark::Waited(Class::Timer) => ('·', "34"),
            Mark::Waited(Class::Socket) => ('~', "36"),
            Mark::Waited(Class::Lock) => ('#', "31"),
            Mark::Waited(Class::Channel) => ('=', "35"),
            Mark::Waited(Class::Signal) => (':', "35"),
            Mark::Waited(Class::Join) => ('─', "2"),
            Mark::Waited(Class::Pool) => ('+', "32"),
            Mark::Waited(Class::Other) => ('?', "2"),
            Mark::Cancelled => ('x', "31"),
            Mark::Panicked => ('!', "1;31"),
        }
    }

    /// What the legend says of it.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Mark::Nothing => "",
            Mark::Ran => "runs",
            Mark::RanBriefly => "runs briefly",
            Mark::Queued => "in the queue",
            Mark::Asleep => "asleep",
            Mark::Waited(Class::Timer) => "timer",
            Mark::Waited(Class::Socket) => "socket",
            Mark::Waited(Class::Lock) => "lock",
            Mark::Waited(Class::Channel) => "channel",
            Mark::Waited(Class::Signal) => "signal",
            Mark::Waited(Class::Join) => "task",
            Mark::Waited(Class::Pool) => "pool",
            Mark::Waited(Class::Other) => "unknown",
            Mark::Cancelled => "cancelled",
            Mark::Panicked => "panicked",
        }
    }
}

/// What happened to a task, or to the loop, as columns.
pub(super) struct Lane<'a> {
    scale: &'a Scale,
    columns: Vec<Column>,
}

#[derive(Clone, Default)]
struct Column {
    ran: Duration,
    /// However brief they are, polls show in the column of their middle.
    has_poll: bool,
    /// What it did the rest of the time, and how long; a few of them at most.
    else_did: Vec<(Mark, Duration)>,
    end: Option<Mark>,
}

impl<'a> Lane<'a> {
    pub(super) fn new(scale: &'a Scale) -> Lane<'a> {
        Lane { scale, columns: vec![Column::default(); scale.columns] }
    }

    pub(super) fn runs(&mut self, from: Instant, until: Instant) {
        self.each(from, until, |column, time| column.ran += time);
        self.columns[self.scale.column(from + (until - from) / 2)].has_poll = true;
    }

    pub(super) fn does(&mut self, mark: Mark, from: Instant, until: Instant) {
        self.each(from, until, |column, time| match column.else_did.iter_mut().find(|done| done.0 == mark) {
            Some(done) => done.1 += time,
            None => column.else_did.push((mark, time)),
        });
    }

    pub(super) fn ends(&mut self, mark: Mark, at: Instant) {
        self.columns[self.scale.column(at)].end = Some(mark);
    }

    /// Gives `add` each column that the stretch touches, with the time that it has in it.
    fn each(&mut self, from: Instant, until: Instant, mut add: impl FnMut(&mut Column, Duration)) {
        for at in self.scale.column(from)..=self.scale.column(until) {
            let time = until.min(self.scale.start(at + 1)) - from.max(self.scale.start(at));
            if !time.is_zero() {
                add(&mut self.columns[at], time);
            }
        }
    }

    pub(super) fn marks(self) -> Vec<Mark> {
        let half = self.scale.length / self.scale.columns as u32 / 2;
        let mark = |column: Column| {
            let rest =
                column.else_did.iter().max_by_key(|(_, time)| *time).map_or(Mark::Nothing, |(mark, _)| *mark);
            match column {
                Column { end: Some(end), .. } => end,
                Column { ran, .. } if !ran.is_zero() && ran >= half => Mark::Ran,
                Column { has_poll: true, .. } => Mark::RanBriefly,
                _ => rest,
            }
        };
        self.columns.into_iter().map(mark).collect()
    }
}
