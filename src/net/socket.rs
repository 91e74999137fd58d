//! What all sockets share: registration, the try-first rule, and dropping anywhere.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use mio::Interest;
use mio::event::Source;

use crate::reactor::{Place, SourceKey};
use crate::trace::{Direction, RuntimeId};
use crate::wake;

/// A mio socket and its key.
#[derive(Debug)]
pub(super) struct Socket<S: Source + Send + 'static> {
    /// `None` only in `drop` and after `into_inner`.
    io: Option<S>,
    key: SourceKey,
    runtime: RuntimeId,
}

impl<S: Source + Send + 'static> Socket<S> {
    /// Registers `io` with the loop of this thread; `what` names it in the error if there is none.
    pub(super) fn new(mut io: S, interest: Interest, what: &'static str) -> io::Result<Socket<S>> {
        let (key, runtime) = wake::with_current(what, |state| {
            state.reactor.register(&mut io, interest).map(|key| (key, state.id))
        })??;
        Ok(Socket { io: Some(io), key, runtime })
    }

    pub(super) fn io(&self) -> &S {
        self.io.as_ref().expect("a socket has its io until it is dropped")
    }

    /// Takes the socket off its loop.
    pub(super) fn into_inner(mut self) -> io::Result<S> {
        let mut io = self.io.take().expect("a socket has its io until it is dropped");
        let key = self.key;
        let left = wake::with_own("socket", self.runtime, |state| state.reactor.deregister(key, &mut io))??;
        drop(left);
        Ok(io)
    }

    /// Waits for a direction without trying anything.
    pub(super) fn poll_ready(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: Option<&'static Location<'static>>,
    ) -> Poll<io::Result<()>> {
        let left = wake::with_own("socket", self.runtime, |state| {
            if state.reactor.is_ready(self.key, direction) {
                return Poll::Ready(());
            }
            let left = state.reactor.wait(self.key, direction, place, wake::waiter(cx), site);
            drop(left);
            Poll::Pending
        })?;
        left.map(Ok)
    }

    /// Tries `op`; where the kernel says "would block", waits and tries again.
    pub(super) fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: Option<&'static Location<'static>>,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            match self.poll_ready(cx, direction, place, site) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
            match self.try_io(direction, &mut op) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Tries `op` once, and notes a "would block".
    pub(super) fn try_io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> io::Result<R> {
        wake::with_own("socket", self.runtime, |_| ())?;
        loop {
            match op(self) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.would_block(direction)?;
                    return Err(error);
                }
                done => return done,
            }
        }
    }

    /// The kernel is not ready, whatever was noted.
    pub(super) fn would_block(&self, direction: Direction) -> io::Result<()> {
        wake::with_own("socket", self.runtime, |state| state.reactor.would_block(self.key, direction))?;
        Ok(())
    }

    /// Of a stream: gave or took less than was asked for, so the next try would block.
    pub(super) fn drained(&self, direction: Direction) -> io::Result<()> {
        wake::with_own("socket", self.runtime, |state| state.reactor.drained(self.key, direction))?;
        Ok(())
    }

    /// The future of one operation.
    #[track_caller]
    pub(super) fn operation<R, F>(&self, direction: Direction, op: F) -> Operation<'_, S, F>
    where
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        Operation { socket: self, direction, op, place: Place::NONE, site: Location::caller() }
    }
}

impl<S: Source + Send + 'static> Drop for Socket<S> {
    fn drop(&mut self) {
        let Some(mut io) = self.io.take() else { return };
        let key = self.key;
        // On another thread the socket travels to its loop, so that it is deregistered before it closes.
        wake::on_loop(self.runtime, move |state| drop(state.reactor.deregister(key, &mut io)));
    }
}

/// One operation of a socket, awaited.
#[must_use = "futures do nothing unless you `.await` them"]
pub(super) struct Operation<'a, S: Source + Send + 'static, F> {
    socket: &'a Socket<S>,
    direction: Direction,
    op: F,
    place: Place,
    site: &'static Location<'static>,
}

// Nothing in it is pinned.
impl<S: Source + Send + 'static, F> Unpin for Operation<'_, S, F> {}

impl<S, F, R> Future for Operation<'_, S, F>
where
    S: Source + Send + 'static,
    F: FnMut(&Socket<S>) -> io::Result<R>,
{
    type Output = io::Result<R>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        this.socket.poll_io(cx, this.direction, &mut this.place, Some(this.site), &mut this.op)
    }
}

impl<S: Source + Send + 'static, F> Drop for Operation<'_, S, F> {
    fn drop(&mut self) {
        if self.place != Place::NONE {
            let (key, direction, place) = (self.socket.key, self.direction, self.place);
            wake::on_loop(self.socket.runtime, move |state| {
                drop(state.reactor.cancel(key, direction, place));
            });
        }
    }
}
