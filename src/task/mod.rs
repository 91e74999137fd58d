//! The task that runs, all others, and values that belong to a task.
//!
//! What makes tasks and awaits them is here as well, under the names that tokio gives it, so that a program ports by
//! renaming the path.
//!
//! ```
//! use glassloop::task;
//!
//! glassloop::run(async {
//!     let child = task::spawn(async { task::id() });
//!     let id = child.id();
//!     assert_eq!(child.await.unwrap(), id);
//! });
//! ```

mod context;
mod inherit;
mod info;
mod local;

pub use info::{all, id, name, try_id};
pub use inherit::{Inherit, inherit};
pub use local::{AccessError, LocalKey, TaskLocalFuture};

pub use crate::cell::JoinError;
/// tokio's name for what here is [`spawn`]: every task is local.
pub use crate::join::spawn as spawn_local;
pub use crate::join::{AbortHandle, JoinHandle, JoinSet, spawn, spawn_blocking, yield_now};
/// tokio's name for a [`TaskId`](crate::TaskId).
pub use crate::trace::TaskId as Id;
