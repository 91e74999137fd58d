//! Polls that took too long, told one by one when they are over, on the loop's own thread.

use std::thread;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::{Builder, spawn_named};

const LIMIT: Duration = Duration::from_millis(20);

fn main() {
    let builder = Builder::new().start_paused(true).on_slow_poll(LIMIT, |slow| {
        assert!(slow.took >= LIMIT); // by the system's clock, though this runtime's stands
        let name = slow.name.as_deref().unwrap_or_default();
        match (slow.on, slow.outcome) {
            (Some(leaf), _) => println!("{name:?} was slow, and now waits for {leaf}"),
            (None, outcome) => println!("{name:?} was slow: {outcome:?}"),
        }
    });
    builder.build().unwrap().block_on(async {
        let parse = spawn_named("parse", async {
            thread::sleep(LIMIT); // stands for work
            sleep(Duration::from_secs(1)).await; // waits, and holds nobody up
            thread::sleep(LIMIT);
        });
        parse.await.unwrap();
    });
}

// Output:
// "parse" was slow, and now waits for timer 1 made at examples/35_slow_polls.rs:23:13
// "parse" was slow: Some(Ready)
