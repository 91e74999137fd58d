//! From what a user calls a place to the addresses of sockets.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use crate::join::try_spawn_blocking;

/// Addresses, or a name that stands for some; as `std::net::ToSocketAddrs`, but names are looked up on the blocking
/// pool. Numeric addresses never start a thread.
///
/// Sealed: it is implemented for what `std` implements its own for.
pub trait ToSocketAddrs: sealed::Sealed {}

mod sealed {
    use std::net::SocketAddr;

    pub trait Sealed {
        fn addresses(&self) -> Addresses;
    }

    pub enum Addresses {
        Known(Vec<SocketAddr>),
        Name(String, u16),
        /// Text that names no port.
        Malformed(String),
    }
}
use sealed::{Addresses, Sealed};

macro_rules! known {
    ($($kind:ty),* $(,)?) => {$(
        impl Sealed for $kind {
            fn addresses(&self) -> Addresses {
                Addresses::Known(vec![SocketAddr::from(*self)])
            }
        }
        impl ToSocketAddrs for $kind {}
    )*};
}
known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Sealed for [SocketAddr] {
    fn addresses(&self) -> Addresses {
        Addresses::Known(self.to_vec())
    }
}
impl ToSocketAddrs for [SocketAddr] {}

impl Sealed for (&str, u16) {
    fn addresses(&self) -> Addresses {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Addresses::Known(vec![(ip, self.1).into()]),
            Err(_) => Addresses::Name(self.0.to_owned(), self.1),
        }
    }
}
impl ToSocketAddrs for (&str, u16) {}

impl Sealed for (String, u16) {
    fn addresses(&self) -> Addresses {
        (self.0.as_str(), self.1).addresses()
    }
}
impl ToSocketAddrs for (String, u16) {}

impl Sealed for str {
    fn addresses(&self) -> Addresses {
        if let Ok(addr) = self.parse() {
            return Addresses::Known(vec![addr]);
        }
        match self.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) => Addresses::Name(host.to_owned(), port),
            _ => Addresses::Malformed(self.to_owned()),
        }
    }
}
impl ToSocketAddrs for str {}

impl Sealed for String {
    fn addresses(&self) -> Addresses {
        self.as_str().addresses()
    }
}
impl ToSocketAddrs for String {}

impl<T: Sealed + ?Sized> Sealed for &T {
    fn addresses(&self) -> Addresses {
        (**self).addresses()
    }
}
impl<T: ToSocketAddrs + ?Sized> ToSocketAddrs for &T {}

/// Looks up the addresses of a name on the blocking pool, by the system's resolver.
///
/// # Errors
/// What the resolver says; `InvalidInput` for text without a port.
///
/// # Cancel safety
/// Dropped, the look-up goes on by itself and its answer is lost.
///
/// # Examples
/// ```
/// glassloop::run(async {
///     let mut found = glassloop::net::lookup_host("127.0.0.1:80").await.unwrap();
///     assert_eq!(found.next(), Some("127.0.0.1:80".parse().unwrap()));
/// });
/// ```
pub fn lookup_host(name: impl ToSocketAddrs) -> impl Future<Output = io::Result<std::vec::IntoIter<SocketAddr>>> {
    let addresses = name.addresses();
    async move { resolve(addresses).await.map(Vec::into_iter) }
}

async fn resolve(addresses: Addresses) -> io::Result<Vec<SocketAddr>> {
    match addresses {
        Addresses::Known(addresses) => Ok(addresses),
        Addresses::Name(host, port) => {
            let lookup = try_spawn_blocking(move || {
                std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)).map(Vec::from_iter)
            })?;
            lookup.await.map_err(io::Error::other)?
        }
        Addresses::Malformed(text) => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{text:?} is no socket address; write host:port, as 127.0.0.1:80"),
        )),
    }
}

/// Tries each address in turn; the last one's error is given if all fail.
pub(super) async fn first_of<T, F>(
    addr: impl ToSocketAddrs,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut last = None;
    for addr in resolve(addr.addresses()).await? {
        match attempt(addr).await {
            Ok(done) => return Ok(done),
            Err(error) => last = Some(error),
        }
    }
    Err(last.unwrap_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "the name has no address")))
}
