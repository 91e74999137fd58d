//! A poll that holds the loop is told by the watchdog while it still does: who, from where, and what it went on from.

use std::sync::mpsc;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::{Builder, spawn_named};

fn main() {
    let (wake, woken) = mpsc::channel();
    // `Builder::watchdog(limit)` writes the same to standard error. What it says of time and threads is left out here.
    let builder = Builder::new().start_paused(true).on_stuck_poll(Duration::from_millis(10), move |stuck| {
        let name = stuck.task.name.as_deref().unwrap_or_default();
        if stuck.is_over {
            return println!("task {} {name:?} holds it no more", stuck.task.id);
        }
        println!("task {} {name:?}, spawned at {}, holds the loop", stuck.task.id, stuck.task.site);
        println!("  it went on from {}", stuck.task.last.expect("a timer"));
        println!("  for longer than the limit: {}", stuck.elapsed >= Duration::from_millis(10));
        wake.send(()).unwrap();
    });
    let runtime = builder.build().unwrap();
    runtime.block_on(async {
        let import = spawn_named("import", async move {
            sleep(Duration::from_secs(1)).await;
            woken.recv().unwrap(); // blocks the thread, and with it every task
        });
        import.await.unwrap();
    });
    drop(runtime); // and with it the watchdog, which has told the end before
}

// Output:
// task 2 "import", spawned at examples/34_stuck_poll.rs:24:22, holds the loop
//   it went on from timer 1 made at examples/34_stuck_poll.rs:25:13
//   for longer than the limit: true
// task 2 "import" holds it no more
