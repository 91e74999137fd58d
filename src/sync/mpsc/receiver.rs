//! The receiving end, of both kinds of channel.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::task::{Context, Poll};

use super::chan::Rx;
use super::error::TryRecvError;
use super::futures::{Receiving, ReceivingMany};
use crate::trace::Class;
use crate::waits::Op;

/// What ends a wait for a value that will never come.
const GONE: &str = "dropped the last sender or permit of the mpsc channel";

macro_rules! receiver {
    ($(#[$doc:meta])* $Receiver:ident, $recv:ident = $recv_name:literal, $many:ident = $many_name:literal) => {
        static $recv: Op = Op::new(Class::Channel, $recv_name, "sent on the mpsc channel").closing(GONE).losing("");
        static $many: Op = Op::new(Class::Channel, $many_name, "sent on the mpsc channel").closing(GONE).losing("");

        $(#[$doc])*
        pub struct $Receiver<T>(pub(super) Rx<T>);

        impl<T> $Receiver<T> {
            /// Takes the oldest value; waits if there is none. `None`: nothing is there, and nothing will come.
            ///
            /// # Cancel safety
            /// Dropped, nothing is lost: what arrives stays in the channel.
            #[inline]
            #[track_caller]
            pub fn recv(&mut self) -> impl Future<Output = Option<T>> {
                Receiving { rx: Some(&mut self.0), op: || &$recv, site: Location::caller() }
            }

            /// Takes what is there, oldest first, at most `limit`, and adds it to `buffer`; waits if there is
            /// nothing. How many were taken. 0: nothing is there and nothing will come, or `limit` is 0.
            ///
            /// # Cancel safety
            /// Dropped, nothing is lost: what arrives stays in the channel.
            #[track_caller]
            pub fn recv_many(&mut self, buffer: &mut Vec<T>, limit: usize) -> impl Future<Output = usize> {
                let one = Receiving { rx: Some(&mut self.0), op: || &$many, site: Location::caller() };
                ReceivingMany { one, buffer, limit }
            }

            /// Takes the oldest value, if there is one.
            ///
            /// # Errors
            /// If there is none now; if there will never be one.
            #[inline]
            pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
                self.0.try_recv()
            }

            /// Lets nothing new in. What is there, and what comes by permits that were given before, can still be
            /// received; then comes `None`. Senders who wait fail.
            pub fn close(&mut self) {
                self.0.close();
            }

            /// Whether nothing new can be sent: this side was closed, or the last sender was dropped.
            #[must_use]
            pub fn is_closed(&self) -> bool {
                self.0.is_closed()
            }

            /// Whether there is no value now.
            #[must_use]
            pub fn is_empty(&self) -> bool {
                self.0.len() == 0
            }

            /// How many values are there now.
            #[must_use]
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// As [`recv`](Self::recv), for futures written by hand. While it is pending, the task of the last call
            /// is woken; a `recv` that is dropped ends that too.
            #[track_caller]
            pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.0.poll_recv(cx, &$recv, Location::caller())
            }

            /// As [`recv_many`](Self::recv_many), for futures written by hand, as [`poll_recv`](Self::poll_recv).
            #[track_caller]
            pub fn poll_recv_many(
                &mut self,
                cx: &mut Context<'_>,
                buffer: &mut Vec<T>,
                limit: usize,
            ) -> Poll<usize> {
                self.0.poll_recv_many(cx, buffer, limit, &$many, Location::caller())
            }

            /// How many senders the channel has.
            #[must_use]
            pub fn sender_strong_count(&self) -> usize {
                self.0.senders()
            }

            /// How many weak senders the channel has.
            #[must_use]
            pub fn sender_weak_count(&self) -> usize {
                self.0.weak()
            }
        }

        impl<T> fmt::Debug for $Receiver<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($Receiver)).field(&*self.0).finish()
            }
        }
    };
}

receiver! {
    /// Receives from a bounded channel; made by [`channel`](super::channel).
    Receiver, RECV = "mpsc::Receiver::recv", RECV_MANY = "mpsc::Receiver::recv_many"
}
receiver! {
    /// Receives from an unbounded channel; made by [`unbounded_channel`](super::unbounded_channel).
    UnboundedReceiver,
    RECV_UNBOUNDED = "mpsc::UnboundedReceiver::recv",
    RECV_MANY_UNBOUNDED = "mpsc::UnboundedReceiver::recv_many"
}

impl<T> Receiver<T> {
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
}
