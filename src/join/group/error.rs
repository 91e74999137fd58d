//! What a group failed with.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use crate::cell::{JoinError, TaskRef};
use crate::panics::say;
use crate::state::End;
use crate::trace::TaskId;

/// Why a [`TaskGroup`](crate::TaskGroup) failed: the first failure, and those that happened while the others were
/// cancelled.
///
/// Its `Display` is one line, with id, name and spawn site of each. Its `source` is the first failure's error.
pub struct GroupError<E> {
    /// At least one, in the order in which they happened.
    failures: Vec<Failure<E>>,
}

/// One failure in a group: an error or a panic of a child, or an error of the body.
pub struct Failure<E> {
    /// `None`: the body.
    task: Option<Place>,
    why: Why<E>,
}

struct Place {
    id: TaskId,
    name: Option<Arc<str>>,
    site: &'static Location<'static>,
}

enum Why<E> {
    Error(E),
    Panic(JoinError),
}

impl<E> GroupError<E> {
    pub(super) fn new(failures: Vec<Failure<E>>) -> GroupError<E> {
        GroupError { failures }
    }

    /// What failed first, and cancelled the others.
    #[must_use]
    pub fn first(&self) -> &Failure<E> {
        &self.failures[0]
    }

    /// What failed after it, in this order: panics in destructors of the cancelled, errors of blocking jobs that
    /// could not be cancelled.
    #[must_use]
    pub fn others(&self) -> &[Failure<E>] {
        &self.failures[1..]
    }

    /// All failures, the first in front.
    #[must_use]
    pub fn into_failures(self) -> Vec<Failure<E>> {
        self.failures
    }
}

impl<E> Failure<E> {
    pub(super) fn failed(task: &TaskRef, end: &End, error: E) -> Failure<E> {
        Failure { task: Some(Place::of(task, end)), why: Why::Error(error) }
    }

    pub(super) fn panicked(task: &TaskRef, end: &End, error: JoinError) -> Failure<E> {
        Failure { task: Some(Place::of(task, end)), why: Why::Panic(error) }
    }

    pub(super) fn body(error: E) -> Failure<E> {
        Failure { task: None, why: Why::Error(error) }
    }

    /// The child that failed; `None` for the body.
    #[must_use]
    pub fn id(&self) -> Option<TaskId> {
        Some(self.task.as_ref()?.id)
    }

    /// The child's name, if it was given one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.task.as_ref()?.name.as_deref()
    }

    /// Where the child was spawned.
    #[must_use]
    pub fn site(&self) -> Option<&'static Location<'static>> {
        Some(self.task.as_ref()?.site)
    }

    /// The error that it returned.
    #[must_use]
    pub fn error(&self) -> Option<&E> {
        match &self.why {
            Why::Error(error) => Some(error),
            Why::Panic(_) => None,
        }
    }

    /// The panic that it ended with.
    #[must_use]
    pub fn panic(&self) -> Option<&JoinError> {
        match &self.why {
            Why::Error(_) => None,
            Why::Panic(error) => Some(error),
        }
    }

    /// What it returned, or else the panic that it ended with.
    ///
    /// # Errors
    /// The panic.
    pub fn into_error(self) -> Result<E, JoinError> {
        match self.why {
            Why::Error(error) => Ok(error),
            Why::Panic(error) => Err(error),
        }
    }

    /// Says on standard error that it panicked, for nobody will take it from its group.
    pub(super) fn report(self) {
        if let (Some(place), Why::Panic(error)) = (self.task, self.why) {
            say(format_args!("{place} failed, and its group has nobody to tell: {error}"));
        }
    }
}

impl Place {
    fn of(task: &TaskRef, end: &End) -> Place {
        Place { id: task.id(), name: end.name.clone(), site: task.site() }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.id)?;
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", spawned at {},", self.site)
    }
}

impl<E: fmt::Display> fmt::Display for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.task {
            Some(place) => write!(f, "{place} failed: ")?,
            None => f.write_str("the group's body failed: ")?,
        }
        match &self.why {
            Why::Error(error) => error.fmt(f),
            Why::Panic(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.first().fmt(f)?;
        self.others().iter().try_for_each(|failure| write!(f, "; then {failure}"))
    }
}

impl<E: fmt::Debug> fmt::Debug for Failure<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut failure = f.debug_struct("Failure");
        if let Some(place) = &self.task {
            failure.field("task", &format_args!("{place}"));
        }
        match &self.why {
            Why::Error(error) => failure.field("error", error),
            Why::Panic(error) => failure.field("panic", error),
        };
        failure.finish()
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GroupError").field("failures", &self.failures).finish()
    }
}

impl<E: std::error::Error + 'static> std::error::Error for Failure<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.why {
            Why::Error(error) => Some(error),
            Why::Panic(error) => Some(error),
        }
    }
}

impl<E: std::error::Error + 'static> std::error::Error for GroupError<E> {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.first().source()
    }
}
