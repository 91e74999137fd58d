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

/// Something registered with a loop, and its place there.
#[derive(Debug)]
pub(crate) struct Socket<S: Io> {
    /// `None` only in `drop` and after `into_inner`.
    io: Option<S>,
    place: Registration,
}

/// Where a socket is registered: what its operations need of the loop, once for all types of sockets.
#[derive(Clone, Copy, Debug)]
struct Registration {
    key: SourceKey,
    runtime: RuntimeId,
}

impl Registration {
    /// Whether a try is worth it, and else a wait; `None` where another loop runs.
    #[inline(never)] // three times an echo: inlined, its arguments alone cost 15 instructions each
    fn attend(
        &self,
        cx: &Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
    ) -> Option<Poll<()>> {
        wake::own(self.runtime, |state| {
            match state.reactor.ask(self.key, direction, place, site, || wake::own_waiter(cx)) {
                Ask::Ready => return Poll::Ready(()),
                Ask::Waits(None) => {}
                Ask::Waits(left) => drop(left),
                Ask::Unready => self.wait_foreign(state, cx, direction, place, site),
            }
            Poll::Pending
        })
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

    /// The kernel is not ready, whatever was noted. On another loop there is no note to change.
    fn would_block(&self, direction: Direction) {
        wake::own(self.runtime, |state| state.reactor.would_block(self.key, direction));
    }

    /// Of a stream: gave or took less than was asked for, so the next try would block.
    #[inline(never)]
    fn drained(&self, direction: Direction) {
        wake::own(self.runtime, |state| state.reactor.drained(self.key, direction));
    }

    /// What an operation's error means for the next try.
    #[cold]
    fn refused(&self, direction: Direction, error: &io::Error) -> Refused {
        match error.kind() {
            io::ErrorKind::Interrupted => Refused::Again,
            io::ErrorKind::WouldBlock => {
                self.would_block(direction);
                Refused::WouldBlock
            }
            _ => Refused::Failed,
        }
    }

    /// Takes back a wait.
    #[cold]
    #[inline(never)]
    fn cancel(self, direction: Direction, place: Place) {
        wake::on_loop(self.runtime, move |state| {
            drop(state.reactor.cancel(self.key, direction, place));
        });
    }
}

/// Why an operation gave an error.
enum Refused {
    /// A signal came in between.
    Again,
    /// The kernel is not ready, which is noted.
    WouldBlock,
    /// It is the caller's.
    Failed,
}

impl<S: Io> Socket<S> {
    /// Registers `io` with the loop of this thread.
    pub(crate) fn new(mut io: S) -> io::Result<Socket<S>> {
        let (key, runtime) = wake::with_current(S::NAME, |state| {
            state.reactor.register(&mut io, S::INTEREST, &S::THING).map(|key| (key, state.id))
        })??;
        Ok(Socket { io: Some(io), place: Registration { key, runtime } })
    }

    #[inline]
    pub(crate) fn io(&self) -> &S {
        self.io.as_ref().expect("a socket has its io until it is dropped")
    }

    #[inline]
    fn on_own<R>(&self, act: impl FnOnce(&State) -> R) -> io::Result<R> {
        wake::own(self.place.runtime, act).map_or_else(|| Err(self.elsewhere()), Ok)
    }

    #[cold]
    fn elsewhere(&self) -> io::Error {
        wake::elsewhere(S::THING, self.place.runtime).into()
    }

    /// Takes the socket off its loop.
    pub(crate) fn into_inner(mut self) -> io::Result<S> {
        self.on_own(|_| ())?; // elsewhere it is dropped as any socket is, and its loop forgets it
        let mut io = self.io.take().expect("a socket has its io until it is dropped");
        let key = self.place.key;
        let (deregistered, left) = self.on_own(|state| state.reactor.deregister(key, &mut io))?;
        drop(left);
        deregistered?;
        Ok(io)
    }

    /// Tries `op`; where the kernel says "would block", waits and tries again.
    fn poll_io<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        place: &mut Place,
        site: &'static Location<'static>,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        loop {
            let done;
            match self.place.attend(cx, direction, place, site) {
                Some(Poll::Ready(())) => {}
                Some(Poll::Pending) => return Poll::Pending,
                None => return Poll::Ready(Err(self.elsewhere())),
            }
            match op(self) {
                Err(error) => match self.place.refused(direction, &error) {
                    Refused::Again | Refused::WouldBlock => continue,
                    Refused::Failed => done = Err(error),
                },
                ready => done = ready,
            }
            *place = Place::NONE; // it was ready, so nobody waits there (see `Reactor::ask`)
            return Poll::Ready(done);
        }
    }

    /// Tries `op` once, and notes a "would block".
    pub(crate) fn try_io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&Socket<S>) -> io::Result<R>,
    ) -> io::Result<R> {
        self.on_own(|_| ())?;
        loop {
            match op(self) {
                Err(error) => match self.place.refused(direction, &error) {
                    Refused::Again => {}
                    Refused::WouldBlock | Refused::Failed => return Err(error),
                },
                done => return done,
            }
        }
    }

    /// The kernel is not ready, whatever was noted.
    pub(super) fn would_block(&self, direction: Direction) {
        self.place.would_block(direction);
    }

    /// Of a stream: gave or took less than was asked for, so the next try would block.
    #[inline]
    pub(super) fn drained(&self, direction: Direction) {
        self.place.drained(direction);
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
        let key = self.place.key;
        // On another thread the socket travels to its loop, so that it is deregistered before it closes.
        wake::on_loop(self.place.runtime, move |state| drop(state.reactor.deregister(key, &mut io)));
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
            self.socket.place.cancel(self.direction, self.place);
        }
    }
}
