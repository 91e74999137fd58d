//! What serves one connection, and what makes it.

use std::cell::Cell;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use hyper::body::{Body, Incoming};
use hyper::rt::bounds::Http2ServerConnExec;
use hyper::rt::{Read, Write};
use hyper::service::Service;
use hyper::{Request, Response};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;

use crate::compat::hyper::Exec;
use crate::sync::CancellationToken;
use crate::time::timeout;

pub(super) type BoxError = Box<dyn Error + Send + Sync>;

/// How long a connection may take to be opened, and then to its first request. hyper's own limit on a request's head
/// begins only when the version of HTTP is known, so without this a client that says nothing stays for ever.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// What makes a connection's service.
pub trait Make<Io, Addr> {
    /// It serves one connection.
    type Service: Serves<Io> + 'static;

    /// Makes it.
    ///
    /// # Errors
    /// They end the connection.
    fn make(&self, io: &Io, peer: Addr) -> impl Future<Output = Result<Self::Service, BoxError>>;
}

/// A function that makes hyper's services; of [`serve_hyper`](super::serve_hyper).
pub struct Each<M>(pub(super) M);

impl<M, S, Io, Addr> Make<Io, Addr> for Each<M>
where
    M: Fn(&Io, &Addr) -> S,
    S: Serves<Io> + 'static,
{
    type Service = S;

    async fn make(&self, io: &Io, peer: Addr) -> Result<S, BoxError> {
        Ok((self.0)(io, &peer))
    }
}

/// A tower service that makes one for each connection. It says of [`serve`](super::serve) what its bounds alone would
/// not: that a router wants `into_make_service`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not make a service for each connection",
    label = "not a make-service",
    note = "an axum `Router` is served by `router.into_make_service()`: as it is, it would put on its layers anew with \
            each request, and a limit would limit nothing",
    note = "`serve_hyper` takes a closure that makes hyper's own services"
)]
pub trait MakesServices<Addr>: tower_service::Service<Addr> + Clone {}

#[diagnostic::do_not_recommend]
impl<M: tower_service::Service<Addr> + Clone, Addr> MakesServices<Addr> for M {}

/// A tower service that makes tower's services; of [`serve`](super::serve).
pub struct Tower<M>(pub(super) M);

impl<M, Io, Addr> Make<Io, Addr> for Tower<M>
where
    M: tower_service::Service<Addr> + Clone,
    M::Error: Into<BoxError>,
    TowerToHyperService<M::Response>: Serves<Io> + 'static,
{
    type Service = TowerToHyperService<M::Response>;

    async fn make(&self, _: &Io, peer: Addr) -> Result<Self::Service, BoxError> {
        let mut make = self.0.clone();
        poll_fn(|cx| make.poll_ready(cx)).await.map_err(Into::into)?;
        make.call(peer).await.map(TowerToHyperService::new).map_err(Into::into)
    }
}

/// What can be served over `Io`: every hyper service from `Request<Incoming>` to a `Response` with any body, whose
/// errors go into a box. It need not be `Send`.
pub trait Serves<Io> {
    /// Serves one connection to its end, until `stop` at the latest.
    ///
    /// # Errors
    /// The client's doing, mostly; and the service's own.
    fn serve(
        self,
        builder: &Builder<Exec>,
        io: Io,
        stop: &CancellationToken,
    ) -> impl Future<Output = Result<(), BoxError>>;
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
    async fn serve(self, builder: &Builder<Exec>, io: Io, stop: &CancellationToken) -> Result<(), BoxError> {
        let begun = Rc::new(Cell::new(false));
        let service = Begun { service: self, begun: begun.clone() };
        let mut connection = pin!(builder.serve_connection_with_upgrades(io, service));
        let mut close = pin!(async {
            if timeout(PATIENCE, stop.cancelled()).await.is_err() && begun.get() {
                stop.cancelled().await;
            }
        });
        let mut closing = false;
        let ended = poll_fn(|cx| {
            if !closing && close.as_mut().poll(cx).is_ready() {
                closing = true;
                connection.as_mut().graceful_shutdown();
            }
            connection.as_mut().poll(cx)
        })
        .await;
        match ended {
            // A head that was half read by then.
            Err(error) if closing && stop.is_cancelled() && !is_of_service(&error) => Ok(()),
            Err(_) if closing && !begun.get() => Err(format!("no request within {PATIENCE:?}").into()),
            ended => ended,
        }
    }
}

/// Whether a service, or the body of its answer, gave this error.
fn is_of_service(error: &BoxError) -> bool {
    error.downcast_ref().is_some_and(hyper::Error::is_user)
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
