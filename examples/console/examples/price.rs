//! What a poll costs that is told: a task that yields, with nobody asked, with nobody listening, and with the console's
//! subscriber.
//!
//! ```text
//! cd examples/console
//! cargo run --release --example price                  # times in one run, as ratios of the first
//! valgrind --tool=callgrind target/…/price told 10000  # instructions; take the difference of two counts
//! ```

use std::time::{Duration, Instant};

use console_subscriber::ConsoleLayer;
use glassloop::{Builder, yield_now};
use tracing_subscriber::layer::SubscriberExt;

const WAYS: [&str; 3] = ["off", "unheard", "told"];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if let [way, count] = &words[..] {
        yields(way, count.parse().unwrap());
        return;
    }
    // In turns, and of each the fastest: what else the machine does only ever adds.
    let mut fastest = [Duration::MAX; 3];
    for _ in 0..499 {
        for (way, fastest) in WAYS.iter().zip(&mut fastest) {
            *fastest = yields(way, 2_000).min(*fastest);
        }
    }
    for (way, time) in WAYS.iter().zip(fastest) {
        println!("{way:8} {:5.1} times the first", time.div_duration_f64(fastest[0]));
    }
}

fn yields(way: &str, count: usize) -> Duration {
    let runtime = Builder::new().console(way != "off").build().unwrap();
    let (layer, _server) = ConsoleLayer::new();
    let _subscriber =
        (way == "told").then(|| tracing::subscriber::set_default(tracing_subscriber::registry().with(layer)));
    let begin = Instant::now();
    runtime.block_on(async {
        for _ in 0..count {
            yield_now().await;
        }
    });
    begin.elapsed()
}
