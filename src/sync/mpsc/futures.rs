//! The futures of a channel.

use std::future::Future;
use std::ops::Deref;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::chan::{Chan, Rx};
use super::error::SendError;
use crate::trace::Class;
use crate::waits::{Op, Place};

/// The future of `send`.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Sending<'a, T> {
    pub(super) chan: &'a Chan<T>,
    pub(super) value: Option<T>,
    pub(super) place: Place,
    pub(super) site: &'static Location<'static>,
}

static SEND: Op = Op::new(Class::Channel, "mpsc::Sender::send", "made room in the mpsc channel")
    .closing("closed the mpsc channel")
    .losing("the value to send, and its place in the line");

impl<T> Unpin for Sending<'_, T> {}

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Both are taken out of the future first: after a write to the channel, which could be to the future for all that
        // the compiler knows, they would be read once more. 15 instructions a value.
        let chan = self.chan;
        if self.place.is_none()
            && let Some(value) = self.value.take()
        {
            if chan.try_take(1).is_ok() {
                chan.push(value);
                self.place.stays_none();
                return Poll::Ready(Ok(()));
            }
            self.value = Some(value);
        }
        self.poll_full(cx)
    }
}

impl<T> Sending<'_, T> {
    /// No slot is free, or one was granted, or the channel is closed.
    #[inline(never)]
    fn poll_full(&mut self, cx: &Context<'_>) -> Poll<Result<(), SendError<T>>> {
        assert!(self.value.is_some(), "`send` was polled again after it was ready");
        let taken = ready!(self.chan.poll_take(&mut self.place, cx, &SEND, self.site, 1));
        Poll::Ready(match self.value.take() {
            Some(value) if taken => {
                self.chan.push(value);
                Ok(())
            }
            Some(value) => Err(SendError(value)),
            None => unreachable!("it was looked at above"),
        })
    }
}

impl<T> Drop for Sending<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.chan.leave(&mut self.place, 1);
    }
}

/// The future of slots without a value yet. `C` is how the channel is reached.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Taking<T, C: Deref<Target = Chan<T>>> {
    pub(super) chan: C,
    pub(super) n: usize,
    pub(super) place: Place,
    pub(super) op: &'static Op,
    pub(super) site: &'static Location<'static>,
}

impl<T, C: Deref<Target = Chan<T>>> Unpin for Taking<T, C> {}

impl<T, C: Deref<Target = Chan<T>>> Future for Taking<T, C> {
    type Output = Result<(), SendError<()>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let taken = ready!(this.chan.poll_take(&mut this.place, cx, this.op, this.site, this.n));
        Poll::Ready(if taken { Ok(()) } else { Err(SendError(())) })
    }
}

impl<T, C: Deref<Target = Chan<T>>> Drop for Taking<T, C> {
    fn drop(&mut self) {
        self.chan.leave(&mut self.place, self.n);
    }
}

/// The future of `recv`. `F` names the wait: a closure over nothing, so the name takes no room in the future.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Receiving<'a, T, F: Fn() -> &'static Op> {
    /// `None` once it gave a value: then nobody waits, so the destructor has nothing to leave. That saves it 8
    /// instructions.
    pub(super) rx: Option<&'a mut Rx<T>>,
    pub(super) op: F,
    pub(super) site: &'static Location<'static>,
}

impl<T, F: Fn() -> &'static Op> Unpin for Receiving<'_, T, F> {}

impl<T, F: Fn() -> &'static Op> Future for Receiving<'_, T, F> {
    type Output = Option<T>;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
        let this = &mut *self;
        let (op, site) = ((this.op)(), this.site);
        let polled = this.rx().poll_recv(cx, op, site);
        if let Poll::Ready(Some(_)) = polled {
            this.rx = None;
        }
        polled
    }
}

impl<T, F: Fn() -> &'static Op> Receiving<'_, T, F> {
    #[inline(always)]
    fn rx(&mut self) -> &mut Rx<T> {
        self.rx.as_mut().expect("`recv` was polled again after it was ready")
    }
}

impl<T, F: Fn() -> &'static Op> Drop for Receiving<'_, T, F> {
    #[inline]
    fn drop(&mut self) {
        if let Some(rx) = &mut self.rx {
            rx.leave();
        }
    }
}

/// The future of `recv_many`.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct ReceivingMany<'a, 'b, T, F: Fn() -> &'static Op> {
    pub(super) one: Receiving<'a, T, F>,
    pub(super) buffer: &'b mut Vec<T>,
    pub(super) limit: usize,
}

impl<T, F: Fn() -> &'static Op> Future for ReceivingMany<'_, '_, T, F> {
    type Output = usize;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<usize> {
        let this = &mut *self;
        let (op, site) = ((this.one.op)(), this.one.site);
        this.one.rx().poll_recv_many(cx, this.buffer, this.limit, op, site)
    }
}
