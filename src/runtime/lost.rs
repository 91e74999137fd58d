//! Panics that no handle will ever give to anybody: said aloud, at once.

use crate::cell::TaskRef;
use crate::panics::{Payload, dispose, message_of, say};
use crate::state::State;

/// Prints a lost panic of `task` on standard error.
#[cold]
pub(crate) fn report_lost(state: Option<&State>, task: &TaskRef, payload: Payload) {
    let name = state.and_then(|state| state.names.borrow_mut().remove(&task.id()));
    let name = name.map(|name| format!(" {name:?}")).unwrap_or_default();
    say(format_args!(
        "task {}{name}, spawned at {}, panicked, and nobody holds its handle: {}",
        task.id(),
        task.site(),
        message_of(payload.as_ref())
    ));
    dispose(payload);
}
