//! Panics that no handle will ever give to anybody: said aloud.

use std::panic::Location;
use std::sync::Arc;

use crate::cell::TaskRef;
use crate::panics::{Payload, dispose, message_of, say};
use crate::state::State;
use crate::trace::TaskId;
use crate::wake;

/// Prints a lost panic of `task` on standard error: at once on its loop, which `state` is, for that knows the task's
/// name. Between two turns the loop is asked to; if it is gone, the name is gone too, and nothing waits for it.
#[cold]
pub(crate) fn report_lost(state: Option<&State>, task: &TaskRef, payload: Payload) {
    let lost = Lost::new(task.id(), task.site(), payload);
    match (state, task.runtime()) {
        (Some(state), _) => lost.tell(state),
        (None, Some(runtime)) => wake::on_loop(runtime, move |state| lost.tell(state)),
        (None, None) => drop(lost),
    }
}

/// A panic that nobody will see: told when this is dropped.
pub(crate) struct Lost {
    id: TaskId,
    name: Option<Arc<str>>,
    site: &'static Location<'static>,
    words: String,
}

impl Lost {
    /// Drops the payload.
    pub(crate) fn new(id: TaskId, site: &'static Location<'static>, payload: Payload) -> Lost {
        let words = message_of(payload.as_ref()).to_owned();
        dispose(payload);
        Lost { id, name: None, site, words }
    }

    /// With the name that the task's loop knows it by.
    fn tell(mut self, state: &State) {
        self.name = state.names.borrow_mut().remove(&self.id);
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        let Lost { id, name, site, words } = self;
        let name = name.as_ref().map(|name| format!(" {name:?}")).unwrap_or_default();
        say(format_args!("task {id}{name}, spawned at {site}, panicked, and nobody holds its handle: {words}"));
    }
}
