//! From what a user calls a place to the addresses of sockets.

use std::future::Future;
use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::join::try_spawn_blocking;

/// Addresses, or a name that stands for some; as `std::net::ToSocketAddrs`, but names are looked up on the blocking
/// pool. Numeric addresses never start a thread.
///
/// Sealed: it is implemented for what `std` implements its own for.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no address of a socket",
    label = "names no host and port",
    note = "write `\"host:port\"`, `(\"host\", port)`, `(Ipv4Addr::LOCALHOST, port)` or a `SocketAddr`"
)]
pub trait ToSocketAddrs: sealed::Sealed {}

mod sealed {
    use std::net::SocketAddr;

    pub trait Sealed {
        fn addresses(&self) -> Addresses;
    }

    pub enum Addresses {
        /// Apart, so that a datagram to one address allocates nothing.
        One(SocketAddr),
        Many(Vec<SocketAddr>),
        Name(String, u16),
        /// Text that names no port, or no host.
        Malformed(String),
    }
}
use sealed::{Addresses, Sealed};

macro_rules! known {
    ($($kind:ty),* $(,)?) => {$(
        impl Sealed for $kind {
            fn addresses(&self) -> Addresses {
                Addresses::One(SocketAddr::from(*self))
            }
        }
        impl ToSocketAddrs for $kind {}
    )*};
}
known!(SocketAddr, SocketAddrV4, SocketAddrV6, (IpAddr, u16), (Ipv4Addr, u16), (Ipv6Addr, u16));

impl Sealed for [SocketAddr] {
    fn addresses(&self) -> Addresses {
        Addresses::Many(self.to_vec())
    }
}
impl ToSocketAddrs for [SocketAddr] {}

impl Sealed for (&str, u16) {
    fn addresses(&self) -> Addresses {
        match self.0.parse::<IpAddr>() {
            Ok(ip) => Addresses::One((ip, self.1).into()),
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
            return Addresses::One(addr);
        }
        // In a bare IPv6 address the last part is not a port.
        let is_bare = self.parse::<Ipv6Addr>().is_ok();
        match self.rsplit_once(':').map(|(host, port)| (host, port.parse())) {
            Some((host, Ok(port))) if !host.is_empty() && !is_bare => {
                Addresses::Name(without_brackets(host).to_owned(), port)
            }
            _ => Addresses::Malformed(self.to_owned()),
        }
    }
}
impl ToSocketAddrs for str {}

/// Brackets keep an IPv6 address from its port; the resolver wants it without. `[fe80::1%eth0]` comes here, for only
/// the system knows the interface.
fn without_brackets(host: &str) -> &str {
    let inside = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    inside.filter(|inside| inside.contains(':')).unwrap_or(host)
}

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
        Addresses::One(addr) => Ok(vec![addr]),
        Addresses::Many(addresses) => Ok(addresses),
        Addresses::Name(host, port) => Lookup::begin(host, port)?.await,
        Addresses::Malformed(text) => {
            let example = if text.parse::<Ipv6Addr>().is_ok() { "[::1]:80" } else { "127.0.0.1:80" };
            Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{text:?} is no socket address; write host:port, as {example}"),
            ))
        }
    }
}

/// A look-up on the pool. It holds no `JoinHandle`, which is not `Send`, so the futures of `connect` and `bind` are.
struct Lookup {
    slot: Arc<Mutex<Slot>>,
}

enum Slot {
    Waiting(Option<Waker>),
    Found(io::Result<Vec<SocketAddr>>),
    Taken,
}

/// The pool's end of a look-up. Dropped before it gave an answer, it says that there will be none.
struct Answer {
    slot: Arc<Mutex<Slot>>,
}

impl Lookup {
    fn begin(host: String, port: u16) -> io::Result<Lookup> {
        let slot = Arc::new(Mutex::new(Slot::Waiting(None)));
        let answer = Answer { slot: slot.clone() };
        let lookup = move || {
            let found = std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), port)).map(Vec::from_iter);
            answer.give(found.map_err(|error| {
                io::Error::new(error.kind(), format!("the address of {host:?} was not found: {error}"))
            }));
        };
        try_spawn_blocking(lookup)?.detach();
        Ok(Lookup { slot })
    }
}

impl Answer {
    fn give(&self, found: io::Result<Vec<SocketAddr>>) {
        let mut slot = lock(&self.slot);
        let Slot::Waiting(waker) = &mut *slot else { return };
        let waker = waker.take();
        *slot = Slot::Found(found);
        drop(slot); // a waker is foreign code
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.give(Err(io::Error::other("the look-up was cancelled: its runtime is gone")));
    }
}

impl Future for Lookup {
    type Output = io::Result<Vec<SocketAddr>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let new = cx.waker().clone();
        let mut slot = lock(&self.slot);
        let old = match mem::replace(&mut *slot, Slot::Taken) {
            Slot::Waiting(old) => old,
            Slot::Found(found) => return Poll::Ready(found),
            Slot::Taken => panic!("a look-up was polled again after it gave its answer"),
        };
        *slot = Slot::Waiting(Some(new));
        drop(slot);
        drop(old); // with no lock held, for it is foreign code
        Poll::Pending
    }
}

/// Nothing panics under this lock.
fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

fn no_address() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the name has no address")
}

/// Tries each address in turn; the last one's error is given if all fail.
pub(super) fn first_of<A, T, F>(
    addr: A,
    mut attempt: impl FnMut(SocketAddr) -> F,
) -> impl Future<Output = io::Result<T>>
where
    A: ToSocketAddrs,
    F: Future<Output = io::Result<T>>,
{
    let addresses = addr.addresses();
    async move {
        let mut last = None;
        for addr in resolve(addresses).await? {
            match attempt(addr).await {
                Ok(done) => return Ok(done),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(no_address))
    }
}

/// The first address.
pub(super) fn first<A: ToSocketAddrs>(addr: A) -> impl Future<Output = io::Result<SocketAddr>> + use<A> {
    let addresses = addr.addresses();
    async move {
        match addresses {
            Addresses::One(addr) => Ok(addr),
            other => resolve(other).await?.into_iter().next().ok_or_else(no_address),
        }
    }
}
