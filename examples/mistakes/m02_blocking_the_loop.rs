//! Blocking the thread blocks every task of the loop.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use glassloop::time::sleep;
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
        let over = Rc::new(Cell::new(false));
        let seen = over.clone();
        let pausing = spawn(async move {
            pause.await;
            over.set(true);
        });
        let after = spawn(async move { seen.get() }).await.unwrap();
        pausing.await.unwrap();
        vec![format!("the other task ran {} the pause", if after { "after" } else { "during" })]
    })
}
