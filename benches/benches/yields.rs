//! A task that steps back in the queue: alone, and a thousand in turn.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::{JoinHandle, Runtime, spawn, yield_now};

const TASKS: u64 = 1000;

async fn step_back(rounds: u64) {
    for _ in 0..rounds {
        yield_now().await;
    }
}

fn yields(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("yield");

    group.throughput(Throughput::Elements(1));
    group.bench_function("alone", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let start = Instant::now();
                step_back(rounds).await;
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(TASKS));
    group.bench_function("1000 in turn", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let tasks: Vec<JoinHandle<()>> = (0..TASKS).map(|_| spawn(step_back(rounds))).collect();
                let start = Instant::now();
                for task in tasks {
                    task.await.unwrap();
                }
                start.elapsed()
            })
        });
    });
}

criterion_group!(benches, yields);
criterion_main!(benches);
