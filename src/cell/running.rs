//! Which task the loop is at.
//!
//! # Invariants
//! - **RUNNING**: the address is a live cell's while [`Running::during`], which holds a reference to it, is on the
//!   stack, and null otherwise.

use std::cell::{Cell, RefCell};
use std::ptr;

use super::TaskRef;
use crate::trace::{Cause, TaskId};

/// Which task the loop is at, and on whose behalf it runs foreign code.
pub(crate) struct Running {
    /// The cell's address, which is what the task's waker carries.
    address: Cell<*const ()>,
    /// Who left the call that collect is doing, for the causes of what it wakes.
    caller: RefCell<Option<Cause>>,
}

impl Running {
    pub(crate) fn new() -> Running {
        Running { address: Cell::new(ptr::null()), caller: RefCell::new(None) }
    }

    /// Does `act`, which is the task's turn.
    #[inline]
    pub(crate) fn during<R>(&self, task: &TaskRef, act: impl FnOnce() -> R) -> R {
        struct Leave<'a>(&'a Cell<*const ()>);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.set(ptr::null());
            }
        }
        self.address.set(task.address());
        let _leave = Leave(&self.address);
        act()
    }

    /// The address that the running task's waker carries; null if none runs.
    #[inline]
    pub(crate) fn address(&self) -> *const () {
        self.address.get()
    }

    /// The task that runs.
    #[inline]
    pub(crate) fn task(&self) -> Option<TaskRef> {
        let address = self.address.get();
        // SAFETY: RUNNING.
        (!address.is_null()).then(|| unsafe { TaskRef::at(address) })
    }

    /// Names the task that runs.
    pub(crate) fn id(&self) -> Option<TaskId> {
        let address = self.address.get();
        // SAFETY: RUNNING.
        (!address.is_null()).then(|| unsafe { TaskRef::lent(address) }.id())
    }

    /// The cause of a wake that happens now, and that the loop itself did not make.
    pub(crate) fn cause(&self) -> Cause {
        match self.id() {
            Some(id) => Cause::Task(id),
            None => self.caller.borrow().clone().unwrap_or(Cause::Outside),
        }
    }

    /// Runs foreign code outside of every task; what it wakes has this cause.
    pub(crate) fn on_behalf_of<R>(&self, cause: Cause, act: impl FnOnce() -> R) -> R {
        let before = self.caller.replace(Some(cause));
        let result = act();
        drop(self.caller.replace(before));
        result
    }
}
