//! All live tasks of a loop, in spawn order: a list through the cells, so it costs no allocation.

use std::cell::Cell;
use std::ptr::NonNull;

use super::TaskRef;
use super::header::Header;

/// Holds a `TaskRef` of every task whose future is in its slot (LIVE).
pub(crate) struct Registry {
    first: Cell<Option<NonNull<Header>>>,
    last: Cell<Option<NonNull<Header>>>,
    len: Cell<usize>,
    /// Who answered `none`'s last question with yes.
    hint: Cell<Option<NonNull<Header>>>,
}

impl Registry {
    pub(crate) fn new() -> Registry {
        Registry { first: Cell::default(), last: Cell::default(), len: Cell::new(0), hint: Cell::default() }
    }

    pub(crate) fn len(&self) -> usize {
        self.len.get()
    }

    /// Adds a task that is in no registry.
    #[inline]
    pub(crate) fn insert(&self, task: TaskRef) {
        let cell = task.into_cell();
        let last = self.last.replace(Some(cell));
        // SAFETY: the count that `into_cell` left with this list keeps the cell; neighbours are kept likewise.
        unsafe { cell.as_ref() }.previous.set(last);
        match last {
            // SAFETY: as above.
            Some(last) => unsafe { last.as_ref() }.next.set(Some(cell)),
            None => self.first.set(Some(cell)),
        }
        self.len.set(self.len.get() + 1);
    }

    /// Takes a task out, if it is in.
    #[inline]
    pub(crate) fn remove(&self, task: &TaskRef) {
        let header = task.header();
        let (previous, next) = (header.previous.take(), header.next.take());
        match previous {
            // SAFETY: as in `insert`: cells in the list are kept by it.
            Some(previous) => unsafe { previous.as_ref() }.next.set(next),
            None if self.first.get().is_some_and(|first| std::ptr::eq(first.as_ptr(), header)) => {
                self.first.set(next);
            }
            None => return,
        }
        match next {
            // SAFETY: as in `insert`.
            Some(next) => unsafe { next.as_ref() }.previous.set(previous),
            None => self.last.set(previous),
        }
        if self.hint.get().is_some_and(|hint| std::ptr::eq(hint.as_ptr(), header)) {
            self.hint.set(None);
        }
        self.len.set(self.len.get() - 1);
        header.local.set(header.local.get() - 1); // the list's, from `into_cell`; not the last, for `task` is another
    }

    /// The task that has lived longest.
    pub(crate) fn first(&self) -> Option<TaskRef> {
        // SAFETY: as in `insert`.
        self.first.get().map(|cell| unsafe { TaskRef::at(cell.as_ptr().cast_const().cast()) })
    }

    /// Whether every live task answers no. Whoever said yes the last time is asked first, and mostly says it again.
    pub(crate) fn none(&self, mut question: impl FnMut(&Header) -> bool) -> bool {
        // SAFETY: as in `insert`: a hint is in the list.
        if self.hint.get().is_some_and(|hint| question(unsafe { hint.as_ref() })) {
            return false;
        }
        let mut at = self.first.get();
        while let Some(cell) = at {
            // SAFETY: as in `insert`; the question cannot reach this list, so no cell leaves it meanwhile.
            let header = unsafe { cell.as_ref() };
            if question(header) {
                self.hint.set(Some(cell));
                return false;
            }
            at = header.next.get();
        }
        true
    }

    /// All live tasks, in spawn order.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        let mut all = Vec::with_capacity(self.len());
        let mut at = self.first.get();
        while let Some(cell) = at {
            // SAFETY: as in `insert`.
            let task = unsafe { TaskRef::at(cell.as_ptr().cast_const().cast()) };
            at = task.header().next.get();
            all.push(task);
        }
        all
    }
}
