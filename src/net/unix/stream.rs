//! A connection.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};

use super::SocketAddr;
use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::net::progress::many;
use crate::net::socket::{Io, Peek, Reading, Socket, Writing};
use crate::net::stream::{length, room, stream};

/// A connection between Unix sockets.
///
/// All operations take `&self`: a task may read while another writes. Of two tasks that wait for the same direction
/// both are woken.
///
/// # Examples
/// ```
/// use glassloop::net::UnixStream;
///
/// glassloop::run(async {
///     let (one, other) = UnixStream::pair().unwrap();
///     let echo = glassloop::spawn(async move {
///         let mut words = [0; 5];
///         other.read_exact(&mut words).await.unwrap();
///         other.write_all(&words).await.unwrap();
///     });
///     one.write_all(b"hello").await.unwrap();
///     let mut words = [0; 5];
///     one.read_exact(&mut words).await.unwrap();
///     assert_eq!(&words, b"hello");
///     echo.await.unwrap();
/// });
/// ```
#[derive(Debug)]
pub struct UnixStream {
    socket: Socket<mio::net::UnixStream>,
}

impl Io for mio::net::UnixStream {
    const NAME: &'static str = "UnixStream";
    /// A read ends after bytes with which descriptors were sent, and before urgent ones, whatever comes after.
    const SHORT_READ_DRAINS: bool = false;

    fn address(&self) -> Option<String> {
        super::told_addresses(self.local_addr(), self.peer_addr())
    }
}

impl Peek for mio::net::UnixStream {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_io(|| super::peek(self, buffer))
    }
}

stream!(UnixStream, mio::net::UnixStream, std::os::unix::net::UnixStream, SocketAddr);

impl UnixStream {
    /// Connects to the listener at `path`. It never waits: the connection is made at once, into the listener's
    /// backlog, or fails.
    ///
    /// # Errors
    /// What the system says: `NotFound`, `ConnectionRefused` if nobody listens there any more, and `WouldBlock` if
    /// the listener's backlog is full (the kernel tells nobody when it has room again, so try again later); and
    /// outside of a running loop.
    pub async fn connect(path: impl AsRef<Path>) -> io::Result<UnixStream> {
        connected(mio::net::UnixStream::connect(path))
    }

    /// As [`connect`](UnixStream::connect), to an address of std's: on Linux it may be an abstract one, which is no
    /// path.
    ///
    /// # Errors
    /// As there.
    pub async fn connect_addr(addr: &SocketAddr) -> io::Result<UnixStream> {
        connected(mio::net::UnixStream::connect_addr(addr))
    }

    /// Two sockets, connected with each other.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    #[inline]
    pub fn pair() -> io::Result<(UnixStream, UnixStream)> {
        let (one, other) = mio::net::UnixStream::pair()?;
        Ok((UnixStream::register(one)?, UnixStream::register(other)?))
    }
}

fn connected(connection: io::Result<mio::net::UnixStream>) -> io::Result<UnixStream> {
    let connection = connection.map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => io::Error::new(
            io::ErrorKind::WouldBlock,
            "the listener's backlog is full, and the system does not tell when it has room; try again later",
        ),
        _ => error,
    })?;
    UnixStream::register(connection)
}
