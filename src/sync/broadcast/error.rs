//! What sending and receiving may answer.

use std::error::Error;
use std::fmt;

/// There is no receiver; the value that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendError<T>(pub T);

/// Nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecvError {
    /// All was taken, and the last sender was dropped.
    Closed,
    /// So many values were let go before this receiver took them.
    Lagged(u64),
}

/// Nothing was received.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TryRecvError {
    /// All was taken; more may come.
    Empty,
    /// All was taken, and the last sender was dropped.
    Closed,
    /// So many values were let go before this receiver took them.
    Lagged(u64),
}

const CLOSED: &str = "channel closed: its last sender was dropped";

fn lagged(f: &mut fmt::Formatter<'_>, n: u64) -> fmt::Result {
    write!(f, "channel lagged by {n}: receive more often, or give the channel a larger capacity")
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("channel closed: it has no receiver")
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            RecvError::Closed => f.write_str(CLOSED),
            RecvError::Lagged(n) => lagged(f, n),
        }
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            TryRecvError::Empty => f.write_str("channel empty: wait with `recv`, or try later"),
            TryRecvError::Closed => f.write_str(CLOSED),
            TryRecvError::Lagged(n) => lagged(f, n),
        }
    }
}

impl<T: fmt::Debug> Error for SendError<T> {}
impl Error for RecvError {}
impl Error for TryRecvError {}
