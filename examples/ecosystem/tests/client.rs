//! hyper-util's pooled client over our sockets: its connections, its timers, its look-up of names.

use std::cell::Cell;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, UnixConnector, serve_hyper};
use glassloop::net::{TcpListener, TcpSocket, TcpStream, UnixListener};
use glassloop::time::{Instant, sleep};
use glassloop::{Builder, join_all, spawn};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response, Version};
use hyper_util::client::legacy::{self, Client};

type Pooled<C = Connector> = Client<C, String>;

fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { glassloop::time::timeout(Duration::from_secs(60), future).await.expect("it hangs") })
}

fn client(connector: Connector) -> Pooled {
    Client::builder(Exec).pool_timer(Timer).build(connector)
}

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(format!("{:?} {}", request.version(), request.uri().path())))
}

/// A server that runs as long as the test, and its URI. Each connection notes itself.
async fn server() -> (String, Rc<Cell<u32>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}", listener.local_addr().unwrap());
    let accepted = Rc::new(Cell::new(0));
    let count = accepted.clone();
    let make = move |_: &TcpStream, _: &_| {
        count.set(count.get() + 1);
        service_fn(answer)
    };
    spawn(serve_hyper(listener, make).into_future()).detach();
    (uri, accepted)
}

async fn get<C>(client: &Pooled<C>, uri: &str) -> Result<String, legacy::Error>
where
    Pooled<C>: Clone,
    C: legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    let body = client.get(uri.parse().unwrap()).await?.into_body().collect().await.unwrap();
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

fn cause(error: &legacy::Error) -> &io::Error {
    assert!(error.is_connect(), "{error:?}");
    error.source().unwrap().downcast_ref().unwrap()
}

#[test]
fn requests_one_after_the_other_share_a_connection() {
    run(async {
        let (uri, accepted) = server().await;
        let client = client(Connector::new());
        for n in 0..5 {
            assert_eq!(get(&client, &format!("{uri}/{n}")).await.unwrap(), format!("HTTP/1.1 /{n}"));
        }
        assert_eq!(accepted.get(), 1);
    });
}

#[test]
fn a_hundred_requests_at_once_are_all_answered_and_their_connections_kept() {
    run(async {
        let (uri, accepted) = server().await;
        let client = client(Connector::new());
        for _ in 0..2 {
            let answers = join_all((0..100).map(|n| {
                let (client, uri) = (client.clone(), format!("{uri}/{n}"));
                spawn(async move { get(&client, &uri).await.unwrap() })
            }));
            for (n, answer) in answers.await.into_iter().enumerate() {
                assert_eq!(answer.unwrap(), format!("HTTP/1.1 /{n}"));
            }
        }
        // Not just 100: whoever finds none idle connects, and takes one that is idle first all the same.
        assert!(accepted.get() < 200, "{} connections for twice 100 requests", accepted.get());
    });
}

#[test]
fn a_connection_idle_for_longer_than_the_pools_limit_is_closed_under_virtual_time() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (uri, accepted) = server().await;
        let client: Pooled = Client::builder(Exec)
            .pool_timer(Timer)
            .pool_idle_timeout(Duration::from_secs(10))
            .build(Connector::new());
        get(&client, &uri).await.unwrap();
        sleep(Duration::from_secs(8)).await;
        get(&client, &uri).await.unwrap();
        assert_eq!(accepted.get(), 1, "it was used again before its time was over");
        sleep(Duration::from_secs(25)).await; // less than the server waits for the next request
        get(&client, &uri).await.unwrap();
        assert_eq!(accepted.get(), 2, "it was closed when its time was over");
    });
}

#[test]
fn a_name_is_looked_up_on_the_pool() {
    run(async {
        let (uri, _) = server().await;
        let by_name = uri.replace("127.0.0.1", "localhost");
        assert_eq!(get(&client(Connector::new()), &by_name).await.unwrap(), "HTTP/1.1 /");
        assert_eq!(glassloop::metrics().unwrap().blocking.threads, 1);
    });
}

#[test]
fn a_refused_connection_names_its_address() {
    run(async {
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let error = get(&client(Connector::new()), &format!("http://{closed}")).await.unwrap_err();
        assert_eq!(cause(&error).kind(), io::ErrorKind::ConnectionRefused);
        assert!(cause(&error).to_string().starts_with(&format!("{closed}: ")), "{}", cause(&error));
    });
}

#[test]
fn a_name_that_nobody_knows_is_named_in_the_error() {
    run(async {
        let error = get(&client(Connector::new()), "http://no-such-host.invalid").await.unwrap_err();
        assert!(cause(&error).to_string().contains("no-such-host.invalid"), "{}", cause(&error));
    });
}

#[test]
fn a_connect_that_nobody_answers_ends_by_its_limit() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        // A full backlog: the kernel drops what comes then, and the client waits.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let listener = socket.listen(0).unwrap();
        let addr = listener.local_addr().unwrap();
        let _fills = TcpStream::connect(addr).await.unwrap();
        let start = Instant::now();
        let limited = client(Connector::new().connect_timeout(Duration::from_secs(3)));
        let error = get(&limited, &format!("http://{addr}")).await.unwrap_err();
        assert_eq!(cause(&error).kind(), io::ErrorKind::TimedOut);
        assert_eq!(cause(&error).to_string(), format!("{addr}: no connection within 3s"));
        assert_eq!(start.elapsed(), Duration::from_secs(3));
    });
}

#[test]
fn what_would_have_to_be_encrypted_is_refused() {
    run(async {
        let error = get(&client(Connector::new()), "https://127.0.0.1").await.unwrap_err();
        assert_eq!(cause(&error).kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn a_port_that_is_none_is_refused_and_not_taken_for_80() {
    run(async {
        let error = get(&client(Connector::new()), "http://127.0.0.1:65616/").await.unwrap_err();
        assert_eq!(cause(&error).kind(), io::ErrorKind::InvalidInput);
    });
}

#[test]
fn http2_by_prior_knowledge_puts_all_requests_on_one_connection() {
    run(async {
        let (uri, accepted) = server().await;
        let client: Pooled =
            Client::builder(Exec).pool_timer(Timer).timer(Timer).http2_only(true).build(Connector::new());
        get(&client, &uri).await.unwrap();
        let answers = join_all((0..50).map(|_| {
            let (client, uri) = (client.clone(), uri.clone());
            spawn(async move { get(&client, &uri).await.unwrap() })
        }));
        for answer in answers.await {
            assert_eq!(answer.unwrap(), format!("{:?} /", Version::HTTP_2));
        }
        assert_eq!(accepted.get(), 1);
    });
}

#[test]
fn a_unix_socket_is_asked_whatever_the_uri_says() {
    let folder = std::env::temp_dir().join(format!("glassloop-client-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("socket");
    let _ = std::fs::remove_file(&path);
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        spawn(serve_hyper(listener, |_, _| service_fn(answer)).into_future()).detach();
        let client: Pooled<_> = Client::builder(Exec).pool_timer(Timer).build(UnixConnector::new(&path));
        assert_eq!(get(&client, "http://anything/a").await.unwrap(), "HTTP/1.1 /a");
    });
    std::fs::remove_dir_all(&folder).unwrap();
}
