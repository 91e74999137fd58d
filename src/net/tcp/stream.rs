//! A connection.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::net::ToSocketAddrs;
use crate::net::addr::first_of;
use crate::net::progress::many;
use crate::net::socket::{Io, Peek, Reading, Socket, Writing, told_addresses};
use crate::net::stream::{length, room, stream};
use crate::trace::Direction;

/// A TCP connection.
///
/// All operations take `&self`: a task may read while another writes. Of two tasks that wait for the same direction
/// both are woken.
///
/// # Examples
/// See [`TcpListener`](super::TcpListener).
#[derive(Debug)]
pub struct TcpStream {
    socket: Socket<mio::net::TcpStream>,
}

impl Io for mio::net::TcpStream {
    const NAME: &'static str = "TcpStream";
    /// And urgent data, because a read ends before them whatever comes after.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    const INTEREST: mio::Interest =
        mio::Interest::READABLE.add(mio::Interest::WRITABLE).add(mio::Interest::PRIORITY);

    fn address(&self) -> Option<String> {
        told_addresses(self.local_addr(), self.peer_addr())
    }
}

impl Peek for mio::net::TcpStream {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.peek(buffer)
    }
}

stream!(TcpStream, mio::net::TcpStream, std::net::TcpStream, SocketAddr);

impl TcpStream {
    /// Connects to `addr`; where a name has several addresses, to the first that answers.
    ///
    /// # Errors
    /// What the system says (`ConnectionRefused`, …), of the last address tried; and outside of a running loop.
    ///
    /// # Cancel safety
    /// Dropped, it closes the socket that was connecting.
    #[track_caller]
    #[inline]
    pub fn connect<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<TcpStream>> + use<A> {
        let site = Location::caller();
        first_of(
            addr,
            move |addr| async move { TcpStream::connected(mio::net::TcpStream::connect(addr)?, site).await },
        )
    }

    /// Waits for a connection that was begun.
    pub(super) async fn connected(
        begun: mio::net::TcpStream,
        site: &'static Location<'static>,
    ) -> io::Result<TcpStream> {
        let stream = TcpStream::register(begun)?;
        // The kernel reports a connection, made or failed, by the first "writable".
        stream.socket.would_block(Direction::Write);
        let established = |socket: &Socket<mio::net::TcpStream>| {
            if let Some(error) = socket.io().take_error()? {
                return Err(error);
            }
            match socket.io().peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
                other => other.map(drop),
            }
        };
        stream.socket.operation_at(site, Writing, established).await?;
        stream.socket.introduce(); // now it has a peer
        Ok(stream)
    }

    /// Whether small writes go out at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.io().nodelay()
    }

    /// Lets small writes go out at once instead of waiting for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.io().set_nodelay(nodelay)
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.io().ttl()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.io().set_ttl(hops)
    }
}
