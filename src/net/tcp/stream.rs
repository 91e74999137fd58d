//! A connection.

use std::future::Future;
use std::io::{self, IoSlice, IoSliceMut, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use mio::Interest;

use super::split::{self, OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::net::ToSocketAddrs;
use crate::net::addr::first_of;
use crate::net::socket::Socket;
use crate::reactor::Place;
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

type Io = Socket<mio::net::TcpStream>;

impl TcpStream {
    /// Connects to `addr`; where a name has several addresses, to the first that answers.
    ///
    /// # Errors
    /// What the system says (`ConnectionRefused`, …), of the last address tried; and outside of a running loop.
    ///
    /// # Cancel safety
    /// Dropped, it closes the socket that was connecting.
    pub async fn connect(addr: impl ToSocketAddrs) -> io::Result<TcpStream> {
        first_of(addr, TcpStream::connect_to).await
    }

    async fn connect_to(addr: SocketAddr) -> io::Result<TcpStream> {
        let stream = TcpStream::register(mio::net::TcpStream::connect(addr)?)?;
        stream.connected().await?;
        Ok(stream)
    }

    /// Waits for a connection that was begun.
    async fn connected(&self) -> io::Result<()> {
        // The kernel reports a connection, made or failed, by the first "writable".
        self.socket.would_block(Direction::Write)?;
        let established = |socket: &Io| {
            if let Some(error) = socket.io().take_error()? {
                return Err(error);
            }
            match socket.io().peer_addr() {
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(io::ErrorKind::WouldBlock.into()),
                other => other.map(drop),
            }
        };
        self.socket.operation(Direction::Write, established).await
    }

    pub(super) fn register(io: mio::net::TcpStream) -> io::Result<TcpStream> {
        let interest = Interest::READABLE.add(Interest::WRITABLE);
        Ok(TcpStream { socket: Socket::new(io, interest, "TcpStream")? })
    }

    /// Takes over a connection of `std`, and sets it non-blocking.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    pub fn from_std(stream: std::net::TcpStream) -> io::Result<TcpStream> {
        stream.set_nonblocking(true)?;
        TcpStream::register(mio::net::TcpStream::from_std(stream))
    }

    /// Gives the connection to `std`; it stays non-blocking.
    ///
    /// # Errors
    /// On another loop than its own.
    pub fn into_std(self) -> io::Result<std::net::TcpStream> {
        self.socket.into_inner().map(std::net::TcpStream::from)
    }

    /// Reads some bytes; 0 is the end of the stream (or an empty `buffer`).
    ///
    /// # Errors
    /// What the system says; and on another loop than its own. So for all operations below.
    ///
    /// # Cancel safety
    /// Dropped, it has read nothing.
    #[track_caller]
    pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        self.socket.operation(Direction::Read, move |socket| read(socket, buffer))
    }

    /// As [`read`](TcpStream::read), into several buffers in turn.
    ///
    /// # Cancel safety
    /// Dropped, it has read nothing.
    #[track_caller]
    pub fn read_vectored<'a>(
        &'a self,
        buffers: &'a mut [IoSliceMut<'a>],
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        self.socket.operation(Direction::Read, move |socket| {
            let room = buffers.iter().map(|buffer| buffer.len()).sum();
            let read = socket.io().read_vectored(buffers)?;
            note(socket, Direction::Read, read, room)
        })
    }

    /// Reads until `buffer` is full.
    ///
    /// # Errors
    /// `UnexpectedEof`, if the stream ends before.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, the bytes that it has read are lost.
    #[track_caller]
    pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let mut filled = 0;
        self.socket.operation(Direction::Read, move |socket| {
            while filled < buffer.len() {
                match read(socket, &mut buffer[filled..]) {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(n) => filled += n,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Reads some bytes and leaves them where they are.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing.
    #[track_caller]
    pub fn peek<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        self.socket.operation(Direction::Read, move |socket| socket.io().peek(buffer))
    }

    /// Writes some bytes; how many is returned.
    ///
    /// # Cancel safety
    /// Dropped, it has written nothing.
    #[track_caller]
    pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        self.socket.operation(Direction::Write, move |socket| write(socket, bytes))
    }

    /// As [`write`](TcpStream::write), from several buffers in turn.
    ///
    /// # Cancel safety
    /// Dropped, it has written nothing.
    #[track_caller]
    pub fn write_vectored<'a>(
        &'a self,
        buffers: &'a [IoSlice<'a>],
    ) -> impl Future<Output = io::Result<usize>> + 'a {
        self.socket.operation(Direction::Write, move |socket| write_vectored(socket, buffers))
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// `WriteZero`, if the system takes no more.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, nobody knows how much was written.
    #[track_caller]
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let mut written = 0;
        self.socket.operation(Direction::Write, move |socket| {
            while written < bytes.len() {
                match write(socket, &bytes[written..]) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(n) => written += n,
                    Err(error) => return Err(error),
                }
            }
            Ok(())
        })
    }

    /// Waits until there is something to read, or the end.
    ///
    /// It may be wrong: [`try_read`](TcpStream::try_read) can still say `WouldBlock`, and then this waits again.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn readable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.socket.operation(Direction::Read, |_| Ok(()))
    }

    /// Waits until there is room to write.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        self.socket.operation(Direction::Write, |_| Ok(()))
    }

    /// Reads some bytes if there are any now.
    ///
    /// # Errors
    /// `WouldBlock`, if there are none; else as [`read`](TcpStream::read).
    pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Read, |socket| read(socket, buffer))
    }

    /// Writes some bytes if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`, if there is none; else as [`write`](TcpStream::write).
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.socket.try_io(Direction::Write, |socket| write(socket, bytes))
    }

    /// The poll of [`read`](TcpStream::read). Of all callers of a stream's reading polls, the last one is woken.
    #[track_caller]
    pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Direction::Read, |socket| read(socket, buffer))
    }

    /// The poll of [`read_vectored`](TcpStream::read_vectored).
    #[track_caller]
    pub fn poll_read_vectored(
        &self,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, Direction::Read, |socket| {
            let room = buffers.iter().map(|buffer| buffer.len()).sum();
            let read = socket.io().read_vectored(buffers)?;
            note(socket, Direction::Read, read, room)
        })
    }

    /// The poll of [`peek`](TcpStream::peek).
    #[track_caller]
    pub fn poll_peek(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Direction::Read, |socket| socket.io().peek(buffer))
    }

    /// The poll of [`write`](TcpStream::write). Of all callers of a stream's writing polls, the last one is woken.
    #[track_caller]
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll(cx, Direction::Write, |socket| write(socket, bytes))
    }

    /// The poll of [`write_vectored`](TcpStream::write_vectored).
    #[track_caller]
    pub fn poll_write_vectored(&self, cx: &mut Context<'_>, buffers: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        self.poll(cx, Direction::Write, |socket| write_vectored(socket, buffers))
    }

    /// The poll of [`readable`](TcpStream::readable).
    #[track_caller]
    pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, Direction::Read, |_| Ok(()))
    }

    /// The poll of [`writable`](TcpStream::writable).
    #[track_caller]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, Direction::Write, |_| Ok(()))
    }

    #[track_caller]
    fn poll<R>(
        &self,
        cx: &mut Context<'_>,
        direction: Direction,
        op: impl FnMut(&Io) -> io::Result<R>,
    ) -> Poll<io::Result<R>> {
        let mut place = Place::SHARED;
        self.socket.poll_io(cx, direction, &mut place, Some(Location::caller()), op)
    }

    /// Ends one direction, or both. After `Shutdown::Write` the peer reads the end of the stream.
    ///
    /// # Errors
    /// `NotConnected`, if the connection is gone already.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.socket.io().shutdown(how)
    }

    /// Two halves, to read in one future and write in another.
    pub fn split(&mut self) -> (ReadHalf<'_>, WriteHalf<'_>) {
        split::borrowed(self)
    }

    /// Two halves that own the connection together, for two tasks. The write half, dropped, ends its direction.
    #[must_use]
    pub fn into_split(self) -> (OwnedReadHalf, OwnedWriteHalf) {
        split::owned(self)
    }

    /// Whether small writes go out at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system says.
    pub fn nodelay(&self) -> io::Result<bool> {
        self.socket.io().nodelay()
    }

    /// Lets small writes go out at once instead of waiting for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system says.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.socket.io().set_nodelay(nodelay)
    }

    /// How many hops a packet may take.
    ///
    /// # Errors
    /// What the system says.
    pub fn ttl(&self) -> io::Result<u32> {
        self.socket.io().ttl()
    }

    /// Sets how many hops a packet may take.
    ///
    /// # Errors
    /// What the system says.
    pub fn set_ttl(&self, hops: u32) -> io::Result<()> {
        self.socket.io().set_ttl(hops)
    }

    /// This side's address.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }

    /// The other side's address.
    ///
    /// # Errors
    /// What the system says.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().peer_addr()
    }

    /// Takes the socket's pending error (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    /// What the system says.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.io().take_error()
    }
}

fn read(socket: &Io, buffer: &mut [u8]) -> io::Result<usize> {
    let read = socket.io().read(buffer)?;
    note(socket, Direction::Read, read, buffer.len())
}

fn write(socket: &Io, bytes: &[u8]) -> io::Result<usize> {
    let written = socket.io().write(bytes)?;
    note(socket, Direction::Write, written, bytes.len())
}

fn write_vectored(socket: &Io, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let written = socket.io().write_vectored(buffers)?;
    note(socket, Direction::Write, written, buffers.iter().map(|buffer| buffer.len()).sum())
}

/// A stream that gave less than there was room for is drained, and the next try would only hear "would block"
/// (epoll(7), "Do I need to continuously read/write"). Zero is the end, which does not pass.
fn note(socket: &Io, direction: Direction, moved: usize, asked: usize) -> io::Result<usize> {
    if moved > 0 && moved < asked {
        socket.drained(direction)?;
    }
    Ok(moved)
}
