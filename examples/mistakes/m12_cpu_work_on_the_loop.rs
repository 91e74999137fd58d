//! What computes on the loop keeps everybody waiting.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::{Builder, spawn, spawn_cpu, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "computing on the loop", compiler: "", wrong, mended };

fn compute() -> u64 {
    (1..=2_000_000_u64).fold(0, |sum, n| std::hint::black_box(sum ^ n.wrapping_mul(sum | 1)))
}

fn wrong(builder: Builder) -> Vec<String> {
    told(builder, async { compute() })
}

fn mended(builder: Builder) -> Vec<String> {
    told(builder, async { spawn_cpu(compute).await.unwrap() })
}

/// How often a heart beats while something is computed.
fn told(builder: Builder, computing: impl Future<Output = u64> + 'static) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let beats = Rc::new(Cell::new(0_u64));
        let heart = spawn({
            let beats = beats.clone();
            async move {
                loop {
                    yield_now().await;
                    beats.set(beats.get() + 1);
                }
            }
        });
        yield_now().await;
        let before = beats.get();
        spawn(computing).await.unwrap();
        heart.abort();
        let beats = beats.get() - before;
        vec![format!("the heart beat {} meanwhile", if beats > 2 { "on" } else { "no more" })]
    })
}
