//! What a task waits for, and by what it was given it: values that leaves fill in where somebody observes.

use std::panic::Location;
use std::sync::Arc;

use super::{Cause, Direction, Kind, SourceId, TaskId, TimerId};

/// What a task waits for, as the leaf future that made it wait told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Leaf {
    /// A timer.
    Timer {
        /// Which.
        timer: TimerId,
        /// Where it was made.
        site: &'static Location<'static>,
    },
    /// A socket, or something else that the kernel reports.
    Source {
        /// Which.
        source: SourceId,
        /// For what.
        direction: Direction,
        /// Where the operation was begun.
        site: &'static Location<'static>,
    },
    /// Another task's end; a file operation or a look-up of a name waits so for its job's task.
    Join {
        /// Which task.
        task: TaskId,
        /// Where that task was spawned.
        spawned: &'static Location<'static>,
    },
    /// Something that another task gives: a lock, a permit, an item.
    Sync {
        /// The operation: `Mutex::lock`.
        what: &'static str,
        /// Of what kind it is.
        class: Class,
        /// Where it waits.
        site: &'static Location<'static>,
        /// Where the thing was made.
        made: &'static Location<'static>,
    },
}

/// Of what kind a wait is: what a reader of a trace wants to tell apart at a glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Class {
    /// For a moment in time.
    Timer,
    /// For a socket, a child process, a signal.
    Socket,
    /// For a lock or a permit: somebody holds what is waited for.
    Lock,
    /// For an item in a channel or queue, or room for one.
    Channel,
    /// For another task's word: `Notify`, `Event`, `Condition`, `Barrier`.
    Signal,
    /// For another task's end.
    Join,
    /// For a job on a pool.
    Pool,
    /// For a wake that glassloop knows nothing of: another thread's, or a foreign crate's channel.
    Other,
}

impl Leaf {
    /// Of what kind the wait is.
    #[must_use]
    pub fn class(&self) -> Class {
        match self {
            Leaf::Timer { .. } => Class::Timer,
            Leaf::Source { .. } => Class::Socket,
            Leaf::Join { .. } => Class::Join,
            Leaf::Sync { class, .. } => *class,
        }
    }

    /// Where the wait was begun, if the leaf knows it.
    #[must_use]
    pub fn site(&self) -> Option<&'static Location<'static>> {
        match self {
            Leaf::Timer { site, .. } | Leaf::Source { site, .. } | Leaf::Sync { site, .. } => Some(site),
            Leaf::Join { .. } => None,
        }
    }
}

/// What is waited for, as its operation's `static` says it: the address of one stands for it.
#[derive(Debug)]
pub(crate) struct What {
    pub(crate) name: &'static str,
    /// Of what kind the wait is.
    pub(crate) class: Class,
}

/// What a leaf tells of itself: a [`Leaf`], or a [`Leaf::Sync`] by three addresses, which are all that the flight recorder
/// looks at. With name and class for two of its four keys, and room for what is seldom, a wait took 71 instructions to
/// note, and takes 40 so.
pub(crate) enum Found {
    Leaf(Leaf),
    Sync(&'static What, &'static Location<'static>, &'static Location<'static>),
}

impl From<Leaf> for Found {
    #[inline]
    fn from(leaf: Leaf) -> Found {
        Found::Leaf(leaf)
    }
}

impl From<Found> for Leaf {
    #[inline]
    fn from(found: Found) -> Leaf {
        match found {
            Found::Leaf(leaf) => leaf,
            Found::Sync(&What { name: what, class }, site, made) => Leaf::Sync { what, class, site, made },
        }
    }
}

/// By what one task woke another: `released the Mutex`, and where that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Via {
    /// What the task did that it was woken by, as a verb: `released the Mutex`, `sent on the mpsc channel`, `ended`.
    pub what: &'static str,
    /// Where the thing was made; of a task that ended, where it was spawned.
    pub made: &'static Location<'static>,
}

impl Via {
    /// What a task did that woke whoever awaited it.
    pub(crate) const ENDED: &'static str = "ended";
}

/// A [`Via`] as those tell it who wake: by addresses alone. To choose a text by its parts, and to compare them, took 9
/// instructions more a wake.
#[derive(Clone, Copy)]
pub(crate) struct Way {
    pub(crate) what: &'static &'static str,
    pub(crate) made: &'static Location<'static>,
}

impl Way {
    /// A task ended, and woke whoever awaited it; where it was spawned.
    #[inline]
    pub(crate) fn ended(made: &'static Location<'static>) -> Way {
        Way { what: &Via::ENDED, made }
    }
}

impl From<Way> for Via {
    #[inline]
    fn from(Way { what, made }: Way) -> Via {
        Via { what, made }
    }
}

/// Why a task is woken: the whole of it.
pub(crate) struct Why {
    pub(crate) cause: Cause,
    pub(crate) via: Option<Via>,
}

/// What a task is, asked of few: its kind, its name, where it was spawned.
pub(crate) type About = (Kind, Option<Arc<str>>, &'static Location<'static>);

impl From<Cause> for Why {
    fn from(cause: Cause) -> Why {
        Why { cause, via: None }
    }
}
