//! One failure hides what the others had to give.

use glassloop::{Builder, join_all, spawn, try_join_all};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "results lost to one failure", compiler: "", wrong, mended };

async fn work(n: u32) -> Result<u32, String> {
    if n == 2 { Err(format!("task {n} failed")) } else { Ok(n * 10) }
}

fn wrong(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        // Right where one failure makes the rest worthless; else the others' results are gone.
        vec![format!("{:?}", try_join_all([work(1), work(2), work(3)]).await)]
    })
}

fn mended(builder: Builder) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let results = join_all([1, 2, 3].map(|n| spawn(work(n)))).await;
        results.into_iter().map(|result| format!("{:?}", result.expect("no task panicked"))).collect()
    })
}
