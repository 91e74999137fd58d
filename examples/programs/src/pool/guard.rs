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
/// is the [`Client`]'s, which it derefs to. Its `transaction` is rolled back if it is dropped; one that a `BEGIN` of yours
/// left open goes to the next holder.
#[must_use = "the connection goes back when this is dropped"]
pub struct Guard {
    /// `None` once it is lost, or in `drop`.
    connection: Option<Connection>,
    is_lost: bool,
    /// A query was begun, and its answer is not here.
    is_asking: bool,
    place: Place,
}

impl Guard {
    pub(super) fn new(connection: Connection, place: Place) -> Guard {
        Guard { connection: Some(connection), is_lost: false, is_asking: false, place }
    }

    /// Runs a query.
    ///
    /// # Errors
    /// What PostgreSQL says; and if the connection breaks meanwhile.
    ///
    /// # Cancel safety
    /// Dropped, the query runs on at the server, and what comes next on this connection waits for it. So the pool gives
    /// it out only where no other is at rest.
    pub async fn query(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, QueryError> {
        self.is_asking = true;
        let answer = Client::query(self, sql, values).await;
        self.is_asking = false;
        answer.map_err(|cause| self.blame(sql, cause))
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
        let mut idle = self.place.shared.idle.borrow_mut();
        let (at, since) = match idle.first() {
            // Who takes it next waits for the query that was left: it is taken last, and closed first.
            Some(first) if self.is_asking => (0, first.rests_since),
            _ => (idle.len(), Instant::now()),
        };
        connection.rests_since = since;
        idle.insert(at, connection);
    }
}
