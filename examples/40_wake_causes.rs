//! Why each task ran: the lines of a trace say who woke it, by what, and where the thing was made.

use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{Mutex, mpsc};
use glassloop::time::sleep;
use glassloop::trace::Recorder;
use glassloop::{Builder, spawn, spawn_blocking};

async fn program() {
    let lock = Rc::new(Mutex::new(0));
    let (tx, mut rx) = mpsc::channel::<()>(1);
    let counter = spawn({
        let lock = lock.clone();
        async move {
            *lock.lock().await += 1; // held by the root for a second
            drop(tx); // without a word
        }
    });
    let held = lock.lock().await;
    let reader = spawn(async move { rx.recv().await.is_none() });
    sleep(Duration::from_secs(1)).await;
    drop(held);
    assert!(reader.await.unwrap());
    counter.await.unwrap();
    spawn_blocking(|| {}).await.unwrap();
}

fn main() {
    let recorder = Recorder::new();
    let builder = Builder::new().start_paused(true).observer(recorder.observer());
    builder.build().unwrap().block_on(program());
    let of_interest = ["wake", "pending"];
    let lines = recorder.lines();
    let is_told = |line: &&String| of_interest.iter().any(|start| line.starts_with(start));
    lines.iter().filter(is_told).for_each(|line| println!("{line}"));
}

// Output:
// wake 1: spawned
// wake 2: spawned
// wake 3: spawned
// pending 1, for timer 1 made at examples/40_wake_causes.rs:23:5
// pending 2, for Mutex::lock at examples/40_wake_causes.rs:17:19 (made at examples/40_wake_causes.rs:12:24)
// pending 3, for mpsc::Receiver::recv at examples/40_wake_causes.rs:22:40 (made at examples/40_wake_causes.rs:13:24)
// wake 1: timer 1
// wake 2: task 1, which released the Mutex made at examples/40_wake_causes.rs:12:24
// pending 1, for task 3 spawned at examples/40_wake_causes.rs:22:18
// wake 3: task 2, which dropped the last sender or permit of the mpsc channel made at examples/40_wake_causes.rs:13:24
// wake 1: task 3, which ended, spawned at examples/40_wake_causes.rs:22:18
// pending 1, for task 4 spawned at examples/40_wake_causes.rs:27:5
// wake 4: its job ended
// wake 1: task 4, which ended, spawned at examples/40_wake_causes.rs:27:5
