//! What a server meets: halves of requests, drips, garbage, resets, clients that never read. In each of these the loop
//! lives, a neighbour on the same loop gets its answers meanwhile, and the connection's error names what happened. All
//! run under virtual time, so that no limit is waited for.

use std::cell::Cell;
use std::error::Error;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::mpsc::{self, UnboundedReceiver};
use glassloop::time::{Instant, sleep, timeout};
use glassloop::trace::Direction;
use glassloop::{Builder, Waits, dump, spawn, spawn_named};
use http_body_util::{BodyExt, Either, Empty, Full, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::client::conn::http1::SendRequest;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

const SECOND: Duration = Duration::from_secs(1);
/// What hyper grants a request's head, if it is given a timer.
const HEAD_LIMIT: Duration = Duration::from_secs(30);
const CHUNK: usize = 64 * 1024;

type Failure = Box<dyn Error + Send + Sync>;

fn run<F: Future>(future: F) -> F::Output {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    let day = Duration::from_secs(86_400);
    runtime.block_on(async { timeout(day, future).await.expect("it hangs") })
}

// ---- the server

/// A body without an end, which counts the bytes that were taken from it.
struct Endless(Rc<Cell<usize>>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        self.0.set(self.0.get() + CHUNK);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&[0; CHUNK])))))
    }
}

/// Counts how many there are.
struct Alive(Rc<Cell<u32>>);

impl Alive {
    fn new(count: &Rc<Cell<u32>>) -> Alive {
        count.set(count.get() + 1);
        Alive(count.clone())
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// What the handlers of a server share: nothing of it is `Send`.
#[derive(Clone, Default)]
struct Shared {
    sent: Rc<Cell<usize>>,
    handlers: Rc<Cell<u32>>,
}

async fn answer(
    request: Request<Incoming>,
    shared: Shared,
) -> Result<Response<Either<Full<Bytes>, Endless>>, Failure> {
    let _alive = Alive::new(&shared.handlers);
    let text = |status, text: String| {
        Ok(Response::builder().status(status).body(Either::Left(Full::from(text))).unwrap())
    };
    match request.uri().path() {
        "/echo" => {
            let body = request.into_body().collect().await?.to_bytes();
            text(StatusCode::OK, String::from_utf8_lossy(&body).into_owned())
        }
        "/limited" => match Limited::new(request.into_body(), 1000).collect().await {
            Ok(body) => text(StatusCode::OK, body.to_bytes().len().to_string()),
            Err(error) => text(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()),
        },
        "/in_time" => match timeout(5 * SECOND, request.into_body().collect()).await {
            Ok(body) => text(StatusCode::OK, body?.to_bytes().len().to_string()),
            Err(elapsed) => text(StatusCode::REQUEST_TIMEOUT, elapsed.to_string()),
        },
        "/slow" => {
            sleep(60 * SECOND).await;
            text(StatusCode::OK, String::from("at last"))
        }
        "/endless" => Ok(Response::new(Either::Right(Endless(shared.sent.clone())))),
        _ => text(StatusCode::OK, String::from("hello")),
    }
}

/// A server, and a neighbour that is connected to it all the time.
struct Site {
    addr: SocketAddr,
    /// What came of each connection that ended.
    ends: UnboundedReceiver<Result<(), Failure>>,
    shared: Shared,
    neighbour: SendRequest<Empty<Bytes>>,
}

impl Site {
    async fn http1() -> Site {
        Site::new(async |stream, shared: Shared| {
            let service = service_fn(move |request| answer(request, shared.clone()));
            Ok(http1::Builder::new().timer(Timer).serve_connection(stream, service).await?)
        })
        .await
    }

    /// Its neighbour speaks HTTP/1, all others must speak HTTP/2.
    async fn http2() -> Site {
        let is_first = Cell::new(true);
        Site::new(async move |stream, shared: Shared| {
            let service = service_fn(move |request| answer(request, shared.clone()));
            if is_first.replace(false) {
                return Ok(http1::Builder::new().serve_connection(stream, service).await?);
            }
            let mut server = http2::Builder::new(Exec);
            server.timer(Timer).keep_alive_interval(20 * SECOND).keep_alive_timeout(10 * SECOND);
            Ok(server.serve_connection(stream, service).await?)
        })
        .await
    }

    /// Each connection is served by `serve`.
    async fn new(serve: impl AsyncFn(TcpStream, Shared) -> Result<(), Failure> + 'static) -> Site {
        let (told, ends) = mpsc::unbounded_channel();
        let (shared, serve) = (Shared::default(), Rc::new(serve));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let state = shared.clone();
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (serve, state, told) = (serve.clone(), state.clone(), told.clone());
                spawn_named("connection", async move { told.send(serve(stream, state).await) }).detach();
            }
        })
        .detach();
        let stream = TcpStream::connect(addr).await.unwrap();
        let (neighbour, connection) = hyper::client::conn::http1::handshake(stream).await.unwrap();
        spawn(connection).detach();
        let mut site = Site { addr, ends, shared, neighbour };
        site.serves_its_neighbour().await;
        site
    }

    async fn attacker(&self) -> TcpStream {
        TcpStream::connect(self.addr).await.unwrap()
    }

    /// The neighbour's connection stands, is answered, and no time goes by.
    async fn serves_its_neighbour(&mut self) {
        let start = Instant::now();
        let request = Request::get("/").header("host", "x").body(Empty::new()).unwrap();
        let response = self.neighbour.send_request(request).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
        assert_eq!(start.elapsed(), Duration::ZERO);
    }

    /// What came of the one connection that ended; its neighbour's still serves.
    async fn end(&mut self) -> Result<(), Failure> {
        let end = self.ends.recv().await.unwrap();
        self.serves_its_neighbour().await;
        end
    }
}

/// Everything that the server says until it closes.
async fn heard(client: &TcpStream) -> String {
    let (mut heard, mut part) = (Vec::new(), [0; 4096]);
    loop {
        match client.read(&mut part).await.unwrap() {
            0 => return String::from_utf8(heard).unwrap(),
            n => heard.extend(&part[..n]),
        }
    }
}

/// What caused the error, and what caused that.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |cause| (**cause).source())
}

/// The error's words, and those of what caused it.
fn words(error: &(dyn Error + 'static)) -> String {
    causes(error).fold(error.to_string(), |words, cause| format!("{words}: {cause}"))
}

fn hyper_error(error: &Failure) -> &hyper::Error {
    error.downcast_ref().expect("it is hyper's error")
}

/// Sends `bytes`, one a second.
async fn drip(client: &TcpStream, bytes: &[u8]) {
    for byte in bytes.chunks(1) {
        if client.write_all(byte).await.is_err() {
            return; // the server has closed
        }
        sleep(SECOND).await;
    }
}

// ---- heads

#[test]
fn half_a_head_and_then_silence_ends_by_the_heads_time_out() {
    run(async {
        let mut site = Site::http1().await;
        let (client, start) = (site.attacker().await, Instant::now());
        client.write_all(b"GET / HTTP/1.1\r\nhost: exam").await.unwrap();
        sleep(20 * SECOND).await;
        site.serves_its_neighbour().await; // which the same limit would end, were it silent for so long
        let error = site.end().await.unwrap_err();
        assert_eq!(start.elapsed(), HEAD_LIMIT);
        assert!(hyper_error(&error).is_timeout());
        assert_eq!(words(&*error), "read header from client timeout");
        assert_eq!(heard(&client).await, ""); // closed
    });
}

#[test]
fn half_a_head_and_then_the_end_is_told_as_incomplete() {
    run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: exam").await.unwrap();
        drop(client);
        let error = site.end().await.unwrap_err();
        assert!(hyper_error(&error).is_incomplete_message());
        assert_eq!(words(&*error), "connection closed before message completed");
    });
}

#[test]
fn one_byte_a_second_ends_by_the_heads_time_out() {
    run(async {
        let mut site = Site::http1().await;
        let (client, start) = (site.attacker().await, Instant::now());
        let loris = spawn(async move { drip(&client, &[b'x'; 100]).await });
        for _ in 0..20 {
            sleep(SECOND).await;
            site.serves_its_neighbour().await;
        }
        let error = site.end().await.unwrap_err();
        assert_eq!(start.elapsed(), HEAD_LIMIT);
        assert!(hyper_error(&error).is_timeout());
        loris.await.unwrap();
    });
}

#[test]
fn one_byte_a_second_within_the_limit_is_served() {
    run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        let head = b"GET / HTTP/1.0\r\nhost: x\r\n\r\n";
        assert!(Duration::from_secs(head.len() as u64) < HEAD_LIMIT);
        drip(&client, head).await;
        let heard = heard(&client).await;
        assert!(heard.starts_with("HTTP/1.0 200 OK\r\n") && heard.ends_with("hello"), "{heard}");
        site.end().await.unwrap();
    });
}

#[test]
fn a_head_without_an_end_is_refused_long_before_it_fills_the_memory() {
    run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nlong: ").await.unwrap();
        let (mut sent, part) = (0, [b'x'; 4096]);
        // The server reads a certain length, and closes: then writing fails.
        while client.write_all(&part).await.is_ok() {
            sent += part.len();
            assert!(sent < 20_000_000, "the server reads without a limit");
            glassloop::yield_now().await;
        }
        let error = site.end().await.unwrap_err();
        assert!(hyper_error(&error).is_parse_too_large());
        assert_eq!(words(&*error), "message head is too large");
    });
}

#[test]
fn a_long_head_is_refused_with_431_and_closed() {
    refused("GET / HTTP/1.1\r\nlong: ".to_owned() + &"x".repeat(500_000), 431, "message head is too large");
}

#[test]
fn too_many_headers_are_refused_with_431_and_closed() {
    refused(format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(101)), 431, "message head is too large");
}

#[test]
fn a_long_path_is_refused_with_414_and_closed() {
    refused(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(70_000)), 414, "URI too long");
}

#[test]
fn what_is_no_http_is_refused_with_400_and_closed() {
    refused("\u{16}\u{3}\u{1}\r\n\r\n".to_owned(), 400, "invalid HTTP method parsed");
    refused("hello, is anybody there?\r\n\r\n".to_owned(), 400, "invalid HTTP method parsed"); // the comma
    refused("HELLO is anybody there?\r\n\r\n".to_owned(), 400, "invalid HTTP version parsed");
    refused("GET / HTTP/1.1\r\nno colon\r\n\r\n".to_owned(), 400, "invalid HTTP header parsed");
    refused("POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n".to_owned(), 400, "invalid content-length parsed");
}

/// The server answers `request` with `status` and closes, and `told` is its connection's error.
#[track_caller]
fn refused(request: String, status: u16, told: &str) {
    let (heard, error) = run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        // What it writes after the refusal is nothing to the server: it may be told so by a reset.
        let _ = client.write_all(request.as_bytes()).await;
        let error = site.end().await.unwrap_err();
        let mut head = [0; 64];
        let n = client.read(&mut head).await.unwrap();
        (String::from_utf8_lossy(&head[..n]).into_owned(), error)
    });
    assert!(heard.starts_with(&format!("HTTP/1.1 {status} ")), "{heard}");
    assert!(hyper_error(&error).is_parse());
    assert_eq!(words(&*error), told);
}

#[test]
fn http1_to_an_http2_server_is_refused_by_a_protocol_error() {
    run(async {
        let mut site = Site::http2().await;
        let client = site.attacker().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        let error = site.end().await.unwrap_err();
        let told = "http2 error: connection error detected: unspecific protocol error detected";
        assert_eq!(words(&*error), told);
    });
}

// ---- bodies

#[test]
fn a_body_that_drips_is_ended_by_the_handlers_own_time_out() {
    run(async {
        let mut site = Site::http1().await;
        let (client, start) = (Rc::new(site.attacker().await), Instant::now());
        client.write_all(b"POST /in_time HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n").await.unwrap();
        let slow = client.clone();
        let dripping = spawn(async move { drip(&slow, &[b'x'; 100]).await });
        // An answer before the request's end closes the connection; it is no error.
        site.end().await.unwrap();
        assert_eq!(start.elapsed(), 5 * SECOND);
        dripping.abort();
        let mut head = [0; 128];
        let n = client.read(&mut head).await.unwrap();
        assert!(head[..n].starts_with(b"HTTP/1.1 408 Request Timeout\r\n"));
    });
}

#[test]
fn a_body_beyond_its_limit_is_refused_with_413() {
    run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        let head = "POST /limited HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 1001\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        client.write_all(&[b'x'; 1001]).await.unwrap();
        let heard = heard(&client).await;
        assert!(heard.starts_with("HTTP/1.1 413 Payload Too Large\r\n"), "{heard}");
        assert!(heard.ends_with("length limit exceeded"), "{heard}");
        site.end().await.unwrap();
    });
}

#[test]
fn a_reset_in_mid_body_is_told_as_a_reset() {
    run(async {
        let mut site = Site::http1().await;
        let client = site.attacker().await;
        client.write_all(b"POST /echo HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        while site.shared.handlers.get() == 0 {
            glassloop::yield_now().await; // the handler reads the body
        }
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client); // with a reset
        let error = site.end().await.unwrap_err();
        let told = "error from user's Service: error reading a body from connection: Connection reset by peer";
        assert!(words(&*error).starts_with(told), "{}", words(&*error));
        let cause = causes(&*error).find_map(|cause| cause.downcast_ref::<std::io::Error>());
        assert_eq!(cause.expect("the socket's error").kind(), ErrorKind::ConnectionReset);
    });
}

// ---- clients that leave, and clients that stay

#[test]
fn a_client_that_closes_at_once_is_no_error() {
    run(async {
        let mut site = Site::http1().await;
        drop(site.attacker().await);
        site.end().await.unwrap();
    });
}

#[test]
fn a_client_that_leaves_before_its_answer_cancels_the_handler() {
    run(async {
        let mut site = Site::http1().await;
        let (client, start) = (site.attacker().await, Instant::now());
        client.write_all(b"GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        while site.shared.handlers.get() == 0 {
            glassloop::yield_now().await;
        }
        drop(client);
        let error = site.end().await.unwrap_err();
        assert!(hyper_error(&error).is_incomplete_message());
        assert_eq!((site.shared.handlers.get(), start.elapsed()), (0, Duration::ZERO));
    });
}

/// The connections that wait for their sockets to take more.
fn blocked() -> usize {
    let dump = dump().unwrap();
    let connections = dump.tasks().iter().filter(|task| task.name.as_deref() == Some("connection"));
    let writing = |waits: &Waits| matches!(waits, Waits::Source { direction: Direction::Write, .. });
    connections.filter(|task| task.waits.iter().any(writing)).count()
}

#[test]
fn a_client_that_never_reads_blocks_its_own_connection_and_ends_by_a_time_out() {
    run(async {
        let is_first = Cell::new(true);
        let mut site = Site::new(async move |stream, shared: Shared| {
            let limit = if is_first.replace(false) { Duration::MAX } else { 60 * SECOND }; // first its neighbour
            let service = service_fn(move |request| answer(request, shared.clone()));
            let serving = http1::Builder::new().timer(Timer).serve_connection(stream, service);
            Ok(timeout(limit, serving).await??)
        })
        .await;
        let (client, start) = (site.attacker().await, Instant::now());
        client.write_all(b"GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
        while blocked() == 0 {
            glassloop::yield_now().await;
        }
        sleep(20 * SECOND).await;
        let sent = site.shared.sent.get();
        site.serves_its_neighbour().await;
        sleep(20 * SECOND).await;
        site.serves_its_neighbour().await;
        assert_eq!((blocked(), site.shared.sent.get()), (1, sent)); // nothing piles up
        assert!(sent < 32_000_000, "{sent}"); // what both sockets hold, and one buffer of hyper's
        let error = site.end().await.unwrap_err();
        assert!(error.is::<glassloop::time::Elapsed>());
        assert_eq!((start.elapsed(), blocked()), (60 * SECOND, 0));
        drop(client);
    });
}

#[test]
fn an_http2_client_that_asks_and_never_reads_ends_by_the_keep_alives_time_out() {
    run(async {
        let mut site = Site::http2().await;
        let (client, start) = (site.attacker().await, Instant::now());
        client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap(); // no settings
        client.write_all(b"\0\0\x0f\x01\x05\0\0\0\x01\x82\x86\x44\x08/endless\x41\x01x").await.unwrap(); // GET
        sleep(10 * SECOND).await;
        let sent = site.shared.sent.get();
        assert!((1..2_000_000).contains(&sent), "{sent}"); // its window, and one buffer of hyper's
        let error = site.end().await.unwrap_err();
        let told = "http2 error: keep-alive timed out: operation timed out";
        assert_eq!((words(&*error), site.shared.sent.get()), (told.to_owned(), sent));
        assert_eq!(start.elapsed(), 30 * SECOND);
        drop(client);
    });
}
