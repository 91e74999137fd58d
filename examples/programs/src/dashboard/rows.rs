//! Rows, sent as they are made.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::Query;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use futures_util::stream::unfold;
use glassloop::time::sleep;
use serde::Deserialize;

use super::Session;

/// How long a row takes to make.
const EACH: Duration = Duration::from_millis(100);

#[derive(Deserialize)]
pub(super) struct Rows {
    of: u16,
}

/// A line of JSON a row. A row is made when the one before is on its way, never earlier: so a client that reads slowly
/// slows the making, and none is made for a client that has left. The session lives as long as the stream.
pub(super) async fn rows(session: Session, Query(Rows { of }): Query<Rows>) -> impl IntoResponse {
    let rows = unfold((session, 1), move |(session, row)| async move {
        if row > of {
            return None; // the session is closed here
        }
        sleep(EACH).await;
        let line = Bytes::from(format!("{{\"row\":{row},\"of\":{of}}}\n"));
        Some((Ok::<_, io::Error>(line), (session, row + 1)))
    });
    ([(CONTENT_TYPE, "application/x-ndjson")], Body::from_stream(rows))
}
