//! What all handles of a queue share.

use std::rc::Rc;

use super::error::{TryGetError, TryPutError};
use super::store::Store;
use crate::cell::Cell;
use crate::sync::slots::Slots;
use crate::waits::{Grant, WaitList};

pub(super) struct Shared<S> {
    /// Taken out while an item's `Ord` may run.
    store: Cell<Option<S>>,
    pub(super) len: Cell<usize>,
    pub(super) max: usize,
    /// Room that nobody was promised; who puts waits for it.
    pub(super) room: Slots,
    /// Items that nobody was promised; who gets waits for them.
    pub(super) items: Slots,
    pub(super) closed: Cell<bool>,
    pub(super) unfinished: Cell<usize>,
    /// Who waits until nothing is unfinished.
    pub(super) finished: WaitList,
}

const IN_ORD: &str = "a queue was used by the `Ord` of one of its items, which it is comparing; compare items by what \
                      they are alone";

/// The store, taken out until this is dropped.
struct Taken<'a, S>(&'a Shared<S>, Option<S>);

impl<S> Taken<'_, S> {
    fn store(&mut self) -> &mut S {
        self.1.as_mut().expect("it is put back in `drop` alone")
    }
}

impl<S> Drop for Taken<'_, S> {
    fn drop(&mut self) {
        self.0.store.set(self.1.take());
    }
}

/// Promises an item to the next who gets, when this is dropped.
struct Promise<'a>(&'a Slots);

impl Drop for Promise<'_> {
    fn drop(&mut self) {
        self.0.give(1);
    }
}

impl<S: Store> Shared<S> {
    #[track_caller]
    pub(super) fn new(maxsize: usize) -> Rc<Shared<S>> {
        let max = if maxsize == 0 { usize::MAX } else { maxsize };
        Rc::new(Shared {
            store: Cell::new(Some(S::default())),
            len: Cell::new(0),
            max,
            room: Slots::new(max),
            items: Slots::new(0),
            closed: Cell::new(false),
            unfinished: Cell::new(0),
            finished: WaitList::new(),
        })
    }

    fn taken(&self) -> Option<Taken<'_, S>> {
        Some(Taken(self, Some(self.store.take()?)))
    }

    /// Puts an item into the room that was taken for it.
    pub(super) fn put(&self, item: S::Item) {
        let Some(taken) = self.taken() else {
            self.room.give(1);
            panic!("{IN_ORD}");
        };
        self.len.set(self.len.get() + 1);
        self.unfinished.set(self.unfinished.get() + 1);
        let _promise = Promise(&self.items); // also if the `Ord` panics
        let mut taken = taken; // put back before
        taken.store().put(item);
    }

    /// Takes out an item that was promised.
    pub(super) fn take(&self) -> S::Item {
        let promise = Promise(&self.items); // again, if the `Ord` panics
        let mut taken = self.taken().expect(IN_ORD);
        let item = taken.store().take();
        drop(taken);
        std::mem::forget(promise);
        self.len.set(self.len.get() - 1);
        self.room.give(1);
        if self.is_over() {
            self.items.close();
        }
        item
    }

    pub(super) fn put_nowait(&self, item: S::Item) -> Result<(), TryPutError<S::Item>> {
        if self.closed.get() {
            return Err(TryPutError::Closed(item));
        }
        if !self.room.try_take(1) {
            return Err(TryPutError::Full(item));
        }
        self.put(item);
        Ok(())
    }

    pub(super) fn get_nowait(&self) -> Result<S::Item, TryGetError> {
        if self.is_over() {
            Err(TryGetError::Closed)
        } else if self.items.try_take(1) {
            Ok(self.take())
        } else {
            Err(TryGetError::Empty)
        }
    }

    pub(super) fn close_now(&self) {
        let Some(mut taken) = self.taken() else { panic!("{IN_ORD}") };
        let dropped = std::mem::take(taken.store());
        drop(taken);
        let n = self.len.replace(0);
        self.close();
        self.finish(n, Grant::Closed);
        drop(dropped); // foreign
    }
}

impl<S> Shared<S> {
    /// Whether nothing is in it and nothing will be. What was promised before [`close_now`](Shared::close_now) is void.
    pub(super) fn is_over(&self) -> bool {
        self.closed.get() && self.len.get() == 0
    }

    pub(super) fn close(&self) {
        self.closed.set(true);
        self.room.close();
        if self.is_over() {
            self.items.close();
        }
    }

    #[track_caller]
    pub(super) fn task_done(&self) {
        assert!(
            self.unfinished.get() > 0,
            "`task_done` was called more often than items were put into the queue; call it once for each item, after \
             the work on it"
        );
        self.finish(1, Grant::All);
    }

    /// The work on `n` items is done.
    fn finish(&self, n: usize, news: Grant) {
        let before = self.unfinished.get();
        self.unfinished.set(before.saturating_sub(n)); // of what is dropped, some may be called done already
        if before > 0 && self.unfinished.get() == 0 {
            self.finished.grant_all(news);
        }
    }
}
