//! The loop, as other threads reach it.

use std::fmt;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::thread::ThreadId;

use super::dump::{self, Dump};
use super::metrics::{self, Metrics};
use crate::cell::Inbox;
use crate::inbox::Message;
use crate::state::State;
use crate::trace::RuntimeId;
use crate::wake;

/// Reaches a runtime from any thread; asyncio's `call_soon_threadsafe` and `run_coroutine_threadsafe`.
///
/// While a handle exists, its loop waits for what may come through it: it reaches no deadlock verdict. It does not
/// keep the runtime alive.
///
/// # Examples
/// ```
/// let runtime = glassloop::Runtime::new().unwrap();
/// let handle = runtime.handle();
/// let answer = runtime.block_on(async {
///     let thread = glassloop::spawn_blocking(move || {
///         // On another thread: send a closure that makes the future, and wait for its output here.
///         handle.spawn(|| async { 6 * 7 }).wait()
///     });
///     thread.await.unwrap()
/// });
/// assert_eq!(answer.unwrap(), 42);
/// ```
pub struct Handle {
    pub(super) inbox: Arc<Inbox>,
    /// What the loop's watchdog sees.
    #[cfg(feature = "glass")]
    pub(super) watched: Option<Arc<crate::trace::Watched>>,
}

impl Handle {
    pub(crate) fn new(state: &State) -> Handle {
        state.inbox.handle_made();
        Handle {
            inbox: state.inbox.clone(),
            #[cfg(feature = "glass")]
            watched: state.trace.watched().cloned(),
        }
    }

    /// The handle of the loop that runs on this thread.
    ///
    /// # Panics
    /// If none does; see [`try_current`](Handle::try_current).
    #[must_use]
    #[track_caller]
    pub fn current() -> Handle {
        match Handle::try_current() {
            Ok(handle) => handle,
            Err(error) => panic!("{error}"),
        }
    }

    /// The handle of the loop that runs on this thread.
    ///
    /// # Errors
    /// If none does.
    pub fn try_current() -> Result<Handle, crate::wake::NoRuntime> {
        wake::with_current("Handle::current", Handle::new)
    }

    /// Names the runtime.
    #[must_use]
    pub fn runtime_id(&self) -> RuntimeId {
        self.inbox.runtime()
    }

    /// The thread of the loop.
    pub(crate) fn owner(&self) -> ThreadId {
        self.inbox.owner()
    }

    /// Calls `call` on the loop's thread, at its next collect; in the order of the calls of one thread.
    ///
    /// A panic in it is reported on standard error, and the loop lives.
    ///
    /// # Errors
    /// [`RuntimeGone`], if the runtime was dropped; then `call` will not run any more. It may have run just before,
    /// if the runtime was dropped during this call.
    pub fn call_soon(&self, call: impl FnOnce() + Send + 'static) -> Result<(), RuntimeGone> {
        let message = Message::Call(Box::new(call), self.inbox.sign());
        self.inbox.send(message).map_err(|_| RuntimeGone::new(self.runtime_id()))
    }

    /// Every live task of the loop and what it waits for, from any thread; blocks until the loop answers, which it
    /// does at its next collect. On the loop's own thread it is answered at once.
    ///
    /// Its [`outlook`](Dump::outlook) leaves out this one request: where only foreign wakers could help, it says
    /// `Unknown`.
    ///
    /// # Errors
    /// [`RuntimeGone`], if the runtime was dropped.
    ///
    /// # Panics
    /// On the loop's own thread while the loop does not run, for then nobody could ever answer.
    ///
    /// # Examples
    /// ```
    /// glassloop::run(async {
    ///     let handle = glassloop::Handle::current();
    ///     let dump = glassloop::spawn_blocking(move || handle.dump().unwrap()).await.unwrap();
    ///     assert_eq!(dump.tasks().len(), 2); // this task, and the job's
    /// });
    /// ```
    #[inline] // compiled where it is used: the channel is a twentieth of what a compiler has to do for this crate
    pub fn dump(&self) -> Result<Dump, RuntimeGone> {
        self.ask("dump", dump::take)
    }

    /// The numbers of the loop, from any thread; asked for as a [`dump`](Handle::dump) is.
    ///
    /// # Errors
    /// [`RuntimeGone`], if the runtime was dropped.
    ///
    /// # Panics
    /// On the loop's own thread while the loop does not run; there is [`Runtime::metrics`](crate::Runtime::metrics).
    pub fn metrics(&self) -> Result<Metrics, RuntimeGone> {
        self.ask("metrics", metrics::take)
    }

    fn ask<T: Send + 'static>(&self, what: &str, look: fn(&State) -> T) -> Result<T, RuntimeGone> {
        let runtime = self.runtime_id();
        match ask(&self.inbox, look)? {
            Answer::Here(seen) => Ok(seen),
            Answer::Coming(answer) => answer.recv().map_err(|_| RuntimeGone::new(runtime)),
            Answer::Nobody => panic!(
                "Handle::{what} was called on the thread of runtime {runtime} while its loop does not run, so nobody \
                 could answer; call it from a task, or from another thread"
            ),
        }
    }
}

/// How a loop answers a question.
pub(super) enum Answer<T> {
    /// It runs on this thread.
    Here(T),
    /// At its next collect. Disconnected: it was dropped.
    Coming(Receiver<T>),
    /// It lives on this thread and does not run.
    Nobody,
}

/// Asks a loop, from any thread.
pub(super) fn ask<T: Send + 'static>(inbox: &Inbox, look: fn(&State) -> T) -> Result<Answer<T>, RuntimeGone> {
    let runtime = inbox.runtime();
    let here = wake::current(|state| state.filter(|state| state.id == runtime).map(look));
    if let Some(seen) = here {
        return Ok(Answer::Here(seen));
    }
    if !inbox.is_closed() && std::thread::current().id() == inbox.owner() {
        return Ok(Answer::Nobody);
    }
    let (answer, question) = std::sync::mpsc::channel();
    let call = move || {
        let _ = wake::current(|state| state.map(|state| answer.send(look(state))));
    };
    let sent = inbox.send(Message::Call(Box::new(call), inbox.sign()));
    sent.map(|()| Answer::Coming(question)).map_err(|_| RuntimeGone::new(runtime))
}

impl Clone for Handle {
    fn clone(&self) -> Handle {
        self.inbox.handle_made();
        Handle {
            inbox: self.inbox.clone(),
            #[cfg(feature = "glass")]
            watched: self.watched.clone(),
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.inbox.handle_gone();
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Handle(runtime {})", self.runtime_id())
    }
}

/// The runtime that a [`Handle`] reached was dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeGone {
    id: RuntimeId,
}

impl RuntimeGone {
    pub(crate) fn new(id: RuntimeId) -> RuntimeGone {
        RuntimeGone { id }
    }

    /// The runtime that is gone.
    #[must_use]
    pub fn runtime_id(&self) -> RuntimeId {
        self.id
    }
}

impl fmt::Display for RuntimeGone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "glassloop runtime {} was dropped, so nothing can be sent to it any more", self.id)
    }
}

impl std::error::Error for RuntimeGone {}
