//! The side that looks.

use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::error::RecvError;
use super::shared::{Ref, Shared};
use crate::cell::Stays;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place};

const GONE: &str = "dropped the last sender of the watch channel";
static CHANGED: Op =
    Op::new(Class::Channel, "watch::Receiver::changed", "sent on the watch channel").closing(GONE).losing("");
static WAIT_FOR: Op =
    Op::new(Class::Channel, "watch::Receiver::wait_for", "sent on the watch channel").closing(GONE).losing("");

/// Looks at the value; made by [`channel`](super::channel) and [`Sender::subscribe`](super::Sender::subscribe). A clone has seen what this one has seen.
#[derive(Debug)]
pub struct Receiver<T> {
    shared: Stays<Rc<Shared<T>>>,
    /// The version that it has seen last.
    seen: u64,
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: &Rc<Shared<T>>, seen: u64) -> Receiver<T> {
        shared.receivers.set(shared.receivers.get() + 1);
        Receiver { shared: Stays(shared.clone()), seen }
    }

    /// The value, which is not marked as seen by this. See [the module](super) on holding it.
    ///
    /// # Panics
    /// In a closure that changes this channel's value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(self.is_unseen(), Location::caller())
    }

    /// The value, which is marked as seen. See [the module](super) on holding it.
    ///
    /// # Panics
    /// In a closure that changes this channel's value.
    #[track_caller]
    pub fn borrow_and_update(&mut self) -> Ref<'_, T> {
        self.look(Location::caller())
    }

    /// Whether there is a value that this receiver has not seen.
    ///
    /// # Errors
    /// If the last sender was dropped, also where the last value is unseen.
    pub fn has_changed(&self) -> Result<bool, RecvError> {
        if self.is_closed() { Err(RecvError(())) } else { Ok(self.is_unseen()) }
    }

    /// Whether the last sender was dropped.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.senders.get() == 0
    }

    /// Takes the value as not seen: the next [`changed`](Receiver::changed) is ready at once.
    pub fn mark_changed(&mut self) {
        self.seen = self.shared.version.get().wrapping_sub(1);
    }

    /// Takes the value as seen.
    pub fn mark_unchanged(&mut self) {
        self.seen = self.shared.version.get();
    }

    /// Waits for a value that this receiver has not seen, and marks it as seen.
    ///
    /// # Errors
    /// If the last sender was dropped, and the last value was seen.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost: a value is marked as seen only when this is ready.
    #[track_caller]
    pub fn changed(&mut self) -> impl Future<Output = Result<(), RecvError>> {
        Changed { receiver: self, place: Place::NONE, op: &CHANGED, site: Location::caller() }
    }

    /// Waits for a value that fulfils `condition`, which is asked about the present value at once, and then about
    /// those that this receiver comes to see. All that it was asked about is marked as seen.
    ///
    /// # Errors
    /// If the last sender was dropped, and the last value does not fulfil it.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost; values that did not fulfil `condition` stay marked as seen.
    #[track_caller]
    pub fn wait_for(
        &mut self,
        mut condition: impl FnMut(&T) -> bool,
    ) -> impl Future<Output = Result<Ref<'_, T>, RecvError>> {
        let site = Location::caller();
        async move {
            let mut waited = false;
            loop {
                let mut value = self.look(site);
                value.has_changed |= waited; // `Changed` marked it as seen
                if condition(&value) {
                    return Ok(value);
                }
                drop(value); // not held while it waits
                Changed { receiver: self, place: Place::NONE, op: &WAIT_FOR, site }.await?;
                waited = true;
            }
        }
    }

    /// Whether both look at the same value.
    #[must_use]
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }

    fn is_unseen(&self) -> bool {
        self.seen != self.shared.version.get()
    }

    fn look<'a>(&mut self, site: &'static Location<'static>) -> Ref<'a, T> {
        let value = self.shared.borrow(self.is_unseen(), site);
        self.mark_unchanged();
        value
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Receiver<T> {
        Receiver::new(&self.shared, self.seen)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        self.shared.receivers.set(self.shared.receivers.get() - 1);
        if self.shared.receivers.get() == 0 {
            self.shared.closed.grant_all(Grant::All);
        }
    }
}

#[must_use = "futures do nothing unless you `.await` them"]
struct Changed<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
    op: &'static Op,
    site: &'static Location<'static>,
}

impl<T> Future for Changed<'_, T> {
    type Output = Result<(), RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            // While it waits, nothing has come: all that comes grants it.
            if this.place.is_none() {
                if this.receiver.is_unseen() {
                    this.receiver.mark_unchanged();
                    return Poll::Ready(Ok(()));
                }
                if this.receiver.is_closed() {
                    return Poll::Ready(Err(RecvError(())));
                }
            }
            ready!(this.receiver.shared.changed.poll(&mut this.place, cx, this.op, this.site, 1));
        }
    }
}

impl<T> Drop for Changed<'_, T> {
    fn drop(&mut self) {
        let _ = self.receiver.shared.changed.leave(&mut self.place); // news for all: nothing to pass on
    }
}
