//! Two tasks that wake each other through a bare slot, which keeps a clone of a waker as foreign code does.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::{Runtime, spawn};

#[derive(Clone, Default)]
struct Gate(Rc<State>);

#[derive(Default)]
struct State {
    open: Cell<bool>,
    waiter: RefCell<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.0.open.set(true);
        let waiter = self.0.waiter.take();
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }

    /// Waits until it is open, and closes it again.
    fn pass(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            if self.0.open.take() {
                return Poll::Ready(());
            }
            *self.0.waiter.borrow_mut() = Some(cx.waker().clone());
            Poll::Pending
        })
    }
}

fn ping_pong(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("ping_pong");
    group.throughput(Throughput::Elements(1));
    group.bench_function("bare slot, there and back", |bencher| {
        bencher.iter_custom(|rounds| {
            runtime.block_on(async {
                let (ping, pong) = (Gate::default(), Gate::default());
                let other = {
                    let (ping, pong) = (ping.clone(), pong.clone());
                    spawn(async move {
                        for _ in 0..rounds {
                            ping.pass().await;
                            pong.open();
                        }
                    })
                };
                let start = Instant::now();
                for _ in 0..rounds {
                    ping.open();
                    pong.pass().await;
                }
                let took = start.elapsed();
                other.await.unwrap();
                took
            })
        });
    });
}

criterion_group!(benches, ping_pong);
criterion_main!(benches);
