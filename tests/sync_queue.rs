//! asyncio's queues, as sequences; mostly polled by hand, to see who is woken.

#[path = "support/foreign.rs"]
mod foreign;

use std::cell::{Cell, RefCell};
use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::time::Duration;

use foreign::{Count, Hand, now, on_wake, woken};
use glassloop::sync::queue::error::{GetError, PutError, TryGetError, TryPutError};
use glassloop::sync::{LifoQueue, PriorityQueue, Queue};
use glassloop::time::{sleep, timeout};
use glassloop::{Builder, JoinHandle, Runtime, join_all, spawn, spawn_named};

fn paused() -> Runtime {
    Builder::new().start_paused(true).build().unwrap()
}

/// A full queue of one place.
fn full() -> Queue<&'static str> {
    let queue = Queue::new(1);
    queue.put_nowait("first").unwrap();
    queue
}

/// What a panic said.
fn said<R>(act: impl FnOnce() -> R) -> String {
    let payload = catch_unwind(AssertUnwindSafe(act)).err().expect("it panics");
    payload.downcast::<String>().map_or_else(|payload| payload.downcast::<&str>().unwrap().to_string(), |s| *s)
}

// ---- Which item comes

#[test]
fn each_kind_of_queue_has_its_order() {
    let (fifo, priority, lifo) = (Queue::new(0), PriorityQueue::new(0), LifoQueue::new(0));
    for item in [3, 1, 2] {
        fifo.put_nowait(item).unwrap();
        priority.put_nowait(item).unwrap();
        lifo.put_nowait(item).unwrap();
    }
    assert_eq!([(); 3].map(|()| fifo.get_nowait().unwrap()), [3, 1, 2]);
    assert_eq!([(); 3].map(|()| priority.get_nowait().unwrap()), [1, 2, 3]);
    assert_eq!([(); 3].map(|()| lifo.get_nowait().unwrap()), [2, 1, 3]);
}

/// Ordered by its number alone.
#[derive(Debug)]
struct Job(u8, &'static str);

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.0 == other.0
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Job) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[test]
fn of_equal_priorities_the_oldest_comes_first() {
    let queue = PriorityQueue::new(0);
    for job in [Job(2, "a"), Job(1, "b"), Job(2, "c"), Job(1, "d"), Job(2, "e"), Job(1, "f")] {
        queue.put_nowait(job).unwrap();
    }
    let order: Vec<_> = std::iter::from_fn(|| queue.get_nowait().ok()).map(|job| job.1).collect();
    assert_eq!(order, ["b", "d", "f", "a", "c", "e"]);
}

#[test]
fn who_was_handed_an_item_gets_the_smallest_that_is_there_when_it_runs() {
    let queue = PriorityQueue::new(0);
    let mut get = Hand::waiting("get", queue.get());
    queue.put_nowait(2).unwrap();
    queue.put_nowait(1).unwrap();
    assert_eq!(woken(), ["get"]);
    assert_eq!(get.take(), Ok(1));
}

// ---- Who gets, who puts

#[test]
fn items_go_to_those_who_wait_in_their_order() {
    let queue = Queue::new(0);
    let (mut a, mut b) = (Hand::waiting("a", queue.get()), Hand::waiting("b", queue.get()));
    queue.put_nowait(1).unwrap();
    assert_eq!(woken(), ["a"]);
    queue.put_nowait(2).unwrap();
    assert_eq!(woken(), ["b"]);
    assert_eq!((b.take(), a.take()), (Ok(1), Ok(2)), "the items come in theirs");
}

#[test]
fn room_goes_to_those_who_wait_in_their_order() {
    let queue = full();
    let (mut a, mut b) = (Hand::waiting("a", queue.put("a")), Hand::waiting("b", queue.put("b")));
    assert_eq!(queue.get_nowait(), Ok("first"));
    assert_eq!(woken(), ["a"]);
    assert!(b.is_pending());
    a.take().unwrap();
    assert_eq!(queue.get_nowait(), Ok("a"));
    assert_eq!(woken(), ["b"]);
    b.take().unwrap();
    assert_eq!(queue.get_nowait(), Ok("b"));
}

#[test]
fn what_was_handed_over_cannot_be_taken_in_between() {
    let queue = Queue::new(1);
    let mut get = Hand::waiting("get", queue.get());
    queue.put_nowait(1).unwrap();
    assert_eq!(queue.get_nowait(), Err(TryGetError::Empty), "it is the waiter's");
    assert_eq!((queue.len(), queue.is_full()), (1, true));
    let mut put = Hand::waiting("put", queue.put(2));
    assert_eq!(get.take(), Ok(1));
    assert_eq!(queue.put_nowait(3), Err(TryPutError::Full(3)), "the room is the waiter's");
    assert_eq!((queue.len(), queue.is_full()), (0, false));
    put.take().unwrap();
    assert_eq!(queue.get_nowait(), Ok(2));
}

#[test]
fn a_getter_that_is_dropped_passes_its_item_on() {
    let queue = Queue::new(0);
    let a = Hand::waiting("a", queue.get());
    let mut b = Hand::waiting("b", queue.get());
    queue.put_nowait(1).unwrap();
    drop(a);
    assert_eq!(woken(), ["a", "b"]);
    assert_eq!(b.take(), Ok(1));
}

#[test]
fn a_getter_that_is_dropped_in_the_line_is_passed_over() {
    let queue = Queue::new(0);
    let a = Hand::waiting("a", queue.get());
    let _b = Hand::waiting("b", queue.get());
    drop(a);
    queue.put_nowait(1).unwrap();
    assert_eq!(woken(), ["b"]);
}

#[test]
fn the_item_of_a_dropped_getter_can_be_had_by_all_if_nobody_waits() {
    let queue = Queue::new(0);
    let get = Hand::waiting("get", queue.get());
    queue.put_nowait(1).unwrap();
    drop(get);
    assert_eq!(queue.get_nowait(), Ok(1));
}

#[test]
fn a_putter_that_is_dropped_passes_its_room_on_and_drops_its_item() {
    let queue = Queue::new(1);
    let item = Rc::new(());
    queue.put_nowait(Rc::default()).unwrap();
    let a = Hand::waiting("a", queue.put(item.clone()));
    let mut b = Hand::waiting("b", queue.put(Rc::default()));
    queue.get_nowait().unwrap();
    drop(a);
    assert_eq!(woken(), ["a", "b"]);
    assert_eq!(Rc::strong_count(&item), 1);
    b.take().unwrap();
    assert_eq!((queue.len(), queue.unfinished()), (1, 2));
}

#[test]
fn a_get_in_a_timeout_loses_nothing() {
    paused().block_on(async {
        let queue = Queue::new(0);
        assert!(timeout(Duration::from_secs(1), queue.get()).await.is_err());
        queue.put(1).await.unwrap();
        assert_eq!(queue.get().await, Ok(1));
    });
}

#[test]
fn getters_and_putters_come_in_the_order_that_asyncio_documents() {
    // tests/asyncio/queue_getters.py
    let log = Rc::new(RefCell::new(Vec::new()));
    let (say, queue) = (log.clone(), Queue::new(1));
    paused().block_on(async move {
        let pause = || sleep(Duration::from_millis(10));
        let getters: Vec<JoinHandle<()>> = ["A", "B", "C"]
            .map(|name| {
                let (say, queue) = (say.clone(), queue.clone());
                spawn(async move {
                    let item = queue.get().await.unwrap();
                    say.borrow_mut().push(format!("{name} got {item}"));
                })
            })
            .into();
        pause().await;
        for item in 1..=3 {
            queue.put(item).await.unwrap();
            pause().await;
        }
        join_all(getters).await;
        for item in 4..=6 {
            let (say, queue) = (say.clone(), queue.clone());
            spawn(async move {
                queue.put(item).await.unwrap();
                say.borrow_mut().push(format!("put {item}"));
            })
            .detach();
        }
        pause().await;
        for _ in 0..3 {
            let item = queue.get().await.unwrap();
            say.borrow_mut().push(format!("main got {item}"));
            pause().await;
        }
    });
    assert_eq!(
        log.take(),
        ["A got 1", "B got 2", "C got 3", "put 4", "main got 4", "put 5", "main got 5", "put 6", "main got 6"]
    );
}

// ---- task_done and join

#[test]
fn join_of_a_queue_in_which_nothing_was_put_is_ready() {
    now(Queue::<u8>::new(0).join());
}

#[test]
fn join_waits_for_the_last_task_done_not_for_the_last_get() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    let (mut a, mut b) = (Hand::waiting("a", queue.join()), Hand::waiting("b", queue.join()));
    let gone = Hand::waiting("gone", queue.join());
    drop(gone);
    queue.get_nowait().unwrap();
    queue.task_done();
    queue.get_nowait().unwrap();
    assert!(woken().is_empty());
    assert_eq!(queue.unfinished(), 1);
    queue.task_done();
    assert_eq!(woken(), ["a", "b"]);
    a.take();
    b.take();
    now(queue.join());
}

#[test]
fn who_waited_in_join_goes_on_even_if_more_is_put_before_it_runs() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    let mut join = Hand::waiting("join", queue.join());
    queue.get_nowait().unwrap();
    queue.task_done();
    queue.put_nowait(2).unwrap();
    join.take();
    drop(Hand::waiting("again", queue.join()));
}

#[test]
fn workers_share_the_items_and_join_sees_the_end_of_the_last() {
    // tests/asyncio/queue_join.py
    let log = Rc::new(RefCell::new(Vec::new()));
    let (say, queue) = (log.clone(), Queue::new(0));
    paused().block_on(async move {
        for item in 0..4 {
            queue.put_nowait(item).unwrap();
        }
        let workers = ["A", "B"].map(|name| {
            let (say, queue) = (say.clone(), queue.clone());
            spawn(async move {
                while let Ok(item) = queue.get().await {
                    say.borrow_mut().push(format!("{name} works on {item}"));
                    sleep(Duration::from_millis(10)).await;
                    say.borrow_mut().push(format!("{name} done with {item}"));
                    queue.task_done();
                }
            })
        });
        queue.join().await;
        say.borrow_mut().push("joined".to_owned());
        queue.close();
        join_all(workers).await;
    });
    let wanted = "A works on 0, B works on 1, A done with 0, A works on 2, B done with 1, B works on 3, A done with 2, \
                  B done with 3, joined";
    assert_eq!(log.take().join(", "), wanted);
}

#[test]
fn task_done_more_often_than_put_says_so() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    queue.task_done();
    let told = said(|| queue.task_done());
    assert!(told.starts_with("`task_done` was called more often than items were put into the queue"), "{told}");
}

#[test]
fn a_join_that_nobody_can_end_is_named_in_the_report_of_the_deadlock() {
    // The documents' program: the consumer leaves at the first end mark, without `task_done`.
    let line = Cell::new(0);
    let deadlock = paused().try_block_on(async {
        let queue = Queue::new(10);
        let producers = [0, 1, 2].map(|_| {
            let queue = queue.clone();
            spawn_named("producer", async move {
                for item in 0..5 {
                    queue.put(Some(item)).await.unwrap();
                    sleep(Duration::from_millis(100)).await;
                }
                queue.put(None).await.unwrap();
            })
        });
        spawn_named("consumer", {
            let queue = queue.clone();
            async move {
                while let Ok(Some(_item)) = queue.get().await {
                    queue.task_done();
                }
            }
        })
        .detach();
        join_all(producers).await;
        assert_eq!(queue.unfinished(), 3, "the end marks");
        line.set(line!() + 1);
        queue.join().await;
    });
    let line = line.get();
    let report = deadlock.unwrap_err().to_string();
    assert!(report.contains(&format!("Queue::join (at tests/sync_queue.rs:{line}:")), "{line}: {report}");
}

#[test]
fn each_kind_of_queue_has_its_own_name_in_reports() {
    let told = Runtime::new().unwrap().try_block_on(async { LifoQueue::<u8>::new(1).get().await });
    assert!(told.unwrap_err().to_string().contains("LifoQueue::get (at tests/sync_queue.rs:"));
    let told = Runtime::new().unwrap().try_block_on(async {
        let queue = PriorityQueue::new(1);
        queue.put(1).await.unwrap();
        queue.put(2).await
    });
    assert!(told.unwrap_err().to_string().contains("PriorityQueue::put (at tests/sync_queue.rs:"));
}

// ---- Closing

#[test]
fn close_lets_the_rest_out_and_nothing_in() {
    let queue = Queue::new(2);
    queue.put_nowait(1).unwrap();
    queue.close();
    assert!(queue.is_closed());
    assert_eq!(now(queue.put(2)), Err(PutError(2)));
    assert_eq!(queue.put_nowait(2), Err(TryPutError::Closed(2)));
    assert_eq!(now(queue.get()), Ok(1));
    assert_eq!(now(queue.get()), Err(now(queue.get()).unwrap_err()));
    assert_eq!(queue.get_nowait(), Err(TryGetError::Closed));
}

#[test]
fn close_wakes_those_who_wait_to_put_with_their_items() {
    let queue = full();
    let (mut a, mut b) = (Hand::waiting("a", queue.put("a")), Hand::waiting("b", queue.put("b")));
    queue.close();
    queue.close();
    assert_eq!(woken(), ["a", "b"]);
    assert_eq!((a.take(), b.take()), (Err(PutError("a")), Err(PutError("b"))));
}

#[test]
fn close_fails_a_putter_that_was_handed_room_and_has_not_run() {
    let queue = full();
    let mut put = Hand::waiting("put", queue.put("late"));
    queue.get_nowait().unwrap();
    queue.close();
    assert_eq!(put.take(), Err(PutError("late")));
    assert!(queue.is_empty());
}

#[test]
fn close_wakes_those_who_wait_to_get() {
    let queue = Queue::<u8>::new(0);
    let (mut a, mut b) = (Hand::waiting("a", queue.get()), Hand::waiting("b", queue.get()));
    queue.close();
    assert_eq!(woken(), ["a", "b"]);
    assert!(a.take().is_err() && b.take().is_err());
}

#[test]
fn an_item_that_was_handed_over_before_close_is_got() {
    let queue = Queue::new(0);
    let mut get = Hand::waiting("get", queue.get());
    queue.put_nowait(1).unwrap();
    queue.close();
    assert_eq!(get.take(), Ok(1));
}

#[test]
fn who_comes_after_close_waits_for_what_others_were_handed() {
    let queue = Queue::new(0);
    let first = Hand::waiting("first", queue.get());
    queue.put_nowait(1).unwrap();
    queue.close();
    assert_eq!(queue.get_nowait(), Err(TryGetError::Empty));
    let mut second = Hand::waiting("second", queue.get());
    let mut third = Hand::waiting("third", queue.get());
    drop(first);
    assert_eq!(woken(), ["first", "second"]);
    assert_eq!(second.take(), Ok(1));
    assert_eq!(woken(), ["third"]);
    assert!(third.take().is_err());
}

#[test]
fn join_waits_as_before_in_a_closed_queue() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    queue.close();
    let mut join = Hand::waiting("join", queue.join());
    now(queue.get()).unwrap();
    assert!(join.is_pending());
    queue.task_done();
    join.take();
}

#[test]
fn close_now_drops_what_is_in_it_and_counts_it_as_done() {
    let queue = Queue::new(2);
    let item = Rc::new(());
    queue.put_nowait(item.clone()).unwrap();
    queue.put_nowait(item.clone()).unwrap();
    let mut put = Hand::waiting("put", queue.put(item.clone()));
    let mut join = Hand::waiting("join", queue.join());
    queue.close_now();
    assert_eq!(woken(), ["put", "join"]);
    join.take();
    assert!(put.take().is_err());
    drop(put);
    assert_eq!((Rc::strong_count(&item), queue.len(), queue.unfinished()), (1, 0, 0));
    assert!(now(queue.get()).is_err());
}

#[test]
fn close_now_leaves_what_was_got_to_be_done() {
    let queue = Queue::new(0);
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    now(queue.get()).unwrap();
    queue.close_now();
    let mut join = Hand::waiting("join", queue.join());
    queue.task_done();
    join.take();
}

#[test]
fn close_now_takes_back_what_was_handed_over_and_not_got() {
    let queue = Queue::new(0);
    let (mut a, b) = (Hand::waiting("a", queue.get()), Hand::waiting("b", queue.get()));
    queue.put_nowait(1).unwrap();
    queue.put_nowait(2).unwrap();
    queue.close_now();
    assert!(a.take().is_err());
    drop(b);
    assert_eq!(queue.get_nowait(), Err(TryGetError::Closed));
    assert!(now(queue.get()).is_err());
}

// ---- Foreign code

/// Compares by its number, after it has done something.
#[derive(Clone)]
struct Acting(u8, Rc<dyn Fn()>);

impl PartialEq for Acting {
    fn eq(&self, other: &Acting) -> bool {
        self.0 == other.0
    }
}

impl Eq for Acting {}

impl PartialOrd for Acting {
    fn partial_cmp(&self, other: &Acting) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Acting {
    fn cmp(&self, other: &Acting) -> Ordering {
        (self.1)();
        self.0.cmp(&other.0)
    }
}

#[test]
fn an_ord_that_uses_its_own_queue_is_refused_and_no_item_is_lost() {
    let queue = PriorityQueue::new(4);
    let again: [fn(&PriorityQueue<Acting>); 3] = [
        |queue| drop(queue.get_nowait()),
        |queue| drop(queue.put_nowait(Acting(0, Rc::new(|| {})))),
        |queue| queue.close_now(),
    ];
    let which = Rc::new(Cell::new(None));
    let act = {
        let (queue, which) = (queue.clone(), which.clone());
        Rc::new(move || {
            let again: Option<fn(&PriorityQueue<Acting>)> = which.take();
            if let Some(again) = again {
                again(&queue);
            }
        })
    };
    queue.put_nowait(Acting(2, act.clone())).unwrap_or_else(|_| panic!("there is room"));
    queue.put_nowait(Acting(1, act.clone())).unwrap_or_else(|_| panic!("there is room"));
    for again in again {
        which.set(Some(again));
        let told = said(|| queue.put_nowait(Acting(3, act.clone())).is_ok());
        assert!(told.starts_with("a queue was used by the `Ord` of one of its items"), "{told}");
        assert_eq!(queue.len(), 3, "the item that was compared is in it");
        let item = queue.get_nowait().unwrap();
        assert_eq!(item.0, 1);
        queue.get_nowait().unwrap();
        queue.get_nowait().unwrap();
        for n in [2, 1] {
            queue.put_nowait(Acting(n, act.clone())).unwrap_or_else(|_| panic!("there is room"));
        }
    }
    for n in [3, 4] {
        queue.put_nowait(Acting(n, act.clone())).unwrap_or_else(|_| panic!("no room was lost"));
    }
    assert!(matches!(queue.put_nowait(Acting(5, act)), Err(TryPutError::Full(_))));
    queue.close_now(); // its items know it, and it them
}

#[test]
fn an_ord_that_panics_while_an_item_is_taken_out_loses_none() {
    let queue = PriorityQueue::new(4);
    let panics = Rc::new(Cell::new(false));
    let act = {
        let panics = panics.clone();
        Rc::new(move || assert!(!panics.get(), "no order today"))
    };
    for n in [4, 3, 2, 1] {
        queue.put_nowait(Acting(n, act.clone())).unwrap_or_else(|_| panic!("there is room"));
    }
    panics.set(true);
    assert_eq!(said(|| queue.get_nowait().is_ok()), "no order today");
    panics.set(false);
    assert_eq!(queue.len(), 4);
    assert!(matches!(queue.put_nowait(Acting(9, act.clone())), Err(TryPutError::Full(_))));
    let mut rest: Vec<u8> = std::iter::from_fn(|| queue.get_nowait().ok()).map(|item| item.0).collect();
    rest.sort_unstable();
    assert_eq!(rest, [1, 2, 3, 4]);
    assert_eq!(queue.get_nowait().err(), Some(TryGetError::Empty));
}

/// Puts another item into its queue when it is dropped.
struct Putting(Queue<Putting>, Count);

impl Drop for Putting {
    fn drop(&mut self) {
        self.1.up();
        if self.1.get() < 5 {
            let _ = self.0.put_nowait(Putting(self.0.clone(), self.1.clone()));
        }
    }
}

#[test]
fn an_item_may_put_into_its_own_queue_when_it_is_dropped() {
    let (queue, count) = (Queue::new(1), Count::default());
    queue.put_nowait(Putting(queue.clone(), count.clone())).unwrap_or_else(|_| panic!("there is room"));
    drop(queue.get_nowait());
    assert_eq!((queue.len(), count.get()), (1, 1));
    queue.close_now();
    assert_eq!((queue.len(), count.get()), (0, 5), "each that is refused is dropped, and tries again");
}

#[test]
fn a_waker_that_gets_finds_what_was_handed_over_taken() {
    let queue = Queue::new(0);
    let mut get = Hand::waiting("get", queue.get());
    on_wake("get", {
        let queue = queue.clone();
        move || assert_eq!(queue.get_nowait(), Err(TryGetError::Empty))
    });
    queue.put_nowait(1).unwrap();
    assert_eq!(woken(), ["get"]);
    assert_eq!(get.take(), Ok(1));
}

#[test]
fn a_waker_that_puts_finds_the_queue_in_order() {
    let queue = Queue::new(0);
    let mut get = Hand::waiting("get", queue.get());
    on_wake("get", {
        let queue = queue.clone();
        move || queue.put_nowait(2).unwrap()
    });
    queue.put_nowait(1).unwrap();
    assert_eq!((get.take(), queue.get_nowait()), (Ok(1), Ok(2)));
}

// ---- The rest

#[test]
fn sizes_are_told() {
    let queue = Queue::new(2);
    assert_eq!((queue.maxsize(), queue.len(), queue.is_empty(), queue.is_full()), (2, 0, true, false));
    queue.put_nowait(1).unwrap();
    queue.put_nowait(1).unwrap();
    assert_eq!((queue.len(), queue.is_empty(), queue.is_full()), (2, false, true));
    let unlimited = Queue::<u8>::default();
    assert_eq!((unlimited.maxsize(), unlimited.is_full()), (0, false));
    assert!(queue.same_queue(&queue.clone()) && !queue.same_queue(&Queue::new(2)));
}

#[test]
fn errors_say_what_was_wrong() {
    let queue = Queue::new(1);
    assert!(queue.get_nowait().unwrap_err().to_string().starts_with("queue empty: "));
    queue.put_nowait(1).unwrap();
    let full = queue.put_nowait(2).unwrap_err();
    assert!(full.to_string().starts_with("queue full: ") && full.into_inner() == 2);
    queue.close_now();
    assert!(PutError(()).to_string().starts_with("queue closed: "));
    assert_eq!(queue.put_nowait(3).unwrap_err().to_string(), PutError(()).to_string());
    let closed: GetError = now(queue.get()).unwrap_err();
    assert_eq!(closed.to_string(), queue.get_nowait().unwrap_err().to_string());
}
