//! `JoinSet` gives results in the order in which the tasks end, whatever their order was at the start.

use glassloop::JoinSet;
use glassloop::time::{pause, sleep};
use std::time::Duration;

fn main() {
    glassloop::run(async {
        pause(); // the seconds pass at once
        let mut set = JoinSet::new();
        for seconds in [3, 1, 2] {
            set.spawn(async move {
                sleep(Duration::from_secs(seconds)).await;
                assert!(seconds < 3, "{seconds} seconds are too long");
                format!("fetched in {seconds} s")
            });
        }
        while let Some(result) = set.join_next().await {
            match result {
                Ok(text) => println!("{text}"),
                Err(error) => println!("{error}"), // inspected, not lost
            }
        }
    });
}

// Output:
// fetched in 1 s
// fetched in 2 s
// task 2 panicked: 3 seconds are too long
