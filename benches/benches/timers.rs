//! Timers that are made and dropped, as most time-outs are; that fire, under a clock that jumps; and how late a
//! short sleep is under the real one.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::time::{Sleep, sleep};
use glassloop::{Builder, JoinHandle, Runtime, spawn};

const BATCH: u64 = 1000;
const LONG: Duration = Duration::from_secs(30);

/// Arms a timer: only a poll does.
async fn poll_once(mut sleep: impl Future<Output = ()> + Unpin) {
    poll_fn(|cx| {
        assert!(pin!(&mut sleep).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

fn timers(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let paused = Builder::new().start_paused(true).build().unwrap();
    let mut group = criterion.benchmark_group("timers");

    group.throughput(Throughput::Elements(1));
    group.bench_function("made, polled, dropped", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let start = Instant::now();
                for _ in 0..rounds {
                    poll_once(pin!(sleep(LONG))).await;
                }
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(BATCH));
    group.bench_function("1000 made, polled, dropped", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut sleeps: Vec<Sleep> = Vec::with_capacity(BATCH as usize);
                let start = Instant::now();
                for _ in 0..rounds {
                    sleeps.extend((0..BATCH).map(|_| sleep(LONG)));
                    for sleep in &mut sleeps {
                        poll_once(sleep).await;
                    }
                    sleeps.clear();
                }
                start.elapsed()
            })
        });
    });

    group.bench_function("1000 fire, virtual clock", |bencher| {
        bencher.iter_custom(|rounds| {
            paused.block_on(async {
                let ticks = |n: u64| async move {
                    for _ in 0..rounds {
                        sleep(Duration::from_micros(1000 + n * 7 % 1000)).await;
                    }
                };
                let tasks: Vec<JoinHandle<()>> = (0..BATCH).map(|n| spawn(ticks(n))).collect();
                let start = Instant::now();
                for task in tasks {
                    task.await.unwrap();
                }
                start.elapsed()
            })
        });
    });

    group.throughput(Throughput::Elements(1));
    group.bench_function("lateness of sleep(100 µs)", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let mut late = Duration::ZERO;
                for _ in 0..rounds {
                    let due = Instant::now() + Duration::from_micros(100);
                    sleep(Duration::from_micros(100)).await;
                    late += due.elapsed();
                }
                late
            })
        });
    });
}

criterion_group!(benches, timers);
criterion_main!(benches);
