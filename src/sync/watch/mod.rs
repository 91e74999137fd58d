//! The latest value, for all who look.
//!
//! The names, the errors and the closing rules are `tokio::sync::watch`'s; everything is local, so a value need not be
//! `Send`.
//!
//! A receiver sees the value that there is when it looks, not every value that was sent. It has **seen** the value
//! that was there when it was made, and what it looked at by [`Receiver::borrow_and_update`], [`Receiver::changed`] or
//! [`Receiver::wait_for`]; [`Receiver::changed`] waits for one that it has not seen.
//!
//! # A borrow that is held
//! In tokio a [`Ref`] is a read lock, and one that is held across an `.await` can stop the program. Here it shares the
//! value: [`Sender::send`] puts the new value in its place, and the `Ref` goes on showing the old one. But who changes
//! the value **in place**, by [`send_modify`](Sender::send_modify), [`send_if_modified`](Sender::send_if_modified) or
//! [`send_replace`](Sender::send_replace), must have it alone: those panic while a `Ref` lives, where tokio's would
//! wait for ever, and tell where the last was borrowed. So keep a `Ref` no longer than the statement.
//!
//! # Scheduling
//! A new value makes all who wait for one ready, at the back of the queue, in the order in which they began to wait.
//!
//! # Examples
//! ```
//! use glassloop::{spawn, sync::watch};
//!
//! glassloop::run(async {
//!     let (tx, mut rx) = watch::channel("starting");
//!     let watcher = spawn(async move { rx.wait_for(|state| *state == "ready").await.map(|_| ()) });
//!     tx.send("loading").unwrap();
//!     tx.send("ready").unwrap();
//!     watcher.await.unwrap().unwrap();
//! });
//! ```

pub mod error;
mod receiver;
mod shared;

use std::future::Future;
use std::panic::Location;
use std::rc::Rc;

pub use self::receiver::Receiver;
pub use self::shared::Ref;

use self::error::SendError;
use self::shared::{IN_CLOSURE, Shared};
use super::until::Until;
use crate::cell::{Cell, RefCell, Stays};
use crate::trace::Class;
use crate::waits::{Grant, Op, WaitList};

static CLOSED: Op =
    Op::new(Class::Channel, "watch::Sender::closed", "dropped the last receiver of the watch channel").losing("");

/// A channel that shows `value`, which its receiver has seen.
#[track_caller]
#[must_use]
pub fn channel<T>(value: T) -> (Sender<T>, Receiver<T>) {
    let sender = Sender::new(value);
    let receiver = sender.subscribe();
    (sender, receiver)
}

/// Sets the value; made by [`channel`]. Cloned, there is one sender more.
#[derive(Debug)]
pub struct Sender<T> {
    shared: Stays<Rc<Shared<T>>>,
}

impl<T> Sender<T> {
    /// A channel that shows `value`, without a receiver yet.
    #[track_caller]
    #[must_use]
    pub fn new(value: T) -> Sender<T> {
        Sender {
            shared: Stays(Rc::new(Shared {
                value: RefCell::new(Some(Rc::new(value))),
                version: Cell::new(0),
                senders: Cell::new(1),
                receivers: Cell::new(0),
                changed: WaitList::new(),
                closed: WaitList::new(),
                borrowed: Cell::new(Location::caller()),
            })),
        }
    }

    /// Sets the value, and tells the receivers. It never minds a [`Ref`] that is held.
    ///
    /// # Errors
    /// If there is no receiver: then the value stays as it was. The error has the new one.
    ///
    /// # Panics
    /// In a closure that changes this channel's value.
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        if self.shared.receivers.get() == 0 {
            return Err(SendError(value));
        }
        let mut place = self.shared.value.borrow_mut();
        let shown = place.as_mut().expect(IN_CLOSURE);
        let before = match Rc::get_mut(shown) {
            Some(alone) => Ok(std::mem::replace(alone, value)),
            None => Err(std::mem::replace(shown, Rc::new(value))),
        };
        drop(place);
        self.shared.tell();
        drop(before); // foreign
        Ok(())
    }

    /// Lets `modify` change the value in place, and tells the receivers. If it panics, they are not told.
    ///
    /// # Panics
    /// While a [`Ref`] is held, see [the module](self); in a closure that changes this channel's value.
    #[track_caller]
    pub fn send_modify(&self, modify: impl FnOnce(&mut T)) {
        self.shared.change(modify);
        self.shared.tell();
    }

    /// As [`send_modify`](Sender::send_modify), but tells the receivers only if `modify` gives `true`, which this
    /// gives too.
    ///
    /// # Panics
    /// As [`send_modify`](Sender::send_modify).
    #[track_caller]
    pub fn send_if_modified(&self, modify: impl FnOnce(&mut T) -> bool) -> bool {
        let is_modified = self.shared.change(modify);
        if is_modified {
            self.shared.tell();
        }
        is_modified
    }

    /// Sets the value, also without a receiver, and gives the one that was there.
    ///
    /// # Panics
    /// As [`send_modify`](Sender::send_modify).
    #[track_caller]
    pub fn send_replace(&self, value: T) -> T {
        let before = self.shared.change(|shown| std::mem::replace(shown, value));
        self.shared.tell();
        before
    }

    /// The value. See [the module](self) on holding it.
    ///
    /// # Panics
    /// In a closure that changes this channel's value.
    #[track_caller]
    pub fn borrow(&self) -> Ref<'_, T> {
        self.shared.borrow(false, Location::caller())
    }

    /// A receiver, which has seen the value that there is.
    #[must_use]
    pub fn subscribe(&self) -> Receiver<T> {
        Receiver::new(&self.shared, self.shared.version.get())
    }

    /// Waits until there is no receiver.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    #[track_caller]
    pub fn closed(&self) -> impl Future<Output = ()> {
        Until::is(&self.shared.closed, &CLOSED, || self.is_closed())
    }

    /// Whether there is no receiver.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.receiver_count() == 0
    }

    /// How many receivers there are.
    #[must_use]
    pub fn receiver_count(&self) -> usize {
        self.shared.receivers.get()
    }

    /// How many senders there are.
    #[must_use]
    pub fn sender_count(&self) -> usize {
        self.shared.senders.get()
    }

    /// Whether both set the same value.
    #[must_use]
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        Rc::ptr_eq(&self.shared, &other.shared)
    }
}

impl<T: Default> Default for Sender<T> {
    #[track_caller]
    fn default() -> Sender<T> {
        Sender::new(T::default())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        self.shared.senders.set(self.shared.senders.get() + 1);
        Sender { shared: self.shared.clone() }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        self.shared.senders.set(self.shared.senders.get() - 1);
        if self.shared.senders.get() == 0 {
            self.shared.changed.grant_all(Grant::Closed);
        }
    }
}
