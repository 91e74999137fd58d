//! How a task can fail.

use std::any::Any;
use std::fmt;
use std::io;
use std::sync::{Mutex, PoisonError};

use crate::panics::{Payload, message_of};
use crate::trace::TaskId;

/// Why a task gave no output: it was cancelled, or it panicked.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let task = glassloop::spawn(std::future::pending::<()>());
///     task.abort();
///     assert!(task.await.unwrap_err().is_cancelled());
/// });
/// ```
pub struct JoinError {
    id: TaskId,
    /// What the panic carried; `None` if the task was cancelled. Behind a mutex because a payload need not be
    /// `Sync` and an error should be; boxed, because every cell has room for a `JoinError`.
    panic: Option<Box<Mutex<Payload>>>,
}

impl JoinError {
    pub(crate) fn cancelled(id: TaskId) -> JoinError {
        JoinError { id, panic: None }
    }

    pub(crate) fn panicked(id: TaskId, payload: Payload) -> JoinError {
        JoinError { id, panic: Some(Box::new(Mutex::new(payload))) }
    }

    /// The task that failed.
    #[must_use]
    pub fn id(&self) -> TaskId {
        self.id
    }

    /// Whether the task was aborted, or its runtime was dropped.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.panic.is_none()
    }

    /// Whether the task panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.panic.is_some()
    }

    /// What the panic carried, to go on with `std::panic::resume_unwind`.
    ///
    /// # Errors
    /// The error itself, if the task did not panic.
    pub fn try_into_panic(self) -> Result<Box<dyn Any + Send + 'static>, JoinError> {
        match self.panic {
            Some(payload) => Ok(payload.into_inner().unwrap_or_else(PoisonError::into_inner)),
            None => Err(self),
        }
    }

    /// What the panic carried, to go on with `std::panic::resume_unwind`.
    ///
    /// # Panics
    /// If the task did not panic; ask [`is_panic`](JoinError::is_panic) first.
    #[must_use]
    pub fn into_panic(self) -> Box<dyn Any + Send + 'static> {
        match self.try_into_panic() {
            Ok(payload) => payload,
            Err(error) => panic!("into_panic was called on a task that did not panic: {error}"),
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(payload) = &self.panic else { return write!(f, "task {} was cancelled", self.id) };
        // Copied: whoever writes is foreign, and may look at this very error.
        let words = message_of(payload.lock().unwrap_or_else(PoisonError::into_inner).as_ref()).to_owned();
        write!(f, "task {} panicked: {words}", self.id)
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JoinError({self})")
    }
}

impl std::error::Error for JoinError {}

/// For `task.await?` where an `io::Result` is returned. The kind is `Other`; [`io::Error::downcast`] gives it back.
///
/// # Examples
/// ```
/// async fn lost() -> std::io::Result<()> {
///     let task = glassloop::spawn(std::future::pending());
///     task.abort();
///     task.await?
/// }
/// let error = glassloop::run(lost()).unwrap_err();
/// assert!(error.downcast::<glassloop::JoinError>().unwrap().is_cancelled());
/// ```
impl From<JoinError> for io::Error {
    fn from(error: JoinError) -> io::Error {
        io::Error::other(error)
    }
}
