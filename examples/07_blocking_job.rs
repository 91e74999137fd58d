//! Work that blocks goes to a thread, with `spawn_blocking`. The loop goes on meanwhile.

use std::sync::mpsc;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::{spawn, spawn_blocking};

fn main() {
    glassloop::run(async {
        let (ring, bell) = mpsc::channel();
        let job = spawn_blocking(move || bell.recv().unwrap()); // 1: blocks its thread until the bell rings
        let ticker = spawn(async move {
            for n in 1..=3 {
                sleep(Duration::from_millis(1)).await;
                println!("{n} the loop ticks"); // 2: so the loop is not blocked
            }
            ring.send("4 the job has ended").unwrap(); // 3: only now can the job end
        });
        println!("{}", job.await.unwrap());
        ticker.await.unwrap();
    });
}

// Output:
// 1 the loop ticks
// 2 the loop ticks
// 3 the loop ticks
// 4 the job has ended
