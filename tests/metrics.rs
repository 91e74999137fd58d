//! A loop in numbers: what is there for nothing, what is counted, and how it is served.

mod support;

// Its `main` is not called here.
#[allow(dead_code, unused)]
#[path = "../examples/37_metrics.rs"]
mod served;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream, UdpSocket};
use glassloop::sync::Notify;
use glassloop::time::{self, sleep};
use glassloop::trace::{Counted, Recorder};
use glassloop::{Builder, Metrics, Runtime, metrics, spawn, spawn_blocking, spawn_cpu, yield_now};

fn here() -> Metrics {
    metrics().unwrap()
}

fn counted(runtime: &Runtime) -> Counted {
    runtime.metrics().counted.expect("asked for")
}

fn virtual_time() -> Runtime {
    Builder::new().start_paused(true).metrics(true).build().unwrap()
}

#[test]
fn what_is_there_for_nothing_needs_no_asking() {
    let runtime = Runtime::new().unwrap();
    assert_eq!(runtime.metrics(), Metrics::default());
    runtime.block_on(async {
        let tasks: Vec<_> = (1..=3).map(|n| spawn(sleep(Duration::from_secs(n)))).collect();
        assert_eq!((here().spawned, here().alive, here().ready, here().timers), (4, 4, 3, 0));
        yield_now().await;
        assert_eq!((here().ready, here().timers), (0, 3));
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        assert_eq!(here().sources, 1);
        drop(socket);
        tasks.iter().for_each(|task| task.abort());
        yield_now().await;
        assert_eq!((here().alive, here().timers, here().sources), (1, 0, 0));
        assert_eq!(here().counted, None);
    });
    assert_eq!((runtime.metrics().spawned, runtime.metrics().alive), (4, 0));
    assert!(runtime.metrics().turns > 0);
}

#[test]
fn a_pool_tells_its_threads_and_what_runs_and_waits() {
    let runtime = Builder::new().max_blocking_threads(1).max_cpu_threads(1).build().unwrap();
    let (free, held) = mpsc::channel::<()>();
    let (began, has_begun) = mpsc::channel();
    let loads = runtime.block_on(async {
        let running = spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
        });
        let queued = [spawn_blocking(|| {}), spawn_blocking(|| {})];
        has_begun.recv().unwrap();
        let loads = (here().blocking, here().cpu);
        drop(free);
        running.await.unwrap();
        for job in queued {
            job.await.unwrap();
        }
        spawn_cpu(|| {}).await.unwrap();
        loads
    });
    assert_eq!((loads.0.threads, loads.0.running, loads.0.queued), (1, 1, 2));
    assert_eq!(loads.1, glassloop::Load::default());
    let after = runtime.metrics();
    assert_eq!((after.blocking.threads, after.blocking.queued, after.cpu.threads), (1, 0, 1));
}

#[test]
fn a_job_that_was_taken_back_does_not_wait_for_a_thread() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    let (free, held) = mpsc::channel::<()>();
    let (began, has_begun) = mpsc::channel();
    let queued = runtime.block_on(async {
        let running = spawn_blocking(move || {
            began.send(()).unwrap();
            let _ = held.recv();
        });
        let jobs = [spawn_blocking(|| {}), spawn_blocking(|| {}), spawn_blocking(|| {})];
        has_begun.recv().unwrap();
        jobs[1].abort();
        let queued = here().blocking.queued;
        drop(free);
        running.await.unwrap();
        queued
    });
    assert_eq!(queued, 2);
}

/// Something of every kind: timers, threads, jobs, sockets, aborts, many wakes before one poll.
async fn a_bit_of_everything() {
    let notify = Rc::new(Notify::new());
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let notify = notify.clone();
            spawn(async move { notify.notified().await })
        })
        .collect();
    sleep(Duration::from_millis(1)).await;
    notify.notify_waiters();
    for task in waiting {
        task.await.unwrap();
    }
    let aborted = spawn(std::future::pending::<()>());
    yield_now().await;
    aborted.abort();
    aborted.abort();
    assert!(aborted.await.is_err());
    spawn_blocking(|| {}).await.unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let client = spawn(async move { TcpStream::connect(address).await.unwrap().write_all(b"hi").await.unwrap() });
    let (stream, _) = listener.accept().await.unwrap();
    stream.read_exact(&mut [0; 2]).await.unwrap();
    client.await.unwrap();
    let (slot, waker) = (support::Slot::default(), support::Slot::default());
    let both = spawn({
        let (slot, waker) = (slot.clone(), waker.clone());
        async move {
            slot.wait().await;
            waker.wait().await;
        }
    });
    yield_now().await;
    slot.wake();
    yield_now().await;
    let waker = waker.take();
    waker.wake_by_ref();
    waker.wake(); // a wake of a task that is ready already
    both.await.unwrap();
}

#[test]
fn the_counts_are_those_of_a_recorded_trace() {
    let recorder = Recorder::new();
    let runtime = Builder::new().metrics(true).observer(recorder.observer()).build().unwrap();
    runtime.block_on(a_bit_of_everything());
    let lines = recorder.order();
    let said = |start: &str, middle: &str| {
        let is = |line: &&String| line.starts_with(start) && line.contains(middle);
        lines.iter().filter(is).count() as u64
    };
    let woke = |cause: &str| said("wake ", cause) - said("wake ", &format!("again{cause}"));
    let Counted { polls, wakes, merges, parks, .. } = counted(&runtime);
    assert_eq!((polls, merges), (said("poll ", ""), said("wake ", " again: ")));
    assert_eq!(parks, said("park ", "") - said("park ", "not at all"));
    assert_eq!(wakes.spawned, woke(": spawned"));
    assert_eq!(wakes.task, woke(": task"));
    assert_eq!(wakes.timer, woke(": timer"));
    assert_eq!(wakes.source, woke(": socket"));
    assert_eq!(wakes.job, woke(": its job"));
    assert_eq!(wakes.aborted, woke(": aborted"));
    assert_eq!(wakes.sum(), said("wake ", "") - merges);
    let all =
        [polls, merges, parks, wakes.spawned, wakes.task, wakes.timer, wakes.source, wakes.job, wakes.aborted];
    assert!(all.iter().all(|count| *count > 0), "each of them happened: {all:?}");
}

#[test]
fn the_counts_are_the_same_without_an_observer() {
    let run = |builder: Builder| {
        let runtime = builder.start_paused(true).metrics(true).inline_blocking().build().unwrap();
        runtime.block_on(async {
            spawn_blocking(|| {}).await.unwrap();
            sleep(Duration::from_secs(1)).await;
        });
        runtime.metrics()
    };
    assert_eq!(run(Builder::new()), run(Builder::new().observer(Recorder::new().observer())));
}

#[test]
fn a_wake_from_a_thread_is_counted_as_one() {
    let runtime = virtual_time();
    let slot = support::Slot::default();
    runtime.block_on(async {
        let waits = spawn(slot.wait());
        yield_now().await;
        let waker = slot.take();
        support::on_thread("elsewhere", move || waker.wake());
        waits.await.unwrap();
    });
    assert_eq!(counted(&runtime).wakes.thread, 1);
}

#[test]
fn sleep_is_park_time_and_what_a_poll_takes_is_busy_time() {
    let runtime = virtual_time();
    runtime.block_on(async {
        sleep(Duration::from_secs(3)).await;
        time::advance(Duration::from_secs(5)).await; // moves the clock, as a poll of 5 s would
    });
    let Counted { parks, park_time, busy_time, .. } = counted(&runtime);
    assert_eq!((parks, park_time, busy_time), (1, Duration::from_secs(3), Duration::from_secs(5)));
}

#[test]
fn the_longest_queue_is_remembered() {
    let runtime = virtual_time();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..10).map(|_| spawn(yield_now())).collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!((counted(&runtime).longest_queue, runtime.metrics().ready), (10, 0));
}

#[test]
fn another_thread_is_answered_by_the_loop_and_the_loops_own_at_once() {
    let runtime = virtual_time();
    let handle = runtime.handle();
    let seen = runtime.block_on(async move {
        assert_eq!(handle.metrics().unwrap().alive, 1);
        spawn_blocking(move || handle.metrics().unwrap()).await.unwrap()
    });
    assert_eq!((seen.alive, seen.blocking.running), (2, 1));
    let late = runtime.handle();
    drop(runtime);
    assert!(late.metrics().is_err());
}

// ---- served

/// One scrape, by a client that knows nothing of glassloop: head and body.
fn scrape(address: SocketAddr, path: &str) -> (String, String) {
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept: text/plain\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

/// The values by series, if the text keeps the rules of the format, version 0.0.4.
fn parsed(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with('\n'), "the last line ends too");
    let is_name = |name: &str| {
        name.starts_with("glassloop_") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
    };
    let (mut values, mut types) = (BTreeMap::new(), BTreeMap::new());
    let mut helped = None;
    for line in text.lines() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            let (name, words) = help.split_once(' ').unwrap();
            assert!(is_name(name) && !words.is_empty() && !words.contains('\\'), "{line}");
            helped = Some(name);
        } else if let Some(kind) = line.strip_prefix("# TYPE ") {
            let (name, kind) = kind.split_once(' ').unwrap();
            assert_eq!(Some(name), helped, "help, type, values");
            assert!(["counter", "gauge"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(!name.contains("_time_") && !name.contains("_ms"), "times are in seconds: {line}");
            assert_eq!(types.insert(name, kind), None, "each is told once");
        } else {
            let (series, value) = line.rsplit_once(' ').unwrap();
            let name = series.split('{').next().unwrap();
            assert_eq!(Some(name), helped, "all values of a name stand together");
            let labels = &series[name.len()..];
            assert!(labels.is_empty() || (labels.starts_with('{') && labels.ends_with("\"}")), "{line}");
            assert_eq!(values.insert(series.to_owned(), value.parse().unwrap()), None, "{line}");
        }
    }
    values
}

#[test]
fn a_real_scrape_is_answered_by_the_rules_of_the_format_and_counters_only_grow() {
    let runtime = Builder::new().metrics(true).build().unwrap();
    let (first, second, lost) = runtime.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        spawn(served::serve(listener)).detach();
        let scrapes =
            move || (scrape(address, "/metrics"), scrape(address, "/metrics"), scrape(address, "/other"));
        spawn_blocking(scrapes).await.unwrap()
    });
    assert!(first.0.starts_with("HTTP/1.1 200 OK\r\n"), "{}", first.0);
    assert!(first.0.contains("\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{}", first.0);
    assert!(first.0.contains(&format!("\r\nContent-Length: {}\r\n", first.1.len())), "{}", first.0);
    assert!(lost.0.starts_with("HTTP/1.1 404 "), "{}", lost.0);
    let (first, second) = (parsed(&first.1), parsed(&second.1));
    assert!(first.keys().eq(second.keys()));
    for (series, value) in first.iter().filter(|(series, _)| series.split('{').next().unwrap().ends_with("_total"))
    {
        assert!(second[series] >= *value, "{series}: {value}, then {}", second[series]);
    }
    assert!(second["glassloop_tasks_spawned_total"] > first["glassloop_tasks_spawned_total"]);
    assert_eq!(second["glassloop_pool_jobs_running{pool=\"blocking\"}"], 1.0);
}
