//! The numbers of a loop, served as Prometheus scrapes them: over our own listener, on the loop that they are of.

use std::fmt::Write;
use std::io;
use std::net::Ipv4Addr;

use glassloop::io::AsyncReadExt;
use glassloop::net::{TcpListener, TcpStream};
use glassloop::{Builder, Metrics, metrics, spawn_checked_named};

/// The numbers in Prometheus's text format: of each a line of help, its type, and its values with their labels. A
/// counter's name ends in `_total`, and a unit stands before that.
fn text(metrics: &Metrics) -> String {
    let mut text = String::new();
    let mut show = |name: &str, kind: &str, help: &str, values: &[(&str, f64)]| {
        let _ = write!(text, "# HELP glassloop_{name} {help}\n# TYPE glassloop_{name} {kind}\n");
        for (labels, value) in values {
            let _ = writeln!(text, "glassloop_{name}{labels} {value}");
        }
    };
    let count = |n: u64| [("", n as f64)];
    let size = |n: usize| [("", n as f64)];
    show("turns_total", "counter", "Turns of the loop.", &count(metrics.turns));
    show("tasks_spawned_total", "counter", "Tasks made.", &count(metrics.spawned));
    show("tasks_alive", "gauge", "Tasks that have not ended.", &size(metrics.alive));
    show("tasks_ready", "gauge", "Tasks that stand in the queue.", &size(metrics.ready));
    show("timers_armed", "gauge", "Timers that are armed.", &size(metrics.timers));
    show("sources_registered", "gauge", "Sockets that the kernel reports.", &size(metrics.sources));
    let pools = [(r#"{pool="blocking"}"#, metrics.blocking), (r#"{pool="cpu"}"#, metrics.cpu)];
    show("pool_threads", "gauge", "Threads.", &pools.map(|(pool, load)| (pool, load.threads as f64)));
    show("pool_jobs_running", "gauge", "Jobs that run.", &pools.map(|(pool, load)| (pool, load.running as f64)));
    show("pool_jobs_queued", "gauge", "Jobs that wait.", &pools.map(|(pool, load)| (pool, load.queued as f64)));
    let Some(counted) = &metrics.counted else { return text };
    let wakes = [
        (r#"{cause="spawned"}"#, counted.wakes.spawned as f64),
        (r#"{cause="task"}"#, counted.wakes.task as f64),
        (r#"{cause="timer"}"#, counted.wakes.timer as f64),
        (r#"{cause="source"}"#, counted.wakes.source as f64),
        (r#"{cause="thread"}"#, counted.wakes.thread as f64),
        (r#"{cause="job"}"#, counted.wakes.job as f64),
        (r#"{cause="aborted"}"#, counted.wakes.aborted as f64),
        (r#"{cause="outside"}"#, counted.wakes.outside as f64),
    ];
    show("polls_total", "counter", "Polls of tasks.", &count(counted.polls));
    show("wakes_total", "counter", "Wakes that made a task ready, by cause.", &wakes);
    show("wakes_merged_total", "counter", "Wakes of tasks that were ready already.", &count(counted.merges));
    show("parks_total", "counter", "Sleeps of the loop.", &count(counted.parks));
    show("park_seconds_total", "counter", "Time slept.", &[("", counted.park_time.as_secs_f64())]);
    show("busy_seconds_total", "counter", "Time that turns took.", &[("", counted.busy_time.as_secs_f64())]);
    show("queue_longest", "gauge", "The most tasks that were ready at once.", &size(counted.longest_queue));
    text
}

/// Answers a scrape. It is one request a connection, and nobody but Prometheus asks.
async fn answer(stream: TcpStream) -> io::Result<()> {
    let (mut request, mut buffer) = (Vec::new(), [0; 1024]);
    while !request.windows(4).any(|four| four == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n if request.len() + n > 16 << 10 => return Err(io::Error::other("a head of more than 16 KiB")),
            n => request.extend_from_slice(&buffer[..n]),
        }
    }
    let (status, body) = match request.starts_with(b"GET /metrics ") {
        true => ("200 OK", text(&metrics().map_err(io::Error::other)?)),
        false => ("404 Not Found", String::new()),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await
}

pub(crate) async fn serve(listener: TcpListener) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        spawn_checked_named("scrape", answer(stream)).detach();
    }
}

async fn scrape(address: std::net::SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: here\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    String::from_utf8(answer).map_err(io::Error::other)
}

fn main() -> io::Result<()> {
    Builder::new().metrics(true).build()?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        spawn_checked_named("metrics", serve(listener)).detach();
        let answer = scrape(address).await?;
        let is_steady = |line: &&str| line.starts_with("HTTP") || line.contains("spawned");
        answer.lines().filter(is_steady).for_each(|line| println!("{line}"));
        Ok(())
    })
}

// Output:
// HTTP/1.1 200 OK
// # HELP glassloop_tasks_spawned_total Tasks made.
// # TYPE glassloop_tasks_spawned_total counter
// glassloop_tasks_spawned_total 3
// glassloop_wakes_total{cause="spawned"} 3
