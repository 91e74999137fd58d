//! The sending end of an unbounded channel.

use std::fmt;
use std::future::Future;

use super::chan::{Tx, WeakTx};
use super::error::SendError;
use super::receiver::UnboundedReceiver;
use crate::trace::Class;
use crate::waits::Op;

static CLOSED: Op = Op::new(Class::Channel, "mpsc::UnboundedSender::closed", "closed the mpsc channel").losing("");

/// A channel that takes all that memory holds.
#[track_caller]
#[must_use]
pub fn unbounded_channel<T>() -> (UnboundedSender<T>, UnboundedReceiver<T>) {
    let (tx, rx) = Tx::channel(usize::MAX);
    (UnboundedSender(tx), UnboundedReceiver(rx))
}

/// Sends into an unbounded channel, at once; made by [`unbounded_channel`]. Cloned, there is one sender more.
pub struct UnboundedSender<T>(Tx<T>);

impl<T> UnboundedSender<T> {
    /// Sends a value; it never waits.
    ///
    /// # Errors
    /// If the receiver was dropped or closed; the error has the value.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.0.try_take(1).is_err() {
            return Err(SendError(value));
        }
        self.0.push(value);
        Ok(())
    }

    /// Waits until the receiver is dropped or closed: then nobody wants a value any more.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        self.0.closed(&CLOSED)
    }

    /// Whether the receiver was dropped or closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.0.is_open()
    }

    /// Whether both send into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &UnboundedSender<T>) -> bool {
        self.0.is_same(&other.0)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped has done nothing; to drop the sender itself, use `drop`"]
    pub fn downgrade(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender(self.0.downgrade())
    }

    /// How many senders the channel has.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.0.senders()
    }

    /// How many weak senders the channel has.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.0.weak()
    }
}

impl<T> Clone for UnboundedSender<T> {
    fn clone(&self) -> UnboundedSender<T> {
        UnboundedSender(self.0.clone())
    }
}

impl<T> fmt::Debug for UnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("UnboundedSender").field(&*self.0).finish()
    }
}

/// A sender that does not keep its channel open; made by [`UnboundedSender::downgrade`].
pub struct WeakUnboundedSender<T>(WeakTx<T>);

impl<T> WeakUnboundedSender<T> {
    /// A sender again; `None` if the last was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<UnboundedSender<T>> {
        self.0.upgrade().map(UnboundedSender)
    }

    /// How many senders the channel has.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.0.senders()
    }

    /// How many weak senders the channel has.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.0.weak()
    }
}

impl<T> Clone for WeakUnboundedSender<T> {
    fn clone(&self) -> WeakUnboundedSender<T> {
        WeakUnboundedSender(self.0.clone())
    }
}

impl<T> fmt::Debug for WeakUnboundedSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakUnboundedSender").field(&*self.0).finish()
    }
}
