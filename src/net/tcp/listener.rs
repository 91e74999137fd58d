//! Accepting connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::task::{Context, Poll};

use mio::Interest;

use super::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::addr::first_of;
use crate::net::socket::Socket;
use crate::reactor::Place;
use crate::trace::Direction;

/// A TCP socket that listens.
///
/// # Examples
/// ```
/// use glassloop::net::{TcpListener, TcpStream};
///
/// glassloop::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
///     let addr = listener.local_addr().unwrap();
///     let client = glassloop::spawn(async move {
///         let stream = TcpStream::connect(addr).await.unwrap();
///         stream.write_all(b"hello").await.unwrap();
///     });
///     let (server, _peer) = listener.accept().await.unwrap();
///     let mut words = [0; 5];
///     server.read_exact(&mut words).await.unwrap();
///     assert_eq!(&words, b"hello");
///     client.await.unwrap();
/// });
/// ```
#[derive(Debug)]
pub struct TcpListener {
    socket: Socket<mio::net::TcpListener>,
}

impl TcpListener {
    /// Binds to `addr` and listens, with the address reusable at once after a restart (`SO_REUSEADDR`, on Unix) and
    /// a backlog of 1024. Port 0 lets the system choose one.
    ///
    /// # Errors
    /// What the system says (`AddrInUse`, …); and outside of a running loop.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        first_of(addr, |addr| async move { TcpListener::register(mio::net::TcpListener::bind(addr)?) }).await
    }

    fn register(io: mio::net::TcpListener) -> io::Result<TcpListener> {
        Ok(TcpListener { socket: Socket::new(io, Interest::READABLE, "TcpListener")? })
    }

    /// Takes over a listener of `std`, and sets it non-blocking.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    pub fn from_std(listener: std::net::TcpListener) -> io::Result<TcpListener> {
        listener.set_nonblocking(true)?;
        TcpListener::register(mio::net::TcpListener::from_std(listener))
    }

    /// Gives the listener to `std`; it stays non-blocking.
    ///
    /// # Errors
    /// On another loop than its own.
    pub fn into_std(self) -> io::Result<std::net::TcpListener> {
        self.socket.into_inner().map(std::net::TcpListener::from)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// What the system says. When the process has no descriptor left (`EMFILE`), the connection stays in the
    /// backlog and the listener stays ready: the next call tries again at once, so wait a little before.
    ///
    /// # Cancel safety
    /// Dropped, it has taken no connection.
    #[track_caller]
    pub fn accept(&self) -> impl Future<Output = io::Result<(TcpStream, SocketAddr)>> + '_ {
        self.socket.operation(Direction::Read, accept)
    }

    /// The poll of [`accept`](TcpListener::accept).
    #[track_caller]
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(TcpStream, SocketAddr)>> {
        let mut place = Place::SHARED;
        self.socket.poll_io(cx, Direction::Read, &mut place, Some(Location::caller()), accept)
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the system says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.io().local_addr()
    }
}

fn accept(socket: &Socket<mio::net::TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    let (stream, addr) = socket.io().accept()?;
    Ok((TcpStream::register(stream)?, addr))
}
