//! A connection in somebody's hands.

use std::ops::{Deref, DerefMut};

use glassloop::time::Instant;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::error::QueryError;
use super::{Connection, Place};

/// A connection, which goes back to its pool when this is dropped; if it is broken, it is thrown away instead.
///
/// [`query`](Guard::query) is here for errors that name the query. All else (prepared statements, transactions, COPY)
/// is the [`Client`]'s, which it derefs to.
#[must_use = "the connection goes back when this is dropped"]
pub struct Guard {
    /// `None` once it is lost, or in `drop`.
    connection: Option<Connection>,
    is_lost: bool,
    place: Place,
}

impl Guard {
    pub(super) fn new(connection: Connection, place: Place) -> Guard {
        Guard { connection: Some(connection), is_lost: false, place }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// What PostgreSQL says; and if the connection breaks meanwhile.
    ///
    /// # Cancel safety
    /// Dropped, the query runs on at the server, and what comes next on this connection waits for it.
    pub async fn query(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, QueryError> {
        match Client::query(self, sql, values).await {
            Ok(rows) => Ok(rows),
            Err(cause) => Err(self.blame(sql, cause)),
        }
    }

    fn blame(&mut self, sql: &str, cause: tokio_postgres::Error) -> QueryError {
        // Its last word may be here before its end: what says FATAL ends the connection.
        let is_fatal = cause.as_db_error().is_some_and(|error| matches!(error.severity(), "FATAL" | "PANIC"));
        self.is_lost |= is_fatal || self.is_closed();
        QueryError { sql: sql.to_owned(), backend: self.backend(), is_lost: self.is_lost, cause }
    }

    /// The pid of the server's process at the other end.
    #[must_use]
    pub fn backend(&self) -> i32 {
        self.inner().backend
    }

    fn inner(&self) -> &Connection {
        self.connection.as_ref().expect("only `drop` takes it")
    }
}

impl Deref for Guard {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.inner().client
    }
}

impl DerefMut for Guard {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.connection.as_mut().expect("only `drop` takes it").client
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        if self.is_lost || connection.client.is_closed() {
            return;
        }
        connection.rests_since = Instant::now();
        self.place.shared.idle.borrow_mut().push(connection);
    }
}
