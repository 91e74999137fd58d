//! Spawning a task and awaiting it at once, and then the next.

use std::time::Duration;

use glassloop::time::sleep;
use glassloop::trace::Recorder;
use glassloop::{Builder, join_all, spawn_named};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake =
    Mistake { title: "tasks that are awaited one by one", compiler: "", wrong, mended };

const SERVICES: [(&str, u64); 3] = [("user", 400), ("orders", 300), ("news", 200)];

async fn fetch(millis: u64) {
    sleep(Duration::from_millis(millis)).await;
}

fn wrong(builder: Builder) -> Vec<String> {
    advised(builder, async {
        for (name, millis) in SERVICES {
            spawn_named(name, fetch(millis)).await.unwrap(); // the next is not even spawned before this one has ended
        }
    })
}

fn mended(builder: Builder) -> Vec<String> {
    advised(builder, async {
        drop(join_all(SERVICES.map(|(name, millis)| spawn_named(name, fetch(millis)))).await)
    })
}

fn advised(builder: Builder, fetches: impl Future<Output = ()>) -> Vec<String> {
    let recorder = Recorder::new();
    builder.start_paused(true).observer(recorder.observer()).build().unwrap().block_on(fetches);
    let explain = recorder.story().explain();
    let advice =
        explain.advice.iter().flat_map(|advice| advice.to_string().lines().map(str::to_owned).collect::<Vec<_>>());
    std::iter::once(format!("it took {:?}", explain.length)).chain(advice).collect()
}
