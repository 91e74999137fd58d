//! An axum `Router` given to `serve` as it is.

use glassloop::compat::hyper_util::serve;
use glassloop::net::TcpListener;

async fn app(listener: TcpListener) {
    let router: axum::Router = axum::Router::new();
    serve(listener, router).await.unwrap();
}

fn main() {
    let _ = app;
}

// error: `Router` does not make a service for each connection
//   line 8: not a make-service
//   help: the trait `MakesServices<std::net::SocketAddr>` is not implemented for `Router`
//   note: an axum `Router` is served by `router.into_make_service()`: as it is, it would put on its layers anew with each request, and a limit would limit nothing
//   note: `serve_hyper` takes a closure that makes hyper's own services
//   note: required by a bound in `glassloop::compat::hyper_util::serve`
// error: `Serve<glassloop::net::TcpListener, Tower<Router>>` is not a future
//   line 8: `Serve<glassloop::net::TcpListener, Tower<Router>>` is not a future
//   line 8: this call returns `Serve<glassloop::net::TcpListener, Tower<Router>>`
//   help: the trait `IntoFuture` is not implemented for `Serve<glassloop::net::TcpListener, Tower<Router>>`
//   note: Serve<glassloop::net::TcpListener, Tower<Router>> must be a future or must implement `IntoFuture` to be awaited
//   help: the trait `IntoFuture` is implemented for `Serve<L, M, F>`
//   help: remove the `.await`
