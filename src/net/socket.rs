//! What everything registered shares: registration, the try-first rule, and dropping anywhere.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use mio::Interest;
use mio::event::Source;

use crate::reactor::{Place, SourceKey, Thing, Turn};
use crate::state::State;
use crate::trace::{Direction, Event, Leaf, RuntimeId};
use crate::wake;

/// What a [`Socket`] holds: what mio can register, and what errors call it.
pub(crate) trait Io: Source + Send + 'static {
    /// Its public type, for the error where no loop runs.
    const NAME: &'static str;
    /// What it is, for dumps, and for the error where another loop runs.
    const THING: Thing = Thing::Socket;
    const INTEREST: Interest = Interest::READABLE.add(Interest::WRITABLE);
    /// A read that gave less than it was asked for took all there was (see `moved` in `stream.rs`).
    const SHORT_READ_DRAINS: bool = EDGES;

    /// Its own address and its peer's, as far as it has them, for traces.
    fn address(&self) -> Option<String> {
        None
    }
}

/// As traces show two addresses.
pub(super) fn told_addresses<A: fmt::Display>(own: io::Result<A>, peer: io::Result<A>) -> Option<String> {
    match (own, peer) {
        (Ok(own), Ok(peer)) => Some(format!("{own} to {peer}")),
        (Ok(own), Err(_)) => Some(own.to_string()),
        (Err(_), _) => None,
    }
}

/// The kernel tells of every change by itself, as epoll does: a stream that gave or took less than it was asked for
/// need not say "would block" before the next change is told. (On Windows, and over poll(2), mio asks for news only
/// then; of kqueue's urgent data nothing is known.)
pub(super) const EDGES: bool =
    cfg!(all(any(target_os = "linux", target_os = "android"), not(mio_unsupported_force_poll_poll)));

/// Where mio is built on poll(2), it asks for news again only when it sees a "would block".
#[cfg(all(unix, feature = "hyper"))]
pub(crate) trait Seen: Io {
    /// Does `op`, a system call on this socket, where mio sees its end.
    fn seen<R>(&self, op: impl FnOnce() -> io::Result<R>) -> io::Result<R>;
}

/// Reading without taking, which mio has not for all of its sockets.
pub(crate) trait Peek: Io {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

/// A direction: one that is known when the program is built saves 6 instructions a poll and a byte an operation.
pub(crate) trait Way: Copy {
    fn direction(self) -> Direction;
}

impl Way for Direction {
    #[inline]
    fn direction(self) -> Direction {
        self
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Reading;

impl Way for Reading {
    #[inline]
    fn direction(self) -> Direction {
        Direction::Read
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Writing;

impl Way for Writing {
    #[inline]
    fn direction(self) -> Direction {
        Direction::Write
    }
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
        let (key, runtime) = register(&mut io, S::INTEREST, S::NAME, S::THING)?;
        let socket = Socket { io: Some(io), key, runtime };
        socket.introduce();
        Ok(socket)
    }

    /// Tells observers what it is, and its addresses as they are now.
    pub(super) fn introduce(&self) {
        wake::own(self.runtime, |state| {
            state.trace.emit(|| {
                let address = self.io().address().map(Into::into);
                Event::Register { source: state.reactor.id(self.key), thing: S::THING.name(), address }
            });
        });
    }

    #[inline]
    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("a socket has its io until it is dropped")
    }

    /// Does `act` on this socket's loop, if that runs here.
    #[inline]
    fn on_own<R>(&self, act: impl FnOnce(&State) -> io::Result<R>) -> io::Result<R> {
        wake::current(|state| match state {
            Some(state) if state.id == self.runtime => act(state),
            _ => Err(elsewhere(S::THING, self.runtime)),
        })
    }

    /// Takes the socket off its loop.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        self.on_own(|_| Ok(()))?; // elsewhere it is dropped as any socket is, and its loop forgets it
        let mut io = self.io.take().expect("a socket has its io until it is dropped");
        let key = self.key;
        let (deregistered, left) = self.on_own(|state| Ok(state.reactor.deregister(key, &mut io)))?;
        drop(left);
        deregistered?;
        Ok(io)
    }

    /// Tries `op`, if the direction is ready; where the kernel says "would block", waits.
    #[inline]
    fn poll_io<R>(
        &self,
        cx: &Context<'_>,
        way: impl Way,
        place: &mut Place,
        site: &'static Location<'static>,
        op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        wake::current(|state| {
            let Some(state) = state.filter(|state| state.id == self.runtime) else {
                return Poll::Ready(Err(elsewhere(S::THING, self.runtime)));
            };
            let (key, direction) = (self.key, way.direction());
            // The look that finds it not ready lets the task wait, in line: 31 instructions of an echo less than by `wait`.
            match state.reactor.try_or_wait(key, direction, place, site, || wake::plain_waiter(cx)) {
                Turn::Try => {}
                Turn::Waits => return Poll::Pending,
                Turn::Wait => {
                    wait(state, key, cx, direction, place, site);
                    return Poll::Pending;
                }
            }
            let done = match self.attempt(op) {
                Ok(done) => Ok(done),
                Err(error) => match settle(state, key, direction, error) {
                    error if error.kind() == io::ErrorKind::WouldBlock => {
                        wait(state, key, cx, direction, place, site);
                        return Poll::Pending;
                    }
                    error => Err(error),
                },
            };
            // It was ready, so nobody waits there (see `Reactor::wait`): a finished operation has nothing to cancel.
            *place = Place::NONE;
            Poll::Ready(done)
        })
    }

    /// Does `op` until nothing interrupts it.
    #[inline(always)]
    fn attempt<R>(&self, mut op: impl FnMut(&Socket<S>) -> io::Result<R>) -> io::Result<R> {
        loop {
            match op(self) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                done => return done,
            }
        }
    }

    /// Tries `op` once, and notes a "would block".
    #[inline]
    pub(crate) fn try_io<R>(&self, way: impl Way, op: impl FnMut(&Socket<S>) -> io::Result<R>) -> io::Result<R> {
        self.on_own(|state| self.attempt(op).map_err(|error| settle(state, self.key, way.direction(), error)))
    }

    /// The kernel is not ready, whatever was noted. On another loop there is no note to change.
    pub(super) fn would_block(&self, direction: Direction) {
        wake::own(self.runtime, |state| state.reactor.would_block(self.key, direction));
    }

    /// Of a stream: gave or took less than was asked for, so the next try would block.
    #[inline]
    pub(super) fn drained(&self, direction: Direction) {
        wake::own(self.runtime, |state| state.reactor.drained(self.key, direction));
    }

    /// The future of one operation.
    #[track_caller]
    #[inline]
    pub(crate) fn operation<W, R, F>(&self, way: W, op: F) -> Operation<'_, S, W, F>
    where
        W: Way,
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        self.operation_at(Location::caller(), way, op)
    }

    /// As [`operation`](Socket::operation), for whoever took its caller's place before.
    #[inline]
    pub(crate) fn operation_at<W, R, F>(
        &self,
        site: &'static Location<'static>,
        way: W,
        op: F,
    ) -> Operation<'_, S, W, F>
    where
        W: Way,
        F: FnMut(&Socket<S>) -> io::Result<R>,
    {
        Operation::new(self, site, way, op)
    }

    /// The body of a poll function: of each direction's, the last to poll is woken.
    #[track_caller]
    pub(crate) fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        way: impl Way,
        op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let mut place = Place::SHARED;
        self.poll_io(cx, way, &mut place, Location::caller(), op)
    }
}

// What knows neither the socket's type nor the operation's stands once in a program.

fn register(
    io: &mut dyn Source,
    interest: Interest,
    name: &'static str,
    thing: Thing,
) -> io::Result<(SourceKey, RuntimeId)> {
    wake::with_current(name, |state| state.reactor.register(io, interest, thing).map(|key| (key, state.id)))?
}

#[cold]
#[inline(never)]
fn elsewhere(thing: Thing, runtime: RuntimeId) -> io::Error {
    wake::elsewhere(thing.name(), runtime).into()
}

/// Lets `cx` wait for a direction that is not ready. Apart, so that what is ready finds little code.
#[inline(never)]
fn wait(
    state: &State,
    key: SourceKey,
    cx: &Context<'_>,
    direction: Direction,
    place: &mut Place,
    site: &'static Location<'static>,
) {
    // The clone of a foreign waker is foreign code: with no borrow held.
    let waiter = wake::waiter(cx, || Leaf::Source { source: state.reactor.id(key), direction, site });
    drop(state.reactor.wait(key, direction, place, waiter, site));
}

/// Notes it if an operation gave "would block".
#[cold]
#[inline(never)]
fn settle(state: &State, key: SourceKey, direction: Direction, error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        state.reactor.would_block(key, direction);
    }
    error
}

impl<S: Io> Drop for Socket<S> {
    fn drop(&mut self) {
        let Some(mut io) = self.io.take() else { return };
        let key = self.key;
        // On another thread the socket travels to its loop, so that it is deregistered before it closes.
        wake::on_loop(self.runtime, move |state| drop(state.reactor.deregister(key, &mut io)));
    }
}

/// What an operation does when it is tried: mostly a closure.
pub(crate) trait Act<S: Io> {
    type Output;

    fn act(&mut self, socket: &Socket<S>) -> io::Result<Self::Output>;

    /// The operation, which was made at `site`, is dropped.
    fn dropped(&self, _site: &'static Location<'static>) {}
}

impl<S: Io, R, F: FnMut(&Socket<S>) -> io::Result<R>> Act<S> for F {
    type Output = R;

    #[inline]
    fn act(&mut self, socket: &Socket<S>) -> io::Result<R> {
        self(socket)
    }
}

/// One operation of a socket, awaited. Polled again after it was ready, it does the operation anew, if `op` can: the
/// stream of incoming connections is such a future.
#[must_use = "futures do nothing unless you `.await` them"]
pub(crate) struct Operation<'a, S: Io, W: Way, A: Act<S>> {
    socket: &'a Socket<S>,
    way: W,
    op: A,
    place: Place,
    site: &'static Location<'static>,
}

// Nothing in it is pinned.
impl<S: Io, W: Way, A: Act<S>> Unpin for Operation<'_, S, W, A> {}

impl<S: Io, W: Way, A: Act<S>> Future for Operation<'_, S, W, A> {
    type Output = io::Result<A::Output>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let op = |socket: &Socket<S>| this.op.act(socket);
        if this.place == Place::NEVER {
            return Poll::Ready(this.socket.try_io(this.way, op));
        }
        this.socket.poll_io(cx, this.way, &mut this.place, this.site, op)
    }
}

impl<S: Io, W: Way, A: Act<S>> Drop for Operation<'_, S, W, A> {
    #[inline]
    fn drop(&mut self) {
        self.op.dropped(self.site);
        if self.place != Place::NONE {
            self.cancel();
        }
    }
}

impl<'a, S: Io, W: Way, A: Act<S>> Operation<'a, S, W, A> {
    #[inline]
    pub(crate) fn new(socket: &'a Socket<S>, site: &'static Location<'static>, way: W, op: A) -> Self {
        Operation { socket, way, op, place: Place::NONE, site }
    }

    /// An operation on no bytes is done at once.
    pub(crate) fn trivial_if(mut self, is_trivial: bool) -> Self {
        if is_trivial {
            self.place = Place::NEVER;
        }
        self
    }

    #[cold]
    #[inline(never)]
    fn cancel(&self) {
        if self.place == Place::NEVER {
            return;
        }
        let (key, direction, place) = (self.socket.key, self.way.direction(), self.place);
        let site = self.site;
        wake::on_loop(self.socket.runtime, move |state| {
            let leaf = || Leaf::Source { source: state.reactor.id(key), direction, site };
            state.trace.forget_leaf(|noted| *noted == leaf());
            drop(state.reactor.cancel(key, direction, place));
        });
    }
}
