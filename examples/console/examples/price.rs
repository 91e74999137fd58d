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
    // In turns, so that the machine's moods meet all three.
    let rounds: Vec<_> = (0..9).map(|_| WAYS.map(|way| yields(way, 100_000))).collect();
    for (n, way) in WAYS.iter().enumerate() {
        let mut ratios: Vec<f64> = rounds.iter().map(|round| round[n].div_duration_f64(round[0])).collect();
        ratios.sort_by(f64::total_cmp);
        println!("{way:8} {:6.1} times the first", ratios[4]);
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
