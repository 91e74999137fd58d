//! Work with timers.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::{BATCH, Found, batches, in_a_task, poll_once, processor_time, used};
use crate::rivals::Sleeps;

/// Longer than any run.
const LONG: Duration = Duration::from_secs(30);
pub(super) const SHORT: Duration = Duration::from_micros(100);

pub(super) fn perform<R: Sleeps>(operation: &str, count: usize) -> Option<Found> {
    Some(match operation {
        "timer_make_drop" => in_a_task::<R>(used(count, make_drop::<R>(count))),
        "timer_make_drop_1000" => in_a_task::<R>(used(count, make_drop_1000::<R>(count))),
        "timers_fire" => in_a_task::<R>(fire::<R>(count)),
        "sleep_late" => in_a_task::<R>(sleep_late::<R>(count)),
        _ => return None,
    })
}

/// A time-out that does not come to pass: made, polled once, dropped.
async fn make_drop<R: Sleeps>(count: usize) {
    for _ in 0..count {
        poll_once(pin!(R::sleep(LONG))).await;
    }
}

async fn make_drop_1000<R: Sleeps>(count: usize) {
    let mut sleeps = Pinned::with_capacity(BATCH);
    for _ in 0..batches(count) {
        for _ in 0..BATCH {
            sleeps.push(R::sleep(LONG));
        }
        for n in 0..BATCH {
            poll_once(sleeps.get(n)).await;
        }
        sleeps.clear();
    }
}

/// As many tasks, each asleep for a time of its own, so that 100 become due in each millisecond. Gives the
/// processor's nanoseconds a timer, making its task included, and how many microseconds late the latest of a hundred
/// is.
async fn fire<R: Sleeps>(count: usize) -> Found {
    let lateness = Rc::new(RefCell::new(Vec::with_capacity(count)));
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let span = count as u64 * 10_000;
    let mut tasks = Vec::with_capacity(count);
    let before = processor_time();
    for _ in 0..count {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let time = Duration::from_nanos(random % span);
        let lateness = lateness.clone();
        tasks.push(R::spawn(async move {
            let due = Instant::now() + time;
            R::sleep(time).await;
            lateness.borrow_mut().push(due.elapsed());
        }));
    }
    for task in tasks {
        R::output(task.await);
    }
    let used = processor_time() - before;
    [used.as_nanos() as f64 / count as f64, percentiles(lateness.take())[1]]
}

/// One sleep of 100 µs after the other: microseconds late, the middle one and the latest of a hundred.
async fn sleep_late<R: Sleeps>(count: usize) -> Found {
    let mut lateness = Vec::with_capacity(count);
    for _ in 0..count {
        let due = Instant::now() + SHORT;
        R::sleep(SHORT).await;
        lateness.push(due.elapsed());
    }
    percentiles(lateness)
}

/// The 50th and the 99th, in microseconds.
pub(super) fn percentiles(mut times: Vec<Duration>) -> Found {
    times.sort();
    [50, 99].map(|percent| times[(times.len() - 1) * percent / 100].as_nanos() as f64 / 1000.0)
}

/// Futures in one piece of memory that stay where they are, as an array in somebody's future would: some rivals'
/// timers must not move, and a box for each would cost as much as the timer.
struct Pinned<F>(Vec<F>);

impl<F: Future> Pinned<F> {
    fn with_capacity(capacity: usize) -> Pinned<F> {
        Pinned(Vec::with_capacity(capacity))
    }

    fn push(&mut self, future: F) {
        assert!(self.0.len() < self.0.capacity(), "they would move");
        self.0.push(future);
    }

    fn clear(&mut self) {
        self.0.clear();
    }

    #[allow(unsafe_code)]
    fn get(&mut self, n: usize) -> Pin<&mut F> {
        // SAFETY: nothing of this type moves them: the vector does not grow, and is cleared in place.
        unsafe { Pin::new_unchecked(&mut self.0[n]) }
    }
}
