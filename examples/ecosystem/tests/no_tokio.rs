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
//! The last tests have tokio run, in four ways, and ask that each be found.
#![cfg(target_os = "linux")]

mod certificate;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::net::SocketAddr;
use std::process::Command;
use std::rc::Rc;
use std::sync::Mutex;
use std::time::Duration;

use axum::error_handling::HandleErrorLayer;
use axum::extract::{Query, State};
use axum::routing::get;
use axum::{Json, Router};
use certificate::{configs, localhost};
use futures::StreamExt;
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve, serve_hyper};
use glassloop::io::{AsyncReadExt, AsyncWriteExt};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::oneshot;
use glassloop::time::Instant;
use glassloop::trace::{Event, Observer};
use glassloop::{Builder, join, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, StatusCode, service::service_fn};
use hyper_util::client::legacy::{Client, connect::Connect};
use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::CorsLayer;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::request_id::{MakeRequestUuid, SetRequestIdLayer};
use tower_http::trace::TraceLayer;

/// Runs `body`, the test of this name, in a process in which nothing else runs.
fn alone(test: &str, body: impl FnOnce()) {
    const ALONE: &str = "NO_TOKIO_ALONE";
    if std::env::var_os(ALONE).is_some() {
        return body();
    }
    let run = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--test-threads=1", "--nocapture"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    assert!(run.status.success(), "{said}");
    assert!(said.contains("1 passed"), "no test has this name:\n{said}");
}

/// What was found, each thing once, and the places that were looked at.
#[derive(Default)]
struct Seen {
    /// The threads that were there at the start, by their ids.
    own: BTreeSet<String>,
    /// The others, and how each was called last: a new thread bears its maker's name until it takes its own.
    others: BTreeMap<String, String>,
    found: BTreeSet<String>,
    places: BTreeSet<&'static str>,
}

static SEEN: Mutex<Option<Seen>> = Mutex::new(None);

/// Looks around. `loops` of glassloop are alive.
fn look_with(place: &'static str, loops: usize) {
    let mut seen = SEEN.lock().unwrap();
    let seen = seen.get_or_insert_default();
    seen.places.insert(place);
    for (thread, name) in threads() {
        if !seen.own.contains(&thread) {
            seen.others.insert(thread, name);
        }
    }
    if tokio::runtime::Handle::try_current().is_ok() {
        seen.found.insert("a runtime of tokio is entered".into());
    }
    let epolls = descriptors("anon_inode:[eventpoll]");
    if epolls != loops {
        seen.found.insert(format!("epoll descriptors: {epolls}, of glassloop: {loops}"));
    }
    let timers = descriptors("anon_inode:[timerfd]");
    if timers != 0 {
        seen.found.insert(format!("timer descriptors: {timers}"));
    }
}

/// Looks around in a handler or a task.
fn look(place: &'static str) {
    look_with(place, 1);
}

/// The threads of this process: ids and names.
fn threads() -> Vec<(String, String)> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap());
    // One that ends meanwhile has no name to read.
    tasks
        .filter_map(|task| {
            let name = fs::read_to_string(task.path().join("comm")).ok()?;
            Some((task.file_name().into_string().unwrap(), name.trim_end().into()))
        })
        .collect()
}

/// How many descriptors of this process are such a thing.
fn descriptors(what: &str) -> usize {
    let all = fs::read_dir("/proc/self/fd").unwrap().map(|entry| entry.unwrap());
    // The one by which the folder is read is gone when it is asked for.
    all.filter(|entry| fs::read_link(entry.path()).is_ok_and(|link| link.to_str() == Some(what))).count()
}

/// Looks around at every event of the loop.
struct Looks;

impl Observer for Looks {
    fn event(&self, _at: Instant, _event: &Event) {
        look("an event");
    }
}

/// Runs the scene on a loop, and gives back what of tokio was found. It must come past `places`.
fn watch<F: Future>(places: &[&'static str], scene: impl FnOnce() -> F) -> Vec<String> {
    let own = threads().into_iter().map(|(thread, _)| thread).collect();
    *SEEN.lock().unwrap() = Some(Seen { own, ..Seen::default() });
    look_with("before", 0);
    let runtime = Builder::new().observer(Rc::new(Looks)).build().unwrap();
    runtime.block_on(async { scene().await });
    drop(runtime);
    look_with("after", 0);
    let mut seen = SEEN.lock().unwrap().take().unwrap();
    let strangers = seen.others.values().filter(|name| !name.starts_with("glassloop-"));
    seen.found.extend(strangers.map(|name| format!("a thread: {name}")));
    for place in places.iter().chain(&["an event"]) {
        assert!(seen.places.contains(place), "{place} was never looked at");
    }
    // Counted from 1 through the whole process, as a test below shows.
    let number = tokio::runtime::Builder::new_current_thread().build().unwrap().handle().id().to_string();
    if number != "1" {
        seen.found.insert(format!("this runtime of tokio is number {number}"));
    }
    seen.found.into_iter().collect()
}

/// The test of this name, in which nothing of tokio may be found.
fn without<F: Future>(test: &str, places: &[&'static str], scene: impl FnOnce() -> F) {
    alone(test, || assert_eq!(watch(places, scene), [""; 0]));
}

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
    without("hyper_http1", &["the handler", "the client"], async || {
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
    without("hyper_http2", &["the handler", "the client"], async || {
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
    without("hyper_utils_client_and_our_server", &["the handler", "the client"], async || {
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
    without("hyper_utils_client_over_hyper_rustls", &["the handler", "the client"], async || {
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

    without("axum_under_towers_layers", &["the handler", "the client"], async || {
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
        let server = spawn(serve(listener, routes).into_future());
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
    without("futures_rustls", &["the server", "the client"], async || {
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
    without("hyper_over_tokio_rustls", &["the handler", "the client"], async || {
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
    without("websocket", &["the server", "the client"], async || {
        let (client, server) = connected().await;
        talk(client, server).await;
    });
}

#[test]
fn websocket_over_tls() {
    without("websocket_over_tls", &["the server", "the client"], async || {
        let (server_config, client_config) = configs(&[]);
        let (client, server) = connected().await;
        let (client, server) = join!(
            ::futures_rustls::TlsConnector::from(client_config).connect(localhost(), client),
            ::futures_rustls::TlsAcceptor::from(server_config).accept(server),
        );
        talk(client.unwrap(), server.unwrap()).await;
    });
}

/// A WebSocket's whole life.
async fn talk<C, S>(client: C, server: S)
where
    C: futures::AsyncRead + futures::AsyncWrite + Unpin,
    S: futures::AsyncRead + futures::AsyncWrite + Unpin + 'static,
{
    let echo = spawn(async move {
        let mut socket = async_tungstenite::accept_async(server).await.unwrap();
        while let Some(message) = socket.next().await {
            look("the server");
            match message.unwrap() {
                message if message.is_text() => socket.send(message).await.unwrap(),
                _ => {}
            }
        }
        socket.into_inner().close().await.unwrap();
    });
    let (mut socket, _) = async_tungstenite::client_async("ws://localhost/", client).await.unwrap();
    socket.send("fine".into()).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap().into_text().unwrap(), "fine");
    look("the client");
    socket.close(None).await.unwrap();
    while let Some(message) = socket.next().await {
        message.unwrap();
    }
    echo.await.unwrap();
}

// The check itself: each way in which tokio can run is found.

/// The test of this name, in which the check must find `words`.
fn finds<F: Future>(test: &str, words: &str, scene: impl FnOnce() -> F) {
    alone(test, || {
        let found = watch(&[], scene);
        assert!(found.iter().any(|found| found.starts_with(words)), "{words}: not in {found:?}");
    });
}

fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn a_thread_of_tokios_is_found() {
    finds("a_thread_of_tokios_is_found", "a thread: tokio-rt-worker", async || {
        let (tokio, (release, hold)) = (tokio(), std::sync::mpsc::channel::<()>());
        let (begun, begins) = std::sync::mpsc::channel();
        tokio.spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = hold.recv();
        });
        begins.recv().unwrap();
        look("with the thread");
        drop(release);
    });
}

#[test]
fn a_reactor_of_tokios_is_found() {
    finds("a_reactor_of_tokios_is_found", "epoll descriptors:", async || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
        look("with the reactor");
        drop(tokio);
    });
}

#[test]
fn a_runtime_of_tokios_that_a_task_has_entered_is_found() {
    finds("a_runtime_of_tokios_that_a_task_has_entered_is_found", "a runtime of tokio is entered", async || {
        let tokio = tokio();
        let _entered = tokio.enter();
        look("within it");
    });
}

#[test]
fn a_runtime_of_tokios_that_came_and_went_between_looks_is_found() {
    let test = "a_runtime_of_tokios_that_came_and_went_between_looks_is_found";
    finds(test, "this runtime of tokio is number 2", async || {
        let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        tokio.block_on(async { tokio::time::sleep(Duration::from_micros(1)).await });
    });
}

#[test]
fn a_timer_descriptor_is_found() {
    finds("a_timer_descriptor_is_found", "timer descriptors: 1", async || {
        let clock = rustix::time::TimerfdClockId::Monotonic;
        let _timer = rustix::time::timerfd_create(clock, rustix::time::TimerfdFlags::CLOEXEC).unwrap();
        look("with it");
    });
}

#[test]
fn glassloops_own_pool_is_let_be() {
    without("glassloops_own_pool_is_let_be", &["with a thread of it"], async || {
        let (release, hold) = std::sync::mpsc::channel::<()>();
        let (begun, begins) = std::sync::mpsc::channel();
        let job = glassloop::spawn_blocking(move || {
            begun.send(()).unwrap();
            let _ = hold.recv();
        });
        begins.recv().unwrap();
        look("with a thread of it");
        drop(release);
        job.await.unwrap();
    });
}
