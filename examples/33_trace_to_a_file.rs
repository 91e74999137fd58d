//! A runtime writes its trace to a file when it ends; the file's ending says what it becomes. Any program of glassloop's
//! does so unchanged where it is asked to by `GLASSLOOP_TRACE=trace.html`.

use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::Mutex;
use glassloop::time::sleep;
use glassloop::{Builder, spawn_named};

/// Two tasks that take one lock; virtual time, so that the trace is the same in each run.
fn program(trace: &Path) {
    let runtime = Builder::new().start_paused(true).trace_to(trace).build().unwrap();
    runtime.block_on(async {
        let lock = Rc::new(Mutex::new(()));
        let other = lock.clone();
        let holder = spawn_named("holder", async move {
            let _guard = lock.lock().await;
            sleep(Duration::from_millis(40)).await;
        });
        let waiter = spawn_named("waiter", async move { drop(other.lock().await) });
        holder.await.unwrap();
        waiter.await.unwrap();
    });
}

fn main() {
    let folder = std::env::temp_dir().join(format!("glassloop-33-{}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let traced = |name: &str| {
        program(&folder.join(name));
        std::fs::read_to_string(folder.join(name)).unwrap()
    };

    println!("trace.txt, the log, where time passes:");
    let log = traced("trace.txt");
    log.lines().skip_while(|line| !line.contains("park")).for_each(|line| println!("{}", line.trim_start()));

    let events = traced("trace.json");
    let count = |ph: &str| events.matches(&format!("{{\"ph\":\"{ph}\"")).count();
    println!("trace.json, for ui.perfetto.dev: {} slices, {} arrows of wakes", count("X"), count("s"));

    let page = traced("trace.html");
    println!("trace.html: {}", page.lines().next().unwrap());

    let error = Builder::new().trace_to(folder.join("trace.pdf")).build().unwrap_err().to_string();
    println!("trace.pdf: {}", error.split_once("trace.pdf: ").unwrap().1);
    std::fs::remove_dir_all(folder).unwrap();
}

// Output:
// trace.txt, the log, where time passes:
// 0.000000000 park until timer 1
// 0.000000000 jump 40ms
// 0.040000000 turn 2
// 0.040000000 fire
// 0.040000000 wake 2: timer 1
// 0.040000000 run
// 0.040000000 poll 2
// 0.040000000 wake 3: task 2, which released the Mutex made at examples/33_trace_to_a_file.rs:16:28
// 0.040000000 done 2 ready
// 0.040000000 wake 1: task 2, which ended, spawned at examples/33_trace_to_a_file.rs:18:22
// 0.040000000 poll 3
// 0.040000000 done 3 ready
// 0.040000000 poll 1
// 0.040000000 done 1 ready
// trace.json, for ui.perfetto.dev: 10 slices, 4 arrows of wakes
// trace.html: <!doctype html>
// trace.pdf: the file's name must end with .txt (the log), .json (for Perfetto and other viewers of Chrome's trace events) or .html (a page of its own)
