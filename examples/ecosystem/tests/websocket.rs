//! async-tungstenite on glassloop's sockets: server and client, plain and over TLS.

mod certificate;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::server::create_response_with_body;
use async_tungstenite::tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};
use async_tungstenite::tungstenite::protocol::frame::{CloseFrame, Frame};
use async_tungstenite::tungstenite::protocol::{Message, Role, WebSocketConfig};
use async_tungstenite::tungstenite::{Error, error::CapacityError};
use async_tungstenite::{WebSocketStream, accept_async_with_config, client_async};
use axum::{Router, routing::get};
use certificate::{configs, localhost};
use futures::StreamExt;
use futures::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use glassloop::compat::hyper::Exec;
use glassloop::compat::hyper_util::{Connector, serve, serve_hyper};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::{join, spawn};
use http_body_util::BodyExt;
use hyper::{Request, Response, StatusCode, body::Incoming, service::service_fn};
use hyper_util::{client::legacy::Client, rt::TokioIo};
use rustix::net::sockopt;
use tokio_util::compat::TokioAsyncReadCompatExt;

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

/// A client's side and a server's; the server takes what `config` lets in.
async fn shaken(config: WebSocketConfig) -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    let (client, server) = connected().await;
    let (client, server) =
        join!(client_async("ws://localhost/", client), accept_async_with_config(server, Some(config)));
    (client.unwrap().0, server.unwrap())
}

async fn pair() -> (WebSocketStream<TcpStream>, WebSocketStream<TcpStream>) {
    shaken(WebSocketConfig::default()).await
}

/// Sends back what comes, until the other side closes; gives back the stream underneath.
async fn echo<S: AsyncRead + AsyncWrite + Unpin>(mut socket: WebSocketStream<S>) -> Result<S, Error> {
    while let Some(message) = socket.next().await {
        let message = message?;
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(socket.into_inner())
}

fn close(code: CloseCode, reason: &'static str) -> Message {
    Message::Close(Some(CloseFrame { code, reason: reason.into() }))
}

fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { glassloop::time::timeout(Duration::from_secs(60), future).await.expect("it hangs") })
}

#[test]
fn texts_and_bytes_come_back_in_their_order() {
    run(async {
        let (mut client, server) = pair().await;
        let serving = spawn(echo(server));
        for message in [Message::text("one"), Message::binary(vec![2; 70_000]), Message::text("")] {
            client.send(message.clone()).await.unwrap();
            assert_eq!(client.next().await.unwrap().unwrap(), message);
        }
        client.close(None).await.unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_megabyte_in_fragments_with_a_ping_between_arrives_as_one_message() {
    run(async {
        let (mut client, mut server) = pair().await;
        let whole: Vec<u8> = (0..1 << 20).map(|n: u32| (n % 251) as u8).collect();
        let parts: Vec<_> = whole.chunks(1 << 16).map(<[u8]>::to_vec).collect();
        let sends = spawn(async move {
            let last = parts.len() - 1;
            for (n, part) in parts.into_iter().enumerate() {
                let kind = if n == 0 { Data::Binary } else { Data::Continue };
                client.send(Message::Frame(Frame::message(part, OpCode::Data(kind), n == last))).await.unwrap();
                if n == 7 {
                    client.send(Message::Ping("between".into())).await.unwrap();
                }
            }
            client
        });
        assert_eq!(server.next().await.unwrap().unwrap(), Message::Ping("between".into()));
        assert!(server.next().await.unwrap().unwrap() == Message::binary(whole));
        sends.await.unwrap();
    });
}

#[test]
fn a_megabyte_comes_back_while_both_sides_write() {
    run(async {
        let (client, server) = pair().await;
        let serving = spawn(echo(server));
        let (mut sender, mut receiver) = client.split();
        let message = Message::text("x".repeat(1 << 20));
        let sent = message.clone();
        let sends = spawn(async move {
            for _ in 0..3 {
                sender.send(sent.clone()).await.unwrap();
            }
            sender
        });
        for _ in 0..3 {
            assert!(receiver.next().await.unwrap().unwrap() == message);
        }
        sends.await.unwrap().close(None).await.unwrap();
        serving.await.unwrap().unwrap();
    });
}

/// Both sides see the frame of who closes first, and then the end.
async fn closes(mut first: WebSocketStream<TcpStream>, mut other: WebSocketStream<TcpStream>) {
    let frame = close(CloseCode::Away, "going home");
    let waits = spawn(async move {
        let seen = other.next().await.unwrap().unwrap();
        assert!(other.next().await.is_none()); // the answer is sent by asking for more
        seen
    });
    first.send(frame.clone()).await.unwrap();
    assert_eq!(first.next().await.unwrap().unwrap(), frame); // repeated by the other side
    assert!(first.next().await.is_none());
    let error = first.send(Message::text("late")).await.unwrap_err();
    assert_eq!(error.to_string(), "Trying to work with closed connection");
    drop(first);
    assert_eq!(waits.await.unwrap(), frame);
}

#[test]
fn the_client_closes_and_both_sides_see_why() {
    run(async {
        let (client, server) = pair().await;
        closes(client, server).await;
    });
}

#[test]
fn the_server_closes_and_both_sides_see_why() {
    run(async {
        let (client, server) = pair().await;
        closes(server, client).await;
    });
}

#[test]
fn a_peer_that_vanishes_is_told_from_one_that_closes() {
    run(async {
        let (client, mut server) = pair().await;
        drop(client);
        let error = server.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "WebSocket protocol error: Connection reset without closing handshake");
        assert!(server.next().await.is_none());
    });
}

#[test]
fn a_reset_is_named_and_noticed_by_no_other_connection() {
    run(async {
        let (mut one, other) = pair().await;
        let serving = spawn(echo(other));
        let (client, mut server) = pair().await;
        sockopt::set_socket_linger(client.get_ref(), Some(Duration::ZERO)).unwrap();
        drop(client); // with a reset
        let error = server.next().await.unwrap().unwrap_err();
        assert!(error.to_string().starts_with("IO error: Connection reset by peer"), "{error}");
        one.send(Message::text("still here")).await.unwrap();
        assert_eq!(one.next().await.unwrap().unwrap(), Message::text("still here"));
        one.close(None).await.unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_message_over_the_limit_is_refused_before_it_has_come() {
    run(async {
        let (mut client, mut server) = shaken(WebSocketConfig::default().max_message_size(Some(1000))).await;
        client.send(Message::binary(vec![0; 1000])).await.unwrap();
        assert_eq!(server.next().await.unwrap().unwrap().len(), 1000);
        // Two fragments of three; the third is never sent.
        for kind in [Data::Binary, Data::Continue] {
            let part = Frame::message(vec![0; 501], OpCode::Data(kind), false);
            client.send(Message::Frame(part)).await.unwrap();
        }
        match server.next().await.unwrap().unwrap_err() {
            Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
                assert_eq!((size, max_size), (1002, 1000));
            }
            other => panic!("{other}"),
        }
        drop(server);
        assert!(client.next().await.unwrap().is_err());
    });
}

#[test]
fn a_ping_is_answered_by_whoever_reads() {
    run(async {
        let (mut client, server) = pair().await;
        let serving = spawn(echo(server)); // it does nothing about pings
        client.send(Message::Ping("are you there".into())).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Pong("are you there".into()));
        client.close(None).await.unwrap();
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn a_frame_that_breaks_the_protocol_is_refused_by_name() {
    run(async {
        let (mut client, mut server) = pair().await;
        let mut reserved = Frame::message("x", OpCode::Data(Data::Text), true);
        reserved.header_mut().opcode = OpCode::Control(Control::Reserved(11));
        client.send(Message::Frame(reserved)).await.unwrap();
        let error = server.next().await.unwrap().unwrap_err();
        assert_eq!(error.to_string(), "WebSocket protocol error: Encountered invalid opcode: 11");
    });
}

#[test]
fn a_request_that_does_not_ask_for_a_websocket_is_refused_by_name() {
    run(async {
        let (client, server) = connected().await;
        client.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n").await.unwrap();
        let error = accept_async_with_config(server, None).await.unwrap_err();
        assert_eq!(error.to_string(), "WebSocket protocol error: No \"Connection: upgrade\" header");
    });
}

/// A client and a server over TLS.
async fn secure_pair() -> (
    WebSocketStream<futures_rustls::client::TlsStream<TcpStream>>,
    WebSocketStream<futures_rustls::server::TlsStream<TcpStream>>,
) {
    let (server_config, client_config) = configs(&[]);
    let (client, server) = connected().await;
    let (client, server) = join!(
        async {
            let connector = futures_rustls::TlsConnector::from(client_config);
            client_async("wss://localhost/", connector.connect(localhost(), client).await.unwrap()).await
        },
        async {
            let acceptor = futures_rustls::TlsAcceptor::from(server_config);
            accept_async_with_config(acceptor.accept(server).await.unwrap(), None).await
        },
    );
    (client.unwrap().0, server.unwrap())
}

#[test]
fn over_tls_a_megabyte_comes_back_and_both_sides_close() {
    run(async {
        let (mut client, server) = secure_pair().await;
        let serving = spawn(async move {
            let mut stream = echo(server).await.unwrap();
            stream.close().await.unwrap(); // TLS has a goodbye of its own
        });
        let message = Message::binary((0..1 << 20).map(|n: u32| (n % 251) as u8).collect::<Vec<_>>());
        client.send(message.clone()).await.unwrap();
        assert!(client.next().await.unwrap().unwrap() == message);
        client.send(close(CloseCode::Normal, "enough")).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), close(CloseCode::Normal, "enough"));
        assert!(client.next().await.is_none());
        serving.await.unwrap();
    });
}

#[test]
fn over_tls_a_server_that_forgets_the_goodbye_of_tls_is_told_on_after_its_close() {
    run(async {
        let (mut client, server) = secure_pair().await;
        let serving = spawn(async move { drop(echo(server).await.unwrap()) });
        client.close(None).await.unwrap();
        assert_eq!(client.next().await.unwrap().unwrap(), Message::Close(None));
        let error = client.next().await.unwrap().unwrap_err().to_string();
        assert!(error.contains("peer closed connection without sending TLS close_notify"), "{error}");
        serving.await.unwrap();
    });
}

/// A page at `/`, and an echo at `/echo` for those who ask for a WebSocket.
async fn page_or_echo<B>(mut request: Request<B>) -> Result<Response<String>, Infallible> {
    if request.uri().path() != "/echo" {
        return Ok(Response::new("a page".into()));
    }
    let upgrading = hyper::upgrade::on(&mut request);
    match create_response_with_body(&request, String::new) {
        Ok(response) => {
            spawn(async move {
                let stream = TokioIo::new(upgrading.await.unwrap()).compat();
                echo(WebSocketStream::from_raw_socket(stream, Role::Server, None).await).await.unwrap();
            })
            .detach();
            Ok(response)
        }
        Err(error) => {
            let mut response = Response::new(error.to_string());
            *response.status_mut() = StatusCode::BAD_REQUEST;
            Ok(response)
        }
    }
}

/// A page, a refusal and an echo from one server.
async fn check_page_and_echo(address: SocketAddr) {
    let client = Client::builder(Exec).build::<_, String>(Connector::new());
    let get = async |path: &str| {
        let response = client.get(format!("http://{address}{path}").parse().unwrap()).await.unwrap();
        (response.status().as_u16(), response.into_body().collect().await.unwrap().to_bytes())
    };
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut socket, _) = client_async(format!("ws://{address}/echo"), stream).await.unwrap();
    assert_eq!(get("/").await, (200, "a page".into()));
    let refusal = "WebSocket protocol error: No \"Connection: upgrade\" header";
    assert_eq!(get("/echo").await, (400, refusal.into()));
    let message = Message::binary(vec![7; 1 << 20]);
    socket.send(message.clone()).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap() == message);
    socket.close(None).await.unwrap();
    assert_eq!(socket.next().await.unwrap().unwrap(), Message::Close(None));
    assert!(socket.next().await.is_none());
}

#[test]
fn one_port_serves_pages_and_websockets_by_hypers_upgrade() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = spawn(serve_hyper(listener, |_, _| service_fn(page_or_echo::<Incoming>)).into_future());
        check_page_and_echo(address).await;
        server.abort();
    });
}

#[test]
fn one_port_serves_pages_and_websockets_in_axum() {
    run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let handler = get(page_or_echo::<axum::body::Body>);
        let routes = Router::new().route("/", handler.clone()).route("/echo", handler);
        let server = spawn(serve(listener, routes.into_make_service()).into_future());
        check_page_and_echo(address).await;
        server.abort();
    });
}
