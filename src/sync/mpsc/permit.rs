//! Slots that were promised and not yet filled.

use std::fmt;
use std::iter::FusedIterator;

use super::chan::Chan;
use super::sender::Sender;

/// A slot of the channel, kept for one value; made by [`Sender::reserve`]. Dropped unused, the slot goes to the next.
#[must_use = "a permit that is dropped gives its slot back; fill it with `send`"]
pub struct Permit<'a, T>(PermitIterator<'a, T>);

impl<'a, T> Permit<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>) -> Permit<'a, T> {
        Permit(PermitIterator::new(chan, 1))
    }

    /// Fills the slot. If the receiver is gone, the value is dropped.
    pub fn send(mut self, value: T) {
        self.0.n = 0;
        self.0.chan.push(value);
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Permit").field(self.0.chan).finish()
    }
}

/// Slots of the channel, each kept for one value; made by [`Sender::reserve_many`]. Dropped, it gives back what it
/// still has.
#[must_use = "permits that are dropped give their slots back"]
pub struct PermitIterator<'a, T> {
    chan: &'a Chan<T>,
    n: usize,
}

impl<'a, T> PermitIterator<'a, T> {
    pub(super) fn new(chan: &'a Chan<T>, n: usize) -> PermitIterator<'a, T> {
        PermitIterator { chan, n }
    }
}

impl<'a, T> Iterator for PermitIterator<'a, T> {
    type Item = Permit<'a, T>;

    fn next(&mut self) -> Option<Permit<'a, T>> {
        self.n = self.n.checked_sub(1)?;
        Some(Permit::new(self.chan))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.n, Some(self.n))
    }
}

impl<T> ExactSizeIterator for PermitIterator<'_, T> {}
impl<T> FusedIterator for PermitIterator<'_, T> {}

impl<T> Drop for PermitIterator<'_, T> {
    fn drop(&mut self) {
        if self.n > 0 {
            self.chan.give_back(self.n);
        }
    }
}

impl<T> fmt::Debug for PermitIterator<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PermitIterator").field("chan", self.chan).field("left", &self.n).finish()
    }
}

/// A slot of the channel, kept for one value, with the sender that it was asked of; made by
/// [`Sender::reserve_owned`]. Dropped unused, the slot goes to the next, and the sender is dropped.
#[must_use = "a permit that is dropped gives its slot back; fill it with `send`"]
pub struct OwnedPermit<T> {
    /// `None` once it was used.
    sender: Option<Sender<T>>,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Sender<T>) -> OwnedPermit<T> {
        OwnedPermit { sender: Some(sender) }
    }

    /// Fills the slot, and gives the sender back. If the receiver is gone, the value is dropped.
    pub fn send(self, value: T) -> Sender<T> {
        let sender = self.into_sender();
        sender.fill(value);
        sender
    }

    /// Gives the slot back, and the sender.
    pub fn release(self) -> Sender<T> {
        let sender = self.into_sender();
        sender.give_back();
        sender
    }

    /// Whether both are slots of the same channel.
    #[must_use]
    pub fn same_channel(&self, other: &OwnedPermit<T>) -> bool {
        self.same_channel_as_sender(other.sender())
    }

    /// Whether this is a slot of the channel that `sender` sends into.
    #[must_use]
    pub fn same_channel_as_sender(&self, sender: &Sender<T>) -> bool {
        self.sender().same_channel(sender)
    }

    fn sender(&self) -> &Sender<T> {
        self.sender.as_ref().expect("a permit has its sender until it is used")
    }

    fn into_sender(mut self) -> Sender<T> {
        self.sender.take().expect("a permit has its sender until it is used")
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        if let Some(sender) = self.sender.take() {
            sender.give_back();
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").field("sender", &self.sender).finish()
    }
}
