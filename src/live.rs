//! The runtimes of the process that live, for what must reach one of another thread.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::cell::Inbox;
use crate::inbox::Message;
use crate::trace::RuntimeId;

/// The inboxes of all live runtimes, for what holds a key and is dropped on another thread. They are few, and looked at
/// in turn; a map of them was 9 KiB of a binary.
static LIVE: Mutex<Vec<(RuntimeId, Weak<Inbox>)>> = Mutex::new(Vec::new());

fn live() -> MutexGuard<'static, Vec<(RuntimeId, Weak<Inbox>)>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) fn announce(inbox: &Arc<Inbox>) {
    live().push((inbox.runtime(), Arc::downgrade(inbox)));
}

pub(crate) fn retract(runtime: RuntimeId) {
    let mut live = live();
    if let Some(at) = live.iter().position(|(id, _)| *id == runtime) {
        drop(live.swap_remove(at));
    }
}

/// For a runtime's next collect.
#[cold]
pub(crate) fn leave(runtime: RuntimeId, call: Box<dyn FnOnce() + Send>) {
    let inbox = live().iter().find(|(id, _)| *id == runtime).and_then(|(_, inbox)| inbox.upgrade());
    if let Some(inbox) = inbox {
        let _ = inbox.send(Message::Call(call, inbox.sign())); // closed meanwhile: dropped
    }
}
