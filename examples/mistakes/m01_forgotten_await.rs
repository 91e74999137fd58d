//! A future does nothing until it is awaited or spawned.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::Builder;

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake {
    title: "a forgotten `.await`",
    compiler: "warning: unused implementer of `Future` that must be used\n\
               = note: futures do nothing unless you `.await` or poll them",
    wrong,
    mended,
};

async fn greet(greeted: Rc<Cell<bool>>) {
    greeted.set(true);
}

fn wrong(builder: Builder) -> Vec<String> {
    let greeted = Rc::new(Cell::new(false));
    builder.build().unwrap().block_on(async {
        drop(greet(greeted.clone())); // without `drop` the compiler warns
    });
    vec![format!("greeted: {}", greeted.get())]
}

fn mended(builder: Builder) -> Vec<String> {
    let greeted = Rc::new(Cell::new(false));
    builder.build().unwrap().block_on(async { greet(greeted.clone()).await });
    vec![format!("greeted: {}", greeted.get())]
}
