//! What can fail, in words that name who and what.

use std::error::Error;
use std::fmt;
use std::io;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use glassloop::TaskId;

/// Why there was no connection.
#[derive(Debug)]
pub enum PoolError {
    /// All connections were held for the whole time that one may be waited for.
    Busy {
        /// How long that is.
        waited: Duration,
        /// Who holds one, the longest first.
        holders: Vec<Holder>,
    },
    /// A new one could not be made.
    Connect(ConnectError),
    /// The pool was closed.
    Closed,
}

/// Who holds a connection.
#[derive(Debug, Clone)]
pub struct Holder {
    /// The task that asked for it; none outside of a task.
    pub task: Option<TaskId>,
    /// Its name.
    pub name: Option<Arc<str>>,
    /// Where it asked.
    pub site: &'static Location<'static>,
    /// For how long it has had it.
    pub held: Duration,
}

/// A connection could not be made.
#[derive(Debug)]
pub struct ConnectError {
    pub(super) address: String,
    pub(super) cause: Cause,
}

#[derive(Debug)]
pub(super) enum Cause {
    Io(io::Error),
    Postgres(tokio_postgres::Error),
}

/// A query failed; the others are none the worse for it.
#[derive(Debug)]
pub struct QueryError {
    /// The query.
    pub sql: String,
    /// The server's process that ran it.
    pub backend: i32,
    /// Whether the connection is lost with it.
    pub is_lost: bool,
    pub(super) cause: tokio_postgres::Error,
}

impl QueryError {
    /// What PostgreSQL says.
    #[must_use]
    pub fn cause(&self) -> &tokio_postgres::Error {
        &self.cause
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Cause {
        Cause::Io(error)
    }
}

impl From<tokio_postgres::Error> for Cause {
    fn from(error: tokio_postgres::Error) -> Cause {
        Cause::Postgres(error)
    }
}

impl From<ConnectError> for PoolError {
    fn from(error: ConnectError) -> PoolError {
        PoolError::Connect(error)
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolError::Busy { waited, holders } => {
                write!(f, "no connection was free for {waited:?}; {} are held:", holders.len())?;
                holders.iter().try_for_each(|holder| write!(f, "\n  {holder}"))
            }
            PoolError::Connect(error) => write!(f, "{error}"),
            PoolError::Closed => f.write_str("the pool was closed"),
        }
    }
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.task {
            Some(task) => write!(f, "task {task}")?,
            None => f.write_str("no task")?,
        }
        if let Some(name) = &self.name {
            write!(f, " {name:?}")?;
        }
        write!(f, ", for {:?}, taken at {}", self.held, self.site)
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no connection to {}: ", self.address)?;
        match &self.cause {
            Cause::Io(error) => write!(f, "{error}"),
            Cause::Postgres(error) => tell(f, error),
        }
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_lost { "lost its connection" } else { "failed" };
        write!(f, "`{}` {what} (backend {}): ", self.sql, self.backend)?;
        tell(f, &self.cause)
    }
}

/// An error of tokio-postgres says "db error", and leaves what the database said to its source.
fn tell(f: &mut fmt::Formatter<'_>, error: &tokio_postgres::Error) -> fmt::Result {
    match error.source() {
        Some(source) => write!(f, "{source}"),
        None => write!(f, "{error}"),
    }
}

impl Error for PoolError {}
impl Error for ConnectError {}
impl Error for QueryError {}
