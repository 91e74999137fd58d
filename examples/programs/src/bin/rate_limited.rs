//! Twelve items of a site that fails on purpose: five at a time, three tries, failures logged and dropped.
//!
//! The documents' rate-limited consumer: `Semaphore(5)`, 3 tries, back-off of 1, 2 and 4 s.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::get;
use glassloop::time::Instant;
use glassloop_programs::http::{Http, Site};
use glassloop_programs::rate_limited::{BACK_OFF, consume};

fn main() {
    let site = Site::start(failing_site);
    let http = Http::new(Duration::from_secs(10));
    let prefix = site.uri("/item/");
    glassloop::run(async move {
        let start = Instant::now();
        let call = async move |item: &u32| http.get(&format!("{prefix}{item}")).await;
        let log = move |item: &u32, n: usize, error| {
            let then = if n == BACK_OFF.len() { "dropped" } else { "again later" };
            println!("{:5.2} s  item {item}, try {n}: {error}; {then}", start.elapsed().as_secs_f64());
        };
        let answers = consume(1..=12, call, log).await;
        println!("{:5.2} s  {} of 12 items came", start.elapsed().as_secs_f64(), answers.len());
    });
    println!(
        "the documents: failures logged and dropped, the others kept; a try at 0, 1 and 3 s, and 4 s of rest"
    );
}

/// Item 3 comes at the second try, item 6 at the third, item 7 never.
fn failing_site() -> Router {
    type Tries = Arc<Mutex<HashMap<u32, u32>>>;
    async fn item(State(tries): State<Tries>, Path(item): Path<u32>) -> Result<String, StatusCode> {
        let mut tries = tries.lock().expect("nobody panics with it");
        let tries = tries.entry(item).or_default();
        *tries += 1;
        let good = match item {
            3 => *tries > 1,
            6 => *tries > 2,
            7 => false,
            _ => true,
        };
        if good { Ok(format!("item {item}")) } else { Err(StatusCode::SERVICE_UNAVAILABLE) }
    }
    Router::new().route("/item/{item}", get(item)).with_state(Tries::default())
}
