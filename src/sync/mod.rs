//! How tasks of one thread wait for each other: locks, signals, channels.
//!
//! Everything here is local: `!Send`, without atomics, for tasks of one thread. To reach a loop from another thread
//! there are [`Handle`](crate::Handle) and [`spawn_blocking`](crate::spawn_blocking).
//!
//! # Scheduling
//! All of it is fair: first come, first served, and what is handed to a task that waits cannot be taken by one that
//! comes in between. A future that is dropped leaves its line; what it was handed and did not take goes to the next.
//!
//! Every wait has a place in the source, which a [dump](crate::dump) and the report of a deadlock tell.

mod mutex;

pub use mutex::{Mutex, MutexGuard, OwnedMutexGuard};

use std::fmt;

/// The lock is held by somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TryLockError(());

impl fmt::Display for TryLockError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the lock is held by somebody else; wait for it with `.lock().await`, or try later")
    }
}

impl std::error::Error for TryLockError {}
