//! What is done: each kind of work once, for every rival that can do it. Work is counted by [`perform`], in units
//! that cost every count the same, so that the difference of two counts under callgrind is what one unit costs.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

use crate::rivals::{Blocks, Channels, Rival, Sleeps};
use crate::rivals::{compio::Compio, floor::Floor, glassloop::Glassloop, glommio::Glommio, monoio::Monoio};
use crate::rivals::{smol::Smol, tokio::Tokio};

mod bare;
mod tasks;
mod threads;
mod timers;

pub(crate) use glassloop_benches::harness::BATCH;

/// What an operation found: one figure, or two where it measures two.
pub(crate) type Found = [f64; 2];

/// Lets a rival do an operation so many times. An error says why it cannot.
pub(crate) fn perform(rival: &str, operation: &str, count: usize) -> Result<Found, String> {
    let found = match rival {
        "floor" => tasks::perform::<Floor>(operation, count)
            .or_else(|| tasks::through_channels::<Floor>(operation, count))
            .or_else(|| bare::perform(operation, count))
            .or_else(|| timers::perform::<Floor>(operation, count)),
        "glassloop" => everything::<Glassloop>(operation, count),
        "tokio" => everything::<Tokio>(operation, count),
        "smol" => everything::<Smol>(operation, count),
        "compio_uring" => without_channels::<Compio<false>>(operation, count),
        "compio" => without_channels::<Compio<true>>(operation, count),
        "monoio_uring" => everything::<Monoio<false>>(operation, count),
        "monoio" => everything::<Monoio<true>>(operation, count),
        "glommio" => everything::<Glommio>(operation, count),
        _ => return Err(format!("nobody is called {rival}")),
    };
    found.ok_or_else(|| format!("has no {operation}"))
}

fn without_channels<R: Sleeps + Blocks>(operation: &str, count: usize) -> Option<Found> {
    tasks::perform::<R>(operation, count)
        .or_else(|| timers::perform::<R>(operation, count))
        .or_else(|| threads::perform::<R>(operation, count))
}

fn everything<R: Channels + Sleeps + Blocks>(operation: &str, count: usize) -> Option<Found> {
    without_channels::<R>(operation, count).or_else(|| tasks::through_channels::<R>(operation, count))
}

/// Runs `work` as a task, as the work of a program is: the future given to `block_on` is none for some rivals.
fn in_a_task<R: Rival>(work: impl Future<Output = Found> + 'static) -> Found {
    R::block_on(async { R::output(R::spawn(work).await) })
}

/// The processor's nanoseconds a unit, of all threads of the process: what other programs do meanwhile is not in them.
async fn used(count: usize, work: impl Future) -> Found {
    let before = processor_time();
    work.await;
    [(processor_time() - before).as_nanos() as f64 / count as f64, 0.0]
}

/// Nanoseconds a unit as a clock on the wall counts them: for work that waits.
async fn timed(count: usize, work: impl Future) -> Found {
    let start = Instant::now();
    work.await;
    [start.elapsed().as_nanos() as f64 / count as f64, 0.0]
}

fn processor_time() -> Duration {
    // By libc: rustix's own way reads the vDSO, at which valgrind has none.
    clock_gettime(ClockId::CLOCK_PROCESS_CPUTIME_ID).expect("every process has it").into()
}

fn batches(count: usize) -> usize {
    assert_eq!(count % BATCH, 0, "COUNT is a multiple of {BATCH}");
    count / BATCH
}

/// A wake of the task that runs, by its waker.
pub(crate) fn wake_oneself() -> impl Future<Output = ()> {
    let mut woken = false;
    poll_fn(move |cx| {
        if woken {
            return Poll::Ready(());
        }
        woken = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    })
}

/// Arms a timer: only a poll does.
async fn poll_once(mut future: impl Future + Unpin) {
    poll_fn(|cx| {
        assert!(pin!(&mut future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

/// Where one task waits, kept as foreign code keeps it: a clone of its waker.
#[derive(Clone, Default)]
struct Gate(Rc<GateState>);

#[derive(Default)]
struct GateState {
    open: Cell<bool>,
    waiter: Cell<Option<Waker>>,
}

impl Gate {
    fn open(&self) {
        self.0.open.set(true);
        if let Some(waiter) = self.0.waiter.take() {
            waiter.wake();
        }
    }

    /// Waits until it is open, and closes it again.
    fn pass(&self) -> impl Future<Output = ()> + '_ {
        poll_fn(|cx| {
            if self.0.open.take() {
                return Poll::Ready(());
            }
            self.0.waiter.set(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}
