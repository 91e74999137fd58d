//! Waiting for what others do: an event, a condition under a lock, a meeting, and a value that is made once.

use std::collections::VecDeque;
use std::rc::Rc;

use glassloop::sync::{Barrier, CancellationToken, Condition, Event, Mutex, OnceCell};
use glassloop::{join_all, spawn, yield_now};

const ROOM: usize = 2;

/// A queue with room for two, made of a lock and two conditions.
#[derive(Default)]
struct Shelf {
    items: Mutex<VecDeque<u32>>,
    not_full: Condition,
    not_empty: Condition,
}

impl Shelf {
    async fn put(&self, item: u32) {
        let mut items = self.not_full.wait_for(self.items.lock().await, |items| items.len() < ROOM).await;
        items.push_back(item);
        println!("put {item}");
        self.not_empty.notify(&items, 1);
    }

    async fn take(&self) -> u32 {
        let mut items = self.not_empty.wait_for(self.items.lock().await, |items| !items.is_empty()).await;
        let item = items.pop_front().expect("it is not empty");
        println!("took {item}");
        self.not_full.notify(&items, 1);
        item
    }
}

async fn bounded_queue() {
    let shelf = Rc::new(Shelf::default());
    let producer = spawn({
        let shelf = shelf.clone();
        async move {
            for item in 1..=4 {
                shelf.put(item).await;
            }
        }
    });
    for _ in 1..=4 {
        shelf.take().await;
    }
    producer.await.unwrap();
}

/// Whoever waits for an event goes on in the order of arrival; whoever comes later does not wait.
async fn starting_shot() {
    let shot = Rc::new(Event::new());
    let runners = ["first", "second"].map(|name| {
        let shot = shot.clone();
        spawn(async move {
            shot.wait().await;
            println!("{name} runs");
        })
    });
    yield_now().await;
    println!("ready, steady, go");
    shot.set();
    for runner in runners {
        runner.await.unwrap();
    }
    shot.wait().await;
}

/// Three meet; the last to come leads.
async fn meeting() {
    let barrier = Barrier::new(3);
    join_all(["a", "b", "c"].map(async |name| {
        let met = barrier.wait().await;
        println!("{name} goes on{}", if met.is_leader() { ", and leads" } else { "" });
    }))
    .await;
}

/// A hundred need the value; one makes it.
async fn single_flight() {
    let cell = OnceCell::new();
    let make = async || {
        println!("making the value");
        yield_now().await;
        7
    };
    let values = join_all((0..100).map(async |_| *cell.get_or_init(make).await)).await;
    println!("{} have it", values.iter().filter(|value| **value == 7).count());
}

/// Asked to end, a task may still await; `abort` would drop it.
async fn gentle_end() {
    let token = CancellationToken::new();
    let worker = spawn({
        let token = token.child_token();
        async move {
            let done = token.run_until_cancelled(std::future::pending::<()>()).await;
            yield_now().await; // puts its things away
            println!("the worker ended early: {}", done.is_none());
        }
    });
    yield_now().await;
    token.cancel();
    worker.await.unwrap();
}

fn main() {
    glassloop::run(async {
        bounded_queue().await;
        starting_shot().await;
        meeting().await;
        single_flight().await;
        gentle_end().await;
    });
}

// Output:
// put 1
// put 2
// took 1
// took 2
// put 3
// put 4
// took 3
// took 4
// ready, steady, go
// first runs
// second runs
// c goes on, and leads
// a goes on
// b goes on
// making the value
// 100 have it
// the worker ended early: true
