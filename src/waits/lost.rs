//! What is lost when a pending future of ours is dropped, told in debug mode.

use std::panic::Location;

use crate::panics::say;
use crate::trace::Event;
use crate::wake;

/// Tells, in debug mode, that a future was dropped before it was ready, and what went with it. Of what a runtime
/// drops when it ends, nothing is told.
pub(crate) fn note_lost(what: &'static str, site: &'static Location<'static>, lost: impl FnOnce() -> String) {
    wake::current(|state| {
        let Some(state) = state.filter(|state| state.debug && !state.closing.get()) else { return };
        let (task, lost) = (state.running.id(), lost());
        let event = Event::Lost { task, what, lost: lost.into(), site };
        say(format_args!("{event}"));
        state.trace.emit(|| event);
    });
}
