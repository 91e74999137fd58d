//! A dependency with a teardown: what FastAPI's `yield` dependency is, as an extractor whose value is a guard.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use std::convert::Infallible;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Journal;

/// How many requests may have a session at once.
const SESSIONS: usize = 4;

/// All sessions. (A semaphore of tokio's, because a handler holds the permit across its `.await`s, and ours stays on
/// the loop; it needs nothing of tokio's runtime.)
#[derive(Clone)]
pub struct Sessions {
    free: Arc<Semaphore>,
    opened: Arc<AtomicU64>,
    journal: Journal,
}

/// A handler that names it among its arguments is given one; if all are taken, the request waits for its turn. It is
/// given back when the handler ends, however it ends: by its answer, an error, a panic, or because the client went away.
pub struct Session {
    number: u64,
    journal: Journal,
    _place: OwnedSemaphorePermit,
}

impl Sessions {
    pub fn new(journal: Journal) -> Sessions {
        Sessions { free: Arc::new(Semaphore::new(SESSIONS)), opened: Arc::default(), journal }
    }

    pub fn free(&self) -> usize {
        self.free.available_permits()
    }
}

impl<S> FromRequestParts<S> for Session
where
    Sessions: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &S) -> Result<Session, Infallible> {
        let Sessions { free, opened, journal } = Sessions::from_ref(state);
        let place = free.acquire_owned().await.expect("nobody closes it");
        let number = opened.fetch_add(1, Relaxed) + 1;
        journal.note(format!("session {number} opened"));
        Ok(Session { number, journal, _place: place })
    }
}

impl Session {
    pub fn note(&self, what: &str) {
        self.journal.note(format!("session {}: {what}", self.number));
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.journal.note(format!("session {} closed", self.number));
    }
}
