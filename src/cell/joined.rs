//! The right to a task's output.

use std::marker::PhantomData;

use super::header::{HANDLE, OUTPUT};
use super::typed::{self, Failure};
use super::{JoinError, TaskRef};

/// The right to a task's output: what a `JoinHandle` holds.
pub(crate) struct Joined<T> {
    task: TaskRef,
    output: PhantomData<T>,
}

impl<T> Joined<T> {
    /// Of the cell's only handle, whose future gives a `T`.
    pub(super) fn new(task: TaskRef) -> Joined<T> {
        Joined { task, output: PhantomData }
    }

    pub(crate) fn task(&self) -> &TaskRef {
        &self.task
    }

    /// The output, once, if it is there.
    #[inline]
    pub(crate) fn take(&self) -> Option<Result<T, JoinError>> {
        let header = self.task.header();
        if !header.has(OUTPUT) {
            return None;
        }
        // SAFETY: `T` is the output of this cell's future (`TaskRef::first` is called with it), OUTPUT is set.
        Some(unsafe { typed::take_output(self.task.cell) })
    }

    /// Whether the output was taken.
    #[inline]
    pub(crate) fn is_spent(&self) -> bool {
        !self.task.header().has(HANDLE)
    }

    /// Gives up the output, dropping it if it is there. `Some`: something was left; with the failure that nobody saw.
    #[inline]
    pub(crate) fn give_up(&self) -> Option<Failure> {
        let header = self.task.header();
        header.clear(HANDLE);
        if !header.has(OUTPUT) && header.joiner.get().is_null() { None } else { Some(self.give_up_what_is_left()) }
    }

    #[cold]
    #[inline(never)]
    fn give_up_unseen(&self) {
        drop(self.give_up());
    }

    #[cold]
    #[inline(never)]
    fn give_up_what_is_left(&self) -> Failure {
        let _joiner = self.task.take_joiner(); // let go last: a foreign waker's destructor may panic (HELD)
        // SAFETY: HELD, OWNER: the output is there, it is a `T`, and this is its thread.
        if self.task.header().has(OUTPUT) { unsafe { typed::drop_output::<T>(self.task.cell) } } else { None }
    }
}

impl<T> Drop for Joined<T> {
    #[inline]
    fn drop(&mut self) {
        // HELD, whatever the owner of this value did. A `JoinHandle` calls `give_up` itself, to report its failure.
        if self.task.header().has(HANDLE) {
            self.give_up_unseen();
        }
    }
}
