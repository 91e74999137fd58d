//! Blocking the thread blocks every task of the loop.

use std::thread;
use std::time::Duration;

use glassloop::time::{Instant, sleep};
use glassloop::{Builder, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "blocking the loop", compiler: "", wrong, mended };

const PAUSE: Duration = Duration::from_millis(50);

fn wrong(builder: Builder) -> Vec<String> {
    told(builder, async { thread::sleep(PAUSE) })
}

fn mended(builder: Builder) -> Vec<String> {
    told(builder, async { sleep(PAUSE).await }) // what cannot be awaited goes to `spawn_blocking`
}

fn told(builder: Builder, pause: impl Future<Output = ()> + 'static) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let start = Instant::now();
        let pausing = spawn(pause);
        let waited = spawn(async move { start.elapsed() }).await.unwrap();
        pausing.await.unwrap();
        let words = if waited >= PAUSE { "as long as the pause" } else { "not for the pause" };
        vec![format!("the other task waited {words}")]
    })
}
