//! Leaving a `TaskGroup` waits for all of its tasks. The first failure cancels the others, and none outlives the group.

use glassloop::TaskGroup;
use glassloop::time::{Instant, pause, sleep};
use std::time::Duration;

struct Connection(&'static str);

impl Drop for Connection {
    fn drop(&mut self) {
        println!("{} is closed", self.0);
    }
}

async fn fetch(name: &'static str, seconds: u64) -> Result<u64, String> {
    let _connection = Connection(name);
    sleep(Duration::from_secs(seconds)).await;
    if seconds == 2 { Err("no route".to_owned()) } else { Ok(seconds) }
}

fn main() {
    glassloop::run(async {
        pause(); // the seconds pass at once
        let start = Instant::now();
        let result = TaskGroup::run(async |group| {
            let quick = group.spawn_named("quick", fetch("quick", 1));
            group.spawn_named("broken", fetch("broken", 2));
            group.spawn_named("slow", fetch("slow", 60));
            println!("quick took {} s", quick.await.unwrap());
            Ok(())
        })
        .await;
        let error = result.unwrap_err();
        println!("{} failed: {}", error.first().name().unwrap(), error.first().error().unwrap());
        println!("after {:?}, nobody is left: {} task lives", start.elapsed(), glassloop::task::all().len());
    });
}

// Output:
// quick is closed
// quick took 1 s
// broken is closed
// slow is closed
// broken failed: no route
// after 2s, nobody is left: 1 task lives
