//! The tasks of a program are asked to end, and are given five seconds. Who has not ended then is named, and what each
//! waited for.

use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::{CancellationToken, Mutex};
use glassloop::time::sleep;
use glassloop::{Builder, spawn_named};

async fn connection(stop: CancellationToken) {
    stop.cancelled().await;
    sleep(Duration::from_secs(2)).await; // there is time to say goodbye
    println!("the connection has ended");
}

async fn heartbeat() {
    loop {
        sleep(Duration::from_secs(60)).await; // does not look at the token
    }
}

fn main() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let (stop, file) = (CancellationToken::new(), Rc::new(Mutex::new(())));
    runtime.block_on(async {
        spawn_named("connection", connection(stop.clone())).detach();
        spawn_named("heartbeat", heartbeat()).detach();
        for name in ["writer 1", "writer 2"] {
            let file = file.clone();
            spawn_named(name, async move {
                let _file = file.lock().await;
                std::future::pending::<()>().await; // an answer that never comes
            })
            .detach();
        }
        glassloop::yield_now().await;
    });
    stop.cancel();
    match runtime.shutdown_gracefully(Duration::from_secs(5)) {
        Ok(()) => println!("all have ended"),
        Err(unfinished) => println!("{unfinished}"),
    }
}

// Output:
// the connection has ended
// 3 tasks had not ended when the runtime stopped waiting:
//   task 3 (task) "heartbeat", spawned at examples/39_who_refused.rs:28:9, waits for timer 1 (made at examples/39_who_refused.rs:19:9)
//   task 4 (task) "writer 1", spawned at examples/39_who_refused.rs:31:13, waits for a wake, and nobody keeps its waker
//   task 5 (task) "writer 2", spawned at examples/39_who_refused.rs:31:13, waits for Mutex::lock (at examples/39_who_refused.rs:32:34; made at examples/39_who_refused.rs:25:59; taken by task 4 at examples/39_who_refused.rs:32:34)
