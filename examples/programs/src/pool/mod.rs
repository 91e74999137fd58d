//! A pool of connections to PostgreSQL: a few are made and kept, more are made while they are needed.

mod connection;
mod error;
mod guard;
mod keeper;

pub use connection::{Driver, connect};
pub use error::{ConnectError, Holder, PoolError, QueryError};
pub use guard::Guard;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Notify, OwnedSemaphorePermit, Semaphore};
use glassloop::time::{Instant, timeout_at};
use glassloop::{JoinHandle, TaskId, spawn_named, task};
use tokio_postgres::{Client, Config};

/// How many connections, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// So many are made at the start, and kept.
    pub min: usize,
    /// Never more than this many.
    pub max: usize,
    /// How long [`Pool::get`] may take.
    pub wait: Duration,
    /// How long one more than `min` may rest before it is closed.
    pub rest: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { min: 2, max: 10, wait: Duration::from_secs(30), rest: Duration::from_secs(300) }
    }
}

/// The pool. Its clones are the same pool; when the last is dropped and no [`Guard`] is left, all connections end.
#[derive(Clone)]
pub struct Pool(Rc<Shared>);

/// Whoever is to have a connection first has a permit, of which there are `max`. A connection is made only by who has
/// a permit and finds none resting, or, if there are fewer than `min`, by the keeper, also with a permit. So there are
/// never more than `max`.
struct Shared {
    config: Config,
    limits: Limits,
    permits: Rc<Semaphore>,
    /// The one last used is last, and is taken first: so the others come to rest long enough to be closed. The first are
    /// those that may still be busy.
    idle: RefCell<Vec<Connection>>,
    /// Who has a permit, by a number of its own.
    held: RefCell<BTreeMap<u64, Held>>,
    /// How many were made, ever.
    made: Cell<u64>,
    held_ever: Cell<u64>,
    /// Told when a connection is lost, and when there are fewer than `min` or one more than that comes to rest.
    changed: Rc<Notify>,
    /// Whether the keeper has a moment at which it looks again in any case.
    keeper_looks: Cell<bool>,
}

struct Connection {
    number: u64,
    client: Client,
    /// The server's process, as errors name it.
    backend: i32,
    driver: JoinHandle<()>,
    rests_since: Instant,
}

struct Held {
    task: Option<TaskId>,
    name: Option<std::sync::Arc<str>>,
    site: &'static Location<'static>,
    since: Instant,
}

impl Pool {
    /// Makes `limits.min` connections, and a pool of them.
    ///
    /// # Errors
    /// If they cannot be made.
    ///
    /// # Panics
    /// If `min` is more than `max`, and outside of a running loop.
    pub async fn connect(config: Config, limits: Limits) -> Result<Pool, PoolError> {
        assert!(limits.min <= limits.max, "a pool keeps at most as many connections as it may have");
        let shared = Rc::new(Shared {
            config,
            limits,
            permits: Rc::new(Semaphore::new(limits.max)),
            idle: RefCell::default(),
            held: RefCell::default(),
            made: Cell::new(0),
            held_ever: Cell::new(0),
            changed: Rc::new(Notify::new()),
            keeper_looks: Cell::new(false),
        });
        for _ in 0..limits.min {
            let connection = shared.make(Instant::now() + limits.wait).await?;
            shared.idle.borrow_mut().push(connection);
        }
        spawn_named("pool keeper", keeper::keep(Rc::downgrade(&shared), shared.changed.clone())).detach();
        Ok(Pool(shared))
    }

    /// Waits for a connection, in the order of the calls. It comes back to the pool when the guard is dropped.
    ///
    /// # Errors
    /// If none is free in time (the error names who holds them), if a new one cannot be made, and if the pool is
    /// closed.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line.
    #[track_caller]
    pub fn get(&self) -> impl Future<Output = Result<Guard, PoolError>> {
        let site = Location::caller();
        async move {
            let deadline = Instant::now() + self.0.limits.wait;
            let permit = match timeout_at(deadline, self.0.permits.clone().acquire_owned()).await {
                Ok(permit) => permit.map_err(|_| PoolError::Closed)?,
                Err(_) => return Err(self.0.busy()),
            };
            let place = Place::take(self.0.clone(), permit, site);
            let connection = match self.0.rested() {
                Some(connection) => connection,
                None => self.0.make(deadline).await?,
            };
            Ok(Guard::new(connection, place))
        }
    }

    /// How many connections there are: resting, held or being made.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// How many connections were made, from the beginning.
    #[must_use]
    pub fn made(&self) -> u64 {
        self.0.made.get()
    }

    /// Waits until all connections are back, lets nobody have one any more, and ends them as PostgreSQL wants it.
    pub async fn close(self) {
        let all = u32::try_from(self.0.limits.max).unwrap_or(u32::MAX);
        let all = self.0.permits.acquire_many(all).await;
        self.0.permits.close();
        let idle = self.0.idle.take();
        drop(all);
        for Connection { client, driver, .. } in idle {
            drop(client); // its driver says goodbye to the server
            let _ = driver.await; // a panic in it was told already
        }
    }
}

impl Shared {
    fn size(&self) -> usize {
        self.idle.borrow().len() + self.held.borrow().len()
    }

    /// One that rests and still lives.
    fn rested(&self) -> Option<Connection> {
        loop {
            let connection = self.idle.borrow_mut().pop()?;
            if !connection.client.is_closed() {
                return Some(connection);
            }
        }
    }

    async fn make(self: &Rc<Self>, deadline: Instant) -> Result<Connection, ConnectError> {
        match timeout_at(deadline, self.greet()).await {
            Ok(made) => made,
            Err(late) => Err(self.failed(io::Error::from(late).into())),
        }
    }

    async fn greet(self: &Rc<Self>) -> Result<Connection, ConnectError> {
        let (client, driver) = connect(&self.config).await?;
        let number = self.made.get() + 1;
        self.made.set(number);
        let shared = Rc::downgrade(self);
        let driver = spawn_named(format!("postgres {number}"), async move {
            let _ = driver.await; // whoever has a query on it hears of it
            if let Some(shared) = shared.upgrade() {
                shared.lost(number);
            }
        });
        let row = client.query_one("SELECT pg_backend_pid()", &[]).await;
        let backend = row.map_err(|error| self.failed(error.into()))?.get(0);
        Ok(Connection { number, client, backend, driver, rests_since: Instant::now() })
    }

    fn failed(&self, cause: error::Cause) -> ConnectError {
        ConnectError { address: connection::address(&self.config), cause }
    }

    /// A connection has ended. If it is held, its guard will see that.
    fn lost(&self, number: u64) {
        let gone: Vec<_> =
            self.idle.borrow_mut().extract_if(.., |connection| connection.number == number).collect();
        drop(gone); // with nothing borrowed
        self.changed.notify_one();
    }

    fn busy(&self) -> PoolError {
        let now = Instant::now();
        let held = self.held.borrow();
        let holders = held.values().map(|held| Holder {
            task: held.task,
            name: held.name.clone(),
            site: held.site,
            held: now.duration_since(held.since),
        });
        PoolError::Busy { waited: self.limits.wait, holders: holders.collect() }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.changed.notify_one(); // the keeper sees that there is nothing to keep
    }
}

/// The right to have a connection, and who has it. Dropped, the next in line has it.
struct Place {
    shared: Rc<Shared>,
    number: u64,
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn take(shared: Rc<Shared>, permit: OwnedSemaphorePermit, site: &'static Location<'static>) -> Place {
        let number = shared.held_ever.get();
        shared.held_ever.set(number + 1);
        let held = Held { task: task::try_id(), name: task::name(), site, since: Instant::now() };
        shared.held.borrow_mut().insert(number, held);
        Place { shared, number, _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.shared.held.borrow_mut().remove(&self.number);
        self.shared.let_go();
    }
}
