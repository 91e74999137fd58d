//! What it costs a poll to be seen: the same work with the seam off, with an observer that does nothing, and with
//! each of the ways in which a runtime can be seen. The ways take turns, so that they share the machine's moods; what is
//! told is the medians of the ratios and of the differences within a round. Prints the table of docs/GLASS.md:
//!
//! ```text
//! cargo bench -p glassloop-benches --no-default-features --bench glass
//! ```

use std::cell::Cell;
use std::future::Future;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Mutex, mpsc};
use glassloop::time::Instant;
use glassloop::trace::{Event, FlightRecorder, Observer};
use glassloop::{Builder, JoinHandle, spawn, yield_now};

const ROUNDS: usize = 101;

struct Nothing;

impl Observer for Nothing {
    fn event(&self, _at: Instant, _event: &Event) {}
}

#[derive(Default)]
struct Polls(Cell<u32>);

impl Observer for Polls {
    fn event(&self, _at: Instant, event: &Event) {
        self.0.set(self.0.get() + u32::from(matches!(event, Event::Poll(_))));
    }
}

type Way = (&'static str, fn(Builder) -> Builder);
type Work = (&'static str, bool, fn() -> Pin<Box<dyn Future<Output = ()>>>);

/// The first is what the others are compared with.
const WAYS: [Way; 6] = [
    ("seam off", |builder| builder),
    ("observer", |builder| builder.observer(Rc::new(Nothing))),
    ("flight recorder", |builder| builder.flight_recorder(&FlightRecorder::new())),
    ("watchdog", |builder| builder.watchdog(NEVER)),
    ("slow-poll hook", |builder| builder.on_slow_poll(NEVER, |slow| eprintln!("{slow}"))),
    ("metrics", |builder| builder.metrics(true)),
];

/// A limit that no poll reaches: what is measured is the looking.
const NEVER: Duration = Duration::from_secs(3600);

/// What is done, and whether the clock stands meanwhile, which makes a reading of it free.
const WORKS: [Work; 5] = [
    ("self-wakes", false, || Box::pin(self_wakes())),
    ("self-wakes, clock stands", true, || Box::pin(self_wakes())),
    ("spawn and join", true, || Box::pin(spawns())),
    ("channel there and back", true, || Box::pin(channel())),
    ("mutex handed over", true, || Box::pin(mutex())),
];

async fn all(tasks: Vec<JoinHandle<()>>) {
    for task in tasks {
        task.await.unwrap();
    }
}

async fn self_wakes() {
    let task = async || {
        for _ in 0..20 {
            yield_now().await;
        }
    };
    all((0..1000).map(|_| spawn(task())).collect()).await;
}

async fn spawns() {
    for _ in 0..10 {
        all((0..1000).map(|_| spawn(async {})).collect()).await;
    }
}

async fn channel() {
    let (ping, mut pinged) = mpsc::channel(1);
    let (pong, mut ponged) = mpsc::channel(1);
    let other = spawn(async move {
        while let Some(n) = pinged.recv().await {
            pong.send(n).await.unwrap();
        }
    });
    for n in 0..5000 {
        ping.send(n).await.unwrap();
        assert_eq!(ponged.recv().await, Some(n));
    }
    drop(ping);
    other.await.unwrap();
}

async fn mutex() {
    let mutex = Rc::new(Mutex::new(0));
    let task = |mutex: Rc<Mutex<u32>>| async move {
        for _ in 0..2500 {
            *mutex.lock().await += 1;
            yield_now().await;
        }
    };
    all((0..2).map(|_| spawn(task(mutex.clone()))).collect()).await;
}

fn runtime(work: &Work, builder: Builder) -> glassloop::Runtime {
    builder.start_paused(work.1).build().expect("descriptors for a runtime")
}

fn polls(work: &Work) -> f64 {
    let polls = Rc::new(Polls::default());
    runtime(work, Builder::new().observer(polls.clone())).block_on(work.2());
    f64::from(polls.0.get())
}

fn median(mut samples: Vec<f64>) -> f64 {
    let middle = samples.len() / 2;
    *samples.select_nth_unstable_by(middle, f64::total_cmp).1
}

/// Nanoseconds for each of so many.
fn each(time: Duration, count: f64) -> f64 {
    time.as_nanos() as f64 / count
}

fn clock_reading() -> f64 {
    const READINGS: u32 = 10_000;
    median(
        (0..ROUNDS)
            .map(|_| {
                let start = std::time::Instant::now();
                for _ in 0..READINGS {
                    black_box(Instant::now());
                }
                each(start.elapsed(), f64::from(READINGS))
            })
            .collect(),
    )
}

/// The time a poll of each way, in each round.
fn samples(work: &Work) -> [Vec<f64>; WAYS.len()] {
    const WARM_UP: usize = 3;
    let polls = polls(work);
    let runtimes = WAYS.map(|(_, way)| runtime(work, way(Builder::new())));
    let mut samples = WAYS.map(|_| Vec::with_capacity(ROUNDS));
    for round in 0..WARM_UP + ROUNDS {
        for (runtime, samples) in runtimes.iter().zip(&mut samples) {
            let future = work.2();
            let start = std::time::Instant::now();
            runtime.block_on(future);
            let time = each(start.elapsed(), polls);
            if round >= WARM_UP {
                samples.push(time);
            }
        }
    }
    samples
}

fn main() {
    println!(
        "A reading of the clock: {:.1} ns. Times as long a poll, and the difference in ns:\n",
        clock_reading()
    );
    println!("| work | {} |", WAYS.map(|(name, _)| name).join(" | "));
    println!("|---|{}", "---|".repeat(WAYS.len()));
    for work in &WORKS {
        let [off, seen @ ..] = samples(work);
        print!("| {} | {:.1} ns |", work.0, median(off.clone()));
        for times in seen {
            let pairs = || times.iter().zip(&off);
            let ratio = median(pairs().map(|(time, off)| time / off).collect());
            let more = median(pairs().map(|(time, off)| time - off).collect());
            print!(" × {ratio:.2} ({more:+.1}) |");
        }
        println!();
    }
}
