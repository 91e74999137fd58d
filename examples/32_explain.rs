//! What is worth knowing of a run, in words: who held the loop, who waited behind which lock, and what ran one after
//! another for no reason that can be seen.

use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::Mutex;
use glassloop::time::{advance, sleep};
use glassloop::trace::Recorder;
use glassloop::{Builder, join_all, spawn_named};

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The page needs three things of three services. None of them needs another.
async fn page() {
    for (service, time) in [("user", 400), ("orders", 300), ("news", 200)] {
        spawn_named(service, sleep(ms(time))).await.unwrap();
    }
}

/// Resizes a picture where all other tasks wait for the thread.
async fn resize() {
    sleep(ms(450)).await;
    advance(ms(80)).await; // the clock is virtual: this stands for work
}

/// Has an appointment just then.
async fn guest() {
    sleep(ms(500)).await;
}

/// Keeps the books locked while it waits for the disk.
async fn book(books: Rc<Mutex<u32>>) {
    let mut books = books.lock().await;
    sleep(ms(40)).await;
    *books += 1;
}

fn main() {
    let recorder = Recorder::new();
    let builder = Builder::new().start_paused(true).observer(recorder.observer());
    builder.build().unwrap().block_on(async {
        let books = Rc::new(Mutex::new(0));
        let clerks = (1..=3).map(|n| spawn_named(format!("clerk {n}"), book(books.clone())));
        let guests = (1..=12).map(|n| spawn_named(format!("guest {n}"), guest()));
        let all = [spawn_named("page", page()), spawn_named("resize", resize())];
        join_all(all.into_iter().chain(clerks).chain(guests)).await;
    });
    print!("{}", recorder.story().explain());
}

// Output:
// 900 ms, 21 tasks, 51 polls: the loop ran tasks 9 % of the time and slept 91 %
// time in the queue: p50 0, p99 0, max 0
//
// who ran longest
//     80 ms in 3 polls, the longest 80 ms: task 3 "resize" (examples/32_explain.rs:48)
//
// task 3 "resize" (examples/32_explain.rs:48) held the loop for 80 ms; 12 tasks waited
//
// task 6 "clerk 3" (examples/32_explain.rs:46) waited 80 ms for Mutex::lock at examples/32_explain.rs:36,
//   until task 5 "clerk 2" (examples/32_explain.rs:46) released the Mutex
//   (made at examples/32_explain.rs:45: 2 waits, 120 ms in all)
//
// these 3 awaits of task 2 "page" (examples/32_explain.rs:48) ran one after another
//    400 ms for task 19 "user" (examples/32_explain.rs:19)
//    300 ms for task 20 "orders" (examples/32_explain.rs:19)
//    200 ms for task 21 "news" (examples/32_explain.rs:19)
// together they would take 400 ms instead of 900 ms, if none needs another's result
