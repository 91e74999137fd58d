//! How a server lives and ends: who is served, who is let go, who is cut.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, pending};
use std::io;
use std::rc::Rc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Listener, Served, serve, serve_hyper};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::oneshot;
use glassloop::time::{Instant, sleep};
use glassloop::{JoinHandle, spawn, yield_now};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use rustix::net::Shutdown;

const GET: &[u8] = b"GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Under virtual time; what hangs, fails.
fn paused<F: Future>(future: F) -> F::Output {
    let day = Duration::from_secs(86_400);
    let runtime = glassloop::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async { glassloop::time::timeout(day, future).await.expect("it hangs") })
}

/// What one connection reads to its end.
async fn all(stream: &TcpStream) -> String {
    let (mut text, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer).await {
            Ok(0) => return String::from_utf8(text).unwrap(),
            Ok(n) => text.extend(&buffer[..n]),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                return String::from_utf8(text).unwrap();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// Reads until an answer's head and the words `end` are there.
async fn until(stream: &TcpStream, end: &str) -> String {
    let (mut text, mut buffer) = (String::new(), [0; 4096]);
    while !text.ends_with(end) {
        let n = stream.read(&mut buffer).await.unwrap();
        assert!(n > 0, "it ended after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..n]).unwrap());
    }
    text
}

/// Answers after as many seconds as the path says.
fn naps() -> Router {
    use axum::extract::Path;
    Router::new().route("/", get(|| async { "at once" })).route(
        "/{seconds}",
        get(|Path(seconds): Path<u64>| async move {
            sleep(Duration::from_secs(seconds)).await;
            "awake"
        }),
    )
}

struct Running {
    addr: std::net::SocketAddr,
    stop: oneshot::Sender<()>,
    server: JoinHandle<io::Result<Served>>,
}

/// A server of naps, which gives those that run five seconds when it stops.
async fn start() -> Running {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let server = serve(listener, naps().into_make_service())
        .with_graceful_shutdown(async { stopped.await.unwrap() })
        .shutdown_limit(Duration::from_secs(5));
    Running { addr, stop, server: spawn(server.into_future()) }
}

/// A connection whose request has reached its handler.
async fn asks(addr: std::net::SocketAddr, seconds: u64) -> TcpStream {
    let stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(format!("GET /{seconds} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes()).await.unwrap();
    sleep(Duration::from_millis(1)).await; // virtual: the loop is idle by then
    stream
}

#[test]
fn a_shutdown_ends_idle_connections_at_once_and_lets_requests_finish() {
    paused(async {
        let Running { addr, stop, server } = start().await;
        let idle = TcpStream::connect(addr).await.unwrap();
        idle.write_all(GET).await.unwrap();
        until(&idle, "at once").await;
        let silent = TcpStream::connect(addr).await.unwrap();
        let busy = asks(addr, 3).await;
        let start = Instant::now();
        stop.send(()).unwrap();
        assert_eq!(all(&idle).await, "");
        assert_eq!(all(&silent).await, "");
        assert_eq!(start.elapsed(), Duration::ZERO);
        let answer = all(&busy).await;
        assert!(answer.ends_with("awake"), "{answer}");
        assert!(answer.contains("connection: close"), "{answer}");
        let Served { connections, cut, .. } = server.await.unwrap().unwrap();
        assert_eq!((connections, cut), (3, 0));
        assert!(start.elapsed() < Duration::from_secs(4), "it waited for the limit");
    });
}

#[test]
fn the_limit_of_a_shutdown_cuts_what_still_runs_and_counts_it() {
    paused(async {
        let Running { addr, stop, server } = start().await;
        let (soon, late, later) = (asks(addr, 4).await, asks(addr, 60).await, asks(addr, 90).await);
        let start = Instant::now();
        stop.send(()).unwrap();
        let Served { connections, cut, .. } = server.await.unwrap().unwrap();
        assert_eq!((connections, cut), (3, 2));
        assert_eq!(start.elapsed(), Duration::from_secs(5));
        assert!(all(&soon).await.ends_with("awake"));
        assert_eq!((all(&late).await, all(&later).await), (String::new(), String::new()));
    });
}

#[test]
fn the_limit_of_a_shutdown_drops_the_handlers_of_http2_too() {
    /// Tells its drop.
    struct Held(Rc<Cell<bool>>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.0.set(true);
        }
    }
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let dropped = Rc::new(Cell::new(false));
        let mark = dropped.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve_hyper(listener, move |_, _| {
            let mark = mark.clone();
            service_fn(move |_: Request<Incoming>| {
                let held = Held(mark.clone());
                async move {
                    pending::<()>().await;
                    drop(held);
                    Ok::<_, Infallible>(Response::new(String::new()))
                }
            })
        });
        let server = server.with_graceful_shutdown(async { stopped.await.unwrap() });
        let server = spawn(server.shutdown_limit(Duration::from_secs(5)).into_future());
        let stream = TcpStream::connect(addr).await.unwrap();
        let (mut sender, connection) =
            hyper::client::conn::http2::Builder::new(Exec).timer(Timer).handshake(stream).await.unwrap();
        spawn(connection).detach();
        let asked = spawn(sender.send_request(Request::get("http://x/").body(String::new()).unwrap()));
        sleep(Duration::from_millis(1)).await;
        stop.send(()).unwrap();
        assert_eq!(server.await.unwrap().unwrap().cut, 1);
        assert!(asked.await.unwrap().is_err());
        assert!(dropped.get());
    });
}

#[test]
fn a_shutdown_waits_for_no_service_that_is_still_being_made() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let never = tower::service_fn(|_: std::net::SocketAddr| pending::<Result<Router, Infallible>>());
        let server = serve(listener, never).with_graceful_shutdown(async { stopped.await.unwrap() });
        let server = spawn(server.into_future());
        let stream = asks(addr, 3).await;
        stop.send(()).unwrap();
        assert_eq!(all(&stream).await, "");
        assert_eq!(server.await.unwrap().unwrap().connections, 1);
    });
}

#[test]
fn an_error_of_a_service_is_told_during_a_shutdown_too() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, errors) = std::sync::mpsc::channel();
        let server = serve_hyper(listener, |_, _| {
            service_fn(|_: Request<Incoming>| async {
                sleep(Duration::from_secs(3)).await;
                Err::<Response<String>, _>("on purpose")
            })
        });
        let server = server.on_error(move |_, error| told.send(error.source().unwrap().to_string()).unwrap());
        let server = spawn(server.with_graceful_shutdown(async { stopped.await.unwrap() }).into_future());
        let _stream = asks(addr, 3).await;
        stop.send(()).unwrap();
        server.await.unwrap().unwrap();
        assert_eq!(errors.try_recv().unwrap(), "on purpose");
    });
}

#[test]
fn nobody_is_accepted_after_a_shutdown() {
    paused(async {
        let Running { addr, stop, server } = start().await;
        let _busy = asks(addr, 3).await;
        stop.send(()).unwrap();
        yield_now().await;
        yield_now().await;
        assert_eq!(TcpStream::connect(addr).await.unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
        assert_eq!(server.await.unwrap().unwrap().connections, 1);
    });
}

#[test]
fn a_server_that_is_dropped_ends_its_connections() {
    paused(async {
        let running = start().await;
        let busy = asks(running.addr, 60).await;
        running.server.abort();
        assert_eq!(all(&busy).await, "");
    });
}

/// What hyper-util's version detection alone would wait for without end.
#[test]
fn a_client_that_says_nothing_or_half_a_preface_is_let_go_after_thirty_seconds() {
    for said in [&b""[..], b"PRI * HT"] {
        paused(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let addr = listener.local_addr().unwrap();
            let (told, errors) = std::sync::mpsc::channel();
            let server = serve(listener, naps().into_make_service());
            let server = server.on_error(move |whose, error| told.send(format!("{whose}: {error}")).unwrap());
            spawn(server.into_future()).detach();
            let stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(said).await.unwrap();
            let start = Instant::now();
            assert_eq!(all(&stream).await, "");
            assert_eq!(start.elapsed().as_secs(), 30);
            let whose = format!("http from {}", stream.local_addr().unwrap());
            assert_eq!(errors.try_recv().unwrap(), format!("{whose}: no request within 30s"));
        });
    }
}

#[test]
fn a_request_that_runs_for_longer_than_thirty_seconds_is_answered() {
    paused(async {
        let running = start().await;
        let stream = asks(running.addr, 3600).await;
        assert!(until(&stream, "awake").await.starts_with("HTTP/1.1 200"));
    });
}

#[test]
fn a_kept_connection_is_closed_when_it_was_idle_for_thirty_seconds() {
    paused(async {
        let running = start().await;
        let stream = TcpStream::connect(running.addr).await.unwrap();
        for _ in 0..3 {
            stream.write_all(GET).await.unwrap();
            until(&stream, "at once").await;
            sleep(Duration::from_secs(20)).await;
        }
        let start = Instant::now();
        assert_eq!(all(&stream).await, "");
        assert_eq!(start.elapsed().as_secs(), 10);
    });
}

#[test]
fn half_a_head_is_cut_by_hypers_time_out_and_its_setting() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = serve(listener, naps().into_make_service()).configure(|mut builder| {
            builder.http1().header_read_timeout(Duration::from_secs(7));
            builder
        });
        spawn(server.into_future()).detach();
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost:").await.unwrap();
        let start = Instant::now();
        assert_eq!(all(&stream).await, "");
        assert_eq!(start.elapsed().as_secs(), 7);
    });
}

#[test]
fn a_listener_that_does_not_listen_any_more_ends_its_server_with_an_error() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        rustix::net::shutdown(&listener, Shutdown::Both).unwrap();
        let error = serve(listener, naps().into_make_service()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn a_slow_handshake_keeps_nobody_else_waiting_and_is_ended() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        // A handshake of one byte.
        let greeted = listener.and_then(|stream: TcpStream| async move {
            stream.read_exact(&mut [0]).await?;
            Ok(stream)
        });
        spawn(serve(greeted, naps().into_make_service()).into_future()).detach();
        let slow = TcpStream::connect(addr).await.unwrap();
        let quick = TcpStream::connect(addr).await.unwrap();
        quick.write_all(b"!").await.unwrap();
        quick.write_all(GET).await.unwrap();
        let start = Instant::now();
        until(&quick, "at once").await;
        assert_eq!(start.elapsed(), Duration::ZERO);
        assert_eq!(all(&slow).await, "");
        assert_eq!(start.elapsed().as_secs(), 30);
    });
}

#[test]
fn each_connection_may_have_a_service_that_knows_its_peer() {
    paused(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = serve_hyper(listener, |_, peer: &std::net::SocketAddr| {
            let peer = *peer;
            service_fn(move |_: Request<Incoming>| async move {
                Ok::<_, Infallible>(Response::new(format!("you are {peer}")))
            })
        });
        spawn(server.into_future()).detach();
        let stream = TcpStream::connect(addr).await.unwrap();
        stream.write_all(GET).await.unwrap();
        until(&stream, &format!("you are {}", stream.local_addr().unwrap())).await;
    });
}
