//! Tasks as their makers see them: spawn, await, abort, join.

mod all;
mod finish;
mod group;
mod handle;
mod remote;
mod scope;
mod set;
mod shield;
mod spawn;
mod stay;

pub use all::{JoinAll, TryJoinAll, join_all, try_join_all};
pub use finish::Finished;
pub use group::{ChildError, Failure, GroupError, GroupHandle, TaskGroup};
pub use handle::{AbortHandle, JoinHandle};
pub use remote::{RemoteError, RemoteHandle};
pub use scope::{Scope, ScopeHandle, scope};
pub use set::{JoinNext, JoinNextWithId, JoinSet};
pub use shield::{Shield, shield};
pub use spawn::{
    YieldNow, spawn, spawn_blocking, spawn_checked, spawn_checked_named, spawn_cpu, spawn_named, try_spawn,
    try_spawn_blocking, try_spawn_cpu, yield_now,
};
pub use stay::{Stay, stay};
