//! Two producers fill a queue of two places, two workers empty it. `join` waits until the work on every item is done,
//! which is later than when the last was taken out; then the queue is closed, and the workers see it and end.

use glassloop::sync::Queue;
use glassloop::time::sleep;
use glassloop::{Builder, join_all, spawn};
use std::time::Duration;

async fn produce(name: &str, queue: Queue<String>) {
    for n in 1..=3 {
        queue.put(format!("{name}{n}")).await.unwrap(); // waits while two are in it
        println!("{name} put {name}{n}");
    }
}

async fn work(name: &str, queue: Queue<String>) {
    while let Ok(item) = queue.get().await {
        sleep(Duration::from_millis(100)).await;
        println!("        {name} did {item}");
        queue.task_done();
    }
    println!("        {name} goes home");
}

fn main() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let queue = Queue::new(2);
        let producers = ["a", "b"].map(|name| spawn(produce(name, queue.clone())));
        let workers = ["X", "Y"].map(|name| spawn(work(name, queue.clone())));
        join_all(producers).await;
        println!("all put, {} still in the queue, {} not done", queue.len(), queue.unfinished());
        queue.join().await;
        println!("all done");
        queue.close();
        join_all(workers).await;
    });
}

// Output:
// a put a1
// a put a2
// a put a3
// b put b1
//         X did a1
//         Y did a2
// b put b2
// b put b3
// all put, 2 still in the queue, 4 not done
//         X did a3
//         Y did b1
//         X did b2
//         Y did b3
// all done
//         X goes home
//         Y goes home
