//! UDP.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::panic::Location;
use std::task::{Context, Poll};

use super::ToSocketAddrs;
use super::addr::{first, first_of};
use super::datagram::datagram;
use super::socket::{Io, Peek, Reading, Socket, Writing, told_addresses};

/// A UDP socket.
///
/// All operations take `&self`. Of two tasks that wait for the same direction both are woken.
///
/// # Examples
/// ```
/// use glassloop::net::UdpSocket;
///
/// glassloop::run(async {
///     let server = UdpSocket::bind("127.0.0.1:0").await.unwrap();
///     let addr = server.local_addr().unwrap();
///     let client = glassloop::spawn(async move {
///         let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
///         socket.send_to(b"hello", addr).await.unwrap();
///     });
///     let mut buffer = [0; 16];
///     let (length, _peer) = server.recv_from(&mut buffer).await.unwrap();
///     assert_eq!(&buffer[..length], b"hello");
///     client.await.unwrap();
/// });
/// ```
#[derive(Debug)]
pub struct UdpSocket {
    socket: Socket<mio::net::UdpSocket>,
}

impl Io for mio::net::UdpSocket {
    const NAME: &'static str = "UdpSocket";

    fn address(&self) -> Option<String> {
        told_addresses(self.local_addr(), self.peer_addr())
    }
}

impl Peek for mio::net::UdpSocket {
    fn peek(&self, buffer: &mut [u8]) -> io::Result<usize> {
        self.peek(buffer)
    }
}

datagram!(UdpSocket, mio::net::UdpSocket, std::net::UdpSocket, SocketAddr);

impl UdpSocket {
    /// Binds to `addr`; where a name has several addresses, to the first that can be had. Port 0 lets the system
    /// choose one.
    ///
    /// # Errors
    /// What the system says (`AddrInUse`, …); and outside of a running loop.
    ///
    /// # Cancel safety
    /// It waits only where a name is looked up; dropped then, nothing is bound.
    pub async fn bind(addr: impl ToSocketAddrs) -> io::Result<UdpSocket> {
        first_of(addr, |addr| async move { UdpSocket::register(mio::net::UdpSocket::bind(addr)?) }).await
    }

    /// Names the peer to send to; of others, nothing is received from then on. Nothing is sent for it.
    ///
    /// # Errors
    /// What the system says (`EAFNOSUPPORT` for an address of the other family, `NetworkUnreachable`, …).
    ///
    /// # Cancel safety
    /// It waits only where a name is looked up; dropped then, the peer is who it was.
    pub async fn connect(&self, addr: impl ToSocketAddrs) -> io::Result<()> {
        first_of(addr, |addr| async move { self.socket.io().connect(addr) }).await
    }

    /// Sends one datagram to `target`; where a name has several addresses, to the first.
    ///
    /// # Errors
    /// What the system says (`EMSGSIZE` for too long a datagram, `NetworkUnreachable`, …); and on another loop than
    /// its own.
    ///
    /// # Cancel safety
    /// Dropped, it has sent nothing.
    #[track_caller]
    #[inline]
    pub fn send_to<'a, A: ToSocketAddrs>(
        &'a self,
        bytes: &'a [u8],
        target: A,
    ) -> impl Future<Output = io::Result<usize>> + use<'a, A> {
        let (site, target) = (Location::caller(), first(target));
        async move {
            let target = target.await?;
            self.socket.operation_at(site, Writing, |socket| socket.io().send_to(bytes, target)).await
        }
    }

    /// Sends one datagram to `target` if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`, if there is none; else as [`send_to`](UdpSocket::send_to).
    #[inline]
    pub fn try_send_to(&self, bytes: &[u8], target: SocketAddr) -> io::Result<usize> {
        self.socket.try_io(Writing, |socket| socket.io().send_to(bytes, target))
    }

    /// The poll of [`send_to`](UdpSocket::send_to).
    #[track_caller]
    #[inline]
    pub fn poll_send_to(&self, cx: &mut Context<'_>, bytes: &[u8], target: SocketAddr) -> Poll<io::Result<usize>> {
        self.socket.poll(cx, Writing, |socket| socket.io().send_to(bytes, target))
    }

    /// As [`peek`](UdpSocket::peek), and who sent it.
    ///
    /// # Errors
    /// As there.
    ///
    /// # Cancel safety
    /// Dropped, it has changed nothing.
    #[track_caller]
    #[inline]
    pub fn peek_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + 'a {
        self.socket.operation(Reading, move |socket| socket.io().peek_from(buffer))
    }

    /// The poll of [`peek_from`](UdpSocket::peek_from).
    #[track_caller]
    #[inline]
    pub fn poll_peek_from(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        self.socket.poll(cx, Reading, |socket| socket.io().peek_from(buffer))
    }

    /// Whether it may send to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// What the system says. So for all options below.
    #[inline]
    pub fn broadcast(&self) -> io::Result<bool> {
        self.socket.io().broadcast()
    }

    /// Lets it send to broadcast addresses (`SO_BROADCAST`).
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_broadcast(&self, broadcast: bool) -> io::Result<()> {
        self.socket.io().set_broadcast(broadcast)
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

    /// Receives what is sent to an IPv4 group, on the interface with this address; `UNSPECIFIED` lets the system
    /// choose one.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn join_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.io().join_multicast_v4(&group, &interface)
    }

    /// Leaves a group that [`join_multicast_v4`](UdpSocket::join_multicast_v4) joined.
    ///
    /// # Errors
    /// What the system says (`AddrNotAvailable`, if it is no member).
    #[inline]
    pub fn leave_multicast_v4(&self, group: Ipv4Addr, interface: Ipv4Addr) -> io::Result<()> {
        self.socket.io().leave_multicast_v4(&group, &interface)
    }

    /// Receives what is sent to an IPv6 group, on the interface with this index; 0 lets the system choose one.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn join_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.io().join_multicast_v6(group, interface)
    }

    /// Leaves a group that [`join_multicast_v6`](UdpSocket::join_multicast_v6) joined.
    ///
    /// # Errors
    /// What the system says (`AddrNotAvailable`, if it is no member).
    #[inline]
    pub fn leave_multicast_v6(&self, group: &Ipv6Addr, interface: u32) -> io::Result<()> {
        self.socket.io().leave_multicast_v6(group, interface)
    }

    /// Whether what it sends to IPv4 groups comes back to this machine.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn multicast_loop_v4(&self) -> io::Result<bool> {
        self.socket.io().multicast_loop_v4()
    }

    /// Sets whether what it sends to IPv4 groups comes back to this machine.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_multicast_loop_v4(&self, comes_back: bool) -> io::Result<()> {
        self.socket.io().set_multicast_loop_v4(comes_back)
    }

    /// Whether what it sends to IPv6 groups comes back to this machine.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn multicast_loop_v6(&self) -> io::Result<bool> {
        self.socket.io().multicast_loop_v6()
    }

    /// Sets whether what it sends to IPv6 groups comes back to this machine.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_multicast_loop_v6(&self, comes_back: bool) -> io::Result<()> {
        self.socket.io().set_multicast_loop_v6(comes_back)
    }

    /// How many hops a packet to an IPv4 group may take; 1 keeps it in the local network.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn multicast_ttl_v4(&self) -> io::Result<u32> {
        self.socket.io().multicast_ttl_v4()
    }

    /// Sets how many hops a packet to an IPv4 group may take.
    ///
    /// # Errors
    /// What the system says.
    #[inline]
    pub fn set_multicast_ttl_v4(&self, hops: u32) -> io::Result<()> {
        self.socket.io().set_multicast_ttl_v4(hops)
    }
}
