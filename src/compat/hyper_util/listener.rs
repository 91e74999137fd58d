//! Where a server's connections come from.

use std::fmt;
use std::future::{Future, ready};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::rt::{Read, Write};

use crate::net::{TcpListener, TcpStream};
#[cfg(unix)]
use crate::net::{UnixListener, UnixStream};

/// What [`serve`](super::serve) accepts connections from.
///
/// Implement it for a listener that does more than accept: that counts, refuses, sets options.
pub trait Listener {
    /// What is accepted.
    type Raw: 'static;
    /// A connection that is ready for HTTP.
    type Io: Read + Write + Unpin + Send + 'static;
    /// Where a connection comes from.
    type Addr: fmt::Debug + 'static;

    /// Waits for a connection.
    ///
    /// # Errors
    /// As [`TcpListener::accept`]. On errors of the system the server goes on; any other, and one that says that the
    /// listener does not listen (`InvalidInput`), ends it.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Raw, Self::Addr)>>;

    /// Makes what was accepted ready, in the connection's own task: a slow handshake keeps nobody else waiting. It may
    /// take 30 seconds.
    ///
    /// # Errors
    /// They end the connection.
    fn open(&self, raw: Self::Raw) -> impl Future<Output = io::Result<Self::Io>> + use<Self>;

    /// A listener that does `then` with each connection after it was opened: a TLS handshake, say.
    fn and_then<T, O, I>(self, then: T) -> AndThen<Self, T>
    where
        Self: Sized,
        T: Fn(Self::Io) -> O,
        O: Future<Output = io::Result<I>>,
    {
        AndThen { listener: self, then: Rc::new(then) }
    }
}

impl Listener for TcpListener {
    type Raw = TcpStream;
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        TcpListener::accept(self).await
    }

    fn open(&self, stream: TcpStream) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        // hyper writes an answer in one piece: it is not to wait for the client's acknowledgement of the one before.
        ready(stream.set_nodelay(true).map(|()| stream))
    }
}

#[cfg(unix)]
impl Listener for UnixListener {
    type Raw = UnixStream;
    type Io = UnixStream;
    type Addr = std::os::unix::net::SocketAddr;

    async fn accept(&mut self) -> io::Result<(UnixStream, Self::Addr)> {
        UnixListener::accept(self).await
    }

    fn open(&self, stream: UnixStream) -> impl Future<Output = io::Result<UnixStream>> + use<> {
        ready(Ok(stream))
    }
}

/// A listener whose connections go through one step more; see [`Listener::and_then`].
pub struct AndThen<L, T> {
    listener: L,
    then: Rc<T>,
}

impl<L, T, O, I> Listener for AndThen<L, T>
where
    L: Listener,
    T: Fn(L::Io) -> O,
    O: Future<Output = io::Result<I>>,
    I: Read + Write + Unpin + Send + 'static,
{
    type Raw = L::Raw;
    type Io = I;
    type Addr = L::Addr;

    fn accept(&mut self) -> impl Future<Output = io::Result<(L::Raw, L::Addr)>> {
        self.listener.accept()
    }

    fn open(&self, raw: L::Raw) -> impl Future<Output = io::Result<I>> + use<L, T, O, I> {
        let (opening, then) = (self.listener.open(raw), self.then.clone());
        async move { then(opening.await?).await }
    }
}
