//! The canonical text of an event: one stable line, the same in recordings, golden tests and docs.

use std::fmt::{self, Debug, Display, Formatter};

use super::{
    Cause, Class, Direction, Event, Kind, Leaf, Outcome, Phase, RuntimeId, SourceId, TaskId, TimerId, Via, Wait,
};

macro_rules! numbered {
    ($($name:ident),*) => {$(
        impl Display for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(&self.0, f)
            }
        }
        impl Debug for $name {
            fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }
    )*};
}
numbered!(TaskId, TimerId, SourceId, RuntimeId);

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Task => "task",
            Kind::Root => "root",
            Kind::Blocking => "blocking",
            Kind::Cpu => "cpu",
        })
    }
}

impl Display for Phase {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Phase::Collect => "collect",
            Phase::Fire => "fire",
            Phase::Run => "run",
            Phase::Park => "park",
            Phase::Dispatch => "dispatch",
        })
    }
}

impl Display for Direction {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Direction::Read => "readable",
            Direction::Write => "writable",
        })
    }
}

impl Display for Outcome {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Outcome::Ready => "ready",
            Outcome::Panicked => "panicked",
            Outcome::Cancelled => "cancelled",
        })
    }
}

impl Display for Cause {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Spawned => f.write_str("spawned"),
            Cause::Task(id) => write!(f, "task {id}"),
            Cause::Timer(id) => write!(f, "timer {id}"),
            Cause::Source(id, direction) => write!(f, "socket {id} {direction}"),
            Cause::Thread(Some(name)) => write!(f, "thread {name:?}"),
            Cause::Thread(None) => f.write_str("a thread"),
            Cause::Job => f.write_str("its job ended"),
            Cause::Aborted => f.write_str("aborted"),
            Cause::Outside => f.write_str("outside"),
        }
    }
}

impl Display for Wait {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Look => f.write_str("not at all"),
            Wait::Timer(id) => write!(f, "until timer {id}"),
            Wait::Forever => f.write_str("until woken"),
            Wait::AtMost(limit) => write!(f, "for {limit:?} at most"),
        }
    }
}

impl Display for Leaf {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Leaf::Timer { timer, site } => write!(f, "timer {timer} made at {site}"),
            Leaf::Source { source, direction, site } => write!(f, "socket {source} to be {direction} at {site}"),
            Leaf::Join { task, spawned } => write!(f, "task {task} spawned at {spawned}"),
            Leaf::Sync { what, site, made, .. } => write!(f, "{what} at {site} (made at {made})"),
        }
    }
}

impl Display for Class {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Timer => "timer",
            Class::Socket => "socket",
            Class::Lock => "lock",
            Class::Channel => "channel",
            Class::Signal => "signal",
            Class::Join => "join",
            Class::Pool => "pool",
            Class::Other => "other",
        })
    }
}

impl Display for Via {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let made = if self.what == Via::ENDED { ", spawned at" } else { " made at" };
        write!(f, "{}{made} {}", self.what, self.made)
    }
}

/// The whole line: the brief one, and the places in the source that the leaves know.
impl Display for Event {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Display::fmt(&Brief(self), f)?;
        match self {
            Event::Wake { via: Some(via), .. } | Event::Merge { via: Some(via), .. } => write!(f, ", which {via}"),
            Event::Pending { on: Some(leaf), .. } => write!(f, ", for {leaf}"),
            _ => Ok(()),
        }
    }
}

/// The line that tells what follows what, and no place of the source: the form that tests of an order compare.
pub(super) struct Brief<'a>(pub(super) &'a Event);

impl Brief<'_> {
    /// Whether the event is a step in the order at all. What tells of something new names places or addresses.
    pub(super) fn is_step(&self) -> bool {
        !matches!(self.0, Event::Spawn { .. } | Event::Register { .. })
    }
}

impl Display for Brief<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            Event::Turn(n) => write!(f, "turn {n}"),
            Event::Phase(phase) => write!(f, "{phase}"),
            Event::Spawn { task, kind, name, by, site } => {
                write!(f, "spawn {task} {kind}")?;
                if let Some(name) = name {
                    write!(f, " {name:?}")?;
                }
                if let Some(by) = by {
                    write!(f, " by {by}")?;
                }
                write!(f, " at {site}")
            }
            Event::Wake { task, cause, .. } => write!(f, "wake {task}: {cause}"),
            Event::Merge { task, cause, .. } => write!(f, "wake {task} again: {cause}"),
            Event::Poll(task) => write!(f, "poll {task}"),
            Event::Pending { task, .. } => write!(f, "pending {task}"),
            Event::Done { task, outcome } => write!(f, "done {task} {outcome}"),
            Event::Abort { task, by: Some(by) } => write!(f, "abort {task} by {by}"),
            Event::Abort { task, by: None } => write!(f, "abort {task}"),
            Event::Park(wait) => write!(f, "park {wait}"),
            Event::Unpark(1) => f.write_str("unpark with 1 event"),
            Event::Unpark(n) => write!(f, "unpark with {n} events"),
            Event::Jump(by) => write!(f, "jump {by:?}"),
            Event::Register { source, thing, address } => {
                write!(f, "register {source} {thing}")?;
                address.as_ref().map_or(Ok(()), |address| write!(f, " {address}"))
            }
            Event::Lost { task, what, lost, site } => {
                f.write_str("lost")?;
                if let Some(task) = task {
                    write!(f, " by {task}")?;
                }
                write!(f, ": {lost}, of {what} at {site}")
            }
            Event::Stuck { tasks, why } => {
                f.write_str("stuck")?;
                for (n, task) in tasks.iter().enumerate() {
                    write!(f, "{}{task}", if n > 0 { ", " } else { " " })?;
                }
                write!(f, ": {why}")
            }
        }
    }
}
