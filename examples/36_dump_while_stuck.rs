//! All tasks of a loop that does not answer, asked for from another thread: the watchdog's table knows them.

use std::thread;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::{Builder, DumpNow, Handle, spawn_named};

fn main() {
    // With the feature `signal`, `Builder::dump_on_signal(SignalKind::quit())` writes this at Ctrl-\.
    let runtime = Builder::new().watchdog(Duration::from_millis(100)).start_paused(true).build().unwrap();
    let patient = Duration::from_secs(60);
    runtime.block_on(async move {
        let heartbeat = spawn_named("heartbeat", async move { sleep(patient).await });
        let report = spawn_named("report", async {
            let handle = Handle::current();
            let asker = thread::spawn(move || handle.dump_now().unwrap());
            asker.join().unwrap() // the loop waits for the thread, and the thread for the loop
        });
        match report.await.unwrap() {
            DumpNow::Whole(dump) => println!("the loop has answered:\n{dump}"),
            // Its first line says who holds the loop, and for how long.
            DumpNow::Table(table) => table.to_string().lines().skip(1).for_each(|line| println!("{line}")),
        }
        heartbeat.abort();
    });
}

// Output:
//   task 1 (root), spawned at examples/36_dump_while_stuck.rs:13:13, waited for task 3 spawned at examples/36_dump_while_stuck.rs:15:22 when its last poll ended
//   task 2 (task) "heartbeat", spawned at examples/36_dump_while_stuck.rs:14:25, waited for timer 1 made at examples/36_dump_while_stuck.rs:14:63 when its last poll ended
//   task 3 (task) "report", spawned at examples/36_dump_while_stuck.rs:15:22, is running
