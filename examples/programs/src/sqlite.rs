//! SQLite, owned by one thread: its calls block, so they are made where they may.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use glassloop::{JoinHandle, spawn_blocking};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

/// How many calls may wait for the thread; who comes then waits for room.
const WAITING: usize = 64;

type Call = Box<dyn FnOnce(&mut Connection) + Send>;

/// An open database. Calls are made one after the other, in their order. Drop it before its runtime, which waits for
/// the thread.
///
/// The channels are tokio's, not ours: ours stay on the loop's thread. They need nothing of tokio's runtime, and their
/// wake of a task from the other thread arrives through the loop's inbox like any other.
pub struct Database {
    calls: mpsc::Sender<Call>,
    owner: JoinHandle<rusqlite::Result<()>>,
}

impl Database {
    /// Opens a file, or makes it, on a thread of the blocking pool, which has no other job until
    /// [`close`](Database::close).
    ///
    /// # Errors
    /// If SQLite cannot open it.
    ///
    /// # Panics
    /// Outside of a running loop.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Database, CallError> {
        let path = path.into();
        Database::from(move || Connection::open(path)).await
    }

    /// Opens a database in memory, which ends with it.
    ///
    /// # Errors
    /// As [`open`](Database::open).
    ///
    /// # Panics
    /// As [`open`](Database::open).
    pub async fn in_memory() -> Result<Database, CallError> {
        Database::from(Connection::open_in_memory).await
    }

    async fn from(
        open: impl FnOnce() -> rusqlite::Result<Connection> + Send + 'static,
    ) -> Result<Database, CallError> {
        let (calls, mut called) = mpsc::channel::<Call>(WAITING);
        let owner = spawn_blocking(move || {
            let mut connection = open()?;
            while let Some(call) = called.blocking_recv() {
                // A panic that comes through is of an answer that nobody took, when it was dropped.
                let _ = catch_unwind(AssertUnwindSafe(|| call(&mut connection)));
                if !connection.is_autocommit() {
                    connection.execute_batch("ROLLBACK")?; // or the next call would be inside of its transaction
                }
            }
            connection.close().map_err(|(_, error)| error)
        });
        let database = Database { calls, owner };
        match database.call(|_| Ok(())).await {
            Ok(()) => Ok(database),
            Err(_) => {
                Err(CallError::Sqlite(database.close().await.expect_err("the owner of an open one answers")))
            }
        }
    }

    /// Makes `call` on the database's thread, and gives what it returns. An error, or a panic, is this caller's alone: a
    /// transaction that it left open, as a batch does that fails before its `COMMIT`, is rolled back.
    ///
    /// # Errors
    /// What SQLite says; and if `call` panics.
    ///
    /// # Cancel safety
    /// Dropped before its turn, the call is not made; afterwards it cannot be taken back.
    pub async fn call<T, F>(&self, call: F) -> Result<T, CallError>
    where
        F: FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
        T: Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let call: Call = Box::new(move |connection| {
            if !answer.is_closed() {
                let done = catch_unwind(AssertUnwindSafe(|| call(connection)));
                let _ = answer.send(done); // who left meanwhile wants no answer
            }
        });
        self.calls.send(call).await.map_err(|_| CallError::Closed)?;
        match answered.await {
            Ok(Ok(done)) => done.map_err(CallError::Sqlite),
            Ok(Err(payload)) => Err(CallError::Panicked(words(&*payload))),
            Err(_) => Err(CallError::Closed),
        }
    }

    /// Closes the database, and waits for that. Nobody is cut off: a call borrows the database until it is answered.
    ///
    /// # Errors
    /// What SQLite says to the closing.
    pub async fn close(self) -> rusqlite::Result<()> {
        drop(self.calls); // the owner's last `blocking_recv` returns
        self.owner.await.expect("calls are caught, and nobody can abort the owner")
    }
}

/// The message of a panic.
fn words(payload: &(dyn std::any::Any + Send)) -> String {
    let text =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("a value that is no text").to_owned()
}

/// What became of a call that failed.
#[derive(Debug)]
pub enum CallError {
    /// SQLite's error.
    Sqlite(rusqlite::Error),
    /// The call panicked, with this message.
    Panicked(String),
    /// The database could not be opened, or its thread has ended.
    Closed,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CallError::Sqlite(error) => write!(f, "{error}"),
            CallError::Panicked(words) => write!(f, "the call panicked: {words}"),
            CallError::Closed => f.write_str("the database is closed"),
        }
    }
}

impl std::error::Error for CallError {}
