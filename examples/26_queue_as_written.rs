//! A program of asyncio's documents, ported as it was written: three producers, one consumer that leaves at the first
//! end mark, and a `join` that can never return. Python hangs there in silence.

use std::time::Duration;

use glassloop::sync::Queue;
use glassloop::time::sleep;
use glassloop::{Builder, JoinHandle, join_all, spawn};

async fn producer(queue: Queue<Option<u32>>) {
    for item in 0..5 {
        sleep(Duration::from_millis(100)).await;
        queue.put(Some(item)).await.unwrap();
    }
    queue.put(None).await.unwrap(); // the end mark
}

async fn as_written(queue: Queue<Option<u32>>) {
    while queue.get().await.unwrap().is_some() {
        queue.task_done(); // not for the end mark, nor for those of the other producers
    }
}

async fn mended(queue: Queue<Option<u32>>) {
    while let Ok(_item) = queue.get().await {
        queue.task_done(); // for whatever was taken, until the queue is closed
    }
}

async fn program(consumer: fn(Queue<Option<u32>>) -> JoinHandle<()>) {
    let queue = Queue::new(10);
    let consumer = consumer(queue.clone());
    join_all((0..3).map(|_| spawn(producer(queue.clone())))).await;
    queue.join().await;
    queue.close();
    consumer.await.unwrap();
    println!("joined");
}

fn main() {
    let runtime = || Builder::new().start_paused(true).build().unwrap();
    let deadlock = runtime().try_block_on(program(|queue| spawn(as_written(queue)))).unwrap_err();
    println!("{deadlock}");
    runtime().block_on(program(|queue| spawn(mended(queue))));
}

// Output:
// deadlock: nothing can ever wake this loop again
// no task is ready, no timer is armed, no socket or blocking job is waited for,
// and no Handle, AbortHandle or Waker of these 1 tasks exists:
//   task 1 (root), spawned at examples/26_queue_as_written.rs:42:30, waits for Queue::join (at examples/26_queue_as_written.rs:34:11; made at examples/26_queue_as_written.rs:31:17)
// joined
