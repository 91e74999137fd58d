//! A TCP socket before it connects or listens.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::panic::Location;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{self, AddressFamily, SocketType, sockopt};

use super::{TcpListener, TcpStream};

/// A TCP socket that neither connects nor listens yet, to set what must be set before; on Unix alone.
///
/// It belongs to no loop until [`connect`](TcpSocket::connect) or [`listen`](TcpSocket::listen) makes a stream or a
/// listener of it. Options without a method here can be set through its descriptor (`AsFd`).
///
/// # Examples
/// ```
/// use glassloop::net::TcpSocket;
///
/// glassloop::run(async {
///     let socket = TcpSocket::new_v4().unwrap();
///     socket.set_reuseport(true).unwrap();
///     socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
///     let listener = socket.listen(16).unwrap();
///     let addr = listener.local_addr().unwrap();
///
///     let socket = TcpSocket::new_v4().unwrap();
///     socket.set_nodelay(true).unwrap();
///     let connect = glassloop::spawn(socket.connect(addr));
///     let (_server, _peer) = listener.accept().await.unwrap();
///     assert!(connect.await.unwrap().unwrap().nodelay().unwrap());
/// });
/// ```
#[derive(Debug)]
pub struct TcpSocket {
    fd: OwnedFd,
}

impl TcpSocket {
    /// A socket for IPv4 addresses.
    ///
    /// # Errors
    /// What the system says (`EMFILE`, …).
    #[inline]
    pub fn new_v4() -> io::Result<TcpSocket> {
        open(AddressFamily::INET)
    }

    /// A socket for IPv6 addresses.
    ///
    /// # Errors
    /// What the system says (`EAFNOSUPPORT` on a machine without IPv6, …).
    #[inline]
    pub fn new_v6() -> io::Result<TcpSocket> {
        open(AddressFamily::INET6)
    }

    /// Gives it its address; port 0 lets the system choose one. Without this, the system chooses both.
    ///
    /// # Errors
    /// What the system says (`AddrInUse`, …).
    #[inline]
    pub fn bind(&self, addr: SocketAddr) -> io::Result<()> {
        Ok(net::bind(&self.fd, &addr)?)
    }

    /// Connects to `addr`.
    ///
    /// # Errors
    /// What the system says (`ConnectionRefused`, …); and outside of a running loop.
    ///
    /// # Cancel safety
    /// Dropped, it closes the socket.
    #[track_caller]
    #[inline]
    pub fn connect(self, addr: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> {
        let site = Location::caller();
        async move {
            match net::connect(&self.fd, &addr) {
                // A signal interrupts the wait for a connection, and not its making (connect(2)).
                Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            TcpStream::connected(mio::net::TcpStream::from(self.fd), site).await
        }
    }

    /// Listens, with room for about `backlog` connections that wait to be accepted.
    ///
    /// # Errors
    /// What the system says (`AddrInUse`, …); and outside of a running loop.
    #[inline]
    pub fn listen(self, backlog: u32) -> io::Result<TcpListener> {
        net::listen(&self.fd, i32::try_from(backlog).unwrap_or(i32::MAX))?;
        TcpListener::register(mio::net::TcpListener::from(self.fd))
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(net::getsockname(&self.fd)?.try_into()?)
    }

    /// Takes the socket's pending error (`SO_ERROR`), if there is one.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(sockopt::socket_error(&self.fd)?.err().map(io::Error::from))
    }

    /// Lets it bind to an address that a closed connection still holds (`SO_REUSEADDR`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_reuseaddr(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseaddr(&self.fd, reuse)?)
    }

    /// Whether `SO_REUSEADDR` is set.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn reuseaddr(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseaddr(&self.fd)?)
    }

    /// Lets several sockets that all say so bind to one address (`SO_REUSEPORT`); on Linux the kernel then spreads
    /// connections over them.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    #[inline]
    pub fn set_reuseport(&self, reuse: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_reuseport(&self.fd, reuse)?)
    }

    /// Whether `SO_REUSEPORT` is set.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(not(any(target_os = "solaris", target_os = "illumos")))]
    #[inline]
    pub fn reuseport(&self) -> io::Result<bool> {
        Ok(sockopt::socket_reuseport(&self.fd)?)
    }

    /// How much the system may hold that was written and is not sent, in bytes (`SO_SNDBUF`). The system may take
    /// another number: Linux doubles it.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_send_buffer_size(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_send_buffer_size(&self.fd, bytes)?)
    }

    /// The size of the send buffer, in bytes.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn send_buffer_size(&self) -> io::Result<usize> {
        Ok(sockopt::socket_send_buffer_size(&self.fd)?)
    }

    /// How much the system may hold that came and is not read, in bytes (`SO_RCVBUF`). The system may take another
    /// number: Linux doubles it. To offer a window of more than 64 KiB, set it before `connect` or `listen`.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_recv_buffer_size(&self, bytes: usize) -> io::Result<()> {
        Ok(sockopt::set_socket_recv_buffer_size(&self.fd, bytes)?)
    }

    /// The size of the receive buffer, in bytes.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn recv_buffer_size(&self) -> io::Result<usize> {
        Ok(sockopt::socket_recv_buffer_size(&self.fd)?)
    }

    /// Lets the system ask a silent peer whether it is still there (`SO_KEEPALIVE`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_keepalive(&self, keepalive: bool) -> io::Result<()> {
        Ok(sockopt::set_socket_keepalive(&self.fd, keepalive)?)
    }

    /// Whether `SO_KEEPALIVE` is set.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn keepalive(&self) -> io::Result<bool> {
        Ok(sockopt::socket_keepalive(&self.fd)?)
    }

    /// When the system asks a silent peer: first after `idle`, then every `interval`, both in whole seconds, and
    /// after `retries` without an answer the connection is broken (`TCP_KEEPIDLE`, `TCP_KEEPINTVL`,
    /// `TCP_KEEPCNT`). It does not by itself ask: see [`set_keepalive`](TcpSocket::set_keepalive).
    ///
    /// # Errors
    /// What the system says.
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox")))]
    #[inline]
    pub fn set_keepalive_timing(&self, idle: Duration, interval: Duration, retries: u32) -> io::Result<()> {
        sockopt::set_tcp_keepidle(&self.fd, idle)?;
        sockopt::set_tcp_keepintvl(&self.fd, interval)?;
        Ok(sockopt::set_tcp_keepcnt(&self.fd, retries)?)
    }

    /// Idle time, interval and retries, as [`set_keepalive_timing`](TcpSocket::set_keepalive_timing) sets them.
    ///
    /// # Errors
    /// What the system says.
    #[cfg(not(any(target_os = "openbsd", target_os = "haiku", target_os = "nto", target_os = "redox")))]
    #[inline]
    pub fn keepalive_timing(&self) -> io::Result<(Duration, Duration, u32)> {
        let (idle, interval) = (sockopt::tcp_keepidle(&self.fd)?, sockopt::tcp_keepintvl(&self.fd)?);
        Ok((idle, interval, sockopt::tcp_keepcnt(&self.fd)?))
    }

    /// Lets small writes go out at once instead of waiting for more (`TCP_NODELAY`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(&self.fd, nodelay)?)
    }

    /// Whether `TCP_NODELAY` is set.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn nodelay(&self) -> io::Result<bool> {
        Ok(sockopt::tcp_nodelay(&self.fd)?)
    }
}

impl AsFd for TcpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl AsRawFd for TcpSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}

/// Non-blocking, and closed in child processes.
#[cfg(not(target_vendor = "apple"))]
fn open(family: AddressFamily) -> io::Result<TcpSocket> {
    let flags = net::SocketFlags::NONBLOCK | net::SocketFlags::CLOEXEC;
    Ok(TcpSocket { fd: net::socket_with(family, SocketType::STREAM, flags, None)? })
}

/// As above, where no flag says it: a child begun meanwhile inherits the socket.
#[cfg(target_vendor = "apple")]
fn open(family: AddressFamily) -> io::Result<TcpSocket> {
    let fd = net::socket(family, SocketType::STREAM, None)?;
    rustix::io::fcntl_setfd(&fd, rustix::io::FdFlags::CLOEXEC)?;
    rustix::io::ioctl_fionbio(&fd, true)?;
    sockopt::set_socket_nosigpipe(&fd, true)?;
    Ok(TcpSocket { fd })
}
