//! The floor of what the floor's tasks cannot do: the same without tasks, on the kernel's calls alone.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Instant;

use mio::{Events, Poll, Token, Waker};
use rustix::buffer::spare_capacity;
use rustix::event::{epoll, epoll::EventData, epoll::EventFlags};
use rustix::thread::{sched_getaffinity, sched_setaffinity};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::Found;
use super::threads::keep_apart;
use super::timers::{SHORT, percentiles};

pub(super) fn perform(operation: &str, count: usize) -> Option<Found> {
    Some(match operation {
        "thread_wake" => there_and_back(count, true),
        "blocking_round_trip" => there_and_back(count, false),
        "sleep_late" => sleep_late(count),
        _ => return None,
    })
}

/// A loop that sleeps in mio, and a thread that sleeps for a job: microseconds there and back. It is the floor of a
/// job on a pool, too, which wakes a thread and is woken by it.
fn there_and_back(count: usize, apart: bool) -> Found {
    let mut poll = Poll::new().expect("descriptors");
    let waker = Waker::new(poll.registry(), Token(0)).expect("descriptors");
    let mut events = Events::with_capacity(8);
    let (send, receive) = mpsc::channel::<()>();
    let done = Arc::new(AtomicUsize::new(0));
    let thread = thread::spawn({
        let done = done.clone();
        move || {
            if apart {
                keep_apart(1);
            }
            for () in receive {
                done.fetch_add(1, Ordering::Release);
                waker.wake().expect("the loop lives");
            }
        }
    });
    let all = sched_getaffinity(None).expect("a Linux");
    if apart {
        keep_apart(0);
    }
    let start = Instant::now();
    for n in 1..=count {
        send.send(()).expect("the thread lives");
        while done.load(Ordering::Acquire) < n {
            poll.poll(&mut events, None).expect("it was made");
        }
    }
    let took = start.elapsed();
    sched_setaffinity(None, &all).expect("it might before");
    drop(send);
    thread.join().expect("it only wakes");
    [took.as_nanos() as f64 / count as f64 / 1000.0, 0.0]
}

/// What the machine itself is late: a timerfd that wakes an `epoll_wait`.
fn sleep_late(count: usize) -> Found {
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK).expect("descriptors");
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("descriptors");
    epoll::add(&epoll, &timer, EventData::new_u64(0), EventFlags::IN | EventFlags::ET).expect("descriptors");
    let once = Itimerspec {
        it_interval: Timespec { tv_sec: 0, tv_nsec: 0 },
        it_value: Timespec { tv_sec: 0, tv_nsec: SHORT.as_nanos() as i64 },
    };
    let mut events = Vec::with_capacity(8);
    let mut lateness = Vec::with_capacity(count);
    for _ in 0..count {
        let due = Instant::now() + SHORT;
        timerfd_settime(&timer, TimerfdTimerFlags::empty(), &once).expect("it was made");
        events.clear();
        epoll::wait(&epoll, spare_capacity(&mut events), None).expect("it was made");
        lateness.push(due.elapsed());
    }
    percentiles(lateness)
}
