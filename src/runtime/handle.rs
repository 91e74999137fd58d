//! The loop, as other threads reach it.

use std::fmt;
use std::sync::Arc;

use crate::inbox::Message;
use crate::state::State;
use crate::task::Inbox;
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
#[derive(Clone)]
pub struct Handle {
    inbox: Arc<Inbox>,
    /// Counts the handles for the deadlock verdict.
    _alive: Arc<()>,
}

impl Handle {
    pub(crate) fn new(state: &State) -> Handle {
        Handle { inbox: state.inbox.clone(), _alive: state.handles.clone() }
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

    /// Calls `call` on the loop's thread, at its next collect; in the order of the calls of one thread.
    ///
    /// A panic in it is reported on standard error, and the loop lives.
    ///
    /// # Errors
    /// [`RuntimeGone`], if the runtime was dropped; then `call` is dropped.
    pub fn call_soon(&self, call: impl FnOnce() + Send + 'static) -> Result<(), RuntimeGone> {
        let message = Message::Call(Box::new(call), self.inbox.sign());
        self.inbox.send(message).map_err(|_| RuntimeGone::new(self.runtime_id()))
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
