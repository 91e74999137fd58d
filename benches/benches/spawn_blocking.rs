//! Jobs on the blocking pool: one at a time, there and back; and a burst.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::{JoinHandle, Runtime, spawn_blocking};

const BURST: u64 = 1000;

fn blocking(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("spawn_blocking");

    group.throughput(Throughput::Elements(1));
    group.bench_function("there and back", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..rounds {
                    spawn_blocking(|| ()).await.unwrap();
                }
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(BURST));
    group.bench_function("bursts of 1000", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut jobs: Vec<JoinHandle<()>> = Vec::with_capacity(BURST as usize);
                let start = Instant::now();
                for _ in 0..rounds {
                    jobs.extend((0..BURST).map(|_| spawn_blocking(|| ())));
                    for job in jobs.drain(..) {
                        job.await.unwrap();
                    }
                }
                start.elapsed()
            })
        });
    });
}

criterion_group!(benches, blocking);
criterion_main!(benches);
