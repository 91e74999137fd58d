//! Two equal pieces of computing: one after the other, as tasks on the loop, and as jobs on two CPU threads. The
//! ways take turns, so that they share the machine's moods, and what is told is the ratio to the first.

use std::hint::black_box;
use std::time::{Duration, Instant};

use glassloop::{Builder, spawn, spawn_cpu, try_join_all};

const ROUNDS: usize = 31;

/// Some milliseconds of arithmetic that no compiler shortens.
fn piece(seed: u64) -> u64 {
    (0..black_box(3_000_000_u64))
        .fold(seed, |sum, n| (sum ^ n).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23))
}

fn main() {
    let runtime = Builder::new().max_cpu_threads(2).build().unwrap();
    let sequential = || [1, 2].map(piece).into();
    let on_the_loop = || {
        runtime
            .block_on(async { try_join_all([1, 2].map(|seed| spawn(async move { piece(seed) }))).await.unwrap() })
    };
    let on_the_pool = || {
        runtime.block_on(async { try_join_all([1, 2].map(|seed| spawn_cpu(move || piece(seed)))).await.unwrap() })
    };
    let ways: [(&str, &dyn Fn() -> Vec<u64>); 3] =
        [("one after the other", &sequential), ("on the loop", &on_the_loop), ("spawn_cpu", &on_the_pool)];
    ways.iter().for_each(|(_, way)| assert_eq!(way(), sequential())); // and its threads are there
    let mut times = ways.map(|_| Vec::with_capacity(ROUNDS));
    for _ in 0..ROUNDS {
        for ((_, way), times) in ways.iter().zip(&mut times) {
            let start = Instant::now();
            black_box(way());
            times.push(start.elapsed());
        }
    }
    let medians: Vec<Duration> = times.iter_mut().map(|times| *times.select_nth_unstable(ROUNDS / 2).1).collect();
    for ((name, _), median) in ways.iter().zip(&medians) {
        println!("cpu/{name}: {median:?}, {:.3}", median.as_secs_f64() / medians[0].as_secs_f64());
    }
}
