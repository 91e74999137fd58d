//! The spawners of `futures`.

use std::fmt;

use futures_task::{FutureObj, LocalFutureObj, LocalSpawn, Spawn, SpawnError};

use crate::join::{spawn, try_spawn};
use crate::runtime::Handle;

/// Spawns on the loop that runs on this thread: for code that is generic over `futures`' [`LocalSpawn`] or [`Spawn`].
///
/// # Errors
/// `SpawnError` where no loop runs.
///
/// # Examples
/// ```
/// use futures_task::LocalSpawn;
/// use glassloop::compat::LocalSpawner;
/// use std::{cell::Cell, rc::Rc};
///
/// let done = Rc::new(Cell::new(false));
/// let mark = done.clone();
/// glassloop::run(async {
///     LocalSpawner.spawn_local_obj(Box::new(async move { mark.set(true) }).into()).unwrap();
///     glassloop::yield_now().await;
/// });
/// assert!(done.get());
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalSpawner;

impl LocalSpawn for LocalSpawner {
    #[track_caller]
    fn spawn_local_obj(&self, future: LocalFutureObj<'static, ()>) -> Result<(), SpawnError> {
        try_spawn(future).map(|task| task.detach()).map_err(|_| SpawnError::shutdown())
    }

    fn status_local(&self) -> Result<(), SpawnError> {
        Handle::try_current().map(drop).map_err(|_| SpawnError::shutdown())
    }
}

impl Spawn for LocalSpawner {
    #[track_caller]
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.spawn_local_obj(future.into())
    }

    fn status(&self) -> Result<(), SpawnError> {
        self.status_local()
    }
}

/// Spawns on one loop from any thread: `futures`' [`Spawn`] by way of a [`Handle`].
///
/// # Errors
/// `SpawnError` once the runtime is gone.
#[derive(Clone)]
pub struct Spawner(Handle);

impl From<Handle> for Spawner {
    fn from(handle: Handle) -> Spawner {
        Spawner(handle)
    }
}

impl Spawn for Spawner {
    fn spawn_obj(&self, future: FutureObj<'static, ()>) -> Result<(), SpawnError> {
        self.0.call_soon(move || spawn(future).detach()).map_err(|_| SpawnError::shutdown())
    }
}

impl fmt::Debug for Spawner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Spawner").field(&self.0).finish()
    }
}
