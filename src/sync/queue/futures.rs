//! The futures of a queue.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::error::{GetError, PutError};
use super::shared::Shared;
use super::store::Store;
use crate::waits::{Grant, Op, Place};

/// The future of `put`.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Putting<'a, T, S> {
    queue: &'a Shared<S>,
    item: Option<T>,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
}

impl<'a, T, S> Putting<'a, T, S> {
    #[track_caller]
    pub(super) fn new(queue: &'a Shared<S>, item: T, op: &'static Op) -> Putting<'a, T, S> {
        Putting { queue, item: Some(item), place: Place::NONE, op, site: Location::caller() }
    }
}

impl<T, S> Unpin for Putting<'_, T, S> {}

impl<S: Store> Future for Putting<'_, S::Item, S> {
    type Output = Result<(), PutError<S::Item>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        assert!(this.item.is_some(), "`put` was polled again after it was ready");
        let is_closed = || this.queue.closed.get();
        let mut granted = false;
        if !this.place.is_none() || !is_closed() {
            granted = ready!(this.queue.room.poll_take(&mut this.place, cx, this.op, this.site, 1)) == Grant::Turn;
        }
        let item = this.item.take().expect("it was looked at above");
        if is_closed() {
            // Its room, if it was handed some before, is of no use to anybody.
            return Poll::Ready(Err(PutError(item)));
        }
        debug_assert!(granted, "only who closes the queue denies room");
        this.queue.put(item);
        Poll::Ready(Ok(()))
    }
}

impl<T, S> Drop for Putting<'_, T, S> {
    fn drop(&mut self) {
        self.queue.room.leave(&mut self.place, 1);
    }
}

/// The future of `get`.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Getting<'a, S> {
    queue: &'a Shared<S>,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
}

impl<'a, S> Getting<'a, S> {
    #[track_caller]
    pub(super) fn new(queue: &'a Shared<S>, op: &'static Op) -> Getting<'a, S> {
        Getting { queue, place: Place::NONE, op, site: Location::caller() }
    }
}

impl<S: Store> Future for Getting<'_, S> {
    type Output = Result<S::Item, GetError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if !this.place.is_none() || !this.queue.is_over() {
            let _turn = ready!(this.queue.items.poll_take(&mut this.place, cx, this.op, this.site, 1));
        }
        // Whoever is denied an item, or was promised one that is dropped now, finds the queue over.
        Poll::Ready(if this.queue.is_over() { Err(GetError(())) } else { Ok(this.queue.take()) })
    }
}

impl<S> Drop for Getting<'_, S> {
    fn drop(&mut self) {
        self.queue.items.leave(&mut self.place, 1);
    }
}
