//! A task that is detached returns an error, and nobody is there to read it.

use std::cell::RefCell;
use std::rc::Rc;

use glassloop::trace::OnUnhandled;
use glassloop::{Builder, spawn_checked_named, spawn_named, yield_now};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "an error that nobody reads", compiler: "", wrong, mended };

async fn save() -> Result<(), String> {
    Err("disk full".to_owned())
}

/// Runs `main`, and gives what nobody would have seen. Without the policy that is said on standard error.
fn heard(builder: Builder, main: impl Future) -> Vec<String> {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let note = heard.clone();
    let policy = OnUnhandled::call(move |failure| {
        let name = failure.name.as_deref().unwrap_or("?");
        note.borrow_mut().push(format!("task {} {name:?}: {}", failure.id, failure.message));
    });
    builder.on_unhandled(policy).build().unwrap().block_on(main);
    if heard.borrow().is_empty() { vec!["nobody heard of it".to_owned()] } else { heard.take() }
}

fn wrong(builder: Builder) -> Vec<String> {
    heard(builder, async {
        spawn_named("saver", save()).detach(); // "I do not need its output", but its error is lost with it
        yield_now().await;
    })
}

fn mended(builder: Builder) -> Vec<String> {
    heard(builder, async {
        spawn_checked_named("saver", save()).detach();
        yield_now().await;
    })
}
