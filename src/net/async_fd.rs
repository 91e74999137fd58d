//! Readiness of any descriptor that the kernel can poll.

use std::fmt;
use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::task::{Context, Poll, ready};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::io::Errno;

use super::socket::{Io, Socket};
use crate::reactor::Thing;
use crate::trace::Direction;

/// Lets tasks wait for a descriptor that is not a socket of this crate's: a pipe, a terminal, a device, what a C
/// library hands out.
///
/// Two things differ from the sockets. What is done with the descriptor is the caller's, so nothing is tried before
/// the kernel has spoken: [`readable`](AsyncFd::readable) says what is so. And the caller says when readiness is used
/// up: the kernel speaks of it once, so read or write until `WouldBlock`, inside of
/// [`async_io`](AsyncFd::async_io) or [`try_io`](AsyncFdReadyGuard::try_io), which notice it, or call
/// [`clear_ready`](AsyncFdReadyGuard::clear_ready). The descriptor should be non-blocking; one that is not stops the
/// whole loop when it is read once too often.
///
/// `inner` may be a reference, if it is needed elsewhere. The loop watches a duplicate of its descriptor: whatever
/// becomes of `inner`, no other descriptor that gets its number is touched, several may watch one, and it may be
/// dropped on any thread. The duplicate is closed by the loop, at the latest at its next turn; until then the open
/// file stays open.
///
/// # Examples
/// ```
/// use glassloop::net::{AsyncFd, Direction};
/// use std::io::{Read, Write};
/// use std::os::unix::net::UnixStream;
///
/// glassloop::run(async {
///     let (ours, mut peer) = UnixStream::pair().unwrap();
///     ours.set_nonblocking(true).unwrap();
///     let ours = AsyncFd::new(ours).unwrap();
///     peer.write_all(b"hello").unwrap();
///     let mut buffer = [0; 16];
///     let length = ours.async_io(Direction::Read, |mut inner| inner.read(&mut buffer)).await.unwrap();
///     assert_eq!(&buffer[..length], b"hello");
/// });
/// ```
#[derive(Debug)]
pub struct AsyncFd<T> {
    inner: T,
    socket: Socket<Duplicate>,
}

/// Ours alone: `inner` might give another descriptor each time it is asked, and may be neither `Send` nor `'static`,
/// so that it could not travel to its loop to be deregistered there.
#[derive(Debug)]
struct Duplicate(OwnedFd);

impl Source for Duplicate {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

impl Io for Duplicate {
    const NAME: &'static str = "AsyncFd";
    const THING: Thing = Thing::AsyncFd;
}

impl<T: AsFd> AsyncFd<T> {
    /// Registers the descriptor of `inner` with the loop of this thread.
    ///
    /// # Errors
    /// `Unsupported`, for what cannot be polled: on Linux regular files, directories and a few devices. Else what the
    /// system says (`EMFILE`, …); and outside of a running loop.
    #[inline]
    pub fn new(inner: T) -> io::Result<AsyncFd<T>> {
        let duplicate = Duplicate(inner.as_fd().try_clone_to_owned()?);
        let socket = Socket::new(duplicate).map_err(|error| {
            if error.raw_os_error() != Some(Errno::PERM.raw_os_error()) {
                return error;
            }
            io::Error::new(
                io::ErrorKind::Unsupported,
                "this descriptor cannot be polled: as the kernel sees it, a regular file or a directory is always \
                 ready, even where reading it takes long; read and write it inside of `spawn_blocking`",
            )
        })?;
        // The kernel reports at its next look what is ready already.
        socket.would_block(Direction::Read);
        socket.would_block(Direction::Write);
        Ok(AsyncFd { inner, socket })
    }
}

impl<T> AsyncFd<T> {
    /// What it was made from.
    #[inline]
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// What it was made from. Another descriptor that is put there instead is not watched.
    #[inline]
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// Gives it back; the loop watches it no more.
    #[inline]
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Waits until there is something to read, or the end.
    ///
    /// # Errors
    /// On another loop than its own. So for all operations below.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    #[inline]
    pub fn readable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.ready(Direction::Read)
    }

    /// Waits until there is room to write.
    ///
    /// # Errors
    /// On another loop than its own.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    #[inline]
    pub fn writable(&self) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.ready(Direction::Write)
    }

    #[track_caller]
    fn ready(&self, direction: Direction) -> impl Future<Output = io::Result<AsyncFdReadyGuard<'_, T>>> {
        self.socket.operation(direction, move |_| Ok(AsyncFdReadyGuard { fd: self, direction }))
    }

    /// Waits for a direction and does `op`; where that says `WouldBlock`, waits and does it again.
    ///
    /// # Errors
    /// What `op` says, but for `WouldBlock` and `Interrupted`; and on another loop than its own.
    ///
    /// # Cancel safety
    /// Dropped, it has done nothing, if `op` does nothing when it says `WouldBlock`.
    #[track_caller]
    #[inline]
    pub fn async_io<R>(
        &self,
        direction: Direction,
        mut op: impl FnMut(&T) -> io::Result<R>,
    ) -> impl Future<Output = io::Result<R>> {
        self.socket.operation(direction, move |_| op(&self.inner))
    }

    /// Does `op` now, whether the kernel said that it is ready or not, and notes it if that says `WouldBlock`.
    ///
    /// # Errors
    /// What `op` says, but for `Interrupted`, after which it is done again; and on another loop than its own.
    #[inline]
    pub fn try_io<R>(&self, direction: Direction, mut op: impl FnMut(&T) -> io::Result<R>) -> io::Result<R> {
        self.socket.try_io(direction, |_| op(&self.inner))
    }

    /// The poll of [`readable`](AsyncFd::readable). Of all its callers, the last one is woken.
    #[track_caller]
    #[inline]
    pub fn poll_read_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        ready!(self.socket.poll(cx, Direction::Read, |_| Ok(())))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, direction: Direction::Read }))
    }

    /// The poll of [`writable`](AsyncFd::writable). Of all its callers, the last one is woken.
    #[track_caller]
    #[inline]
    pub fn poll_write_ready<'a>(&'a self, cx: &mut Context<'_>) -> Poll<io::Result<AsyncFdReadyGuard<'a, T>>> {
        ready!(self.socket.poll(cx, Direction::Write, |_| Ok(())))?;
        Poll::Ready(Ok(AsyncFdReadyGuard { fd: self, direction: Direction::Write }))
    }
}

impl<T: AsFd> AsFd for AsyncFd<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inner.as_fd()
    }
}

/// A direction of an [`AsyncFd`] that the kernel says is ready.
///
/// # Examples
/// ```
/// use glassloop::net::AsyncFd;
/// use std::io::{Read, Write};
///
/// glassloop::run(async {
///     let (reader, mut writer) = std::io::pipe().unwrap();
///     let reader = AsyncFd::new(reader).unwrap();
///     writer.write_all(b"x").unwrap();
///     let mut guard = reader.readable().await.unwrap();
///     let mut byte = [0];
///     // This pipe blocks, so it is read once, and no more than there is.
///     guard.get_inner().read_exact(&mut byte).unwrap();
///     guard.clear_ready();
/// });
/// ```
#[derive(Debug)]
#[must_use = "it says nothing by itself: do something with the descriptor, by `try_io` or on one's own"]
pub struct AsyncFdReadyGuard<'a, T> {
    fd: &'a AsyncFd<T>,
    direction: Direction,
}

impl<'a, T> AsyncFdReadyGuard<'a, T> {
    /// Does `op`; if that says `WouldBlock`, the direction is ready no more.
    ///
    /// # Errors
    /// [`TryIoError`] for `WouldBlock`: wait again. What else `op` says is inside.
    #[inline]
    pub fn try_io<R>(
        &mut self,
        mut op: impl FnMut(&'a AsyncFd<T>) -> io::Result<R>,
    ) -> Result<io::Result<R>, TryIoError> {
        let fd = self.fd;
        match fd.socket.try_io(self.direction, |_| op(fd)) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(TryIoError(())),
            done => Ok(done),
        }
    }

    /// The direction is ready no more: something outside of [`try_io`](AsyncFdReadyGuard::try_io) found that out.
    /// Between finding out and saying so there must be no `.await`, or newer news is lost.
    #[inline]
    pub fn clear_ready(&mut self) {
        self.fd.socket.would_block(self.direction); // on another loop it is not ready anyhow
    }

    /// Leaves the direction ready, as it is without any of these calls.
    #[inline]
    pub fn retain_ready(&mut self) {}

    /// Whose direction it is.
    #[inline]
    pub fn get_ref(&self) -> &'a AsyncFd<T> {
        self.fd
    }

    /// What the [`AsyncFd`] was made from.
    #[inline]
    pub fn get_inner(&self) -> &'a T {
        &self.fd.inner
    }
}

/// The descriptor was not ready after all; wait again.
#[derive(Debug)]
pub struct TryIoError(());

impl fmt::Display for TryIoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the operation would block; wait until the descriptor is ready again")
    }
}

impl std::error::Error for TryIoError {}
