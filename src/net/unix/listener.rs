//! Accepting connections.

use std::future::Future;
use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use mio::Interest;

use super::{SocketAddr, UnixStream};
use crate::net::face::{listener, registered};
use crate::net::socket::{Io, Reading, Socket};

/// A Unix socket that listens.
///
/// # Examples
/// ```
/// use glassloop::net::{UnixListener, UnixStream};
///
/// let path = std::env::temp_dir().join(format!("glassloop-example-{}", std::process::id()));
/// glassloop::run(async {
///     let listener = UnixListener::bind(&path).unwrap();
///     let client = UnixStream::connect(&path).await.unwrap(); // it waits in the backlog
///     let (server, _peer) = listener.accept().await.unwrap();
///     client.write_all(b"hello").await.unwrap();
///     let mut words = [0; 5];
///     server.read_exact(&mut words).await.unwrap();
///     assert_eq!(&words, b"hello");
/// });
/// std::fs::remove_file(&path).unwrap();
/// ```
#[derive(Debug)]
pub struct UnixListener {
    socket: Socket<mio::net::UnixListener>,
}

impl Io for mio::net::UnixListener {
    const NAME: &'static str = "UnixListener";
    const INTEREST: Interest = Interest::READABLE;

    fn address(&self) -> Option<String> {
        super::told_addresses(self.local_addr(), Err(io::ErrorKind::NotConnected.into()))
    }
}

registered!(UnixListener, mio::net::UnixListener, std::os::unix::net::UnixListener);
listener!(UnixListener, UnixStream, mio::net::UnixListener, SocketAddr);

impl UnixListener {
    /// Makes a socket at `path` and listens. The path stays when the listener is gone.
    ///
    /// # Errors
    /// What the system says (`AddrInUse` if the path exists, whoever made it; `InvalidInput` if it is longer than a
    /// socket's may be, about 100 bytes; …); and outside of a running loop.
    #[inline]
    pub fn bind(path: impl AsRef<Path>) -> io::Result<UnixListener> {
        UnixListener::register(mio::net::UnixListener::bind(path)?)
    }

    /// As [`bind`](UnixListener::bind), to an address of std's: on Linux it may be an abstract one, which is no path
    /// and goes with the socket.
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn bind_addr(addr: &SocketAddr) -> io::Result<UnixListener> {
        UnixListener::register(mio::net::UnixListener::bind_addr(addr)?)
    }
}
