//! Work that never leaves the loop's thread, and needs no clock.

use std::fs;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{BATCH, Found, Gate, batches, in_a_task, used, wake_oneself};
use crate::rivals::{Channels, Rival};

pub(super) fn perform<R: Rival>(operation: &str, count: usize) -> Option<Found> {
    Some(match operation {
        "spawn_join" => in_a_task::<R>(used(count, spawn_join::<R>(count))),
        "spawn_detached" => in_a_task::<R>(used(count, spawn_detached::<R>(count))),
        "spawn_await_one" => in_a_task::<R>(used(count, spawn_await_one::<R>(count))),
        "yield_alone" => in_a_task::<R>(used(count, yield_alone::<R>(count))),
        "self_wake_1000" => in_a_task::<R>(used(count, self_wake_1000::<R>(count))),
        "ping_pong_slot" => in_a_task::<R>(used(count, ping_pong_slot::<R>(count))),
        "waiting_bytes" => in_a_task::<R>(waiting_bytes::<R>(count)),
        _ => return None,
    })
}

pub(super) fn through_channels<R: Channels>(operation: &str, count: usize) -> Option<Found> {
    (operation == "ping_pong_channel").then(|| in_a_task::<R>(used(count, ping_pong_channel::<R>(count))))
}

/// Spawns a batch, then awaits it: but for the first, the awaited task has finished.
async fn spawn_join<R: Rival>(count: usize) {
    let mut tasks = Vec::with_capacity(BATCH);
    for _ in 0..batches(count) {
        tasks.extend((0..BATCH).map(|n| R::spawn(async move { n })));
        for (n, task) in tasks.drain(..).enumerate() {
            assert_eq!(R::output(task.await), n);
        }
    }
}

async fn spawn_detached<R: Rival>(count: usize) {
    for _ in 0..batches(count) {
        for n in 0..BATCH {
            R::detach(R::spawn(async move { n }));
        }
        wake_oneself().await; // behind the whole batch
    }
}

/// The awaited task has not begun: the awaiting one is woken when it finishes.
async fn spawn_await_one<R: Rival>(count: usize) {
    for n in 0..count {
        assert_eq!(R::output(R::spawn(async move { n }).await), n);
    }
}

/// The rival's own yield, and nobody else is ready.
async fn yield_alone<R: Rival>(count: usize) {
    for _ in 0..count {
        R::yield_now().await;
    }
}

/// A thousand tasks in turn; the same thousand for every count.
async fn self_wake_1000<R: Rival>(count: usize) {
    let wakes = batches(count);
    let task = || {
        R::spawn(async move {
            for _ in 0..wakes {
                wake_oneself().await;
            }
        })
    };
    let tasks: Vec<_> = (0..BATCH).map(|_| task()).collect();
    for task in tasks {
        R::output(task.await);
    }
}

/// Two tasks that wake each other: there and back is one.
async fn ping_pong_slot<R: Rival>(count: usize) {
    let (ping, pong) = (Gate::default(), Gate::default());
    let other = {
        let (ping, pong) = (ping.clone(), pong.clone());
        R::spawn(async move {
            for _ in 0..count {
                ping.pass().await;
                pong.open();
            }
        })
    };
    for _ in 0..count {
        ping.open();
        pong.pass().await;
    }
    R::output(other.await);
}

/// A value there and one back, over two channels with room for one.
async fn ping_pong_channel<R: Channels>(count: usize) {
    let (ping, mut pinged) = R::bounded(1);
    let (pong, mut ponged) = R::bounded(1);
    let other = R::spawn(async move {
        for _ in 0..count {
            let n = R::receive(&mut pinged).await.unwrap();
            R::send(&pong, n).await;
        }
    });
    for n in 0..count as u64 {
        R::send(&ping, n).await;
        assert_eq!(R::receive(&mut ponged).await, Some(n));
    }
    R::output(other.await);
}

/// 64 bytes that wait for ever. A waker is kept, as one who waits does: without, some rivals would end the task.
struct Waits {
    waker: Option<Waker>,
    _rest: [u64; 6],
}

impl Future for Waits {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// Bytes of memory that a waiting task holds, what the allocator adds and what the runtime keeps of it elsewhere
/// included; but not a place in the queue of the ready, which never holds more than a batch. It must be the first of
/// so many in its process: memory that others gave back would be used again.
async fn waiting_bytes<R: Rival>(count: usize) -> Found {
    assert_eq!(size_of::<Waits>(), 64);
    let before = resident();
    for _ in 0..batches(count) {
        for _ in 0..BATCH {
            R::detach(R::spawn(Waits { waker: None, _rest: [0; 6] }));
        }
        wake_oneself().await; // behind the whole batch
    }
    [(resident() - before) as f64 / count as f64, 0.0]
}

/// Bytes of the process in memory: all pages of the kernel's own count, which is exact here.
fn resident() -> usize {
    let text = fs::read_to_string("/proc/self/smaps_rollup").expect("a Linux that tells how much memory is used");
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:")).expect("a line for it");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}
