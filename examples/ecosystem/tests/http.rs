//! hyper on glassloop: its server and its client, HTTP/1 and HTTP/2, on our sockets, spawns and timers.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::Instant;
use glassloop::{Builder, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};

type Answer = Result<Response<Full<Bytes>>, Infallible>;

/// Answers with the request's path and body, and how many requests came before. Its state is not `Send`.
async fn answer(request: Request<Incoming>, served: Rc<Cell<u32>>) -> Answer {
    let (path, before) = (request.uri().path().to_owned(), served.replace(served.get() + 1));
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let text = format!("{path} {} after {before}", String::from_utf8_lossy(&body));
    Ok(Response::new(Full::from(text)))
}

async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

fn request(path: &str, body: &'static str) -> Request<Full<Bytes>> {
    Request::post(format!("http://example.test{path}")).body(Full::from(body)).unwrap()
}

async fn text(response: Response<Incoming>) -> String {
    assert_eq!(response.status(), StatusCode::OK);
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { glassloop::time::timeout(Duration::from_secs(60), future).await.expect("it hangs") })
}

#[test]
fn http1_requests_follow_each_other_on_one_connection() {
    run(async {
        let (client, server) = connected().await;
        let served = Rc::new(Cell::new(0));
        let service = service_fn(move |request| answer(request, served.clone()));
        let serving =
            spawn(hyper::server::conn::http1::Builder::new().timer(Timer).serve_connection(server, service));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(client).await.unwrap();
        let driving = spawn(connection);
        for (n, word) in ["one", "two"].into_iter().enumerate() {
            let response = sender.send_request(request("/a", word)).await.unwrap();
            assert_eq!(text(response).await, format!("/a {word} after {n}"));
        }
        drop(sender);
        driving.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn http2_requests_share_a_connection_and_a_state_that_is_not_send() {
    run(async {
        let (client, server) = connected().await;
        let served = Rc::new(Cell::new(0));
        let count = served.clone();
        let service = service_fn(move |request| answer(request, count.clone()));
        let serving =
            spawn(hyper::server::conn::http2::Builder::new(Exec).timer(Timer).serve_connection(server, service));
        let (sender, connection) =
            hyper::client::conn::http2::Builder::new(Exec).timer(Timer).handshake(client).await.unwrap();
        let driving = spawn(connection);
        let calls = (0..10).map(|_| {
            let mut sender = sender.clone();
            spawn(async move { text(sender.send_request(request("/b", "x")).await.unwrap()).await })
        });
        for answer in glassloop::join_all(calls).await {
            assert!(answer.unwrap().starts_with("/b x after "));
        }
        assert_eq!(served.get(), 10);
        drop(sender);
        driving.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_large_body_goes_through_both_ways() {
    run(async {
        let (client, server) = connected().await;
        let service = service_fn(|request: Request<Incoming>| async {
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        });
        let serving =
            spawn(hyper::server::conn::http1::Builder::new().timer(Timer).serve_connection(server, service));
        let (mut sender, connection) = hyper::client::conn::http1::handshake(client).await.unwrap();
        let driving = spawn(connection);
        let sent: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let request = Request::post("/").body(Full::new(sent.clone())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), sent);
        drop(sender);
        driving.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn half_a_request_ends_by_hypers_time_out_under_virtual_time() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (client, server) = connected().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: exam").await.unwrap();
        let service = service_fn(|request| answer(request, Rc::default()));
        let start = Instant::now();
        let served = hyper::server::conn::http1::Builder::new()
            .timer(Timer)
            .header_read_timeout(Duration::from_secs(3600))
            .serve_connection(server, service)
            .await;
        assert!(served.unwrap_err().is_timeout());
        assert_eq!(start.elapsed(), Duration::from_secs(3600));
        drop(client);
    });
}

#[test]
fn a_client_that_resets_ends_its_connection_alone() {
    run(async {
        let (client, server) = connected().await;
        client.write_all(b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf").await.unwrap();
        rustix::net::sockopt::set_socket_linger(&client, Some(Duration::ZERO)).unwrap();
        drop(client); // with a reset
        let service = service_fn(|request: Request<Incoming>| async {
            match request.into_body().collect().await {
                Ok(_) => panic!("the body was cut short"),
                Err(error) => Err::<Response<Full<Bytes>>, _>(error),
            }
        });
        let served = hyper::server::conn::http1::Builder::new().timer(Timer).serve_connection(server, service);
        assert!(served.await.is_err());
    });
}
