//! The loop as it sees itself: numbers for Prometheus, and all that the page shows.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{Html, IntoResponse};
use glassloop::time::Instant;
use glassloop::trace::{Event, Observer, TaskId};
use serde_json::{Value, json};

use super::App;

/// The upper bounds of the histograms, in microseconds; what took longer is counted above the last.
const BOUNDS: [u64; 19] = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
    1_000_000,
];

/// Measures how long tasks stand in the queue, from their wake to their poll, and how long their polls take. Give it to
/// the runtime's builder as an observer, and to the app. (A mutex, because axum asks that state be `Send`; nobody ever
/// waits for it.)
#[derive(Clone, Default)]
pub struct Watch(Arc<Mutex<Seen>>);

#[derive(Clone, Default)]
struct Seen {
    ready_since: HashMap<TaskId, Instant>,
    polled_since: Option<Instant>,
    delays: Histogram,
    polls: Histogram,
}

#[derive(Clone, Default)]
struct Histogram {
    /// How many took not longer than each bound, and longer than the one before.
    counts: [u64; BOUNDS.len() + 1],
    sum: Duration,
}

impl Observer for Watch {
    fn event(&self, at: Instant, event: &Event) {
        let seen = &mut *self.0.lock().expect("no event panics");
        match event {
            Event::Wake { task, .. } => _ = seen.ready_since.insert(*task, at),
            Event::Poll(task) => {
                seen.polled_since = Some(at);
                if let Some(since) = seen.ready_since.remove(task) {
                    seen.delays.count(at - since);
                }
            }
            Event::Pending { .. } | Event::Done { .. } => {
                if let Some(since) = seen.polled_since.take() {
                    seen.polls.count(at - since);
                }
                if let Event::Done { task, .. } = event {
                    seen.ready_since.remove(task); // aborted before its first poll, or woken while it ended
                }
            }
            _ => {}
        }
    }
}

impl Histogram {
    fn count(&mut self, time: Duration) {
        let bound = BOUNDS.iter().position(|bound| time <= Duration::from_micros(*bound));
        self.counts[bound.unwrap_or(BOUNDS.len())] += 1;
        self.sum += time;
    }
}

/// A page that asks for `/loop.json` again and again, and for nothing else.
pub(super) async fn page() -> Html<&'static str> {
    Html(include_str!("page.html"))
}

pub(super) async fn loop_json(State(app): State<App>) -> impl IntoResponse {
    let dump = glassloop::dump().expect("handlers run on a loop");
    let metrics = glassloop::metrics().expect("handlers run on a loop");
    let counted = metrics.counted.unwrap_or_default();
    let tasks: Value = serde_json::from_str(&dump.to_json()).expect("a dump writes JSON");
    let seen = app.watch.0.lock().expect("no event panics").clone();
    let json = Json(json!({
        "turns": metrics.turns, "polls": counted.polls, "parks": counted.parks,
        "busy_ns": nanos(counted.busy_time), "park_ns": nanos(counted.park_time),
        "alive": metrics.alive, "ready": metrics.ready, "timers": metrics.timers, "sources": metrics.sources,
        "pool": {"threads": metrics.blocking.threads, "running": metrics.blocking.running, "queued": metrics.blocking.queued},
        "bounds_us": BOUNDS, "delays": seen.delays.counts, "took": seen.polls.counts,
        "sessions_free": app.sessions.free(),
        "journal": app.journal.lines(),
        "dump": tasks,
    }));
    ([(CACHE_CONTROL, "no-store")], json)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX) // 584 years fit
}

/// The loop's numbers in Prometheus's text format.
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let metrics = glassloop::metrics().expect("handlers run on a loop");
    let counted = metrics.counted.unwrap_or_default();
    let mut text = String::new();
    let mut tell = |name: &str, kind: &str, help: &str, value: f64| {
        writeln!(text, "# HELP glassloop_{name} {help}\n# TYPE glassloop_{name} {kind}\nglassloop_{name} {value}")
            .expect("a string takes all that is written to it");
    };
    tell("turns_total", "counter", "Turns of the loop.", metrics.turns as f64);
    tell("polls_total", "counter", "Polls of tasks.", counted.polls as f64);
    tell("wakes_total", "counter", "Wakes that made a task ready.", counted.wakes.sum() as f64);
    tell("tasks_spawned_total", "counter", "Tasks made.", metrics.spawned as f64);
    tell("parks_total", "counter", "How often the loop went to sleep.", counted.parks as f64);
    tell("park_seconds_total", "counter", "How long the loop slept.", counted.park_time.as_secs_f64());
    tell("busy_seconds_total", "counter", "How long the loop's turns took.", counted.busy_time.as_secs_f64());
    tell("tasks_alive", "gauge", "Tasks that have not ended.", metrics.alive as f64);
    tell("tasks_ready", "gauge", "Tasks in the queue.", metrics.ready as f64);
    tell("timers", "gauge", "Timers that are armed.", metrics.timers as f64);
    tell("sources", "gauge", "Sockets, and what else the kernel reports.", metrics.sources as f64);
    tell("pool_threads", "gauge", "Threads for blocking jobs.", metrics.blocking.threads as f64);
    tell("pool_running", "gauge", "Blocking jobs that run.", metrics.blocking.running as f64);
    tell("pool_queued", "gauge", "Blocking jobs that wait for a thread.", metrics.blocking.queued as f64);
    let seen = app.watch.0.lock().expect("no event panics").clone();
    let delay = "How long tasks stood in the queue before their polls.";
    seen.delays.write(&mut text, "queue_delay_seconds", delay).expect("as above");
    seen.polls.write(&mut text, "poll_seconds", "How long polls took.").expect("as above");
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

impl Histogram {
    /// As Prometheus has histograms: each bucket counts all that are within its bound.
    fn write(&self, text: &mut String, name: &str, help: &str) -> std::fmt::Result {
        let name = format!("glassloop_{name}");
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} histogram")?;
        let mut within = 0;
        for (bound, count) in BOUNDS.iter().zip(self.counts) {
            within += count;
            writeln!(text, "{name}_bucket{{le=\"{}\"}} {within}", *bound as f64 / 1e6)?;
        }
        let all: u64 = self.counts.iter().sum();
        writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {all}")?;
        writeln!(text, "{name}_sum {}\n{name}_count {all}", self.sum.as_secs_f64())
    }
}
