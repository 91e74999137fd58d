//! What putting and getting may answer.

use std::error::Error;
use std::fmt;

/// The queue is closed; the item that was not put in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PutError<T>(pub T);

/// Nothing was put in; the item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TryPutError<T> {
    /// There is no room, or what there is belongs to others who wait.
    Full(T),
    /// The queue is closed.
    Closed(T),
}

/// The queue is closed, and nothing is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GetError(pub(super) ());

/// Nothing was taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryGetError {
    /// Nothing is in it, or what is belongs to others who wait.
    Empty,
    /// The queue is closed, and nothing is in it.
    Closed,
}

impl<T> TryPutError<T> {
    /// The item that was not put in.
    #[must_use]
    pub fn into_inner(self) -> T {
        match self {
            TryPutError::Full(item) | TryPutError::Closed(item) => item,
        }
    }
}

// The item need not be `Debug`.
impl<T> fmt::Debug for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PutError").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TryPutError::Full(_) => f.write_str("Full(..)"),
            TryPutError::Closed(_) => f.write_str("Closed(..)"),
        }
    }
}

const PUT_CLOSED: &str = "queue closed: nothing can be put in any more";
const GET_CLOSED: &str = "queue closed, and all that was in it was taken out";

impl<T> fmt::Display for PutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(PUT_CLOSED)
    }
}

impl<T> fmt::Display for TryPutError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryPutError::Full(_) => "queue full: wait for room with `put`, or try later",
            TryPutError::Closed(_) => PUT_CLOSED,
        })
    }
}

impl fmt::Display for GetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(GET_CLOSED)
    }
}

impl fmt::Display for TryGetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TryGetError::Empty => "queue empty: wait for an item with `get`, or try later",
            TryGetError::Closed => GET_CLOSED,
        })
    }
}

impl<T> Error for PutError<T> {}
impl<T> Error for TryPutError<T> {}
impl Error for GetError {}
impl Error for TryGetError {}
