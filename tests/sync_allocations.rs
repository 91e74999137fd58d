//! What waits ask of the allocator: nothing, once the thread's table and the queue have the size they need.
#![allow(unsafe_code)] // a global allocator cannot be had without

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use glassloop::sync::{
    Barrier, CancellationToken, Condition, Event, Mutex, Notify, OnceCell, Queue, RwLock, Semaphore, broadcast,
    mpsc, oneshot, watch,
};
use glassloop::{Builder, spawn, yield_now};

/// The system's allocator, and how often this thread asked it: the tests of this file run beside each other.
struct Counting;

thread_local! {
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is handed to `System` as it came. Counting allocates nothing: the cell needs neither
// initialization nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: the caller's promise.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
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

/// How many tasks wait beside each other.
const TASKS: usize = 20;
/// Rounds until all is warm, and as many that are counted.
const ROUNDS: usize = 50;

/// Runs `TASKS` tasks that each do `round` so often, and asserts that the later rounds allocate nothing.
fn assert_no_allocation<S: 'static>(shared: S, round: impl AsyncFn(&S) + Clone + 'static) {
    Builder::new().start_paused(true).build().unwrap().block_on(async move {
        let shared = Rc::new(shared);
        let (warm, counted) = (Rc::new(Barrier::new(TASKS)), Rc::new(Cell::new(0)));
        let tasks: Vec<_> = (0..TASKS)
            .map(|_| {
                let (shared, round) = (shared.clone(), round.clone());
                let (warm, counted) = (warm.clone(), counted.clone());
                spawn(async move {
                    for _ in 0..ROUNDS {
                        round(&shared).await;
                    }
                    if warm.wait().await.is_leader() {
                        counted.set(COUNT.get());
                    }
                    warm.wait().await;
                    for _ in 0..ROUNDS {
                        round(&shared).await;
                    }
                    if warm.wait().await.is_leader() {
                        counted.set(COUNT.get() - counted.get());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(counted.get(), 0, "allocations in {ROUNDS} rounds of {TASKS} tasks");
    });
}

/// Polls a future until others have run, and drops it: it waited then, and gave up.
async fn begin_and_drop<F: Future>(future: F) -> Option<F::Output> {
    let (mut future, mut others) = (pin!(future), pin!(yield_now()));
    poll_fn(|cx| match future.as_mut().poll(cx) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => others.as_mut().poll(cx).map(|()| None),
    })
    .await
}

#[test]
#[should_panic(expected = "allocations in")]
fn an_allocation_is_counted() {
    assert_no_allocation((), async |()| {
        drop(std::hint::black_box(Box::new(1)));
        yield_now().await;
    });
}

#[test]
fn mutex_hand_over_allocates_nothing() {
    assert_no_allocation(Mutex::new(0), async |lock| {
        let mut value = lock.lock().await;
        yield_now().await;
        *value += 1;
    });
}

#[test]
fn a_wait_that_is_given_up_allocates_nothing() {
    assert_no_allocation(Mutex::new(()), async |lock| {
        if let Some(_held) = begin_and_drop(lock.lock()).await {
            yield_now().await;
        }
    });
}

#[test]
fn rwlock_reads_writes_and_downgrades_allocate_nothing() {
    assert_no_allocation((RwLock::new(0), Cell::new(0)), async |(lock, turn)| {
        turn.set(turn.get() + 1);
        if turn.get() % 3 == 0 {
            let mut value = lock.write().await;
            *value += 1;
            yield_now().await;
            let _reading = value.downgrade();
            yield_now().await;
        } else {
            let _reading = lock.read().await;
            yield_now().await;
        }
    });
}

#[test]
fn semaphore_permits_allocate_nothing() {
    assert_no_allocation(Rc::new(Semaphore::new(3)), async |semaphore| {
        let mut permit = semaphore.acquire_many(2).await.unwrap();
        yield_now().await;
        drop(permit.split(1));
        drop(permit);
        let _owned = semaphore.clone().acquire_owned().await.unwrap();
    });
}

#[test]
fn notify_of_one_and_of_all_allocates_nothing() {
    assert_no_allocation((Notify::new(), Cell::new(0)), async |(notify, waiting)| {
        waiting.set(waiting.get() + 1);
        if waiting.get() == TASKS {
            waiting.set(0);
            notify.notify_one();
            notify.notify_waiters();
            yield_now().await;
        } else {
            notify.notified().await;
        }
    });
}

#[test]
fn event_allocates_nothing() {
    assert_no_allocation((Event::new(), Cell::new(0)), async |(event, waiting)| {
        waiting.set(waiting.get() + 1);
        if waiting.get() == TASKS {
            waiting.set(0);
            event.set();
            event.clear();
            yield_now().await;
        } else {
            event.wait().await;
        }
    });
}

#[test]
fn condition_allocates_nothing() {
    assert_no_allocation((Mutex::new(0), Condition::new()), async |(lock, condition)| {
        let mut waiting = lock.lock().await;
        *waiting += 1;
        if *waiting == TASKS {
            *waiting = 0;
            condition.notify_all(&waiting);
        } else {
            drop(condition.wait(waiting).await);
        }
    });
}

#[test]
fn barrier_allocates_nothing() {
    assert_no_allocation(Barrier::new(TASKS), async |barrier| {
        barrier.wait().await;
    });
}

#[test]
fn once_cell_waits_allocate_nothing() {
    // The cell is given its value in the first round; the waits that are given up stand in front of another.
    let cells = (OnceCell::new(), OnceCell::<()>::new());
    assert_no_allocation(cells, async |(made, never)| {
        made.get_or_init(yield_now).await;
        assert!(begin_and_drop(never.get_or_init(std::future::pending)).await.is_none());
    });
}

#[test]
fn cancellation_waits_allocate_nothing() {
    assert_no_allocation(CancellationToken::new(), async |token| {
        assert!(begin_and_drop(token.cancelled()).await.is_none());
        assert!(begin_and_drop(token.run_until_cancelled(std::future::pending::<()>())).await.is_none());
    });
}

// ---- channels: a task that answers, and one that asks

/// How much the later rounds allocate, once the earlier ones have made all warm.
async fn allocations_of(mut round: impl AsyncFnMut()) -> usize {
    for _ in 0..ROUNDS {
        round().await;
    }
    let before = COUNT.get();
    for _ in 0..ROUNDS {
        round().await;
    }
    COUNT.get() - before
}

#[test]
fn mpsc_ping_pong_allocates_nothing() {
    glassloop::run(async {
        let (ask, mut asked) = mpsc::channel(1);
        let (answer, mut answered) = mpsc::unbounded_channel();
        spawn(async move {
            while let Some(n) = asked.recv().await {
                answer.send(n + 1).unwrap();
            }
        })
        .detach();
        let round = async || {
            for n in 0..3 {
                ask.send(n).await.unwrap(); // the third waits for room
            }
            for n in 0..3 {
                assert_eq!(answered.recv().await, Some(n + 1));
            }
        };
        assert_eq!(allocations_of(round).await, 0);
    });
}

#[test]
fn oneshot_allocates_its_own_cell_and_nothing_for_the_wait() {
    glassloop::run(async {
        let (ask, mut asked) = mpsc::channel(1);
        spawn(async move {
            while let Some(answer) = asked.recv().await {
                let answer: oneshot::Sender<u32> = answer;
                yield_now().await;
                answer.send(7).unwrap();
            }
        })
        .detach();
        let round = async || {
            let (answer, answered) = oneshot::channel();
            ask.send(answer).await.unwrap();
            assert_eq!(answered.await, Ok(7));
        };
        assert_eq!(allocations_of(round).await, ROUNDS);
    });
}

#[test]
fn broadcast_and_watch_allocate_nothing() {
    glassloop::run(async {
        let (all, mut heard) = broadcast::channel(4);
        let (latest, mut seen) = watch::channel(0);
        let answer = Rc::new(Notify::new());
        spawn({
            let answer = answer.clone();
            async move {
                while let Ok(n) = heard.recv().await {
                    seen.changed().await.unwrap();
                    assert_eq!(*seen.borrow_and_update(), n);
                    answer.notify_one();
                }
            }
        })
        .detach();
        let mut n = 0;
        let round = async || {
            n += 1;
            all.send(n).unwrap();
            yield_now().await;
            latest.send(n).unwrap();
            answer.notified().await;
        };
        assert_eq!(allocations_of(round).await, 0);
    });
}

#[test]
fn queue_put_get_and_join_allocate_nothing() {
    glassloop::run(async {
        let queue = Queue::new(2);
        let worker = queue.clone();
        spawn(async move {
            while worker.get().await.is_ok() {
                worker.task_done();
            }
        })
        .detach();
        let round = async || {
            for n in 0..5 {
                queue.put(n).await.unwrap();
            }
            queue.join().await;
        };
        assert_eq!(allocations_of(round).await, 0);
        queue.close();
    });
}
