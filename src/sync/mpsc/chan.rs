//! What the two ends of a channel share. An unbounded channel is one of `usize::MAX` slots.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use super::error::{TryRecvError, TrySendError};
use super::values::Values;
use crate::cell::{Cell, Stays};
use crate::sync::slots::Slots;
use crate::sync::until::Until;
use crate::waits::{Grant, Op, Place, Seat, WaitList};

/// A channel reserves room for so many values when it is made, and more when they come.
const ROOM: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// The last sender was dropped: one look at this says whether the receiver waits.
    Left,
    /// The receiver takes what was sent and what was promised a slot, and no more.
    Closed,
    /// The receiver was dropped: what is sent now is dropped.
    Gone,
}

pub(super) struct Chan<T> {
    values: Values<T>,
    /// A value has a slot, and a permit, and a sender that was granted its turn.
    slots: Slots,
    max: usize,
    state: Cell<State>,
    receiver: Seat,
    /// Who waits for the channel to close.
    closed: WaitList,
    senders: Cell<usize>,
    weak: Cell<usize>,
}

impl<T> Chan<T> {
    #[track_caller]
    pub(super) fn new(max: usize) -> Rc<Chan<T>> {
        let room = if max == usize::MAX { 0 } else { max.min(ROOM) };
        Rc::new(Chan {
            values: Values::new(room),
            slots: Slots::new(max),
            max,
            state: Cell::new(State::Open),
            receiver: Seat::new(),
            closed: WaitList::new(),
            senders: Cell::new(0),
            weak: Cell::new(0),
        })
    }

    #[inline]
    pub(super) fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    pub(super) fn capacity(&self) -> usize {
        self.slots.available()
    }

    pub(super) fn max(&self) -> usize {
        self.max
    }

    pub(super) fn len(&self) -> usize {
        self.values.len()
    }

    pub(super) fn senders(&self) -> usize {
        self.senders.get()
    }

    pub(super) fn weak(&self) -> usize {
        self.weak.get()
    }

    /// Takes slots at once.
    #[inline(always)]
    pub(super) fn try_take(&self, n: usize) -> Result<(), TrySendError<()>> {
        if !self.is_open() {
            Err(TrySendError::Closed(()))
        } else if self.slots.try_take(n) {
            Ok(())
        } else {
            Err(TrySendError::Full(()))
        }
    }

    /// Takes slots, or waits for them; `false` if the channel is closed.
    pub(super) fn poll_take(
        &self,
        place: &mut Place,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
        n: usize,
    ) -> Poll<bool> {
        if place.is_none() && (!self.is_open() || n > self.max) {
            return Poll::Ready(false);
        }
        let granted = ready!(self.slots.poll_take(place, cx, op, site, n)) == Grant::Turn;
        if granted && !self.is_open() {
            self.give_back(n); // closed between the grant and this poll
        }
        Poll::Ready(granted && self.is_open())
    }

    /// A future that waited for slots is dropped.
    #[inline]
    pub(super) fn leave(&self, place: &mut Place, n: usize) {
        if !place.is_none() {
            self.leave_early(place, n);
        }
    }

    #[cold]
    #[inline(never)]
    fn leave_early(&self, place: &mut Place, n: usize) {
        self.slots.leave(place, n);
        self.wake_if_done();
    }

    /// A slot was taken and no value came.
    pub(super) fn give_back(&self, n: usize) {
        self.slots.give(n);
        self.wake_if_done();
    }

    /// The receiver of a closed channel waits for the last promised slot.
    #[inline]
    fn wake_if_done(&self) {
        if !self.is_open() && self.is_done() {
            self.receiver.tell_closed();
        }
    }

    /// Puts a value into the slot that was taken for it.
    #[inline(always)]
    pub(super) fn push(&self, value: T) {
        if self.state.get() == State::Gone {
            return self.give_back(1); // and the value is dropped
        }
        self.values.push(value);
        self.receiver.tell();
    }

    #[inline(always)]
    fn pop(&self) -> Option<T> {
        let value = self.values.pop()?;
        self.slots.give(1);
        Some(value)
    }

    /// Nothing is there: the receiver waits, unless nothing will come.
    #[inline]
    fn poll_empty(&self, cx: &Context<'_>, op: &'static Op, site: &'static Location<'static>) -> Poll<()> {
        if !self.is_open() && self.is_done() {
            return Poll::Ready(());
        }
        self.receiver.wait(cx, op, site);
        Poll::Pending
    }

    /// Whether nothing will come, if nothing is there. Never while it is open.
    fn is_done(&self) -> bool {
        self.senders.get() == 0 || (!self.is_open() && self.slots.free() == self.max)
    }

    /// Waits until nothing new is let in.
    #[track_caller]
    pub(super) fn closed(&self, op: &'static Op) -> impl Future<Output = ()> {
        Until::is(&self.closed, op, || !self.is_open())
    }

    fn close(&self, to: State) {
        let before = self.state.replace(to);
        if before == State::Open {
            self.slots.close();
            self.closed.grant_all(Grant::All);
        }
    }
}

impl<T> fmt::Debug for Chan<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Chan");
        f.field("len", &self.len());
        if self.max != usize::MAX {
            f.field("capacity", &self.capacity()).field("max_capacity", &self.max);
        }
        f.field("senders", &self.senders.get()).field("state", &self.state.get()).finish_non_exhaustive()
    }
}

/// A counted sender.
pub(super) struct Tx<T>(Stays<Rc<Chan<T>>>);

impl<T> Tx<T> {
    /// The first sender and the receiver of a new channel.
    #[track_caller]
    pub(super) fn channel(max: usize) -> (Tx<T>, Rx<T>) {
        let chan = Chan::new(max);
        (Tx::new(&chan), Rx(Stays(chan)))
    }

    fn new(chan: &Rc<Chan<T>>) -> Tx<T> {
        chan.senders.set(chan.senders.get() + 1);
        Tx(Stays(chan.clone()))
    }

    pub(super) fn is_same(&self, other: &Tx<T>) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }

    pub(super) fn downgrade(&self) -> WeakTx<T> {
        WeakTx::new(&self.0)
    }

    pub(super) fn shared(&self) -> Rc<Chan<T>> {
        Rc::clone(&self.0)
    }
}

impl<T> Deref for Tx<T> {
    type Target = Chan<T>;

    #[inline]
    fn deref(&self) -> &Chan<T> {
        &self.0
    }
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Tx<T> {
        Tx::new(&self.0)
    }
}

impl<T> Drop for Tx<T> {
    fn drop(&mut self) {
        self.senders.set(self.senders.get() - 1);
        if self.senders.get() == 0 {
            if self.is_open() {
                self.state.set(State::Left); // nobody is left to be told
            }
            self.receiver.tell_closed();
        }
    }
}

/// A sender that does not keep the channel open.
pub(super) struct WeakTx<T>(Stays<Rc<Chan<T>>>);

impl<T> WeakTx<T> {
    fn new(chan: &Rc<Chan<T>>) -> WeakTx<T> {
        chan.weak.set(chan.weak.get() + 1);
        WeakTx(Stays(chan.clone()))
    }

    pub(super) fn upgrade(&self) -> Option<Tx<T>> {
        (self.0.senders.get() > 0).then(|| Tx::new(&self.0))
    }
}

impl<T> Deref for WeakTx<T> {
    type Target = Chan<T>;

    fn deref(&self) -> &Chan<T> {
        &self.0
    }
}

impl<T> Clone for WeakTx<T> {
    fn clone(&self) -> WeakTx<T> {
        WeakTx::new(&self.0)
    }
}

impl<T> Drop for WeakTx<T> {
    fn drop(&mut self) {
        self.weak.set(self.weak.get() - 1);
    }
}

/// The receiver.
pub(super) struct Rx<T>(Stays<Rc<Chan<T>>>);

impl<T> Rx<T> {
    /// Here and in `send`, all that is done without waiting is compiled into the caller, and all else is called: a value
    /// in and out took 112 instructions so, and 196 where this was left to the compiler.
    #[inline(always)]
    pub(super) fn poll_recv(
        &mut self,
        cx: &Context<'_>,
        op: &'static Op,
        site: &'static Location<'static>,
    ) -> Poll<Option<T>> {
        let chan = &**self;
        match chan.pop() {
            Some(value) => Poll::Ready(Some(value)),
            None => chan.poll_empty(cx, op, site).map(|()| None),
        }
    }

    pub(super) fn poll_recv_many(
        &mut self,
        cx: &Context<'_>,
        buffer: &mut Vec<T>,
        limit: usize,
        op: &'static Op,
        site: &'static Location<'static>,
    ) -> Poll<usize> {
        let taken = self.take_many(buffer, limit);
        if taken > 0 || limit == 0 { Poll::Ready(taken) } else { self.0.poll_empty(cx, op, site).map(|()| 0) }
    }

    fn take_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> usize {
        let n = limit.min(self.0.values.len());
        buffer.extend((0..n).map_while(|_| self.0.values.pop()));
        self.0.slots.give(n);
        n
    }

    /// A future that waited is dropped; or the receiver. What came stays in the channel.
    #[inline]
    pub(super) fn leave(&mut self) {
        self.0.receiver.leave();
    }

    #[inline]
    pub(super) fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let is_done = || if self.0.is_done() { TryRecvError::Disconnected } else { TryRecvError::Empty };
        self.0.pop().ok_or_else(is_done)
    }

    pub(super) fn close(&mut self) {
        if self.0.is_open() {
            self.0.close(State::Closed);
            self.0.wake_if_done();
        }
    }

    /// Whether nothing more can be sent.
    pub(super) fn is_closed(&self) -> bool {
        !self.0.is_open()
    }
}

impl<T> Deref for Rx<T> {
    type Target = Chan<T>;

    fn deref(&self) -> &Chan<T> {
        &self.0
    }
}

impl<T> Drop for Rx<T> {
    fn drop(&mut self) {
        self.leave();
        self.0.close(State::Gone);
        // One by one: a value's own drop may use the channel.
        while let Some(value) = self.0.pop() {
            drop(value);
        }
    }
}
