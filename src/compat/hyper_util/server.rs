//! A server: accepts, gives each connection a task of its own, and ends in good order.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::conn::auto::Builder;
use slab::Slab;

use super::Listener;
use super::service::{BoxError, Each, Make, MakesServices, PATIENCE, Serves, Tower};
use crate::compat::hyper::{Exec, Timer};
use crate::join::{JoinHandle, spawn_named, yield_now};
use crate::sync::{CancellationToken, Notify};
use crate::time::{sleep, timeout};

/// How long nothing is accepted after the system said that it cannot.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves HTTP/1 and HTTP/2 with the services that a tower service makes, one for each connection: of an axum `Router`,
/// [`into_make_service()`]. Services and their futures need not be `Send`.
///
/// Every connection is a task of its own, which traces and reports name `http from 127.0.0.1:50000`. `make` is given
/// where the connection comes from; an error of it ends the connection. A panic in a handler ends its connection too,
/// and is told as that of any detached task.
///
/// (A `Router` is itself a service for requests, but one that puts its layers on anew with each: a limit of
/// concurrency, say, then limits nothing. `into_make_service` puts them on once.)
///
/// [`into_make_service()`]: https://docs.rs/axum/0.8/axum/struct.Router.html#method.into_make_service
///
/// # Scheduling
/// Connections are accepted in their order, one in a poll; then the tasks that were ready before have their turn.
///
/// # Errors
/// When the listener does not listen any more, or is another loop's; requests that run are answered first. After any
/// other error of accept the server goes on: at once where a client went away, after a second where the system lacks
/// something (`EMFILE`).
///
/// # Cancel safety
/// Dropped, it aborts every connection.
///
/// # Examples
/// The page `docs/axum.md` serves axum. Here a service that counts its requests on the loop's thread:
/// ```
/// use glassloop::compat::hyper_util::serve;
/// use glassloop::net::{TcpListener, TcpStream};
/// use hyper::{Request, Response, body::Incoming};
/// use std::{cell::Cell, convert::Infallible, rc::Rc};
/// use tower::{make::Shared, service_fn};
///
/// glassloop::run(async {
///     let served = Rc::new(Cell::new(0));
///     let count = served.clone();
///     let service = service_fn(move |_: Request<Incoming>| {
///         count.set(count.get() + 1);
///         async { Ok::<_, Infallible>(Response::new("hello".to_owned())) }
///     });
///     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
///     let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
///     let server = glassloop::spawn(serve(listener, Shared::new(service)).into_future());
///     client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
///     let mut answer = [0; 15];
///     client.read_exact(&mut answer).await.unwrap();
///     assert_eq!(&answer, b"HTTP/1.1 200 OK");
///     assert_eq!(served.get(), 1);
///     server.abort();
/// });
/// ```
pub fn serve<L, M>(listener: L, make: M) -> Serve<L, Tower<M>>
where
    L: Listener,
    M: MakesServices<L::Addr>,
{
    Serve::new(listener, Tower(make))
}

/// As [`serve`], with hyper's own services: `make` makes one for each connection, of which it sees the stream and where
/// it comes from.
///
/// # Errors
/// As [`serve`].
///
/// # Cancel safety
/// As [`serve`].
///
/// # Examples
/// The [module](super) shows one.
pub fn serve_hyper<L, M, S>(listener: L, make: M) -> Serve<L, Each<M>>
where
    L: Listener,
    M: Fn(&L::Io, &L::Addr) -> S,
{
    Serve::new(listener, Each(make))
}

/// A server, to be awaited: [`serve`] and [`serve_hyper`] make it.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L, M, F = Pending<()>> {
    listener: L,
    make: M,
    builder: Builder<Exec>,
    tell: Box<Tell>,
    signal: F,
    limit: Option<Duration>,
}

type Tell = dyn Fn(&str, &(dyn Error + 'static));

/// What a server did until it was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// How many connections it accepted.
    pub connections: u64,
    /// How many of them the limit of the shutdown cut.
    pub cut: usize,
}

impl<L, M> Serve<L, M> {
    fn new(listener: L, make: M) -> Serve<L, M> {
        let mut builder = Builder::new(Exec);
        builder.http1().timer(Timer);
        builder.http2().timer(Timer).enable_connect_protocol(); // as axum: WebSockets over HTTP/2 ask for it
        Serve { listener, make, builder, tell: Box::new(|_, _| {}), signal: pending(), limit: None }
    }
}

impl<L, M, F> Serve<L, M, F> {
    /// Shuts down when `signal` completes: accepts nothing more, closes connections that wait for a request, lets the
    /// requests that run end, and completes. Without it a server runs for ever. A connection that was upgraded (to a
    /// WebSocket, say) is no longer the server's: whoever has it ends it.
    pub fn with_graceful_shutdown<G: Future<Output = ()>>(self, signal: G) -> Serve<L, M, G> {
        let Serve { listener, make, builder, tell, limit, .. } = self;
        Serve { listener, make, builder, tell, signal, limit }
    }

    /// How long a shutdown lets the requests that run go on; then it aborts their connections, and
    /// [`Served::cut`] counts them. Without it a shutdown waits for the last.
    pub fn shutdown_limit(self, limit: Duration) -> Serve<L, M, F> {
        Serve { limit: Some(limit), ..self }
    }

    /// Changes how connections are served: hyper-util's builder with our [`Exec`] and [`Timer`] in it, and its defaults
    /// (of HTTP/1, 30 seconds to read a request's head).
    ///
    /// # Examples
    /// ```
    /// # use glassloop::compat::hyper_util::{Listener, Serve};
    /// # use std::time::Duration;
    /// # fn fussy<L: Listener, M>(server: Serve<L, M>) -> Serve<L, M> {
    /// server.configure(|mut builder| {
    ///     builder.http1().header_read_timeout(Duration::from_secs(5));
    ///     builder.http1_only()
    /// })
    /// # }
    /// ```
    pub fn configure(self, change: impl FnOnce(Builder<Exec>) -> Builder<Exec>) -> Serve<L, M, F> {
        Serve { builder: change(self.builder), ..self }
    }

    /// What is done about an error: of a connection, with the name of its task; or of `accept`, so named, after which
    /// the server goes on. Without it nothing is: most are the doing of clients.
    ///
    /// # Examples
    /// ```
    /// # use glassloop::compat::hyper_util::{Listener, Serve};
    /// # fn talkative<L: Listener, M>(server: Serve<L, M>) -> Serve<L, M> {
    /// server.on_error(|whose, error| eprintln!("{whose}: {error}"))
    /// # }
    /// ```
    pub fn on_error(self, tell: impl Fn(&str, &(dyn Error + 'static)) + 'static) -> Serve<L, M, F> {
        Serve { tell: Box::new(tell), ..self }
    }
}

impl<L, M, F> IntoFuture for Serve<L, M, F>
where
    L: Listener + 'static,
    M: Make<L::Io, L::Addr> + 'static,
    F: Future<Output = ()> + 'static,
{
    type Output = io::Result<Served>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Served>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

async fn run<L, M, F>(server: Serve<L, M, F>) -> io::Result<Served>
where
    L: Listener + 'static,
    M: Make<L::Io, L::Addr> + 'static,
    F: Future<Output = ()>,
{
    let Serve { listener, make, builder, tell, signal, limit } = server;
    let site = Rc::new(Site { make, builder, tell });
    let open = Open(Rc::default());
    let connections = &open.0;
    let ended = {
        let mut signal = pin!(signal);
        let mut accepting = pin!(accept(listener, site, connections));
        poll_fn(|cx| match signal.as_mut().poll(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => accepting.as_mut().poll(cx).map(Err),
        })
        .await
    }; // the listener is closed
    connections.stop.cancel();
    let cut = match limit {
        None => 0,
        Some(limit) => match timeout(limit, connections.all_ended()).await {
            Ok(()) => 0,
            Err(_) => connections.abort(),
        },
    };
    connections.all_ended().await;
    ended.map(|()| Served { connections: connections.accepted.get(), cut })
}

/// Accepts until that fails for good.
async fn accept<L, M>(mut listener: L, site: Rc<Site<M>>, connections: &Rc<Connections>) -> io::Error
where
    L: Listener + 'static,
    M: Make<L::Io, L::Addr> + 'static,
{
    loop {
        match listener.accept().await {
            Ok((raw, peer)) => {
                let name: Arc<str> = format!("http from {peer:?}").into();
                let (opening, site, stop) = (listener.open(raw), site.clone(), connections.stop.clone());
                connections.spawn(name.clone(), async move {
                    if let Err(error) = connection(&site, opening, peer, &stop).await {
                        (site.tell)(&name, &*error);
                    }
                });
                yield_now().await; // a full backlog would else be accepted whole before anybody is served
            }
            Err(error) if error.raw_os_error().is_none() || error.kind() == io::ErrorKind::InvalidInput => {
                return error;
            }
            Err(error) => {
                (site.tell)("accept", &error);
                // A client that is gone already is none of the others' concern. Where the system lacks something, the
                // connection stays in the backlog and the listener ready: to try again at once would spin.
                if !matches!(error.kind(), io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset) {
                    sleep(PAUSE).await;
                }
            }
        }
    }
}

/// What all connections of a server share.
struct Site<M> {
    make: M,
    builder: Builder<Exec>,
    tell: Box<Tell>,
}

/// One connection, from its handshake to its end.
async fn connection<Io, Addr, M: Make<Io, Addr>>(
    site: &Site<M>,
    opening: impl Future<Output = io::Result<Io>>,
    peer: Addr,
    stop: &CancellationToken,
) -> Result<(), BoxError> {
    let beginning = async {
        let opened = timeout(PATIENCE, opening).await;
        let io = opened.map_err(|_| format!("no end of the handshake within {PATIENCE:?}"))??;
        let service = site.make.make(&io, peer).await?;
        Ok::<_, BoxError>((io, service))
    };
    let Some(begun) = stop.run_until_cancelled(beginning).await else { return Ok(()) };
    let (io, service) = begun?;
    service.serve(&site.builder, io, stop).await
}

/// The connections of a server. Each takes its own handle out when it ends, so that its panic, if it had one, is told
/// as any that no handle will give.
#[derive(Default)]
struct Connections {
    tasks: RefCell<Slab<JoinHandle<()>>>,
    accepted: Cell<u64>,
    ended: Notify,
    stop: CancellationToken,
}

/// Of the server's own future: dropped, it aborts the connections.
struct Open(Rc<Connections>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Of a connection's future.
struct Entry {
    connections: Rc<Connections>,
    key: usize,
}

impl Drop for Entry {
    fn drop(&mut self) {
        let task = self.connections.tasks.borrow_mut().try_remove(self.key);
        drop(task);
        self.connections.ended.notify_one();
    }
}

impl Connections {
    fn spawn(self: &Rc<Self>, name: Arc<str>, connection: impl Future<Output = ()> + 'static) {
        let key = self.tasks.borrow().vacant_key();
        let entry = Entry { connections: self.clone(), key };
        let task = spawn_named(name, async move {
            let _entry = entry;
            connection.await;
        });
        self.tasks.borrow_mut().insert(task);
        self.accepted.set(self.accepted.get() + 1);
    }

    async fn all_ended(&self) {
        while !self.tasks.borrow().is_empty() {
            self.ended.notified().await;
        }
    }

    /// Aborts those that are open, in the order of their spawns, and says how many.
    fn abort(&self) -> usize {
        let mut open: Vec<_> = self.tasks.borrow().iter().map(|(_, task)| task.abort_handle()).collect();
        open.sort_unstable_by_key(|task| task.id()); // keys are used again, so their order is another
        open.iter().for_each(|task| task.abort());
        open.len()
    }
}

impl<L: fmt::Debug, M, F> fmt::Debug for Serve<L, M, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("listener", &self.listener)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
