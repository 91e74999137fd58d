//! A client as programs want one: one pool of connections, a time-out a call, a status that is looked at.

use std::fmt;
use std::time::Duration;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::Connector;
use glassloop::time::timeout;
use http_body_util::{BodyExt, Full};
use hyper::StatusCode;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;

/// Make it once and share it: its connections are kept for the next call.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<Connector, Full<Bytes>>,
    limit: Duration,
}

/// Why there is no answer. It names the address, so that one line of a log is enough.
#[derive(Debug)]
pub enum HttpError {
    /// No whole answer within the limit.
    Slow(String, Duration),
    /// An answer that says no.
    Status(String, StatusCode),
    /// No connection, or one that broke.
    Broken(String, String),
}

impl Http {
    /// Gives up on a call after `limit`, its body included.
    pub fn new(limit: Duration) -> Http {
        Http { client: Client::builder(Exec).pool_timer(Timer).build(Connector::new()), limit }
    }

    /// The body of a good answer.
    pub async fn get(&self, uri: &str) -> Result<Bytes, HttpError> {
        let broken = |error: &dyn std::error::Error| HttpError::Broken(uri.into(), whole(error));
        let call = async {
            let response = self.client.get(uri.parse().map_err(|error| broken(&error))?).await;
            let response = response.map_err(|error| broken(&error))?;
            let status = response.status();
            let body = response.into_body().collect().await.map_err(|error| broken(&error))?.to_bytes();
            if status.is_success() { Ok(body) } else { Err(HttpError::Status(uri.into(), status)) }
        };
        timeout(self.limit, call).await.unwrap_or_else(|_| Err(HttpError::Slow(uri.into(), self.limit)))
    }
}

/// An error with its causes: the first of hyper's says little.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HttpError::Slow(uri, limit) => write!(f, "{uri}: no answer within {limit:?}"),
            HttpError::Status(uri, status) => write!(f, "{uri}: {status}"),
            HttpError::Broken(uri, why) => write!(f, "{uri}: {why}"),
        }
    }
}

impl std::error::Error for HttpError {}
