//! Tasks as their makers see them: spawn, await, abort, join.

mod all;
mod handle;
mod remote;
mod spawn;

pub use all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use handle::{AbortHandle, JoinHandle};
pub use remote::{RemoteError, RemoteHandle};
pub use spawn::{YieldNow, spawn, spawn_blocking, spawn_named, try_spawn, try_spawn_blocking, yield_now};
