//! A thousand calls of 180 ms: one after the other three minutes, a hundred at a time under two seconds.

use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::Semaphore;
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, JoinSet};

async fn call() {
    sleep(Duration::from_millis(180)).await;
}

fn main() {
    // Virtual time: what is measured is the plan, and nobody waits for it.
    Builder::new().start_paused(true).build().unwrap().block_on(async {
        let start = Instant::now();
        for _ in 0..1000 {
            call().await;
        }
        println!("one after the other: {:?}", start.elapsed());

        let start = Instant::now();
        let at_once = Rc::new(Semaphore::new(100));
        let mut calls = JoinSet::new();
        for _ in 0..1000 {
            let at_once = at_once.clone();
            calls.spawn(async move {
                let _permit = at_once.acquire().await.unwrap();
                call().await;
            });
        }
        calls.join_all().await;
        println!("a hundred at a time: {:?}", start.elapsed());
    });
}

// Output:
// one after the other: 180s
// a hundred at a time: 1.8s
