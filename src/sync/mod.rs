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
//!
//! | to | there is | in asyncio | in tokio |
//! |---|---|---|---|
//! | keep together what an `.await` parts | [`Mutex`] | `Lock` | `Mutex` |
//! | let many read, or one write | [`RwLock`] | | `RwLock` |
//! | let so many do something at once | [`Semaphore`] | `Semaphore`, `BoundedSemaphore` | `Semaphore` |
//! | wake one, or all who wait | [`Notify`] | | `Notify` |
//! | say that something has happened | [`Event`] | `Event` | |
//! | wait, under a lock, for a change | [`Condition`] | `Condition` | |
//! | meet | [`Barrier`] | `Barrier` | `Barrier` |
//! | make a value once, when it is needed | [`OnceCell`] | | `OnceCell` |
//! | send one value | [`oneshot`] | `Future` | `oneshot` |
//! | send values to one task | [`mpsc`] | | `mpsc` |
//! | send every value to all | [`broadcast`] | | `broadcast` |
//! | show the latest value | [`watch`] | | `watch` |
//! | hand out work, and wait until it is done | [`Queue`], [`PriorityQueue`], [`LifoQueue`] | the same | |
//! | ask work to end | [`CancellationToken`] | | `CancellationToken` (tokio-util) |

mod barrier;
pub mod broadcast;
mod cancellation;
mod condition;
mod event;
mod lock;
pub mod mpsc;
mod mutex;
mod notify;
mod once_cell;
pub mod oneshot;
pub mod queue;
mod rwlock;
mod semaphore;
mod slots;
mod until;
pub mod watch;

pub use barrier::{Barrier, BarrierWaitResult};
pub use cancellation::{CancellationToken, DropGuard, DropGuardRef};
pub use condition::Condition;
pub use event::Event;
pub use mutex::{Guard, Mutex, MutexGuard, OwnedMutexGuard};
pub use notify::{Notified, Notify, OwnedNotified};
pub use once_cell::{OnceCell, SetError};
pub use queue::{LifoQueue, PriorityQueue, Queue};
pub use rwlock::{OwnedRwLockReadGuard, OwnedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard};
pub use semaphore::{AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TryAcquireError};

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
