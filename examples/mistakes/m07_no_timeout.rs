//! A peer that never answers is waited for without end.

use std::future::pending;
use std::time::Duration;

use glassloop::time::{sleep, timeout};
use glassloop::{Builder, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "no time limit", compiler: "", wrong, mended };

/// A peer that is there, and silent.
async fn answer() -> String {
    pending().await
}

fn wrong(builder: Builder) -> Vec<String> {
    builder.start_paused(true).build().unwrap().block_on(async {
        let call = spawn(answer());
        sleep(Duration::from_secs(3600)).await;
        let words = if call.is_finished() { "answered" } else { "still waits" };
        call.abort();
        vec![format!("after an hour the call {words}")]
    })
}

fn mended(builder: Builder) -> Vec<String> {
    builder.start_paused(true).build().unwrap().block_on(async {
        let answered = timeout(Duration::from_secs(2), answer()).await;
        vec![format!("after 2 s: {}", answered.unwrap_err())]
    })
}
