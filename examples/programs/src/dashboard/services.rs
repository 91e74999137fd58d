//! The three services that the summary asks. They stand for somebody else's: each on a thread and a loop of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use axum::http::StatusCode;
use axum::{Json, Router, routing::get};
use glassloop::time::sleep;
use serde_json::{Value, json};

use crate::http::Site;

/// Where a service is.
#[derive(Clone, Debug)]
pub struct Service {
    pub name: &'static str,
    pub uri: String,
}

/// What makes a service.
pub type Make = fn() -> Router;

/// The services, and who they are.
pub const ALL: [(&str, Make); 3] = [("weather", weather), ("prices", prices), ("news", news)];

/// Starts them all. They end with their sites.
pub fn start() -> (Vec<Service>, Vec<Site>) {
    let start = |(name, make): (&'static str, Make)| {
        let site = Site::start(make);
        (Service { name, uri: site.uri("/") }, site)
    };
    ALL.into_iter().map(start).unzip()
}

/// Answers in 0.3 s; every fourth answer is a failure.
pub fn weather() -> Router {
    let calls = Arc::new(AtomicU64::new(1));
    let answer = async move || {
        let nth = calls.fetch_add(1, Relaxed);
        sleep(Duration::from_millis(300)).await;
        if nth.is_multiple_of(4) {
            Err(StatusCode::SERVICE_UNAVAILABLE)
        } else {
            Ok(Json(json!({"sky": "clear"})))
        }
    };
    Router::new().route("/", get(answer))
}

/// Answers in 0.2 s.
pub fn prices() -> Router {
    Router::new().route("/", get(|| after(Duration::from_millis(200), json!({"tea": 3, "ink": 7}))))
}

/// Answers in 0.4 s; every fifth answer takes 3 s, longer than anybody waits for it.
pub fn news() -> Router {
    let calls = Arc::new(AtomicU64::new(1));
    let answer = move || {
        let is_slow = calls.fetch_add(1, Relaxed).is_multiple_of(5);
        let takes = if is_slow { Duration::from_secs(3) } else { Duration::from_millis(400) };
        after(takes, json!({"headline": "the loop turns"}))
    };
    Router::new().route("/", get(answer))
}

async fn after(takes: Duration, data: Value) -> Json<Value> {
    sleep(takes).await;
    Json(data)
}
