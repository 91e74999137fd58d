//! Failures that no handle will ever give to anybody: what is done about them.

use std::panic::{AssertUnwindSafe, Location, catch_unwind};

use super::Builder;
use crate::cell::TaskRef;
use crate::panics::{Payload, UnreadError, dispose, message_of, say};
use crate::state::State;
use crate::trace::{Failed, OnUnhandled, RuntimeId, TaskId, Unhandled};
use crate::wake;

impl Builder {
    /// What is done when a task fails and nobody will see it, because its handle was dropped or the task was detached:
    /// a task that panics, and one made by [`spawn_checked`](crate::spawn_checked) that returns an `Err`. By default it
    /// is said on standard error, at once.
    ///
    /// A task whose handle still exists has not failed unseen: whoever awaits the handle gets the failure, and if the
    /// handle is dropped unread, that is when this counts. So does a [`RemoteHandle`](crate::RemoteHandle) on any
    /// thread. A failure that is lost when its runtime is gone is said on standard error, whatever was chosen here; so
    /// is the panic of an output's destructor that runs because its handle is dropped.
    ///
    /// # Examples
    /// ```
    /// use glassloop::trace::OnUnhandled;
    /// use std::{cell::RefCell, rc::Rc};
    ///
    /// let seen = Rc::new(RefCell::new(Vec::new()));
    /// let note = seen.clone();
    /// let policy = OnUnhandled::call(move |failure| note.borrow_mut().push(failure.message.clone()));
    /// let runtime = glassloop::Builder::new().on_unhandled(policy).build().unwrap();
    /// runtime.block_on(async {
    ///     glassloop::spawn(async { panic!("out of paper") }).detach();
    ///     glassloop::yield_now().await;
    /// });
    /// assert_eq!(*seen.borrow(), ["out of paper"]);
    /// ```
    pub fn on_unhandled(mut self, policy: OnUnhandled) -> Builder {
        self.on_unhandled = policy;
        self
    }
}

/// Does about a lost failure of `task` what its runtime was told to do: at once on its loop, which `state` is, for that
/// knows the task's name. Between two turns the loop is asked to; if it is gone, its policy and the name are gone too,
/// and the failure is said.
#[cold]
pub(crate) fn report_lost(state: Option<&State>, task: &TaskRef, payload: Payload) {
    let lost = Lost::new(task.id(), task.site(), payload);
    match (state, task.runtime()) {
        (Some(state), _) => lost.meet(state),
        (None, Some(runtime)) => lost.send(runtime),
        (None, None) => drop(lost),
    }
}

/// A failure that nobody will see: said when this is dropped, so that no way on which it may get lost loses it.
pub(crate) struct Lost(Option<Unhandled>);

impl Lost {
    /// Drops the payload.
    pub(crate) fn new(id: TaskId, site: &'static Location<'static>, payload: Payload) -> Lost {
        let how = if payload.is::<UnreadError>() { Failed::Error } else { Failed::Panicked };
        let message = message_of(payload.as_ref()).to_owned();
        dispose(payload);
        Lost(Some(Unhandled { id, name: None, site, how, message }))
    }

    /// Leaves it to the loop of `runtime`.
    pub(crate) fn send(self, runtime: RuntimeId) {
        wake::on_loop(runtime, move |state| self.meet(state));
    }

    /// Does what `state`'s runtime was told to do.
    fn meet(mut self, state: &State) {
        let Some(failure) = &mut self.0 else { return };
        failure.name = state.names.borrow_mut().remove(failure.id.0);
        match &state.on_unhandled {
            OnUnhandled::Report => {}
            OnUnhandled::Ignore => self.0 = None,
            OnUnhandled::Shutdown => self.stop(state),
            OnUnhandled::Call(act) => {
                if let Err(second) = catch_unwind(AssertUnwindSafe(|| act(failure))) {
                    let words = message_of(second.as_ref());
                    say(format_args!("the closure given to Builder::on_unhandled panicked: {words}"));
                    dispose(second);
                } else {
                    self.0 = None;
                }
            }
        }
    }

    /// The first stops the loop; it takes no task from the queue any more. While its runtime is being dropped, and where
    /// it has stopped already, the failure is said.
    fn stop(&mut self, state: &State) {
        if !state.closing.get() && state.stopped.borrow().is_none() {
            state.stopped.replace(self.0.take());
            state.ready.halt(true);
        }
    }
}

impl Drop for Lost {
    fn drop(&mut self) {
        if let Some(failure) = self.0.take() {
            say(format_args!("{failure}"));
        }
    }
}

/// # Panics
/// If a lost failure has stopped this runtime.
#[track_caller]
pub(super) fn refuse_if_stopped(state: &State) {
    let failure = state.stopped.borrow().clone();
    if let Some(failure) = failure {
        panic!("glassloop runtime {} has stopped, as OnUnhandled::Shutdown says: {failure}", state.id);
    }
}
