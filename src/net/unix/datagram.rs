//! Datagrams between Unix sockets.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::path::Path;
use std::task::{Context, Poll};
use std::time::Duration;

use super::SocketAddr;
use crate::net::datagram::datagram;
use crate::net::socket::{Io, Peek, Reading, Socket, Writing};
use crate::time::sleep;

/// How long an unconnected sender waits for room. Linux reports its socket as writable whatever the receiver's queue
/// holds, once after each try that failed, and not when a receiver takes what others sent: to wait for that would
/// spin.
const ASK_AGAIN: Duration = Duration::from_millis(1);

/// A Unix socket for datagrams. They arrive whole, in order, and none is lost: a sender waits where its receiver has
/// no room.
///
/// All operations take `&self`. Of two tasks that wait for the same direction both are woken.
///
/// # Examples
/// ```
/// use glassloop::net::UnixDatagram;
///
/// glassloop::run(async {
///     let (one, other) = UnixDatagram::pair().unwrap();
///     one.send(b"first").await.unwrap();
///     one.send(b"second").await.unwrap();
///     let mut buffer = [0; 16];
///     assert_eq!(other.recv(&mut buffer).await.unwrap(), 5);
///     assert_eq!(other.recv(&mut buffer).await.unwrap(), 6);
/// });
/// ```
#[derive(Debug)]
pub struct UnixDatagram {
    socket: Socket<mio::net::UnixDatagram>,
}

impl Io for mio::net::UnixDatagram {
    const NAME: &'static str = "UnixDatagram";

    fn address(&self) -> Option<String> {
        super::told_addresses(self.local_addr(), self.peer_addr())
    }
}

impl Peek for mio::net::UnixDatagram {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.try_io(|| super::peek(self, buffer))
    }
}

datagram!(UnixDatagram, mio::net::UnixDatagram, std::os::unix::net::UnixDatagram, SocketAddr);

impl UnixDatagram {
    /// Makes a socket at `path`. The path stays when the socket is gone.
    ///
    /// # Errors
    /// What the system says (`AddrInUse` if the path exists, whoever made it; `InvalidInput` if it is longer than a
    /// socket's may be, about 100 bytes; …); and outside of a running loop.
    #[inline]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixDatagram> {
        UnixDatagram::register(mio::net::UnixDatagram::bind(path)?)
    }

    /// As [`bind`](UnixDatagram::bind), to an address of std's: on Linux it may be an abstract one, which is no path
    /// and goes with the socket.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixDatagram> {
        UnixDatagram::register(mio::net::UnixDatagram::bind_addr(addr)?)
    }

    /// A socket without an address: it can send, and be answered only if it is connected from both sides.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    #[inline]
    pub fn unbound() -> io::Result<UnixDatagram> {
        UnixDatagram::register(mio::net::UnixDatagram::unbound()?)
    }

    /// Two sockets, connected with each other.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    #[inline]
    pub fn pair() -> io::Result<(UnixDatagram, UnixDatagram)> {
        let (one, other) = mio::net::UnixDatagram::pair()?;
        Ok((UnixDatagram::register(one)?, UnixDatagram::register(other)?))
    }

    /// Names the peer to send to; of others, nothing is received from then on. It never waits.
    ///
    /// # Errors
    /// What the system says (`NotFound`; `ConnectionRefused` if nobody has the path's socket any more; …).
    #[inline]
    pub fn connect(&self, path: impl AsRef<Path>) -> io::Result<()> {
        self.socket.io().connect(path)
    }

    /// Sends one datagram to the socket at `path`.
    ///
    /// Where that socket has no room, this asks again each millisecond, for no kernel tells it better. Whoever
    /// [`connect`](UnixDatagram::connect)s and [`send`](UnixDatagram::send)s is woken when there is room.
    ///
    /// # Errors
    /// What the system says (`NotFound`; `ConnectionRefused` if nobody has the path's socket any more; `EMSGSIZE`
    /// for too long a datagram; …); and on another loop than its own.
    ///
    /// # Cancel safety
    /// Dropped, it has sent nothing.
    pub async fn send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        loop {
            match self.try_send_to(bytes, &path) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => sleep(ASK_AGAIN).await,
                done => return done,
            }
        }
    }

    /// Sends one datagram to the socket at `path` if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`, if there is none; else as [`send_to`](UnixDatagram::send_to).
    #[inline]
    pub fn try_send_to(&self, bytes: &[u8], path: impl AsRef<Path>) -> io::Result<usize> {
        self.socket.try_io(Writing, |socket| socket.io().send_to(bytes, path.as_ref()))
    }

    /// As [`try_send_to`](UnixDatagram::try_send_to); where there is no room, it waits as the kernel lets it, which on
    /// Linux is until the next turn.
    #[track_caller]
    #[inline]
    pub fn poll_send_to(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        path: impl AsRef<Path>,
    ) -> Poll<io::Result<usize>> {
        self.socket.poll(cx, Writing, |socket| socket.io().send_to(bytes, path.as_ref()))
    }

    /// Ends one direction, or both. After `Shutdown::Read`, who sends to it hears `BrokenPipe`. It is no word to the
    /// peer: datagrams have no end, and a receive goes on waiting.
    ///
    /// # Errors
    /// What the system says (`NotConnected`, …).
    #[inline]
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.io().shutdown(how)
    }
}
