//! Accepting connections.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use mio::Interest;

use super::TcpStream;
use crate::net::ToSocketAddrs;
use crate::net::addr::first_of;
use crate::net::face::{listener, registered};
use crate::net::socket::{Io, Reading, Socket, told_addresses};

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

impl Io for mio::net::TcpListener {
    const NAME: &'static str = "TcpListener";
    const INTEREST: Interest = Interest::READABLE;

    fn address(&self) -> Option<String> {
        told_addresses(self.local_addr(), Err(io::ErrorKind::NotConnected.into()))
    }
}

registered!(TcpListener, mio::net::TcpListener, std::net::TcpListener);
listener!(TcpListener, TcpStream, mio::net::TcpListener, SocketAddr);

impl TcpListener {
    /// Binds to `addr` and listens, with the address reusable at once after a restart (`SO_REUSEADDR`, on Unix) and
    /// a backlog of 128. Port 0 lets the system choose one. [`TcpSocket`](super::TcpSocket) has other options.
    ///
    /// # Errors
    /// What the system says (`AddrInUse`, …); and outside of a running loop.
    ///
    /// # Cancel safety
    /// It waits only where a name is looked up; dropped then, nothing is bound.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<TcpListener> {
        first_of(addr, |addr| async move { TcpListener::register(mio::net::TcpListener::bind(addr)?) }).await
    }
}
