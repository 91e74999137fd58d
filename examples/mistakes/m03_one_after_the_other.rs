//! Awaiting one after the other what could be awaited together.

use std::time::Duration;

use glassloop::time::{Instant, sleep};
use glassloop::{Builder, join_all};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake =
    Mistake { title: "awaits that only look concurrent", compiler: "", wrong, mended };

async fn fetch(seconds: u64) {
    sleep(Duration::from_secs(seconds)).await;
}

fn wrong(builder: Builder) -> Vec<String> {
    took(builder, async {
        let fetches = [fetch(1), fetch(2), fetch(3)]; // made together, but a future does nothing until it is awaited
        for fetch in fetches {
            fetch.await;
        }
    })
}

fn mended(builder: Builder) -> Vec<String> {
    took(builder, async { drop(join_all([fetch(1), fetch(2), fetch(3)]).await) })
}

fn took(builder: Builder, fetches: impl Future<Output = ()>) -> Vec<String> {
    builder.start_paused(true).build().unwrap().block_on(async {
        let start = Instant::now();
        fetches.await;
        vec![format!("fetches of 1, 2 and 3 s took {:?}", start.elapsed())]
    })
}
