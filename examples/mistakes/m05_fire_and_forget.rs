//! A task that nobody waits for is dropped half way when the program ends.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use glassloop::time::sleep;
use glassloop::{Builder, TaskGroup, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake {
    title: "fire and forget",
    compiler: "dropping a handle detaches its task and loses its output; await it, or say so with `.detach()`",
    wrong,
    mended,
};

async fn save(saved: Rc<RefCell<Vec<String>>>) -> Result<(), String> {
    sleep(Duration::from_secs(1)).await;
    saved.borrow_mut().push("saved".to_owned());
    Ok(())
}

fn wrong(builder: Builder) -> Vec<String> {
    let saved = Rc::new(RefCell::new(Vec::new()));
    builder.start_paused(true).build().unwrap().block_on(async {
        drop(spawn(save(saved.clone()))); // without `drop` the compiler warns; and `main` ends before it
    });
    if saved.borrow().is_empty() { vec!["nothing was saved".to_owned()] } else { saved.take() }
}

fn mended(builder: Builder) -> Vec<String> {
    let saved = Rc::new(RefCell::new(Vec::new()));
    let group = TaskGroup::run(async |group| {
        group.spawn(save(saved.clone())); // leaving the group waits for it, and its error comes out there
        Ok::<_, String>(())
    });
    builder.start_paused(true).build().unwrap().block_on(group).unwrap();
    saved.take()
}
