//! What everything registered shares: registration, the try-first rule, and dropping anywhere.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use mio::Interest;
use mio::event::Source;

use crate::cell::Waiter;
use crate::reactor::{Ask, Place, SourceKey};
use crate::state::State;
use crate::trace::{Direction, RuntimeId};
use crate::wake;

/// What a [`Socket`] holds: what mio can register, and what errors call it.
pub(crate) trait Io: Source + Send + 'static {
    /// Its public type, for the error where no loop runs.
    const NAME: &'static str;
    /// What it is, for dumps, and for the error where another loop runs.
    const THING: &'static str = "socket";
    const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
    /// A read that gave less than it was asked for took all there was (see `moved` in `stream.rs`).
    const SHORT_READ_DRAINS: bool = EDGES;
}

/// The kernel tells of every change by itself, as epoll does: a stream that gave or took less than it was asked for
/// need not say "would block" before the next change is told. (On Windows mio asks for news only then; of kqueue's
/// urgent data nothing is known.)
pub(super) const EDGES: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Reading without taking, which mio has not for all of its sockets.
pub(crate) trait Peek: Io {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Something registered with a loop, and its key there.
#[derive(Debug)]
pub(crate) struct Socket<S: Io> {
    /// `None` only in `drop` and after `into_inner`.
    io: Option<S>,
    key: SourceKey,
    runtime: RuntimeId,
}

impl<S: Io> Socket<S> {
    /// Registers `io` with the loop of this thread.
    pub(crate) fn new(mut io: S) -> io::Result<Socket<S>> {
        let (key, runtime) = wake::with_current(S::NAME, |state| {
            state.reactor.register(&mut io, S::INTEREST, &S::THING).map(|key| (key, state.id))
        })??;
        Ok(Socket { io: Some(io), key, runtime })
    }

    #[inline]
    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("a socket has its io until it is dropped")
    }

    #[inline]
    fn on_own<R>(&self, act: impl FnOnce(&State) -> R) -> io::Result<R> {
        Ok(wake::with_own(S::THING, self.runtime, act)?)
    }

    /// Takes the socket off its loop.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        self.on_own(|_| ())?; // elsewhere it is dropped as any socket is, and its loop forgets it
        let mut io = self.io.take().expect("a socket has its io until it is dropped");
        let key = self.key;
        let (deregistered, left) = self.on_own(|state| state.reactor.deregister(key, &mut io))?;
        drop(left);
        deregistered?;
        Ok(io)
    }

    /// Whether an operation in this direction is worth trying; if not, `cx` waits for it.
    #[inline]
    fn poll_ready(
        &self,
        state: &State,
        cx: &Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
    ) -> bool {
        match state.reactor.ask(self.key, direction, place, site, || wake::own_waiter(cx)) {
            Ask::Ready => return true,
            Ask::Waits(left) => drop(left),
            Ask::Unready => self.wait_foreign(state, cx, direction, place, site),
        }
        false
    }

    /// Apart, because the clone of a foreign waker is foreign code.
    #[cold]
    #[inline(never)]
    fn wait_foreign(
        &self,
        state: &State,
        cx: &Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
    ) {
        let mut me = Some(Waiter::Waker(cx.waker().clone()));
        let asked = state.reactor.ask(self.key, direction, place, site, || me.take());
        drop(asked);
    }

    /// Tries `op`; where the kernel says "would block", waits and tries again.
    #[inline]
    fn poll_io<R>(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let polled = self.on_own(|state| {
            while self.poll_ready(state, cx, direction, place, site) {
                match self.attempt(state, direction, &mut op) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    done => {
                        *place = Place::NONE; // it was ready, so nobody waits there (see `Reactor::ask`)
                        return Poll::Ready(done);
                    }
                }
            }
            Poll::Pending
        });
        polled.unwrap_or_else(|elsewhere| Poll::Ready(Err(elsewhere)))
    }

    /// Tries `op` once, and notes a "would block".
    #[inline]
    fn attempt<R>(
        &self,
        state: &State,
        direction: Direction,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> io::Result<R> {
        loop {
            match op(self) {
                Ok(done) => return Ok(done),
                Err(error) => match error.kind() {
                    io::ErrorKind::Interrupted => {}
                    io::ErrorKind::WouldBlock => {
                        state.reactor.would_block(self.key, direction);
                        return Err(error);
                    }
                    _ => return Err(error),
                },
            }
        }
    }

    /// As `attempt`, on this socket's own loop.
    #[inline]
    pub(crate) fn try_io<R>(
        &self,
        direction: Direction,
        op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.on_own(|state| self.attempt(state, direction, op))?
    }

    /// The kernel is not ready, whatever was noted.
    pub(super) fn would_block(&self, direction: Direction) -> io::Result<()> {
        self.on_own(|state| state.reactor.would_block(self.key, direction))
    }

    /// Of a stream: gave or took less than was asked for, so the next try would block.
    #[inline]
    pub(super) fn drained(&self, direction: Direction) -> io::Result<()> {
        self.on_own(|state| state.reactor.drained(self.key, direction))
    }

    /// The future of one operation.
    #[track_caller]
    pub(crate) fn operation<R, F>(&self, direction: Direction, op: F) -> Operation<'_, S, F>
    where
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        self.operation_at(Location::caller(), direction, op)
    }

    /// As [`operation`](Socket::operation), for whoever took its caller's place before.
    pub(crate) fn operation_at<R, F>(
        &self,
        site: &'static Location<'static>,
        direction: Direction,
        op: F,
    ) -> Operation<'_, S, F>
    where
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        Operation { socket: self, direction, op, place: Place::NONE, site, is_trivial: false }
    }

    /// The body of a poll function: of each direction's, the last to poll is woken.
    #[track_caller]
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let mut place = Place::SHARED;
        self.poll_io(cx, direction, &mut place, Location::caller(), op)
    }
}

impl<S: Io> Drop for Socket<S> {
    fn drop(&mut self) {
        let Some(mut io) = self.io.take() else { return };
        let key = self.key;
        // On another thread the socket travels to its loop, so that it is deregistered before it closes.
        wake::on_loop(self.runtime, move |state| drop(state.reactor.deregister(key, &mut io)));
    }
}

/// One operation of a socket, awaited. Polled again after it was ready, it does the operation anew, if `op` can: the
/// stream of incoming connections is such a future.
#[must_use = "futures do nothing unless you `.await` them"]
pub(crate) struct Operation<'a, S: Io, F> {
    socket: &'a Socket<S>,
    direction: Direction,
    op: F,
    place: Place,
    site: &'static Location<'static>,
    /// There is nothing to wait for, whatever the kernel said.
    is_trivial: bool,
}

impl<S: Io, F> Operation<'_, S, F> {
    /// An operation on no bytes is done at once.
    pub(crate) fn trivial_if(mut self, is_trivial: bool) -> Self {
        self.is_trivial = is_trivial;
        self
    }
}

// Nothing in it is pinned.
impl<S: Io, F> Unpin for Operation<'_, S, F> {}

impl<S, F, R> Future for Operation<'_, S, F>
where
    S: Io,
    F: FnMut(&Socket<S>) -> io::Result<R>,
{
    type Output = io::Result<R>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        if this.is_trivial {
            return Poll::Ready(this.socket.try_io(this.direction, &mut this.op));
        }
        this.socket.poll_io(cx, this.direction, &mut this.place, this.site, &mut this.op)
    }
}

impl<S: Io, F> Drop for Operation<'_, S, F> {
    #[inline]
    fn drop(&mut self) {
        if self.place != Place::NONE {
            self.cancel();
        }
    }
}

impl<S: Io, F> Operation<'_, S, F> {
    #[cold]
    #[inline(never)]
    fn cancel(&self) {
        let (key, direction, place) = (self.socket.key, self.direction, self.place);
        wake::on_loop(self.socket.runtime, move |state| {
            drop(state.reactor.cancel(key, direction, place));
        });
    }
}
