//! A program asks its tasks to end, and waits for them. One does not heed it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use glassloop::sync::CancellationToken;
use glassloop::time::{sleep, timeout};
use glassloop::{Builder, JoinHandle, Waits, join_all, spawn_named};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake =
    Mistake { title: "a task that does not heed the stop", compiler: "", wrong, mended };

type Said = Rc<RefCell<Vec<String>>>;

fn start(stop: &CancellationToken, said: &Said) -> Vec<JoinHandle<()>> {
    let (stopped, said) = (stop.clone(), said.clone());
    let connection = spawn_named("connection", async move {
        stopped.cancelled().await;
        sleep(Duration::from_secs(1)).await; // lets the other side know
        said.borrow_mut().push("the connection said goodbye".to_owned());
    });
    let heartbeat = spawn_named("heartbeat", async {
        loop {
            sleep(Duration::from_secs(60)).await;
        }
    });
    vec![connection, heartbeat]
}

fn wrong(builder: Builder) -> Vec<String> {
    builder.start_paused(true).build().unwrap().block_on(async {
        let stop = CancellationToken::new();
        let tasks = start(&stop, &Said::default());
        stop.cancel();
        let all = timeout(Duration::from_secs(3600), join_all(tasks)).await; // else it would wait for ever
        all.unwrap_err();
        vec!["after an hour the program still waits, and does not say for whom".to_owned()]
    })
}

fn mended(builder: Builder) -> Vec<String> {
    let runtime = builder.start_paused(true).build().unwrap();
    let (stop, said) = (CancellationToken::new(), Said::default());
    runtime.block_on(async { start(&stop, &said).into_iter().for_each(JoinHandle::detach) });
    stop.cancel();
    if let Err(unfinished) = runtime.shutdown_gracefully(Duration::from_secs(5)) {
        // Printed as it is, it names places in the source as well.
        for task in unfinished.tasks() {
            let what = if let [Waits::Timer { .. }] = task.waits[..] { "timer" } else { "something else" };
            said.borrow_mut().push(format!("{:?} waits for {what}", task.name.as_deref().unwrap_or("?")));
        }
    }
    said.take()
}
