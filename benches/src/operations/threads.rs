//! Work that other threads take part in.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use super::{BATCH, Found, batches, in_a_task, timed};
use crate::rivals::Blocks;

pub(super) fn perform<R: Blocks>(operation: &str, count: usize) -> Option<Found> {
    Some(match operation {
        "blocking_round_trip" => in_a_task::<R>(async move {
            R::spawn_blocking(|| ()).await; // the thread is there
            timed(count, round_trips::<R>(count)).await.map(|nanos| nanos / 1000.0)
        }),
        "blocking_burst" => in_a_task::<R>(async move {
            bursts::<R>(BATCH).await; // the threads are there
            timed(count, bursts::<R>(count)).await
        }),
        "thread_wake" => in_a_task::<R>(thread_wake(count)),
        _ => return None,
    })
}

async fn round_trips<R: Blocks>(count: usize) {
    for _ in 0..count {
        R::spawn_blocking(|| ()).await;
    }
}

async fn bursts<R: Blocks>(count: usize) {
    let mut jobs = Vec::with_capacity(BATCH);
    for _ in 0..batches(count) {
        jobs.extend((0..BATCH).map(|_| R::spawn_blocking(|| ())));
        for job in jobs.drain(..) {
            job.await;
        }
    }
}

/// A task sends its waker to a thread that sleeps for it, and the loop sleeps until that thread has woken it:
/// microseconds there and back.
async fn thread_wake(count: usize) -> Found {
    let (send, receive) = mpsc::channel::<Waker>();
    let woken = Arc::new(AtomicUsize::new(0));
    let thread = thread::spawn({
        let woken = woken.clone();
        move || {
            keep_apart(1);
            for waker in receive {
                woken.fetch_add(1, Ordering::Release);
                waker.wake();
            }
        }
    });
    let one = |n: usize| {
        let (mut sent, send, woken) = (false, &send, &woken);
        poll_fn(move |cx| {
            if !sent {
                sent = true;
                send.send(cx.waker().clone()).expect("the thread lives");
                return Poll::Pending;
            }
            if woken.load(Ordering::Acquire) == n { Poll::Ready(()) } else { Poll::Pending }
        })
    };
    let all = sched_getaffinity(None).expect("a Linux");
    keep_apart(0);
    let found = timed(count, async {
        for n in 1..=count {
            one(n).await;
        }
    })
    .await;
    drop(send);
    sched_setaffinity(None, &all).expect("it might before");
    thread.join().expect("it only wakes");
    found.map(|nanos| nanos / 1000.0)
}

/// Keeps this thread on a core of its own, where there are two: whether the kernel puts both on one is a matter of
/// luck, and doubles or halves a round trip.
pub(super) fn keep_apart(nth: usize) {
    let all = sched_getaffinity(None).expect("a Linux");
    let mut cores = (0..CpuSet::MAX_CPU).rev().filter(|&core| all.is_set(core));
    if let Some(core) = cores.nth(nth) {
        let mut one = CpuSet::new();
        one.set(core);
        sched_setaffinity(None, &one).expect("it may use that one");
    }
}
