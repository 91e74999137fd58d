//! What the loop asks of the allocator: at most one allocation for a task, and nothing at all once it is warm.
#![allow(unsafe_code)] // a global allocator cannot be had without

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{Instant, Sleep, sleep, timeout};
use glassloop::trace::FlightRecorder;
use glassloop::{Builder, JoinSet, spawn, yield_now};

/// The system's allocator, and what this thread asked of it. A count of its own a thread: the tests of this file run
/// beside each other.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static BYTES: Cell<usize> = const { Cell::new(0) };
}

fn note(bytes: usize) {
    COUNT.set(COUNT.get() + 1);
    BYTES.set(BYTES.get() + bytes);
}

// SAFETY: every call is handed to `System` as it came. Noting it allocates nothing: the cells need neither
// initialization nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        note(layout.size());
        // SAFETY: the caller's promise.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        note(size.saturating_sub(layout.size()));
        // SAFETY: the caller's promise.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread has asked for memory, or for more of it.
fn allocations() -> usize {
    COUNT.get()
}

/// Counts what `act` allocates.
fn counted<R>(act: impl FnOnce() -> R) -> (usize, R) {
    let before = allocations();
    let result = act();
    (allocations() - before, result)
}

/// Does `round` until everything has the size it needs, and then so often again; those must allocate nothing.
async fn assert_warm_rounds_allocate_nothing(round: impl AsyncFn()) {
    let mut counts = [0; 80];
    for count in &mut counts {
        let before = allocations();
        round().await;
        *count = allocations() - before;
    }
    let (warmup, warm) = counts.split_at(40);
    assert!(warm.iter().all(|count| *count == 0), "allocations a round: {warm:?}; while it got warm: {warmup:?}");
}

fn paused() -> Builder {
    Builder::new().start_paused(true)
}

const LONG: Duration = Duration::from_secs(30);

async fn poll_once(mut future: impl Future + Unpin) {
    poll_fn(|cx| {
        assert!(pin!(&mut future).poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[test]
fn an_allocation_is_counted() {
    assert_eq!(counted(|| drop(Box::new([0_u8; 64]))).0, 1);
}

#[test]
fn a_flight_recorder_allocates_nothing_once_its_ring_was_full_however_many_tasks_come_and_stay() {
    let builder = paused().flight_recorder(&FlightRecorder::with_capacity(2000));
    builder.build().unwrap().block_on(async {
        (0..50).for_each(|_| spawn(std::future::pending::<()>()).detach());
        let kept = Cell::new(Vec::with_capacity(500));
        assert_warm_rounds_allocate_nothing(async || {
            let mut tasks = kept.take();
            let task = async |n| {
                sleep(Duration::from_millis(n)).await;
                yield_now().await;
            };
            tasks.extend((0..500).map(|n| spawn(task(n % 7))));
            for (n, task) in tasks.drain(..).enumerate() {
                if n % 3 == 0 {
                    task.abort();
                }
                let _ = task.await;
            }
            kept.set(tasks);
        })
        .await;
    });
}

#[test]
fn cold_spawn_allocates_once_and_the_first_of_its_place_twice() {
    glassloop::run(async {
        let counts = [(); 3].map(|()| {
            let (count, task) = counted(|| spawn(async { 7 }));
            task.detach();
            count
        });
        assert_eq!(counts, [2, 1, 1], "a cell each, and the record of this future and this place");
    });
}

#[test]
fn spawn_of_another_future_of_a_size_seen_before_allocates_its_record_alone() {
    glassloop::run(async {
        spawn(async { 7 }).await.unwrap();
        let (count, task) = counted(|| spawn(async { 8 }));
        assert_eq!(count, 1, "no cell");
        task.detach();
    });
}

#[test]
fn spawns_in_batches_allocate_nothing_once_a_batch_was_there() {
    glassloop::run(async {
        let kept = Cell::new(Vec::with_capacity(500));
        assert_warm_rounds_allocate_nothing(async || {
            let mut tasks = kept.take();
            tasks.extend((0..500).map(|n| spawn(async move { n })));
            for task in tasks.drain(..) {
                task.await.unwrap();
            }
            kept.set(tasks);
        })
        .await;
    });
}

#[test]
fn join_of_a_finished_task_allocates_nothing() {
    glassloop::run(async {
        let task = spawn(async { 7 });
        yield_now().await;
        assert!(task.is_finished());
        let before = allocations();
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(allocations() - before, 0);
    });
}

#[test]
fn join_of_a_task_not_begun_allocates_nothing() {
    glassloop::run(async {
        let task = spawn(async { 7 });
        let before = allocations();
        assert_eq!(task.await.unwrap(), 7);
        assert_eq!(allocations() - before, 0);
    });
}

#[test]
fn yield_allocates_nothing() {
    glassloop::run(assert_warm_rounds_allocate_nothing(async || yield_now().await));
}

#[test]
fn set_that_is_filled_and_joined_again_allocates_nothing() {
    glassloop::run(async {
        let kept = Cell::new(Some(JoinSet::new()));
        assert_warm_rounds_allocate_nothing(async || {
            let mut set = kept.take().unwrap();
            for n in 0..8 {
                set.spawn(async move { n });
            }
            while set.join_next().await.is_some() {}
            kept.set(Some(set));
        })
        .await;
    });
}

#[test]
fn abort_allocates_nothing() {
    glassloop::run(assert_warm_rounds_allocate_nothing(async || {
        let task = spawn(std::future::pending::<()>());
        yield_now().await;
        task.abort();
        assert!(task.await.unwrap_err().is_cancelled());
    }));
}

#[test]
fn timer_that_fires_allocates_nothing() {
    paused().build().unwrap().block_on(assert_warm_rounds_allocate_nothing(async || sleep(LONG).await));
}

/// Real time: through the alarm, the kernel and the sleep of the loop, where the test above only jumps.
#[test]
fn timer_that_the_loop_sleeps_for_allocates_nothing() {
    glassloop::run(assert_warm_rounds_allocate_nothing(async || sleep(Duration::from_micros(1)).await));
}

#[test]
fn timers_that_fire_together_allocate_nothing() {
    paused().build().unwrap().block_on(assert_warm_rounds_allocate_nothing(async || {
        let tasks: [_; 100] = std::array::from_fn(|n| spawn(sleep(Duration::from_millis(n as u64 / 10))));
        for task in tasks {
            task.await.unwrap();
        }
    }));
}

#[test]
fn timer_that_is_dropped_while_armed_allocates_nothing() {
    glassloop::run(assert_warm_rounds_allocate_nothing(async || poll_once(pin!(sleep(LONG))).await));
}

#[test]
fn timeout_in_time_allocates_nothing() {
    glassloop::run(assert_warm_rounds_allocate_nothing(async || timeout(LONG, yield_now()).await.unwrap()));
}

#[test]
fn timeout_too_late_allocates_nothing() {
    paused().build().unwrap().block_on(assert_warm_rounds_allocate_nothing(async || {
        timeout(LONG, std::future::pending::<()>()).await.unwrap_err();
    }));
}

/// Nothing of a cancelled timer stays behind: not beside an earlier one, a later one, or a crowd in no order.
#[test]
fn million_sleeps_made_and_cancelled_beside_others_allocate_nothing() {
    glassloop::run(async {
        let mut others: Vec<Sleep> =
            (0..100).map(|n| sleep(LONG + Duration::from_nanos(n * 7919 % 1000))).collect();
        for other in &mut others {
            poll_once(other).await;
        }
        poll_once(pin!(sleep(LONG))).await;
        let before = allocations();
        for n in 0..1_000_000_u64 {
            poll_once(pin!(sleep(LONG.mul_f64((n * 7919 % 1000) as f64 / 500.0)))).await;
            if n % 64 == 0 {
                yield_now().await; // a turn, which asks for the next deadline
            }
        }
        assert_eq!(allocations() - before, 0);
    });
}

#[test]
fn reset_of_an_armed_timer_allocates_nothing() {
    glassloop::run(async {
        let mut timer = sleep(LONG);
        poll_once(&mut timer).await;
        let (count, ()) = counted(|| timer.reset(Instant::now() + LONG));
        assert_eq!(count, 0);
    });
}

#[test]
fn reset_of_a_fired_timer_allocates_nothing() {
    paused().build().unwrap().block_on(async {
        let mut timer = sleep(LONG);
        (&mut timer).await;
        let before = allocations();
        timer.reset(Instant::now() + LONG);
        timer.await;
        assert_eq!(allocations() - before, 0);
    });
}

#[test]
fn wake_through_a_stored_waker_allocates_nothing() {
    glassloop::run(async {
        let slot: Rc<Cell<Option<Waker>>> = Rc::default();
        let rounds = Rc::new(Cell::new(0));
        let waiting = {
            let (slot, rounds) = (slot.clone(), rounds.clone());
            spawn(poll_fn(move |cx| -> Poll<()> {
                slot.set(Some(cx.waker().clone()));
                rounds.set(rounds.get() + 1);
                Poll::Pending
            }))
        };
        assert_warm_rounds_allocate_nothing(async || {
            yield_now().await;
            slot.take().expect("it waits").wake();
        })
        .await;
        assert_eq!(rounds.get(), 80);
        waiting.abort();
    });
}

#[test]
fn echo_allocates_nothing() {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return,
                    n => stream.write_all(&buffer[..n]).await.unwrap(),
                }
            }
        });
        let client = TcpStream::connect(addr).await.unwrap();
        assert_warm_rounds_allocate_nothing(async || {
            let mut answer = [0; 64];
            client.write_all(&[7; 64]).await.unwrap();
            client.read_exact(&mut answer).await.unwrap();
            assert_eq!(answer, [7; 64]);
        })
        .await;
        drop(client);
        server.await.unwrap();
    });
}

/// A task that waits, with a future of 64 bytes, asks the allocator for 120 bytes: 128 with the 8 of malloc's head.
#[test]
fn waiting_task_takes_two_cache_lines_of_malloc() {
    struct Wait {
        _held: [u64; 8],
    }
    impl Future for Wait {
        type Output = ();
        fn poll(self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>) -> Poll<()> {
            Poll::Pending
        }
    }
    assert_eq!(size_of::<Wait>(), 64);

    const TASKS: usize = 1000;
    glassloop::run(async {
        (0..TASKS).for_each(|_| spawn(async {}).detach()); // the queue gets its size
        yield_now().await;
        let before = BYTES.get();
        (0..TASKS).for_each(|n| spawn(Wait { _held: [n as u64; 8] }).detach());
        yield_now().await; // behind all of them: they wait
        let bytes = (BYTES.get() - before) as f64 / TASKS as f64;
        println!("a waiting task with a future of 64 bytes takes {bytes} bytes");
        assert!((120.0..121.0).contains(&bytes), "{bytes} bytes a task"); // and the record of all
    });
}
