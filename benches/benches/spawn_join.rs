//! Tasks made and awaited: in batches, and one by one.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::{JoinHandle, Runtime, spawn};

const BATCH: u64 = 1000;

fn spawn_join(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("spawn_join");

    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("batches of 1000", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut tasks: Vec<JoinHandle<u64>> = Vec::with_capacity(BATCH as usize);
                let start = Instant::now();
                for _ in 0..rounds {
                    tasks.extend((0..BATCH).map(|n| spawn(async move { n })));
                    for task in tasks.drain(..) {
                        task.await.unwrap();
                    }
                }
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(1));
    group.bench_function("one by one", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let start = Instant::now();
                for n in 0..rounds {
                    spawn(async move { n }).await.unwrap();
                }
                start.elapsed()
            })
        });
    });
}

criterion_group!(benches, spawn_join);
criterion_main!(benches);
