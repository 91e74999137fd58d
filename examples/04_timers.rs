//! Timers fire by deadline. Those of the same deadline fire in the order of their creation, and none is early.

use std::time::Duration;

use glassloop::time::{Instant, sleep_until};
use glassloop::{join_all, spawn};

fn main() {
    glassloop::run(async {
        let start = Instant::now();
        let tasks = [("late", 3), ("early", 1), ("middle", 2), ("middle, made later", 2)].map(|(name, millis)| {
            let deadline = start + Duration::from_millis(millis);
            let timer = sleep_until(deadline); // created here, in the order of this list
            spawn(async move {
                timer.await;
                assert!(Instant::now() >= deadline);
                println!("{millis} ms: {name}");
            })
        });
        println!("0 ms: all wait at the same time");
        join_all(tasks).await;
    });
}

// Output:
// 0 ms: all wait at the same time
// 1 ms: early
// 2 ms: middle
// 2 ms: middle, made later
// 3 ms: late
