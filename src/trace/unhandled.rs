//! A failure that nobody will see, and what is done about it.

use std::fmt;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::TaskId;

/// A task's failure that nobody will see: its handle was dropped, or the task was detached, before it was read.
///
/// Its `Display` is the report in one line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unhandled {
    /// The task.
    pub id: TaskId,
    /// Its name, if it was given one, and its loop still lives.
    pub name: Option<Arc<str>>,
    /// Where it was spawned.
    pub site: &'static Location<'static>,
    /// How it failed.
    pub how: Failed,
    /// The words of its panic or of its error.
    pub message: String,
}

/// How a task failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failed {
    /// It panicked, or the destructor of its output did.
    Panicked,
    /// It was made by [`spawn_checked`](crate::spawn_checked), and returned an `Err`.
    Error,
}

impl fmt::Display for Unhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Unhandled { id, name, site, how, message } = self;
        write!(f, "task {id}")?;
        if let Some(name) = name {
            write!(f, " {name:?}")?;
        }
        let how = match how {
            Failed::Panicked => "panicked",
            Failed::Error => "returned an error",
        };
        write!(f, ", spawned at {site}, {how}, and nobody holds its handle: {message}")
    }
}

/// What a runtime does when a task fails and nobody will see it; see
/// [`Builder::on_unhandled`](crate::Builder::on_unhandled).
#[derive(Clone, Default)]
#[non_exhaustive]
pub enum OnUnhandled {
    /// It says so on standard error, at once.
    #[default]
    Report,
    /// Nothing. Of a panic the program's panic hook has told already, but not which task it was.
    Ignore,
    /// It stops: no task is polled any more, and `block_on`, `try_block_on` and `Guest::turn` panic with the report; so
    /// does every later call of theirs. The tasks are dropped with the runtime, as ever.
    Shutdown,
    /// It calls this, on the loop's thread, at once, with nothing of the loop's borrowed. It may spawn, wake and abort.
    ///
    /// At once is where the last handle is dropped, which may be inside a borrow of the program's own. If it panics,
    /// both its panic and the failure are said on standard error.
    Call(Rc<dyn Fn(&Unhandled)>),
}

impl OnUnhandled {
    /// [`Call`](OnUnhandled::Call), with the closure to be called.
    #[must_use]
    pub fn call(act: impl Fn(&Unhandled) + 'static) -> OnUnhandled {
        OnUnhandled::Call(Rc::new(act))
    }
}

impl fmt::Debug for OnUnhandled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            OnUnhandled::Report => "Report",
            OnUnhandled::Ignore => "Ignore",
            OnUnhandled::Shutdown => "Shutdown",
            OnUnhandled::Call(_) => "Call(_)",
        })
    }
}
