//! A loop cannot run inside a loop.

use glassloop::{Builder, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "a loop inside a loop", compiler: "", wrong, mended };

async fn answer() -> u32 {
    42
}

fn wrong(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let panicked = spawn(async { glassloop::run(answer()) }).await.unwrap_err();
        let words = panicked.to_string();
        let (_site, advice) = words.split_once("; ").expect("it says what to do");
        advice.split("; ").map(str::to_owned).collect()
    })
}

fn mended(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async { vec![format!("the answer is {}", spawn(answer()).await.unwrap())] })
}
