//! A task waits with the thread for what another task of the same loop would send. Nothing goes on, and nothing is
//! said: no task is at fault by itself, and a loop that is inside a poll can give no verdict. The watchdog can.

use std::sync::mpsc;
use std::time::Duration;

use glassloop::sync::oneshot;
use glassloop::{Builder, spawn, spawn_named};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "waiting with the thread", compiler: "", wrong, mended };

const LIMIT: Duration = Duration::from_millis(20);

fn wrong(builder: Builder) -> Vec<String> {
    let (send, receive) = mpsc::channel(); // std's: it blocks
    let (tell, told) = mpsc::channel();
    let rescue = send.clone();
    let builder = builder.on_stuck_poll(LIMIT, move |stuck| {
        if !stuck.is_over {
            let name = stuck.task.name.as_deref().unwrap_or("?");
            tell.send(format!("task {} {name:?} holds the loop, and still does", stuck.task.id)).unwrap();
            rescue.send("help").unwrap(); // or this would never end
        }
    });
    let got = builder.build().unwrap().block_on(async {
        let reader = spawn_named("reader", async move { receive.recv().unwrap() });
        let writer = spawn(async move { send.send("news") });
        let got = reader.await.unwrap();
        writer.await.unwrap().unwrap_err(); // only now, and the reader is gone
        got
    });
    vec![told.recv().unwrap(), format!("the reader got {got}")]
}

fn mended(builder: Builder) -> Vec<String> {
    let builder = builder.on_stuck_poll(Duration::from_secs(60), |stuck| panic!("{stuck}"));
    let got = builder.build().unwrap().block_on(async {
        let (send, receive) = oneshot::channel();
        let reader = spawn_named("reader", async move { receive.await.unwrap() });
        let writer = spawn(async move { send.send("news") });
        writer.await.unwrap().unwrap();
        reader.await.unwrap()
    });
    vec![format!("the reader got {got}")]
}
