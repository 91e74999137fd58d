//! The page of text.

use std::fmt::{self, Display, Formatter};
use std::panic::Location;

use super::{Advice, Busy, Explain, HELD, Held, Locked, Who};
use crate::trace::Kind;
use crate::trace::story::words::{Share, Time, count};

/// Of many steps so many are listed.
const LISTED: usize = 6;

impl Display for Explain {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.dropped > 0 {
            writeln!(f, "({} dropped: what follows is of the rest)", count(self.dropped as usize, "older event"))?;
        }
        let (polls, tasks) = (count(self.polls, "poll"), count(self.tasks, "task"));
        let (busy, asleep) = (Share(self.busy, self.length), Share(self.asleep, self.length));
        writeln!(
            f,
            "{}, {tasks}, {polls}: the loop ran tasks {busy} of the time and slept {asleep}",
            Time(self.length)
        )?;
        let queued = self.queued;
        let (p50, p99, max) = (Time(queued.p50), Time(queued.p99), Time(queued.max));
        writeln!(f, "time in the queue: p50 {p50}, p99 {p99}, max {max}")?;
        if !self.busiest.is_empty() {
            writeln!(f, "\nwho ran longest")?;
        }
        self.busiest.iter().try_for_each(|busy| writeln!(f, "{busy}"))?;
        let blank = |f: &mut Formatter<'_>, is_needed| if is_needed { writeln!(f) } else { Ok(()) };
        blank(f, !self.held.is_empty())?;
        self.held.iter().try_for_each(|held| writeln!(f, "{held}"))?;
        blank(f, !self.locks.is_empty())?;
        self.locks.iter().try_for_each(|locked| writeln!(f, "{locked}"))?;
        self.advice.iter().try_for_each(|advice| write!(f, "\n{advice}"))?;
        blank(f, !self.reports.is_empty())?;
        self.reports.iter().try_for_each(|event| writeln!(f, "{event}"))
    }
}

/// A place in the source without its column.
struct At(&'static Location<'static>);

impl Display for At {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0.file(), self.0.line())
    }
}

impl Display for Who {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Blocking | Kind::Cpu => write!(f, "job {}", self.id)?,
            Kind::Task | Kind::Root => write!(f, "task {}", self.id)?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        self.site.map_or(Ok(()), |site| write!(f, " ({})", At(site)))
    }
}

impl Display for Busy {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "  {:>7} in {}", Time(self.total), count(self.polls, "poll"))?;
        if self.polls > 1 {
            write!(f, ", the longest {}", Time(self.longest))?;
        }
        write!(f, ": {}", self.task)
    }
}

impl Display for Held {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} held the loop for {}", self.task, Time(self.time))?;
        match self.waited.len() {
            0 => f.write_str("; nobody waited")?,
            waited => write!(f, "; {} waited", count(waited, "task"))?,
        }
        match self.times {
            ..2 => Ok(()),
            times => write!(f, "; {} of its polls took {} or longer", times, Time(HELD)),
        }
    }
}

impl Display for Locked {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let waited = if self.ended { "waited" } else { "has waited" };
        write!(f, "{} {waited} {} for {} at {}", self.task, Time(self.time), self.what, At(self.site))?;
        if let Some((holder, via)) = &self.holder {
            write!(f, ",\n  until {holder} {}", via.what)?;
        }
        write!(f, "\n  (made at {}", At(self.made))?;
        match self.waits {
            ..2 => f.write_str(")"),
            waits => write!(f, ": {waits} waits, {} in all)", Time(self.total)),
        }
    }
}

impl Display for Advice {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "these {} awaits of {} ran one after another", self.steps.len(), self.task)?;
        for step in self.steps.iter().take(LISTED) {
            writeln!(f, "  {:>7} for {}", Time(step.length()), step.what)?;
        }
        if let more @ 1.. = self.steps.len().saturating_sub(LISTED) {
            writeln!(f, "          and for {more} more")?;
        }
        let (together, in_turn) = (Time(self.together), Time(self.in_turn));
        write!(f, "together they would take {together} instead of {in_turn}, if none needs another's result")?;
        match self.times {
            ..2 => writeln!(f),
            times => writeln!(f, "; so {times} times"),
        }
    }
}
