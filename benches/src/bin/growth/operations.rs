//! The operations: each sets up a crowd of `n`, and then does something many times that must not mind the crowd.

use std::cell::{Cell, RefCell};
use std::future::{Future, pending, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use glassloop::net::{UdpSocket, UnixStream};
use glassloop::time::{Sleep, sleep};
use glassloop::{Builder, JoinHandle, JoinSet, Runtime, spawn, spawn_named, yield_now};

use crate::measured;

/// How often an operation is done beside a crowd.
pub const EVENTS: usize = 1000;

pub fn runtime() -> Runtime {
    built(Builder::new())
}

/// Its clock jumps to the next deadline, so that timers fire without a system call.
fn virtual_time() -> Runtime {
    built(Builder::new().start_paused(true))
}

/// One poll a turn.
fn turning() -> Runtime {
    built(Builder::new().budget(1))
}

pub fn built(builder: Builder) -> Runtime {
    builder.build().expect("descriptors for a runtime")
}

/// Lets all who are ready begin.
pub async fn begun() {
    yield_now().await;
    yield_now().await;
}

/// How often to do something with a crowd of `n` so that there are at least `EVENTS`.
fn rounds(n: usize) -> usize {
    (EVENTS / n).max(1)
}

/// The members of a crowd in an order that is neither the first nor the last way round.
pub fn shuffled<T>(mut all: Vec<T>) -> Vec<T> {
    let mut seed = 7_u64;
    for n in (1..all.len()).rev() {
        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        all.swap(n, (seed >> 33) as usize % (n + 1));
    }
    all
}

pub fn polled_once(mut future: impl Future + Unpin) {
    assert!(pin!(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn idle(runtime: &Runtime, n: usize) {
    runtime.block_on(async {
        (0..n).for_each(|_| spawn(pending::<()>()).detach());
        begun().await;
    });
}

pub fn spawn_join(n: usize) {
    let runtime = runtime();
    idle(&runtime, n);
    measured(EVENTS, || {
        runtime.block_on(async {
            for n in 0..EVENTS {
                spawn(async move { n }).await.unwrap();
            }
        });
    });
}

pub fn spawn_named_join(n: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        (0..n).for_each(|_| spawn_named("idle", pending::<()>()).detach());
        begun().await;
    });
    measured(EVENTS, || {
        runtime.block_on(async {
            for n in 0..EVENTS {
                spawn_named("busy", async move { n }).await.unwrap();
            }
        });
    });
}

pub fn spawn_hooked(n: usize) {
    let runtime = runtime();
    runtime.block_on(async {
        (0..n).for_each(|_| spawn(pending::<()>()).on_finish(|_| {}));
        begun().await;
    });
    measured(EVENTS, || {
        runtime.block_on(async {
            for n in 0..EVENTS {
                let task = spawn(async move { n });
                task.on_finish(|_| {});
                task.await.unwrap();
            }
        });
    });
}

pub fn turn_beside_tasks(n: usize) {
    let runtime = turning();
    runtime.block_on(async {
        (0..n).for_each(|_| spawn(pending::<()>()).detach());
        for _ in 0..n + 2 {
            yield_now().await;
        }
    });
    measured(EVENTS, || runtime.block_on(yields(EVENTS)));
}

async fn yields(count: usize) {
    for _ in 0..count {
        yield_now().await;
    }
}

pub fn batch(n: usize) {
    let runtime = runtime();
    let round = async || {
        let tasks: Vec<JoinHandle<usize>> = (0..n).map(|n| spawn(async move { n })).collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    runtime.block_on(round()); // the queue has grown
    measured(n * rounds(n), || {
        runtime.block_on(async {
            for _ in 0..rounds(n) {
                round().await;
            }
        });
    });
}

pub fn ready_in_turn(n: usize) {
    always_ready(&runtime(), n);
}

pub fn ready_by_seed(n: usize) {
    always_ready(&built(Builder::new().seed(7)), n);
}

fn always_ready(runtime: &Runtime, n: usize) {
    let polls = Rc::new(Cell::new(0));
    runtime.block_on(async {
        for _ in 0..n {
            let polls = polls.clone();
            spawn(async move {
                loop {
                    polls.set(polls.get() + 1);
                    yield_now().await;
                }
            })
            .detach();
        }
    });
    let most = n.max(EVENTS);
    measured(most, || {
        runtime.block_on(async {
            while polls.get() < most {
                yield_now().await;
            }
        });
    });
}

pub fn wake_one(n: usize) {
    let runtime = runtime();
    let wakers = Rc::new(RefCell::new(vec![None::<Waker>; n]));
    runtime.block_on(async {
        for at in 0..n {
            let wakers = wakers.clone();
            spawn(poll_fn(move |cx| {
                wakers.borrow_mut()[at].get_or_insert_with(|| cx.waker().clone());
                Poll::<()>::Pending
            }))
            .detach();
        }
        begun().await;
    });
    let some: Vec<Waker> = shuffled(wakers.borrow().clone()).into_iter().flatten().collect();
    measured(EVENTS, || {
        runtime.block_on(async {
            for waker in some.iter().cycle().take(EVENTS) {
                waker.wake_by_ref();
                yield_now().await;
            }
        });
    });
}

pub fn abort(n: usize) {
    let runtime = runtime();
    let tasks: Vec<JoinHandle<()>> = runtime.block_on(async {
        let tasks = (0..n).map(|_| spawn(pending())).collect();
        begun().await;
        tasks
    });
    let tasks = shuffled(tasks);
    measured(n, || {
        runtime.block_on(async {
            tasks.iter().for_each(JoinHandle::abort);
            for task in tasks {
                assert!(task.await.unwrap_err().is_cancelled());
            }
        });
    });
}

pub fn panics(n: usize) {
    let runtime = runtime();
    std::panic::set_hook(Box::new(|_| {}));
    let mut set = JoinSet::new();
    runtime.block_on(async {
        (0..n).for_each(|_| _ = set.spawn(async { std::panic::resume_unwind(Box::new(())) }));
    });
    measured(n, || {
        runtime.block_on(async {
            while let Some(result) = set.join_next().await {
                let result: Result<(), _> = result;
                assert!(result.unwrap_err().is_panic());
            }
        });
    });
}

/// What is left is dropped with the runtime.
pub fn shutdown(n: usize) {
    let runtime = runtime();
    idle(&runtime, n);
    measured(n, || drop(runtime));
}

pub fn dump(n: usize) {
    let runtime = runtime();
    idle(&runtime, n);
    measured(n, || runtime.block_on(async { assert_eq!(glassloop::dump().unwrap().tasks().len(), n + 1) }));
}

/// A loop that has nothing to do but to wait for a thread, or a foreign loop: all its tasks wait for something that
/// glassloop did not make.
pub fn guest_turn(n: usize) {
    let guest = glassloop::Guest::new(runtime()).expect("a descriptor for a guest");
    (0..n).for_each(|_| guest.spawn(pending::<()>()).detach());
    while guest.turn(Some(Duration::ZERO)).polled > 0 {}
    measured(EVENTS, || {
        for _ in 0..EVENTS {
            assert_eq!(guest.turn(Some(Duration::ZERO)).polled, 0);
        }
    });
}

/// A park, and a wake by another thread, which keeps the waker of the task that lives longest or shortest.
pub fn park_for_thread(n: usize) {
    let runtime = runtime();
    idle(&runtime, n);
    let (sender, wakers) = std::sync::mpsc::sync_channel::<Waker>(1);
    std::thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
    measured(EVENTS, || {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                let mut asked = false;
                poll_fn(|cx| {
                    if std::mem::replace(&mut asked, true) {
                        return Poll::Ready(());
                    }
                    sender.send(cx.waker().clone()).expect("the thread lives");
                    Poll::Pending
                })
                .await;
            }
        });
    });
}

pub fn jobs(n: usize) {
    let runtime = built(Builder::new().inline_blocking());
    let tasks: Vec<JoinHandle<usize>> =
        runtime.block_on(async { (0..n).map(|n| glassloop::spawn_blocking(move || n)).collect() });
    measured(n, || {
        runtime.block_on(async {
            for task in shuffled(tasks) {
                task.await.unwrap();
            }
        });
    });
}

pub fn messages(n: usize) {
    let runtime = runtime();
    let handle = runtime.handle();
    let rounds = rounds(n);
    measured(n * rounds, || {
        for _ in 0..rounds {
            (0..n).for_each(|_| handle.call_soon(|| {}).expect("the loop lives"));
            runtime.block_on(yield_now());
        }
    });
}

/// A deadline like those of most timers: about the same span from now, and so late among those that are armed.
fn span(n: usize) -> Duration {
    Duration::from_micros(1_000_000_000 + n as u64 * 7919 % 1_000_000)
}

fn armed(n: usize) -> Vec<Sleep> {
    let mut timers: Vec<_> = (0..n).map(|n| sleep(span(n))).collect();
    timers.iter_mut().for_each(polled_once);
    timers
}

pub fn turn_beside_timers(n: usize) {
    let runtime = turning();
    let _armed = runtime.block_on(async { armed(n) });
    measured(EVENTS, || runtime.block_on(yields(EVENTS)));
}

pub fn timer_make_drop(n: usize) {
    let runtime = runtime();
    let _armed = runtime.block_on(async { armed(n) });
    measured(EVENTS, || {
        runtime.block_on(async {
            for n in 0..EVENTS {
                polled_once(pin!(sleep(span(n))));
            }
        });
    });
}

pub fn timer_cancel_any(n: usize) {
    let runtime = runtime();
    let armed = runtime.block_on(async { shuffled(armed(n)) });
    measured(n, || runtime.block_on(async { drop(armed) }));
}

pub fn timer_fire(n: usize) {
    let runtime = virtual_time();
    runtime.block_on(async {
        (0..n).for_each(|n| spawn(sleep(span(n))).detach());
        begun().await;
    });
    measured(n, || runtime.block_on(async { sleep(Duration::from_secs(1002)).await }));
}

/// A thousand rounds of one timer that fires, beside others that are armed for later.
pub fn timer_fire_beside(n: usize) {
    let runtime = virtual_time();
    let _armed = runtime.block_on(async { armed(n) });
    measured(EVENTS, || {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                sleep(Duration::from_millis(1)).await;
            }
        });
    });
}

fn sockets(runtime: &Runtime, n: usize) {
    runtime.block_on(async {
        for _ in 0..n {
            let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a port");
            spawn(async move { socket.recv(&mut [0; 8]).await }).detach();
            begun().await;
        }
    });
}

pub fn turn_beside_sockets(n: usize) {
    let runtime = turning();
    sockets(&runtime, n);
    measured(EVENTS, || runtime.block_on(yields(EVENTS)));
}

pub fn register_beside_sockets(n: usize) {
    let runtime = runtime();
    sockets(&runtime, n);
    measured(EVENTS, || {
        runtime.block_on(async {
            for _ in 0..EVENTS {
                drop(UnixStream::pair().expect("two sockets"));
            }
        });
    });
}

pub fn echo_beside_sockets(n: usize) {
    let runtime = runtime();
    sockets(&runtime, n);
    let (ping, pong) = runtime.block_on(async { UnixStream::pair().expect("two sockets") });
    measured(EVENTS, || {
        runtime.block_on(async {
            spawn(async move {
                let mut buffer = [0; 8];
                while pong.read(&mut buffer).await.unwrap() > 0 {
                    pong.write_all(&buffer).await.unwrap();
                }
            })
            .detach();
            for _ in 0..EVENTS {
                ping.write_all(&[0; 8]).await.unwrap();
                assert_eq!(ping.read(&mut [0; 8]).await.unwrap(), 8);
            }
        });
    });
}

/// All wait for one socket to be readable; each comes and goes.
pub fn waiters_of_a_socket(n: usize) {
    let runtime = runtime();
    let socket = runtime.block_on(async { Rc::new(UdpSocket::bind("127.0.0.1:0").await.expect("a port")) });
    measured(n, || {
        runtime.block_on(async {
            let tasks: Vec<_> = (0..n)
                .map(|_| {
                    let socket = socket.clone();
                    spawn(async move { socket.recv(&mut [0; 8]).await })
                })
                .collect();
            begun().await;
            let tasks = shuffled(tasks);
            tasks.iter().for_each(JoinHandle::abort);
            begun().await;
        });
    });
}
