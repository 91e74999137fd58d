//! Caching a future instead of its result. In Python `lru_cache` on a coroutine function gives the same coroutine
//! twice, and the second await fails when it runs. Here awaiting moves the future, so the second does not compile; and
//! where each caller makes a future of its own, nothing is cached.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::sync::OnceCell;
use glassloop::{Builder, join_all, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake {
    title: "a cached future",
    compiler: "error[E0382]: use of moved value\n\
               `cached` moved due to this await",
    wrong,
    mended,
};

async fn fetch(fetched: Rc<Cell<u32>>) -> u32 {
    fetched.set(fetched.get() + 1);
    yield_now().await;
    42
}

fn wrong(builder: Builder) -> Vec<String> {
    let fetched = Rc::new(Cell::new(0));
    let callers = (0..3).map(|_| fetch(fetched.clone()));
    let answers = builder.build().unwrap().block_on(join_all(callers));
    vec![format!("{answers:?} by {} fetches", fetched.get())]
}

fn mended(builder: Builder) -> Vec<String> {
    let fetched = Rc::new(Cell::new(0));
    let cached = OnceCell::new();
    let callers = (0..3).map(async |_| *cached.get_or_init(|| fetch(fetched.clone())).await);
    let answers = builder.build().unwrap().block_on(join_all(callers));
    vec![format!("{answers:?} by {} fetch", fetched.get())]
}
