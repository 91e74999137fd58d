//! What each loop serves.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use axum::extract::{Path, Request};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use glassloop::time::sleep;
use serde::{Deserialize, Serialize};

use super::Peers;

/// More is not for a loop: it would hold everybody else on it. `spawn_cpu` is there for that.
const MOST: u32 = 100_000;

// A loop is a thread, so what is the thread's own is the loop's own: no lock, no atomic, nobody else's cache line.
thread_local! {
    static REQUESTS: Cell<Requests> = const { Cell::new(Requests { running: 0, answered: 0 }) };
    static MOTTO: RefCell<String> = const { RefCell::new(String::new()) };
}

/// The requests of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Requests {
    /// Whose handlers are at work.
    pub running: u64,
    /// Whose answers are made.
    pub answered: u64,
}

/// Those of this thread's loop: what `Peers::ask` asks for.
pub fn requests() -> Requests {
    REQUESTS.get()
}

/// The pages that keep nothing: they are the same under any runtime.
pub fn pages() -> Router {
    Router::new().route("/", get(|| async { "hello" })).route("/primes/{below}", get(primes))
}

/// The app of loop `number`: the pages, and those that show the loops.
pub fn app(number: usize, peers: Peers) -> Router {
    let everywhere = peers.clone();
    Router::new()
        .merge(pages())
        .route("/loop", get(move || async move { number.to_string() }))
        .route("/wait/{milliseconds}", get(wait))
        .route("/requests", get(move || gather(peers.clone())))
        .route(
            "/motto",
            get(|| async { MOTTO.with_borrow(String::clone) }).put(move |text| tell(everywhere, text)),
        )
        .layer(middleware::from_fn(count))
}

/// How many primes there are below a number: work for a processor, by trial.
async fn primes(Path(below): Path<u32>) -> Response {
    if below > MOST {
        return (StatusCode::BAD_REQUEST, format!("at most {MOST}")).into_response();
    }
    let is_prime = |n: &u32| (2..).take_while(|d| d * d <= *n).all(|d| !n.is_multiple_of(d));
    (2..below).filter(is_prime).count().to_string().into_response()
}

async fn wait(Path(milliseconds): Path<u64>) -> &'static str {
    sleep(Duration::from_millis(milliseconds)).await;
    "waited"
}

/// Gathers one number of each loop. Nobody else counts together what they count alone.
async fn gather(peers: Peers) -> Result<Json<Vec<Requests>>, Response> {
    let answers = peers.ask(requests).await.into_iter().collect::<Result<Vec<_>, _>>();
    answers.map(Json).map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response())
}

/// Tells every loop; once it has answered, all of them know.
async fn tell(peers: Peers, text: String) -> Result<StatusCode, Response> {
    let told = peers.ask(move || MOTTO.set(text.clone())).await.into_iter().collect::<Result<(), _>>();
    told.map(|()| StatusCode::NO_CONTENT)
        .map_err(|error| (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response())
}

async fn count(request: Request, next: Next) -> Response {
    /// Of a request that runs, also if its client goes away.
    struct Running;
    impl Drop for Running {
        fn drop(&mut self) {
            change(|requests| requests.running -= 1);
        }
    }
    change(|requests| requests.running += 1);
    let _running = Running;
    let response = next.run(request).await;
    change(|requests| requests.answered += 1);
    response
}

fn change(change: impl FnOnce(&mut Requests)) {
    let mut requests = REQUESTS.get();
    change(&mut requests);
    REQUESTS.set(requests);
}
