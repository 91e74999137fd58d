//! What asks a loop for dumps from a thread of its own, as long as the loop lives.

use std::any::Any;
use std::io;
use std::sync::Arc;

use super::dump_now::{DumpNow, dump_now};
use super::{Builder, Runtime, RuntimeGone};
use crate::cell::Inbox;
use crate::trace::{RuntimeId, Watched};

/// Asks a loop for a dump, from any thread. Unlike a [`Handle`](super::Handle) it is no reason for the loop to wait for
/// anything.
pub(crate) struct Asker {
    inbox: Arc<Inbox>,
    watched: Option<Arc<Watched>>,
}

impl Asker {
    pub(super) fn new(runtime: &Runtime) -> Asker {
        let state = runtime.state();
        Asker { inbox: state.inbox.clone(), watched: state.trace.watched().cloned() }
    }

    pub(crate) fn runtime(&self) -> RuntimeId {
        self.inbox.runtime()
    }

    /// As [`Handle::dump_now`](super::Handle::dump_now).
    pub(crate) fn dump_now(&self) -> Result<DumpNow, RuntimeGone> {
        dump_now(&self.inbox, self.watched.as_deref())
    }
}

/// Starts something that asks, and ends when it is dropped.
pub(super) type Attach = Box<dyn FnOnce(Asker) -> io::Result<Box<dyn Any>>>;

impl Builder {
    /// Has `begin` start something when the runtime is built, to be dropped when the runtime has ended.
    pub(crate) fn attach(mut self, begin: impl FnOnce(Asker) -> io::Result<Box<dyn Any>> + 'static) -> Builder {
        self.watching.attached.push(Box::new(begin));
        self
    }
}
