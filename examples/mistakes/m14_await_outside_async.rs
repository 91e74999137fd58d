//! `.await` where nothing can wait.

use glassloop::Builder;

use super::mistake::{Mistake, nothing};

pub(super) const MISTAKE: Mistake = Mistake {
    title: "`await` outside of `async`",
    compiler: "error[E0728]: `await` is only allowed inside `async` functions and blocks",
    wrong: nothing,
    mended,
};

async fn answer() -> u32 {
    42
}

fn mended(builder: Builder) -> Vec<String> {
    vec![format!("the answer is {}", builder.build().unwrap().block_on(answer()))]
}
