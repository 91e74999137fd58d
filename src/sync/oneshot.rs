//! One value, from one task to another.
//!
//! The names, the errors and the closing rules are `tokio::sync::oneshot`'s; everything is local, so a value need not
//! be `Send`. There is no `blocking_recv`: on one thread, it would wait for a task that it keeps from running.
//!
//! # Examples
//! ```
//! use glassloop::{spawn, sync::oneshot};
//!
//! glassloop::run(async {
//!     let (tx, rx) = oneshot::channel();
//!     spawn(async move { tx.send(6 * 7).unwrap() }).detach();
//!     assert_eq!(rx.await, Ok(42));
//!
//!     let (tx, rx) = oneshot::channel::<u8>();
//!     drop(tx);
//!     assert_eq!(rx.await.unwrap_err().to_string(), "channel closed: its sender was dropped without a value");
//! });
//! ```

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use self::error::{RecvError, TryRecvError};
use crate::cell::{Cell, Stays};
use crate::trace::Class;
use crate::waits::{Op, Seat};

static RECV: Op = Op::new(Class::Channel, "oneshot::Receiver", "sent on the oneshot channel")
    .closing("closed the oneshot channel without a value")
    .losing("");
static CLOSED: Op =
    Op::new(Class::Channel, "oneshot::Sender::closed", "closed the receiving end of the oneshot channel")
        .losing("");

/// A channel for one value.
#[inline]
#[track_caller]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Stays(Rc::new(Shared {
        value: Cell::new(None),
        sender: Cell::new(true),
        open: Cell::new(true),
        receiver: Seat::new(),
        closed: Seat::new(),
    }));
    (Sender { shared: shared.clone() }, Receiver { shared, ended: false })
}

pub mod error {
    //! What receiving may answer.

    use std::error::Error;
    use std::fmt;

    /// The sender was dropped without a value.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct RecvError(pub(super) ());

    /// Nothing was received.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum TryRecvError {
        /// The value was not sent yet.
        Empty,
        /// The sender was dropped without a value, or the value was received already.
        Closed,
    }

    impl fmt::Display for RecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("channel closed: its sender was dropped without a value")
        }
    }

    impl fmt::Display for TryRecvError {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(match self {
                TryRecvError::Empty => "channel empty: await the receiver, or try later",
                TryRecvError::Closed => "channel closed: no value will come",
            })
        }
    }

    impl Error for RecvError {}
    impl Error for TryRecvError {}
}

struct Shared<T> {
    value: Cell<Option<T>>,
    /// The sender is there and has not sent.
    sender: Cell<bool>,
    /// The receiver is there and has not closed.
    open: Cell<bool>,
    receiver: Seat,
    /// Where the sender waits for the receiver to go.
    closed: Seat,
}

impl<T> Shared<T> {
    fn state(&self) -> &'static str {
        match (self.sender.get(), self.open.get()) {
            (true, true) => "open",
            (true, false) => "closed by the receiver",
            (false, _) => "sent, or closed by the sender",
        }
    }
}

/// Sends the value; made by [`channel`]. Dropped unused, it tells the receiver that none will come.
pub struct Sender<T> {
    shared: Stays<Rc<Shared<T>>>,
}

impl<T> Sender<T> {
    /// Sends the value; it never waits.
    ///
    /// # Scheduling
    /// The waiting receiver is made ready, at the back of the queue.
    ///
    /// # Errors
    /// If the receiver was dropped or closed; the value.
    #[inline]
    pub fn send(self, value: T) -> Result<(), T> {
        if !self.shared.open.get() {
            return Err(value);
        }
        self.shared.value.set(Some(value));
        self.shared.sender.set(false);
        self.shared.receiver.tell();
        Ok(())
    }

    /// Waits until the receiver is dropped or closed: then nobody wants the value any more.
    ///
    /// # Cancel safety
    /// Dropped, nothing is lost.
    #[track_caller]
    pub fn closed(&mut self) -> impl Future<Output = ()> {
        Closed { sender: self, site: Location::caller() }
    }

    /// Whether the receiver was dropped or closed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        !self.shared.open.get()
    }

    /// As [`closed`](Sender::closed), for futures written by hand. While it is pending, the task of the last call is
    /// woken.
    #[track_caller]
    pub fn poll_closed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_closed_at(cx, Location::caller())
    }

    fn poll_closed_at(&mut self, cx: &Context<'_>, site: &'static Location<'static>) -> Poll<()> {
        if self.is_closed() {
            return Poll::Ready(());
        }
        self.shared.closed.wait(cx, &CLOSED, site);
        Poll::Pending
    }
}

impl<T> Drop for Sender<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.closed.leave();
        if self.shared.sender.replace(false) {
            self.shared.receiver.tell_closed();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("state", &self.shared.state()).finish()
    }
}

#[must_use = "futures do nothing unless you `.await` them"]
struct Closed<'a, T> {
    sender: &'a mut Sender<T>,
    site: &'static Location<'static>,
}

impl<T> Future for Closed<'_, T> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let site = self.site;
        self.sender.poll_closed_at(cx, site)
    }
}

impl<T> Drop for Closed<'_, T> {
    fn drop(&mut self) {
        self.sender.shared.closed.leave();
    }
}

/// Receives the value: await it. Made by [`channel`].
///
/// In dumps and reports, its site is where it is awaited; or where it is polled, by whatever drives it.
///
/// # Errors
/// If the sender was dropped without a value.
///
/// # Cancel safety
/// Await `&mut receiver` and drop that future: nothing is lost, and it can be awaited again.
///
/// # Panics
/// When it is polled again after it was ready.
#[must_use = "a receiver that is dropped refuses the value; await it"]
pub struct Receiver<T> {
    shared: Stays<Rc<Shared<T>>>,
    /// It gave the value, or the error.
    ended: bool,
}

impl<T> Receiver<T> {
    /// The value, if it was sent.
    ///
    /// # Errors
    /// If it was not sent yet; if it will never come, or was received already.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if let Some(value) = self.shared.value.take() {
            self.ended = true;
            return Ok(value);
        }
        let may_come = self.shared.sender.get() && self.shared.open.get() && !self.ended;
        Err(if may_come { TryRecvError::Empty } else { TryRecvError::Closed })
    }

    /// Refuses a value that was not sent yet: sending fails from now on. One that was sent can still be received.
    pub fn close(&mut self) {
        if self.shared.open.replace(false) {
            self.shared.closed.tell();
            // It was polled by hand and waits: now it would get its error.
            self.shared.receiver.tell_closed();
        }
    }

    /// Whether no value is there: not sent yet, never coming, or received already.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.shared.value.is_some()
    }

    /// Whether it gave the value, or the error; then it must not be polled.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<T> Unpin for Receiver<T> {}

impl<T> Future for Receiver<T> {
    type Output = Result<T, RecvError>;

    #[inline]
    #[track_caller]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        assert!(!this.ended, "a oneshot receiver was polled again after it was ready; it gives its value once");
        if this.shared.sender.get() && this.shared.open.get() {
            this.shared.receiver.wait(cx, &RECV, Location::caller());
            return Poll::Pending;
        }
        this.ended = true;
        Poll::Ready(this.shared.value.take().ok_or(RecvError(())))
    }
}

impl<T> Drop for Receiver<T> {
    #[inline]
    fn drop(&mut self) {
        self.shared.receiver.leave();
        if self.shared.open.replace(false) {
            self.shared.closed.tell();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("state", &self.shared.state()).field("ended", &self.ended).finish()
    }
}
