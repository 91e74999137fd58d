//! How hyper-util's client comes to a connection.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::pin::Pin;
#[cfg(unix)]
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::Uri;
use hyper_util::client::legacy::connect::{Connected, Connection};
use tower_service::Service;

#[cfg(unix)]
use crate::net::UnixStream;
use crate::net::{TcpStream, lookup_host};
use crate::time::{Sleep, sleep, timeout};

/// How long one address is tried before the next is tried beside it (RFC 8305, "Connection Attempt Delay").
const HEAD_START: Duration = Duration::from_millis(250);

type Connecting<S> = Pin<Box<dyn Future<Output = io::Result<S>> + Send>>;

/// Connects over TCP for hyper-util's client: `Client::builder(Exec).build(Connector::new())`.
///
/// A name is looked up on the blocking pool. Where it has several addresses, each gets 250 ms before the next is
/// tried beside it, in the resolver's order but with the families in turn (RFC 8305, "happy eyeballs"); one that fails
/// makes room at once. The first connection wins.
///
/// # Errors
/// `InvalidInput` for a URI without a host, with a port beyond 65535, or of another scheme than `http` (see
/// [`enforce_http`](Connector::enforce_http)); what the resolver says; what the system says, with each address that was
/// tried; `TimedOut`. The client gives them as the source of its own error.
///
/// # Cancel safety
/// Dropped, the future closes the sockets that were connecting.
///
/// # Examples
/// ```
/// use glassloop::compat::hyper::{Exec, Timer};
/// use glassloop::compat::hyper_util::Connector;
/// use hyper_util::client::legacy::Client;
/// use std::error::Error;
/// use std::time::Duration;
///
/// glassloop::run(async {
///     let connector = Connector::new().connect_timeout(Duration::from_secs(5));
///     let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(connector);
///     let error = client.get("http://127.0.0.1:1/".parse().unwrap()).await.unwrap_err();
///     assert!(error.source().unwrap().to_string().starts_with("127.0.0.1:1: "));
/// });
/// ```
#[derive(Clone, Debug)]
pub struct Connector {
    nodelay: bool,
    any_scheme: bool,
    connect_timeout: Option<Duration>,
}

impl Connector {
    /// Connects with `TCP_NODELAY` and without a limit of time.
    #[must_use]
    pub fn new() -> Connector {
        Connector { nodelay: true, any_scheme: false, connect_timeout: None }
    }

    /// Whether small writes go out at once (`TCP_NODELAY`). They do by default: hyper writes a request in one piece.
    #[must_use]
    pub fn nodelay(self, nodelay: bool) -> Connector {
        Connector { nodelay, ..self }
    }

    /// How long looking up the name and connecting to all of its addresses may take together.
    #[must_use]
    pub fn connect_timeout(self, limit: Duration) -> Connector {
        Connector { connect_timeout: Some(limit), ..self }
    }

    /// Whether a URI of another scheme than `http` is refused. It is by default, for what goes through this connection
    /// is not encrypted; a connector that puts TLS on it turns this off. The default port of `https` is known.
    #[must_use]
    pub fn enforce_http(self, enforce: bool) -> Connector {
        Connector { any_scheme: !enforce, ..self }
    }

    /// The host and the port of `uri`.
    fn place(&self, uri: &Uri) -> io::Result<String> {
        let invalid = |why: String| io::Error::new(io::ErrorKind::InvalidInput, why);
        let scheme = uri.scheme_str();
        if !self.any_scheme && scheme != Some("http") {
            return Err(invalid(format!("{uri} is not http, and this connector does not encrypt")));
        }
        let host = uri.host().ok_or_else(|| invalid(format!("{uri} names no host")))?;
        // Not by `uri.port()`, which says of a port beyond 65535 that there is none.
        let place = uri.authority().and_then(|authority| authority.as_str().rsplit('@').next()).unwrap_or(host);
        match place.strip_prefix(host).unwrap_or_default() {
            "" | ":" => Ok(format!("{host}:{}", if scheme == Some("https") { 443 } else { 80 })),
            port if port[1..].parse::<u16>().is_ok() => Ok(place.to_owned()),
            _ => Err(invalid(format!("{uri} names a port that no socket has"))),
        }
    }

    async fn connect(self, uri: Uri) -> io::Result<TcpStream> {
        let place = self.place(&uri)?;
        let connecting = async {
            let addresses = lookup_host(place.as_str()).await?;
            let stream = first_of(&place, in_turn(addresses)).await?;
            stream.set_nodelay(self.nodelay)?;
            Ok(stream)
        };
        match self.connect_timeout {
            None => connecting.await,
            Some(limit) => timeout(limit, connecting).await.unwrap_or_else(|_| {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("{place}: no connection within {limit:?}")))
            }),
        }
    }
}

impl Default for Connector {
    fn default() -> Connector {
        Connector::new()
    }
}

impl Service<Uri> for Connector {
    type Response = TcpStream;
    type Error = io::Error;
    type Future = Connecting<TcpStream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Connecting<TcpStream> {
        Box::pin(self.clone().connect(uri))
    }
}

impl Connection for TcpStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

/// The addresses in their order, but with the families in turn, so that a family that leads nowhere costs one head
/// start.
fn in_turn(addresses: impl Iterator<Item = SocketAddr>) -> Vec<SocketAddr> {
    let mut places = [0, 0];
    let mut placed: Vec<_> = addresses
        .map(|addr| {
            let place = &mut places[usize::from(addr.is_ipv6())];
            *place += 1;
            (*place, addr)
        })
        .collect();
    placed.sort_by_key(|&(place, _)| place); // stable: of two with one place, the resolver's first stays first
    placed.into_iter().map(|(_, addr)| addr).collect()
}

/// Connects to whichever address answers first.
async fn first_of(place: &str, addresses: Vec<SocketAddr>) -> io::Result<TcpStream> {
    let mut waiting = addresses.into_iter();
    let mut trying: Vec<(SocketAddr, Connecting<TcpStream>)> = Vec::new();
    let mut failed = None;
    let mut head_start: Option<Sleep> = None; // without one the next is tried at once
    poll_fn(|cx| {
        loop {
            let mut tried = 0;
            while let Some((addr, attempt)) = trying.get_mut(tried) {
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(stream)) => return Poll::Ready(Ok(stream)),
                    Poll::Ready(Err(error)) => {
                        failed = Some(and(failed.take(), *addr, &error));
                        drop(trying.remove(tried));
                        head_start = None;
                    }
                    Poll::Pending => tried += 1,
                }
            }
            match waiting.as_slice() {
                [] if trying.is_empty() => {
                    return Poll::Ready(Err(failed.take().unwrap_or_else(|| no_address(place))));
                }
                [] => return Poll::Pending,
                _ => {}
            }
            if head_start.as_mut().is_some_and(|time| Pin::new(time).poll(cx).is_pending()) {
                return Poll::Pending;
            }
            trying.extend(waiting.next().map(|addr| (addr, Box::pin(TcpStream::connect(addr)) as _)));
            head_start = (!waiting.as_slice().is_empty()).then(|| sleep(HEAD_START));
        }
    })
    .await
}

fn no_address(place: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("{place} has no address"))
}

/// One error more, with its address.
fn and(before: Option<io::Error>, addr: SocketAddr, error: &io::Error) -> io::Error {
    match before {
        None => io::Error::new(error.kind(), format!("{addr}: {error}")),
        Some(before) => io::Error::new(error.kind(), format!("{before}; {addr}: {error}")),
    }
}

/// Connects to one Unix socket, whatever the URI says, for hyper-util's client: the URI still gives the path, and the
/// `host` header.
///
/// # Errors
/// As [`UnixStream::connect`].
///
/// # Examples
/// ```no_run
/// use glassloop::compat::hyper::{Exec, Timer};
/// use glassloop::compat::hyper_util::UnixConnector;
/// use hyper_util::client::legacy::Client;
///
/// glassloop::run(async {
///     let docker = UnixConnector::new("/var/run/docker.sock");
///     let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(docker);
///     let answer = client.get("http://docker/version".parse().unwrap()).await.unwrap();
///     println!("{}", answer.status());
/// });
/// ```
#[cfg(unix)]
#[derive(Clone, Debug)]
pub struct UnixConnector {
    path: Arc<Path>,
}

#[cfg(unix)]
impl UnixConnector {
    /// Connects to the listener at `path`.
    #[must_use]
    pub fn new(path: impl AsRef<Path>) -> UnixConnector {
        UnixConnector { path: path.as_ref().into() }
    }
}

#[cfg(unix)]
impl Service<Uri> for UnixConnector {
    type Response = UnixStream;
    type Error = io::Error;
    type Future = Connecting<UnixStream>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Connecting<UnixStream> {
        let path = self.path.clone();
        Box::pin(async move {
            let connected = UnixStream::connect(&*path).await;
            connected.map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", path.display())))
        })
    }
}

#[cfg(unix)]
impl Connection for UnixStream {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::net::{TcpListener, TcpSocket};
    use crate::time::Instant;

    /// Listens; accepts nobody whom the kernel does not.
    async fn listening() -> (TcpListener, SocketAddr) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        (listener, addr)
    }

    async fn refuses() -> SocketAddr {
        listening().await.1
    }

    /// A listener with a full backlog: who connects hears nothing.
    async fn silent() -> (SocketAddr, impl Sized) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let fills = TcpStream::connect(addr).await.unwrap();
        (addr, (listener, fills))
    }

    fn paused<F: Future>(test: F) -> F::Output {
        crate::Builder::new().start_paused(true).build().unwrap().block_on(test)
    }

    #[test]
    fn an_address_that_refuses_makes_room_for_the_next_at_once() {
        paused(async {
            let (_listener, addr) = listening().await;
            let start = Instant::now();
            let stream = first_of("x:80", vec![refuses().await, addr]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
            assert_eq!(start.elapsed(), Duration::ZERO);
        });
    }

    #[test]
    fn an_address_that_is_silent_has_its_head_start_and_then_the_next_is_tried() {
        paused(async {
            let ((silent, _full), (_listener, addr)) = (silent().await, listening().await);
            let start = Instant::now();
            let stream = first_of("x:80", vec![silent, addr]).await.unwrap();
            assert_eq!(stream.peer_addr().unwrap(), addr);
            assert_eq!(start.elapsed(), HEAD_START);
        });
    }

    #[test]
    fn addresses_that_all_fail_are_all_named() {
        paused(async {
            let (one, other) = (refuses().await, refuses().await);
            let error = first_of("x:80", vec![one, other]).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
            let told = error.to_string();
            assert!(told.starts_with(&format!("{one}: ")) && told.contains(&format!("; {other}: ")), "{told}");
        });
    }

    #[test]
    fn no_address_at_all_is_an_error_that_names_the_place() {
        let error = paused(first_of("x:80", Vec::new())).unwrap_err();
        assert_eq!(error.to_string(), "x:80 has no address");
    }

    #[test]
    fn a_uri_gives_the_place_to_connect_to() {
        let connector = Connector::new().enforce_http(false);
        for (uri, place) in [
            ("http://a", "a:80"),
            ("http://a:/", "a:80"),
            ("https://a/b:1", "a:443"),
            ("http://8:8080", "8:8080"),
            ("http://u:p@b:81", "b:81"),
            ("http://[::1]", "[::1]:80"),
            ("http://[::1]:81", "[::1]:81"),
        ] {
            let Ok(uri) = uri.parse() else { panic!("{uri}") };
            assert_eq!(connector.place(&uri).unwrap(), place);
        }
    }

    #[test]
    fn families_take_turns_in_the_resolvers_order() {
        let found = ["[::1]:1", "[::2]:1", "[::3]:1", "1.0.0.1:1", "1.0.0.2:1"].map(|addr| addr.parse().unwrap());
        let turns: Vec<_> = in_turn(found.into_iter()).iter().map(SocketAddr::to_string).collect();
        assert_eq!(turns, ["[::1]:1", "1.0.0.1:1", "[::2]:1", "1.0.0.2:1", "[::3]:1"]);
    }
}
