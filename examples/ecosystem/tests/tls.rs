//! rustls on glassloop's sockets, through futures-rustls and through tokio-rustls.

mod certificate;

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use certificate::{configs, localhost};
use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, Listener, serve_hyper};
use glassloop::io::{AsyncReadExt, AsyncWriteExt};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::oneshot;
use glassloop::time::{Instant, timeout};
use glassloop::{Builder, join, join_all, spawn};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response, Version, service::service_fn};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioIo};
use rustix::net::sockopt;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// The crate between rustls and the socket.
#[derive(Clone, Copy, Debug)]
enum Through {
    Futures,
    Tokio,
}
use Through::{Futures, Tokio};

impl Through {
    /// A server's handshake; the stream is dropped with its outcome.
    async fn accept(self, config: &Arc<ServerConfig>, stream: TcpStream) -> io::Result<()> {
        match self {
            Futures => futures_rustls::TlsAcceptor::from(config.clone()).accept(stream).await.map(drop),
            Tokio => tokio_rustls::TlsAcceptor::from(config.clone()).accept(stream).await.map(drop),
        }
    }

    async fn connect(
        self,
        config: &Arc<ClientConfig>,
        name: ServerName<'static>,
        stream: TcpStream,
    ) -> io::Result<()> {
        match self {
            Futures => futures_rustls::TlsConnector::from(config.clone()).connect(name, stream).await.map(drop),
            Tokio => tokio_rustls::TlsConnector::from(config.clone()).connect(name, stream).await.map(drop),
        }
    }
}

/// A client's connection and a server's, through futures-rustls.
async fn futures_pair()
-> (futures_rustls::client::TlsStream<TcpStream>, futures_rustls::server::TlsStream<TcpStream>) {
    let (server_config, client_config) = configs(&[]);
    let (client, server) = connected().await;
    let (client, server) = join!(
        futures_rustls::TlsConnector::from(client_config).connect(localhost(), client),
        futures_rustls::TlsAcceptor::from(server_config).accept(server),
    );
    (client.unwrap(), server.unwrap())
}

/// As [`futures_pair`], through tokio-rustls.
async fn tokio_pair(
    protocols: &[&str],
) -> (tokio_rustls::client::TlsStream<TcpStream>, tokio_rustls::server::TlsStream<TcpStream>) {
    let (server_config, client_config) = configs(protocols);
    let (client, server) = connected().await;
    let (client, server) = join!(
        tokio_rustls::TlsConnector::from(client_config).connect(localhost(), client),
        tokio_rustls::TlsAcceptor::from(server_config).accept(server),
    );
    (client.unwrap(), server.unwrap())
}

/// Two ends whose buffers hold so little that whoever writes much must wait for the reader.
async fn connected() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (server, _) = listener.accept().await.unwrap();
    for stream in [&client, &server] {
        sockopt::set_socket_send_buffer_size(stream, 1 << 17).unwrap();
        sockopt::set_socket_recv_buffer_size(stream, 1 << 17).unwrap();
    }
    (client, server)
}

fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { timeout(Duration::from_secs(60), future).await.expect("it hangs") })
}

#[test]
fn futures_rustls_shakes_hands_and_carries_words_both_ways() {
    run(async {
        let (mut client, mut server) = futures_pair().await;
        let mut heard = [0; 4];
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
        server.write_all(b"pong").await.unwrap();
        server.close().await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"pong");
    });
}

#[test]
fn tokio_rustls_shakes_hands_and_carries_words_both_ways() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let (mut client, mut server) = tokio_pair(&[]).await;
        let mut heard = [0; 4];
        client.write_all(b"ping").await.unwrap();
        client.flush().await.unwrap();
        server.read_exact(&mut heard).await.unwrap();
        assert_eq!(&heard, b"ping");
        server.write_all(b"pong").await.unwrap();
        server.shutdown().await.unwrap();
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"pong");
    });
}

#[test]
fn the_two_crates_understand_each_other() {
    run(async {
        for (one, other) in [(Futures, Tokio), (Tokio, Futures)] {
            let (server_config, client_config) = configs(&[]);
            let (client, server) = connected().await;
            let (said, heard) =
                join!(one.connect(&client_config, localhost(), client), other.accept(&server_config, server));
            said.and(heard).unwrap();
        }
    });
}

const MUCH: usize = 3_000_000;

fn much() -> Vec<u8> {
    (0..MUCH as u32).map(|n| (n % 251) as u8).collect()
}

#[test]
fn three_megabytes_come_back_through_futures_rustls() {
    run(async {
        let (client, server) = futures_pair().await;
        let echo = spawn(async move {
            let (mut reader, mut writer) = glassloop::io::split(server);
            glassloop::io::copy(&mut reader, &mut writer).await.unwrap();
            writer.close().await.unwrap();
        });
        let (mut reader, mut writer) = glassloop::io::split(client);
        let says = spawn(async move {
            writer.write_all(&much()).await.unwrap();
            writer.close().await.unwrap();
        });
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await.unwrap();
        assert!(back == much());
        says.await.unwrap();
        echo.await.unwrap();
    });
}

#[test]
fn three_megabytes_come_back_through_tokio_rustls() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let (client, server) = tokio_pair(&[]).await;
        let echo = spawn(async move {
            let (mut reader, mut writer) = tokio::io::split(server);
            tokio::io::copy(&mut reader, &mut writer).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let (mut reader, mut writer) = tokio::io::split(client);
        let says = spawn(async move {
            writer.write_all(&much()).await.unwrap();
            writer.shutdown().await.unwrap();
        });
        let mut back = Vec::new();
        reader.read_to_end(&mut back).await.unwrap();
        assert!(back == much());
        says.await.unwrap();
        echo.await.unwrap();
    });
}

#[test]
fn the_handshake_chooses_h2_and_hyper_speaks_it() {
    run(async {
        let (client, server) = tokio_pair(&["h2", "http/1.1"]).await;
        assert_eq!(server.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        assert_eq!(client.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let service = service_fn(|request: Request<Incoming>| async move {
            assert_eq!(request.version(), Version::HTTP_2);
            let body = request.into_body().collect().await?.to_bytes();
            Ok::<_, hyper::Error>(Response::new(Full::new(body)))
        });
        let serving = hyper::server::conn::http2::Builder::new(Exec)
            .timer(Timer)
            .serve_connection(TokioIo::new(server), service);
        let serving = spawn(serving);
        let (mut sender, connection) = hyper::client::conn::http2::Builder::new(Exec)
            .timer(Timer)
            .handshake(TokioIo::new(client))
            .await
            .unwrap();
        let driving = spawn(connection);
        let request = Request::post("https://localhost/").body(Full::new(Bytes::from(much()))).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == much());
        drop(sender);
        driving.await.unwrap().unwrap();
        serving.await.unwrap().unwrap();
    });
}

/// Bytes that no TLS client begins with.
const GARBAGE: &[u8] = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

#[test]
fn garbage_instead_of_a_hello_is_refused_by_name() {
    run(async {
        for through in [Futures, Tokio] {
            let (config, _) = configs(&[]);
            let (client, server) = connected().await;
            client.write_all(GARBAGE).await.unwrap();
            let error = through.accept(&config, server).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
            assert_eq!(error.to_string(), "received corrupt message of type InvalidContentType");
        }
    });
}

/// Gives back what comes, until the peer says that it has no more.
async fn echo(acceptor: futures_rustls::TlsAcceptor, stream: TcpStream) -> io::Result<u64> {
    let (mut reader, mut writer) = glassloop::io::split(acceptor.accept(stream).await?);
    let echoed = glassloop::io::copy(&mut reader, &mut writer).await?;
    writer.close().await?;
    Ok(echoed)
}

#[test]
fn garbage_on_one_connection_is_noticed_by_no_other() {
    run(async {
        let (server_config, client_config) = configs(&[]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = spawn(async move {
            let acceptor = futures_rustls::TlsAcceptor::from(server_config);
            let mut connections = Vec::new();
            for _ in 0..3 {
                let (stream, _) = listener.accept().await.unwrap();
                connections.push(spawn(echo(acceptor.clone(), stream)));
            }
            join_all(connections).await
        });
        let connector = futures_rustls::TlsConnector::from(client_config);
        let connect = async || connector.connect(localhost(), TcpStream::connect(address).await.unwrap()).await;
        let mut heard = [0; 4];

        let mut earlier = connect().await.unwrap();
        let garbage = TcpStream::connect(address).await.unwrap();
        garbage.write_all(GARBAGE).await.unwrap();
        assert_eq!(garbage.read(&mut heard).await.unwrap(), 4);
        assert_eq!(heard[0], 21); // the record of an alert
        earlier.write_all(b"fine").await.unwrap();
        earlier.flush().await.unwrap();
        earlier.read_exact(&mut heard).await.unwrap();
        let mut later = connect().await.unwrap();
        for stream in [&mut earlier, &mut later] {
            stream.write_all(b"bye.").await.unwrap();
            stream.close().await.unwrap();
            stream.read_exact(&mut heard).await.unwrap();
            assert_eq!(&heard, b"bye.");
        }

        let ends: Vec<_> = serving.await.unwrap().into_iter().map(Result::unwrap).collect();
        assert_eq!((ends[0].as_ref().unwrap(), ends[2].as_ref().unwrap()), (&8, &4));
        assert!(ends[1].is_err());
    });
}

#[test]
fn a_wrong_name_is_refused_by_the_client_and_told_to_the_server() {
    run(async {
        for through in [Futures, Tokio] {
            let (server_config, client_config) = configs(&[]);
            let (client, server) = connected().await;
            let other = ServerName::try_from("other.test").unwrap();
            let (refused, told) =
                join!(through.connect(&client_config, other, client), through.accept(&server_config, server));
            let refused = refused.unwrap_err().to_string();
            assert!(
                refused.starts_with("invalid peer certificate: certificate not valid for name \"other.test\""),
                "{refused}"
            );
            assert!(refused.contains("localhost"), "{refused}");
            assert_eq!(told.unwrap_err().to_string(), "received fatal alert: BadCertificate");
        }
    });
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    run(async {
        let (server_config, _) = configs(&[]);
        let trusts_nobody = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        let trusts_nobody = Arc::new(trusts_nobody.with_no_client_auth());
        let (client, server) = connected().await;
        let (refused, told) =
            join!(Tokio.connect(&trusts_nobody, localhost(), client), Tokio.accept(&server_config, server));
        assert_eq!(refused.unwrap_err().to_string(), "invalid peer certificate: UnknownIssuer");
        assert_eq!(told.unwrap_err().to_string(), "received fatal alert: UnknownCA");
    });
}

const NO_GOODBYE: &str = "peer closed connection without sending TLS close_notify";

#[test]
fn an_end_without_a_goodbye_is_an_error_through_futures_rustls() {
    run(async {
        let (mut client, mut server) = futures_pair().await;
        client.write_all(b"half").await.unwrap();
        client.flush().await.unwrap();
        client.get_ref().0.shutdown(Shutdown::Write).unwrap(); // the socket's end, not TLS's
        let mut read = Vec::new();
        let error = server.read_to_end(&mut read).await.unwrap_err();
        assert_eq!((read.as_slice(), error.kind()), (&b"half"[..], io::ErrorKind::UnexpectedEof));
        assert!(error.to_string().starts_with(NO_GOODBYE), "{error}");
    });
}

#[test]
fn an_end_without_a_goodbye_is_an_error_through_tokio_rustls() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    run(async {
        let (mut client, mut server) = tokio_pair(&[]).await;
        client.write_all(b"half").await.unwrap();
        client.flush().await.unwrap();
        client.get_ref().0.shutdown(Shutdown::Write).unwrap();
        let mut read = Vec::new();
        let error = server.read_to_end(&mut read).await.unwrap_err();
        assert_eq!((read.as_slice(), error.kind()), (&b"half"[..], io::ErrorKind::UnexpectedEof));
        assert!(error.to_string().starts_with(NO_GOODBYE), "{error}");
    });
}

#[test]
fn a_connection_lost_in_the_handshake_says_so() {
    run(async {
        for through in [Futures, Tokio] {
            let (config, _) = configs(&[]);
            let (client, server) = connected().await;
            client.write_all(HALF_A_HELLO).await.unwrap();
            drop(client);
            let error = through.accept(&config, server).await.unwrap_err();
            assert_eq!(
                (error.kind(), error.to_string().as_str()),
                (io::ErrorKind::UnexpectedEof, "tls handshake eof")
            );
        }
    });
}

/// The head of a record with 512 bytes of a handshake, and the first four of these.
const HALF_A_HELLO: &[u8] = &[22, 3, 1, 2, 0, 1, 0, 1, 252];

#[test]
fn a_handshake_that_never_ends_is_cut_off_by_our_timeout() {
    for through in [Futures, Tokio] {
        let runtime = Builder::new().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let (config, _) = configs(&[]);
            let (client, server) = connected().await;
            client.write_all(HALF_A_HELLO).await.unwrap();
            let start = Instant::now();
            let outcome = timeout(Duration::from_secs(10), through.accept(&config, server)).await;
            assert!(outcome.is_err(), "{outcome:?}");
            assert_eq!(start.elapsed(), Duration::from_secs(10));
            // The socket went with the handshake.
            assert_eq!(client.read(&mut [0]).await.unwrap(), 0);
        });
    }
}

#[test]
fn a_server_between_silence_and_garbage_speaks_the_http_that_its_clients_offer() {
    run(async {
        let (server_config, client_config) = configs(&["h2", "http/1.1"]);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let uri = format!("https://localhost:{}/", address.port());
        let acceptor = tokio_rustls::TlsAcceptor::from(server_config);
        let listener = listener.and_then(move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.map(TokioIo::new) }
        });
        let hello =
            service_fn(async |_: Request<Incoming>| Ok::<_, Infallible>(Response::new(String::from("hello"))));
        let told = Rc::new(RefCell::new(Vec::new()));
        let tell = told.clone();
        let (stop, stopped) = oneshot::channel::<()>();
        let server = serve_hyper(listener, move |_, _| hello)
            .on_error(move |_, error| tell.borrow_mut().push(error.to_string()))
            .with_graceful_shutdown(async { _ = stopped.await });
        let server = spawn(server.into_future());

        let silent = TcpStream::connect(address).await.unwrap();
        let garbage = TcpStream::connect(address).await.unwrap();
        garbage.write_all(GARBAGE).await.unwrap();
        let mut config = ClientConfig::clone(&client_config);
        config.alpn_protocols.clear(); // hyper-rustls puts in what it is built with
        let tls = || HttpsConnectorBuilder::new().with_tls_config(config.clone()).https_only();
        let tcp = Connector::new().enforce_http(false);
        let one = tls().enable_http1().wrap_connector(tcp.clone());
        let both = tls().enable_all_versions().wrap_connector(tcp);
        for (connector, version) in [(one, Version::HTTP_11), (both, Version::HTTP_2)] {
            let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(connector);
            for _ in 0..2 {
                let response = client.get(uri.parse().unwrap()).await.unwrap();
                assert_eq!(response.version(), version);
                assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "hello");
            }
        }
        assert_eq!(*told.borrow(), ["received corrupt message of type InvalidContentType"]);
        drop(stop);
        assert_eq!(server.await.unwrap().unwrap().connections, 4);
        drop((silent, garbage));
    });
}
