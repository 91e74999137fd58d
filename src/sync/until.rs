//! Waiting for what a list tells all who wait.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::waits::{Op, Place, WaitList};

/// Waits until something is so.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Until<'a, F: Fn() -> bool> {
    line: &'a WaitList,
    is_so: F,
    /// Being told is enough, though it may not be so any more.
    once: bool,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
}

impl<'a, F: Fn() -> bool> Until<'a, F> {
    /// `line` is told when it may be so.
    #[track_caller]
    pub(super) fn is(line: &'a WaitList, op: &'static Op, is_so: F) -> Until<'a, F> {
        Until::new(line, op, is_so, false)
    }

    /// `line` is told when it is so, and whoever waited then is ready even if it is not so any more.
    #[track_caller]
    pub(super) fn was(line: &'a WaitList, op: &'static Op, is_so: F) -> Until<'a, F> {
        Until::new(line, op, is_so, true)
    }

    #[track_caller]
    fn new(line: &'a WaitList, op: &'static Op, is_so: F, once: bool) -> Until<'a, F> {
        Until { line, is_so, once, place: Place::NONE, op, site: Location::caller() }
    }
}

impl<F: Fn() -> bool> Unpin for Until<'_, F> {}

impl<F: Fn() -> bool> Future for Until<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        loop {
            if this.place.is_none() && (this.is_so)() {
                return Poll::Ready(());
            }
            ready!(this.line.poll(&mut this.place, cx, this.op, this.site, 1));
            if this.once {
                return Poll::Ready(());
            }
        }
    }
}

impl<F: Fn() -> bool> Drop for Until<'_, F> {
    fn drop(&mut self) {
        let _ = self.line.leave(&mut self.place); // news for all: nothing to pass on
    }
}
