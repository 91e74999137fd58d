//! The sending end of a bounded channel.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::time::Duration;

use super::chan::{Tx, WeakTx};
use super::error::{SendError, SendTimeoutError, TrySendError};
use super::futures::{Sending, Taking};
use super::permit::{OwnedPermit, Permit, PermitIterator};
use super::receiver::Receiver;
use crate::time::timeout;
use crate::trace::Class;
use crate::waits::{Op, Place};

static RESERVE: Op = Op::new(Class::Channel, "mpsc::Sender::reserve", "made room in the mpsc channel")
    .closing("closed the mpsc channel");
static SEND_TIMEOUT: Op = Op::new(Class::Channel, "mpsc::Sender::send_timeout", "made room in the mpsc channel")
    .closing("closed the mpsc channel");
static CLOSED: Op = Op::new(Class::Channel, "mpsc::Sender::closed", "closed the mpsc channel").losing("");

/// A channel of `buffer` slots.
///
/// # Panics
/// If `buffer` is 0.
#[track_caller]
#[must_use]
pub fn channel<T>(buffer: usize) -> (Sender<T>, Receiver<T>) {
    assert!(buffer > 0, "an mpsc channel needs at least one slot; for a hand-over without, use `oneshot`");
    let (tx, rx) = Tx::channel(buffer);
    (Sender(tx), Receiver(rx))
}

/// Sends into a bounded channel; made by [`channel`]. Cloned, there is one sender more.
pub struct Sender<T>(Tx<T>);

impl<T> Sender<T> {
    /// Sends a value, when a slot is free and nobody waits who came before.
    ///
    /// # Errors
    /// If the receiver was dropped or closed; the error has the value.
    ///
    /// # Cancel safety
    /// Dropped, the value was not sent, and is dropped with the place in the line. To keep it, wait with
    /// [`reserve`](Sender::reserve).
    #[inline]
    #[track_caller]
    pub fn send(&self, value: T) -> impl Future<Output = Result<(), SendError<T>>> {
        Sending { chan: &self.0, value: Some(value), place: Place::NONE, site: Location::caller() }
    }

    /// Sends a value, if it can be done at once.
    ///
    /// # Errors
    /// If no slot is free or others wait for one; if the receiver was dropped or closed. The error has the value.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        match self.0.try_take(1) {
            Ok(()) => {
                self.0.push(value);
                Ok(())
            }
            Err(TrySendError::Full(())) => Err(TrySendError::Full(value)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(value)),
        }
    }

    /// Sends a value, if a slot is free in time.
    ///
    /// # Errors
    /// If it was not; if the receiver was dropped or closed. The error has the value.
    ///
    /// # Panics
    /// Outside of a running loop.
    ///
    /// # Cancel safety
    /// As [`send`](Sender::send).
    #[track_caller]
    pub fn send_timeout(
        &self,
        value: T,
        duration: Duration,
    ) -> impl Future<Output = Result<(), SendTimeoutError<T>>> {
        let taking = timeout(duration, self.taking(1, &SEND_TIMEOUT, Location::caller()));
        async move {
            match taking.await {
                Ok(Ok(())) => {
                    self.0.push(value);
                    Ok(())
                }
                Ok(Err(_)) => Err(SendTimeoutError::Closed(value)),
                Err(_) => Err(SendTimeoutError::Timeout(value)),
            }
        }
    }

    /// Waits for a slot, without a value yet.
    ///
    /// # Errors
    /// If the receiver was dropped or closed.
    ///
    /// # Cancel safety
    /// Dropped, it loses its place in the line; a slot that it was handed already goes to the next.
    ///
    /// # Examples
    /// ```
    /// use glassloop::sync::mpsc;
    ///
    /// glassloop::run(async {
    ///     let (tx, mut rx) = mpsc::channel(1);
    ///     let permit = tx.reserve().await.unwrap();
    ///     assert!(tx.try_send("other").is_err(), "the one slot is promised");
    ///     permit.send("mine"); // cannot fail, does not wait
    ///     assert_eq!(rx.recv().await, Some("mine"));
    /// });
    /// ```
    #[track_caller]
    pub fn reserve(&self) -> impl Future<Output = Result<Permit<'_, T>, SendError<()>>> {
        let taking = self.taking(1, &RESERVE, Location::caller());
        async move { taking.await.map(|()| Permit::new(&self.0)) }
    }

    /// Waits for `n` slots at once.
    ///
    /// # Errors
    /// If the receiver was dropped or closed; if the channel has not so many slots.
    ///
    /// # Cancel safety
    /// As [`reserve`](Sender::reserve).
    #[track_caller]
    pub fn reserve_many(&self, n: usize) -> impl Future<Output = Result<PermitIterator<'_, T>, SendError<()>>> {
        let taking = self.taking(n, &RESERVE, Location::caller());
        async move { taking.await.map(|()| PermitIterator::new(&self.0, n)) }
    }

    /// As [`reserve`](Sender::reserve), with a permit that owns the sender.
    ///
    /// # Errors
    /// As [`reserve`](Sender::reserve).
    ///
    /// # Cancel safety
    /// As [`reserve`](Sender::reserve), and the sender is dropped: clone it before, if it is needed.
    #[track_caller]
    pub fn reserve_owned(self) -> impl Future<Output = Result<OwnedPermit<T>, SendError<()>>> {
        let chan = self.0.shared();
        let taking = Taking { chan, n: 1, place: Place::NONE, op: &RESERVE, site: Location::caller() };
        async move { taking.await.map(|()| OwnedPermit::new(self)) }
    }

    /// A slot, if one is free and nobody waits.
    ///
    /// # Errors
    /// As [`try_send`](Sender::try_send), without a value.
    pub fn try_reserve(&self) -> Result<Permit<'_, T>, TrySendError<()>> {
        self.0.try_take(1).map(|()| Permit::new(&self.0))
    }

    /// `n` slots, if so many are free and nobody waits.
    ///
    /// # Errors
    /// As [`try_send`](Sender::try_send), without a value.
    pub fn try_reserve_many(&self, n: usize) -> Result<PermitIterator<'_, T>, TrySendError<()>> {
        self.0.try_take(n).map(|()| PermitIterator::new(&self.0, n))
    }

    /// As [`try_reserve`](Sender::try_reserve), with a permit that owns the sender.
    ///
    /// # Errors
    /// As [`try_send`](Sender::try_send), with the sender.
    pub fn try_reserve_owned(self) -> Result<OwnedPermit<T>, TrySendError<Sender<T>>> {
        match self.0.try_take(1) {
            Ok(()) => Ok(OwnedPermit::new(self)),
            Err(TrySendError::Full(())) => Err(TrySendError::Full(self)),
            Err(TrySendError::Closed(())) => Err(TrySendError::Closed(self)),
        }
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
    pub fn same_channel(&self, other: &Sender<T>) -> bool {
        self.0.is_same(&other.0)
    }

    /// How many slots are free: neither filled nor promised.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.0.capacity()
    }

    /// How many slots the channel has.
    #[must_use]
    pub fn max_capacity(&self) -> usize {
        self.0.max()
    }

    /// A sender that does not keep the channel open.
    #[must_use = "a weak sender that is dropped has done nothing; to drop the sender itself, use `drop`"]
    pub fn downgrade(&self) -> WeakSender<T> {
        WeakSender(self.0.downgrade())
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

    /// Gives a slot back that was taken for a value which will not come.
    pub(super) fn give_back(&self) {
        self.0.give_back(1);
    }

    /// Fills a slot that was taken.
    pub(super) fn fill(&self, value: T) {
        self.0.push(value);
    }

    fn taking(
        &self,
        n: usize,
        op: &'static Op,
        site: &'static Location<'static>,
    ) -> Taking<T, &super::chan::Chan<T>> {
        Taking { chan: &self.0, n, place: Place::NONE, op, site }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Sender<T> {
        Sender(self.0.clone())
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sender").field(&*self.0).finish()
    }
}

/// A sender that does not keep its channel open; made by [`Sender::downgrade`].
pub struct WeakSender<T>(WeakTx<T>);

impl<T> WeakSender<T> {
    /// A sender again; `None` if the last was dropped.
    #[must_use]
    pub fn upgrade(&self) -> Option<Sender<T>> {
        self.0.upgrade().map(Sender)
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

impl<T> Clone for WeakSender<T> {
    fn clone(&self) -> WeakSender<T> {
        WeakSender(self.0.clone())
    }
}

impl<T> fmt::Debug for WeakSender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WeakSender").field(&*self.0).finish()
    }
}
