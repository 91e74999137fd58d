//! A server: accepts, gives each connection a task of its own, and ends in good order.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture, Pending, pending, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use slab::Slab;

use super::Listener;
use crate::compat::hyper::{Exec, Timer};
use crate::join::{JoinHandle, spawn_named, yield_now};
use crate::sync::{CancellationToken, Notify};
use crate::time::{sleep, timeout};

type BoxError = Box<dyn Error + Send + Sync>;

/// How long a connection may take to be opened, and then to its first request. hyper's own limit on a request's head
/// begins only when the version of HTTP is known, so without this a client that says nothing stays for ever.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long nothing is accepted after the system said that it cannot.
const PAUSE: Duration = Duration::from_secs(1);

/// Serves a tower service, such as axum's `Router`, over HTTP/1 and HTTP/2. The service and its futures need not be
/// `Send`.
///
/// Every connection is a task of its own, which traces and reports name `http from 127.0.0.1:50000`. It gets a clone of
/// the service for each request. A panic in it ends its connection, and is told as that of any detached task.
///
/// # Scheduling
/// Connections are accepted in their order, one in a poll; then the tasks that were ready before have their turn.
///
/// # Errors
/// When the listener does not listen any more, or is another loop's. After any other error of accept the server goes
/// on: at once where a client went away, after a second where the system lacks something (`EMFILE`).
///
/// # Cancel safety
/// Dropped, it aborts every connection.
///
/// # Examples
/// ```
/// use glassloop::compat::hyper_util::serve;
/// use glassloop::net::{TcpListener, TcpStream};
/// use hyper::{Request, Response, body::Incoming};
/// use std::future::{Ready, ready};
/// use std::task::{Context, Poll};
/// use std::{cell::Cell, convert::Infallible, rc::Rc, time::Duration};
///
/// /// Counts its requests, on the loop's thread.
/// #[derive(Clone)]
/// struct Count(Rc<Cell<u32>>);
///
/// impl tower_service::Service<Request<Incoming>> for Count {
///     type Response = Response<String>;
///     type Error = Infallible;
///     type Future = Ready<Result<Response<String>, Infallible>>;
///
///     fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn call(&mut self, _: Request<Incoming>) -> Self::Future {
///         self.0.set(self.0.get() + 1);
///         ready(Ok(Response::new(format!("you are number {}", self.0.get()))))
///     }
/// }
///
/// glassloop::run(async {
///     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
///     let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
///     let server = glassloop::spawn(serve(listener, Count(Rc::default())).into_future());
///     client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
///     let mut answer = [0; 15];
///     client.read_exact(&mut answer).await.unwrap();
///     assert_eq!(&answer, b"HTTP/1.1 200 OK");
///     server.abort();
/// });
/// ```
pub fn serve<L, S>(listener: L, service: S) -> Serve<L, impl Fn(&L::Io, &L::Addr) -> TowerToHyperService<S>>
where
    L: Listener,
    S: tower_service::Service<Request<Incoming>> + Clone,
{
    let service = TowerToHyperService::new(service);
    serve_hyper(listener, move |_, _| service.clone())
}

/// As [`serve`], with hyper's own service: `make` makes one for each connection, of which it sees the stream and where
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
pub fn serve_hyper<L, M, S>(listener: L, make: M) -> Serve<L, M>
where
    L: Listener,
    M: Fn(&L::Io, &L::Addr) -> S,
{
    let mut builder = Builder::new(Exec);
    builder.http1().timer(Timer);
    builder.http2().timer(Timer).enable_connect_protocol(); // as axum: what WebSockets over HTTP/2 ask for
    Serve { listener, make, builder, signal: pending(), limit: None }
}

/// A server, to be awaited: [`serve`] and [`serve_hyper`] make it.
#[must_use = "a server does nothing unless it is awaited"]
pub struct Serve<L, M, F = Pending<()>> {
    listener: L,
    make: M,
    builder: Builder<Exec>,
    signal: F,
    limit: Option<Duration>,
}

/// What a server did until it was shut down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Served {
    /// How many connections it accepted.
    pub connections: u64,
    /// How many of them the limit of the shutdown cut.
    pub cut: usize,
}

impl<L, M, F> Serve<L, M, F> {
    /// Shuts down when `signal` completes: accepts nothing more, closes connections that wait for a request, lets the
    /// requests that run end, and completes. Without it a server runs for ever.
    pub fn with_graceful_shutdown<G: Future<Output = ()>>(self, signal: G) -> Serve<L, M, G> {
        let Serve { listener, make, builder, limit, .. } = self;
        Serve { listener, make, builder, signal, limit }
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
}

impl<L, M, S, F> IntoFuture for Serve<L, M, F>
where
    L: Listener + 'static,
    M: Fn(&L::Io, &L::Addr) -> S + 'static,
    S: Serves<L::Io> + 'static,
    F: Future<Output = ()> + 'static,
{
    type Output = io::Result<Served>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<Served>>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(run(self))
    }
}

async fn run<L, M, S, F>(server: Serve<L, M, F>) -> io::Result<Served>
where
    L: Listener + 'static,
    M: Fn(&L::Io, &L::Addr) -> S + 'static,
    S: Serves<L::Io> + 'static,
    F: Future<Output = ()>,
{
    let Serve { listener, make, builder, signal, limit } = server;
    let open = Open(Rc::default());
    let connections = &open.0;
    let ended = {
        let mut signal = pin!(signal);
        let mut accepting = pin!(accept(listener, Rc::new(make), Rc::new(builder), connections));
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
async fn accept<L, M, S>(
    mut listener: L,
    make: Rc<M>,
    builder: Rc<Builder<Exec>>,
    connections: &Rc<Connections>,
) -> io::Error
where
    L: Listener + 'static,
    M: Fn(&L::Io, &L::Addr) -> S + 'static,
    S: Serves<L::Io> + 'static,
{
    loop {
        match listener.accept().await {
            Ok((raw, peer)) => {
                let name = format!("http from {peer:?}");
                let (opening, make, builder) = (listener.open(raw), make.clone(), builder.clone());
                let stop = connections.stop.clone();
                connections.spawn(name, async move {
                    let opening = stop.run_until_cancelled(timeout(PATIENCE, opening));
                    if let Some(Ok(Ok(io))) = opening.await {
                        make(&io, &peer).serve(&builder, io, &stop).await;
                    }
                });
                yield_now().await; // a full backlog would else be accepted whole before anybody is served
            }
            Err(error) => match error.kind() {
                io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset => {} // a client's, and it is gone
                io::ErrorKind::InvalidInput => return error,
                _ if error.raw_os_error().is_none() => return error,
                // The connection stays in the backlog and the listener ready: to try again at once would spin.
                _ => sleep(PAUSE).await,
            },
        }
    }
}

/// What can be served over `Io`: every hyper service from `Request<Incoming>` to a `Response` with any body, whose
/// errors go into a box. It need not be `Send`.
pub trait Serves<Io> {
    /// Serves one connection to its end. Its error is not told: it is the client's doing, or the service's own.
    fn serve(self, builder: &Builder<Exec>, io: Io, stop: &CancellationToken) -> impl Future<Output = ()>;
}

impl<Io, S, B> Serves<Io> for S
where
    Io: Read + Write + Unpin + Send + 'static,
    S: Service<Request<Incoming>, Response = Response<B>>,
    S::Error: Into<BoxError>,
    S::Future: 'static,
    B: Body + 'static,
    B::Error: Into<BoxError>,
    Exec: Http2ServerConnExec<S::Future, B>,
{
    async fn serve(self, builder: &Builder<Exec>, io: Io, stop: &CancellationToken) {
        let begun = Rc::new(Cell::new(false));
        let service = Begun { service: self, begun: begun.clone() };
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut close = pin!(async {
            if timeout(PATIENCE, stop.cancelled()).await.is_err() && begun.get() {
                stop.cancelled().await;
            }
        });
        let mut closing = false;
        let _ = poll_fn(|cx| {
            if !closing && close.as_mut().poll(cx).is_ready() {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(cx)
        })
        .await;
    }
}

/// Notes that there was a request.
struct Begun<S> {
    service: S,
    begun: Rc<Cell<bool>>,
}

impl<R, S: Service<R>> Service<R> for Begun<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, request: R) -> S::Future {
        self.begun.set(true);
        self.service.call(request)
    }
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
    fn spawn(self: &Rc<Self>, name: String, connection: impl Future<Output = ()> + 'static) {
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
