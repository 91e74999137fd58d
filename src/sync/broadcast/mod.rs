//! Every value to every receiver; who is too slow loses the oldest, and is told how many.
//!
//! The names, the errors and the closing rules are `tokio::sync::broadcast`'s. What differs: everything is local, so
//! values need not be `Send`; a channel keeps exactly as many values as it was made for (tokio rounds up to a power of
//! two); the last receiver of a value is given the value itself, not a clone; there is no `blocking_recv`.
//!
//! A receiver sees what is sent after it was made. [`Sender::send`] never waits: when the channel is full, the oldest
//! value goes. A receiver that has not taken it gets [`RecvError::Lagged`] once, with the number that it missed, and
//! goes on at the oldest value that is there.
//!
//! # Scheduling
//! A value makes all waiting receivers ready, at the back of the queue, in the order in which they began to wait.
//!
//! # Examples
//! ```
//! use glassloop::sync::broadcast::{self, error::RecvError};
//!
//! glassloop::run(async {
//!     let (tx, mut quick) = broadcast::channel(2);
//!     let mut slow = tx.subscribe();
//!     for n in 1..=3 {
//!         tx.send(n).unwrap();
//!         assert_eq!(quick.recv().await, Ok(n));
//!     }
//!     assert_eq!(slow.recv().await, Err(RecvError::Lagged(1)));
//!     assert_eq!(slow.recv().await, Ok(2));
//! });
//! ```

mod chan;
pub mod error;

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use self::chan::Chan;
use self::error::{RecvError, SendError, TryRecvError};
use super::until::Until;
use crate::cell::Stays;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place};

static RECV: Op = Op::new(Class::Channel, "broadcast::Receiver::recv", "sent on the broadcast channel")
    .closing("dropped the last sender of the broadcast channel")
    .losing("");
static CLOSED: Op =
    Op::new(Class::Channel, "broadcast::Sender::closed", "dropped the last receiver of the broadcast channel")
        .losing("");

/// A channel that keeps the last `capacity` values.
///
/// # Panics
/// If `capacity` is 0.
#[track_caller]
#[must_use]
pub fn channel<T: Clone>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(capacity);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Sends to all receivers; made by [`channel`]. Cloned, there is one sender more.
pub struct Sender<T> {
    chan: Stays<Rc<Chan<T>>>,
}

impl<T> Sender<T> {
    /// A channel that keeps the last `capacity` values, without a receiver yet.
    ///
    /// # Panics
    /// If `capacity` is 0.
    #[track_caller]
    #[must_use]
    pub fn new(capacity: usize) -> Sender<T> {
        assert!(capacity > 0, "a broadcast channel keeps at least one value; to keep the last alone, use `watch`");
        let chan = Chan::new(capacity);
        chan.senders.set(1);
        Sender { chan: Stays(chan) }
    }

    /// Sends a value to all receivers that there are now; how many.
    ///
    /// # Errors
    /// If there is none; the error has the value. A later receiver may make a later send succeed.
    pub fn send(&self, value: T) -> Result<usize, SendError<T>> {
        let receivers = self.chan.receivers.get();
        if receivers == 0 {
            return Err(SendError(value));
        }
        self.chan.push(value, receivers);
        Ok(receivers)
    }

    /// A receiver of what is sent from now on.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.chan)
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped has done nothing; to drop the sender itself, use `drop`"]
    pub fn downgrade(&self) -> WeakSender<T> {
        self.chan.weak.set(self.chan.weak.get() + 1);
        WeakSender { chan: self.chan.clone() }
    }

    /// How many values are kept that some receiver has not taken.
    #[must_use]
    pub fn len(&self) -> usize {
        self.chan.wanted()
    }

    /// Whether every receiver has taken all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.chan.receivers.get()
    }

    /// Whether both send into the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Rc::ptr_eq(&self.chan, &other.chan)
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        Until::is(&self.chan.closed, &CLOSED, || self.receiver_count() == 0)
    }

    /// How many senders the channel has.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.chan.senders.get()
    }

    /// How many weak senders the channel has.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.chan.weak.get()
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.chan.senders.set(self.chan.senders.get() + 1);
        Sender { chan: self.chan.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.chan.senders.set(self.chan.senders.get() - 1);
        if self.chan.senders.get() == 0 {
            self.chan.tell_receivers(Grant::Closed);
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&self.chan).finish()
    }
}

/// A sender that does not keep its channel open; made by [`Sender::downgrade`].
pub struct WeakSender<T> {
    chan: Stays<Rc<Chan<T>>>,
}

impl<T> WeakSender<T> {
    /// A sender again; `None` if the last was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        if self.chan.senders.get() == 0 {
            return None;
        }
        self.chan.senders.set(self.chan.senders.get() + 1);
        Some(Sender { chan: self.chan.clone() })
    }

    /// How many senders the channel has.
    #[must_use]
    pub fn strong_count(&self) -> usize {
        self.chan.senders.get()
    }

    /// How many weak senders the channel has.
    #[must_use]
    pub fn weak_count(&self) -> usize {
        self.chan.weak.get()
    }
}

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        self.chan.weak.set(self.chan.weak.get() + 1);
        WeakSender { chan: self.chan.clone() }
    }
}

impl<T> Drop for WeakSender<T> {
    fn drop(&mut self) {
        self.chan.weak.set(self.chan.weak.get() - 1);
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakSender").field(&self.chan).finish()
    }
}

/// Receives what was sent since it was made; made by [`channel`] and [`Sender::subscribe`].
pub struct Receiver<T> {
    chan: Stays<Rc<Chan<T>>>,
    /// The number of the value that it takes next.
    next: u64,
}

impl<T> Receiver<T> {
    fn new(chan: &Rc<Chan<T>>) -> Receiver<T> {
        chan.receivers.set(chan.receivers.get() + 1);
        Receiver { chan: Stays(chan.clone()), next: chan.end() }
    }

    /// How many values were sent that it has not taken. More than the channel's capacity: it has missed some, and
    /// the next call says so.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.chan.end() - self.next).unwrap_or(usize::MAX)
    }

    /// Whether it has taken all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both receive from the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &Receiver<T>) -> bool {
        Rc::ptr_eq(&self.chan, &other.chan)
    }

    /// How many senders the channel has.
    #[must_use]
    pub fn sender_strong_count(&self) -> usize {
        self.chan.senders.get()
    }

    /// How many weak senders the channel has.
    #[must_use]
    pub fn sender_weak_count(&self) -> usize {
        self.chan.weak.get()
    }

    /// Whether the last sender was dropped. What it has not taken, it still gets.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.chan.senders.get() == 0
    }
}

impl<T: Clone> Receiver<T> {
    /// Another receiver, of what is sent from now on. It is no clone: what this one has not taken, it does not get.
    #[must_use]
    pub fn resubscribe(&self) -> Receiver<T> {
        Receiver::new(&self.chan)
    }

    /// Takes the next value; waits if there is none.
    ///
    /// # Errors
    /// `Lagged(n)`: `n` values were let go before it took them; the next call gives the oldest that is there.
    /// `Closed`: it has taken all, and the last sender was dropped.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost: what arrives stays in the channel.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Result<T, RecvError>> {
        Receiving { receiver: self, place: Place::NONE, site: Location::caller() }
    }

    /// Takes the next value, if there is one.
    ///
    /// # Errors
    /// As [`recv`](Receiver::recv); `Empty`, if it has taken all.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let missed = self.chan.start().saturating_sub(self.next);
        if missed > 0 {
            self.next += missed;
            return Err(TryRecvError::Lagged(missed));
        }
        if self.next == self.chan.end() {
            return Err(if self.is_closed() { TryRecvError::Closed } else { TryRecvError::Empty });
        }
        // Ours from here on: a clone that panics, or that asks this channel, finds it taken.
        self.next += 1;
        Ok(self.chan.take(self.next - 1))
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let chan = &self.chan;
        chan.receivers.set(chan.receivers.get() - 1);
        // One by one: a value's own drop may use the channel.
        for number in self.next.max(chan.start())..chan.end() {
            drop(chan.forgo(number));
        }
        if chan.receivers.get() == 0 {
            chan.tell_closed();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("chan", &self.chan).field("len", &self.len()).finish()
    }
}

#[must_use = "futures do nothing unless you `.await` them"]
struct Receiving<'a, T> {
    receiver: &'a mut Receiver<T>,
    place: Place,
    site: &'static Location<'static>,
}

impl<T: Clone> Future for Receiving<'_, T> {
    type Output = Result<T, RecvError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        loop {
            // While it waits, nothing has come: all that comes grants it.
            if this.place.is_none() {
                match this.receiver.try_recv() {
                    Ok(value) => return Poll::Ready(Ok(value)),
                    Err(TryRecvError::Closed) => return Poll::Ready(Err(RecvError::Closed)),
                    Err(TryRecvError::Lagged(n)) => return Poll::Ready(Err(RecvError::Lagged(n))),
                    Err(TryRecvError::Empty) => {}
                }
            }
            ready!(this.receiver.chan.waiting.poll(&mut this.place, cx, &RECV, this.site, 1));
        }
    }
}

impl<T> Drop for Receiving<'_, T> {
    fn drop(&mut self) {
        let _ = self.receiver.chan.waiting.leave(&mut self.place); // news for all: nothing to pass on
    }
}
