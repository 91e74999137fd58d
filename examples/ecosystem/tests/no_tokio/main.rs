//! No timer, reactor or runtime thread of tokio runs in any combination that the pages tell of.
//!
//! tokio is compiled in, for its traits and its channels, and its whole runtime with it. So each combination runs in
//! a process of its own, and is looked at from inside, at every event of the loop and in every handler:
//!
//! - no thread is there but the test's own and glassloop's pool;
//! - no runtime of tokio is entered (its timers and sockets panic without one);
//! - there are as many epoll descriptors as loops of glassloop, and no timerfd;
//! - at the end a runtime of tokio is built: its number says whether it is the first of the process.
//!
//! `watch` is the check; the tests in `found` have tokio run, each in another way, and ask that it be found.
#![cfg(target_os = "linux")]

#[path = "../certificate/mod.rs"]
mod certificate;
mod found;
mod watch;

use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use async_tungstenite::tungstenite::protocol::Role;
use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use certificate::{configs, localhost};
use futures::StreamExt;
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve, serve_hyper};
use glassloop::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::oneshot;
use glassloop::{join, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode, service::service_fn};
use hyper_util::client::legacy::{Client, connect::Connect};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tokio_util::compat::TokioAsyncReadCompatExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use watch::{look, without};

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("localhost:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

async fn answer(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    look("the handler");
    Ok(Response::new(Full::from("fine")))
}

fn request() -> Request<Full<Bytes>> {
    Request::post("http://localhost/").header("host", "localhost").body(Full::from("how are you")).unwrap()
}

async fn is_fine(response: Response<Incoming>) {
    look("the client");
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "fine");
}

#[test]
fn hyper_http1() {
    without(&["the handler", "the client"], async || {
        let (client, server) = connected().await;
        let serving =
            hyper::server::conn::http1::Builder::new().timer(Timer).serve_connection(server, service_fn(answer));
        let serving = spawn(serving);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(client).await.unwrap();
        let driving = spawn(connection);
        is_fine(sender.send_request(request()).await.unwrap()).await;
        drop(sender);
        driving.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn hyper_http2() {
    without(&["the handler", "the client"], async || {
        let (client, server) = connected().await;
        http2(client, server).await;
    });
}

/// One request by HTTP/2, with pings by our timer.
async fn http2<C, S>(client: C, server: S)
where
    C: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
    S: hyper::rt::Read + hyper::rt::Write + Unpin + 'static,
{
    let second = Duration::from_secs(1);
    let mut serving = hyper::server::conn::http2::Builder::new(Exec);
    serving.timer(Timer).keep_alive_interval(second);
    let serving = spawn(serving.serve_connection(server, service_fn(answer)));
    let mut calling = hyper::client::conn::http2::Builder::new(Exec);
    calling.timer(Timer).keep_alive_interval(second);
    let (mut sender, connection) = calling.handshake(client).await.unwrap();
    let driving = spawn(connection);
    is_fine(sender.send_request(request()).await.unwrap()).await;
    drop(sender);
    driving.await.unwrap().unwrap();
    serving.await.unwrap().unwrap();
}

/// Asks a server of `listener` twice by hyper-util's client, which looks up the name on our pool.
async fn ask_twice<C>(client: Client<C, String>, address: SocketAddr, scheme: &str)
where
    C: Connect + Clone + Send + Sync + 'static,
{
    for _ in 0..2 {
        let uri = format!("{scheme}://localhost:{}/", address.port());
        is_fine(client.get(uri.parse().unwrap()).await.unwrap()).await;
    }
}

#[test]
fn hyper_utils_client_and_our_server() {
    without(&["the handler", "the client"], async || {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve_hyper(listener, |_, _| service_fn(answer));
        let server = spawn(server.with_graceful_shutdown(async { _ = stopped.await }).into_future());
        ask_twice(Client::builder(Exec).pool_timer(Timer).build(Connector::new()), address, "http").await;
        drop(stop);
        assert_eq!(server.await.unwrap().unwrap().connections, 1);
    });
}

#[test]
fn hyper_utils_client_over_hyper_rustls() {
    without(&["the handler", "the client"], async || {
        let (server_config, client_config) = configs(&[]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = spawn(async move {
            let stream = listener.accept().await.unwrap().0;
            let stream = tokio_rustls::TlsAcceptor::from(server_config).accept(stream).await.unwrap();
            let mut serving = hyper::server::conn::http1::Builder::new();
            serving.timer(Timer).serve_connection(TokioIo::new(stream), service_fn(answer)).await
        });
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(ClientConfig::clone(&client_config))
            .https_only()
            .enable_http1()
            .wrap_connector(Connector::new().enforce_http(false));
        ask_twice(Client::builder(Exec).pool_timer(Timer).build(connector), address, "https").await;
        serving.await.unwrap().unwrap(); // the client is gone, and its connection with it
    });
}

#[test]
fn axum_under_towers_layers() {
    #[derive(serde::Deserialize)]
    struct Name {
        name: String,
    }

    async fn greet(State(greeting): State<&'static str>, Query(Name { name }): Query<Name>) -> Json<String> {
        look("the handler");
        Json(format!("{greeting} {name}"))
    }

    without(&["the handler", "the client"], async || {
        let layers = tower::ServiceBuilder::new()
            .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
            .layer(TraceLayer::new_for_http())
            .layer(CorsLayer::permissive())
            .layer(CatchPanicLayer::new())
            .layer(RequestBodyLimitLayer::new(1 << 10));
        let crowd = tower::ServiceBuilder::new()
            .layer(HandleErrorLayer::new(async |_: tower::BoxError| StatusCode::SERVICE_UNAVAILABLE))
            .load_shed()
            .concurrency_limit(1);
        let routes = Router::new().route("/", get(greet)).with_state("hello").layer(crowd).layer(layers);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let uri = format!("http://{}/?name=you", listener.local_addr().unwrap());
        let server = spawn(serve(listener, routes.into_make_service()).into_future());
        let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(Connector::new());
        let response = client.get(uri.parse().unwrap()).await.unwrap();
        look("the client");
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "\"hello you\"");
        server.abort();
        server.await.unwrap_err();
    });
}

#[test]
fn futures_rustls() {
    without(&["the server", "the client"], async || {
        let (server_config, client_config) = configs(&[]);
        let (client, server) = connected().await;
        let echo = spawn(async move {
            let acceptor = ::futures_rustls::TlsAcceptor::from(server_config);
            let (mut reader, mut writer) = glassloop::io::split(acceptor.accept(server).await.unwrap());
            look("the server");
            glassloop::io::copy(&mut reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
        });
        let connector = ::futures_rustls::TlsConnector::from(client_config);
        let mut stream = connector.connect(localhost(), client).await.unwrap();
        stream.write_all(b"fine").await.unwrap();
        stream.close().await.unwrap();
        let mut back = String::new();
        stream.read_to_string(&mut back).await.unwrap();
        look("the client");
        assert_eq!(back, "fine");
        echo.await.unwrap();
    });
}

#[test]
fn hyper_over_tokio_rustls() {
    without(&["the handler", "the client"], async || {
        let (server_config, client_config) = configs(&["h2"]);
        let (client, server) = connected().await;
        let (client, server) = join!(
            tokio_rustls::TlsConnector::from(client_config).connect(localhost(), client),
            tokio_rustls::TlsAcceptor::from(server_config).accept(server),
        );
        http2(TokioIo::new(client.unwrap()), TokioIo::new(server.unwrap())).await;
    });
}

#[test]
fn websocket() {
    without(&["the server", "the client"], async || {
        let (client, server) = connected().await;
        talk(client, server).await;
    });
}

#[test]
fn websocket_over_tls() {
    without(&["the server", "the client"], async || {
        let (server_config, client_config) = configs(&[]);
        let (client, server) = connected().await;
        let (client, server) = join!(
            ::futures_rustls::TlsConnector::from(client_config).connect(localhost(), client),
            ::futures_rustls::TlsAcceptor::from(server_config).accept(server),
        );
        talk(client.unwrap(), server.unwrap()).await;
    });
}

#[test]
fn websocket_behind_hypers_upgrade() {
    without(&["the handler", "the server", "the client"], async || {
        let (client, server) = connected().await;
        let upgrade = service_fn(async |mut request: Request<Incoming>| {
            look("the handler");
            let upgrading = hyper::upgrade::on(&mut request);
            spawn(async move {
                let stream = TokioIo::new(upgrading.await.unwrap()).compat();
                listen(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await;
            })
            .detach();
            create_response_with_body(&request, String::new)
        });
        let mut serving = hyper::server::conn::http1::Builder::new();
        let serving = spawn(serving.timer(Timer).serve_connection(server, upgrade).with_upgrades());
        say(client).await;
        serving.await.unwrap().unwrap();
    });
}

/// A WebSocket's whole life.
async fn talk<C, S>(client: C, server: S)
where
    C: AsyncRead + AsyncWrite + Unpin,
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let listening = spawn(async move { listen(async_tungstenite::accept_async(server).await.unwrap()).await });
    say(client).await;
    listening.await.unwrap();
}

async fn listen<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) {
    while let Some(message) = socket.next().await {
        look("the server");
        let message = message.unwrap();
        if message.is_text() {
            socket.send(message).await.unwrap();
        }
    }
    socket.into_inner().close().await.unwrap();
}

async fn say<C: AsyncRead + AsyncWrite + Unpin>(client: C) {
    let (mut socket, _) = async_tungstenite::client_async("ws://localhost/", client).await.unwrap();
    socket.send("fine".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "fine");
    look("the client");
    socket.close(None).await.unwrap();
    while let Some(message) = socket.next().await {
        message.unwrap();
    }
}
