//! TCP sockets before they connect or listen, over loopback.
#![cfg(unix)]

use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpSocket, TcpStream};
use glassloop::time::timeout;
use glassloop::{Builder, Runtime, Waits, spawn};

const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(30);
    glassloop::run(async { timeout(limit, future).await.expect("a wake was lost") })
}

fn socket() -> TcpSocket {
    TcpSocket::new_v4().unwrap()
}

fn bound() -> TcpSocket {
    let socket = socket();
    socket.bind(LOCAL).unwrap();
    socket
}

/// Where each wait for a socket was begun.
fn waits() -> Vec<(&'static str, u32)> {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    let sites = waits.filter_map(|wait| match wait {
        Waits::Source { site: Some(site), .. } => Some((site.file(), site.line())),
        _ => None,
    });
    sites.collect()
}

/// A listener whose backlog is full, so that Linux answers no further connection; and what fills it.
#[cfg(target_os = "linux")]
async fn silent() -> (TcpListener, SocketAddr, Vec<TcpStream>) {
    let listener = bound().listen(0).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut filling = Vec::new();
    while let Ok(stream) = timeout(Duration::from_secs(1), TcpStream::connect(addr)).await {
        filling.push(stream.unwrap());
        assert!(filling.len() < 10, "a backlog of 0 has little room");
    }
    (listener, addr, filling)
}

#[test]
fn a_socket_bound_before_it_connects_keeps_its_address() {
    run(async {
        let listener = bound().listen(1).unwrap();
        let socket = bound();
        let own = socket.local_addr().unwrap();
        let connect = spawn(socket.connect(listener.local_addr().unwrap()));
        let (server, peer) = listener.accept().await.unwrap();
        let client = connect.await.unwrap().unwrap();
        assert_eq!((peer, client.local_addr().unwrap()), (own, own));
        client.write_all(b"hello").await.unwrap();
        let mut words = [0; 5];
        server.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"hello");
    });
}

#[test]
fn ipv6_sockets_connect_too() {
    run(async {
        let addr = "[::1]:0".parse().unwrap();
        let Some(socket) = TcpSocket::new_v6().ok().filter(|socket| socket.bind(addr).is_ok()) else {
            eprintln!("skipped: no IPv6 on this machine");
            return;
        };
        let listener = socket.listen(1).unwrap();
        let connect = spawn(TcpSocket::new_v6().unwrap().connect(listener.local_addr().unwrap()));
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(connect.await.unwrap().unwrap().local_addr().unwrap(), peer);
    });
}

#[test]
fn an_address_in_use_is_refused_without_reuseport() {
    run(async {
        let listener = bound().listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        assert_eq!(socket().bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn two_listeners_share_an_address_if_both_say_reuseport() {
    run(async {
        let reusable = || {
            let socket = socket();
            socket.set_reuseport(true).unwrap();
            assert!(socket.reuseport().unwrap());
            socket
        };
        let first = reusable();
        first.bind(LOCAL).unwrap();
        let addr = first.local_addr().unwrap();
        let second = reusable();
        second.bind(addr).unwrap();
        let (first, second) = (first.listen(1).unwrap(), second.listen(1).unwrap());
        // Which of them it reaches is the kernel's choice.
        let client = std::net::TcpStream::connect(addr).unwrap();
        let peer = poll_fn(|cx| match first.poll_accept(cx) {
            Poll::Pending => second.poll_accept(cx),
            ready => ready,
        });
        assert_eq!(peer.await.unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn reuseaddr_binds_beside_a_closed_connection_that_lingers() {
    run(async {
        let reusable = || {
            let socket = socket();
            socket.set_reuseaddr(true).unwrap();
            assert!(socket.reuseaddr().unwrap());
            socket
        };
        let first = reusable();
        first.bind(LOCAL).unwrap();
        let listener = first.listen(1).unwrap();
        let addr = listener.local_addr().unwrap();
        let client = std::net::TcpStream::connect(addr).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        // Who closes first keeps the address for a while (TIME_WAIT).
        drop(server);
        drop(client);
        drop(listener);
        assert_eq!(socket().bind(addr).unwrap_err().kind(), ErrorKind::AddrInUse);
        reusable().bind(addr).unwrap();
    });
}

#[test]
fn options_are_kept_and_pass_to_the_stream() {
    run(async {
        let socket = socket();
        for on in [false, true] {
            socket.set_keepalive(on).unwrap();
            assert_eq!(socket.keepalive().unwrap(), on);
            socket.set_nodelay(on).unwrap();
            assert_eq!(socket.nodelay().unwrap(), on);
        }
        let timing = (Duration::from_secs(30), Duration::from_secs(5), 4);
        socket.set_keepalive_timing(timing.0, timing.1, timing.2).unwrap();
        assert_eq!(socket.keepalive_timing().unwrap(), timing);
        let listener = bound().listen(1).unwrap();
        let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        assert!(stream.nodelay().unwrap());
        assert!(rustix::net::sockopt::socket_keepalive(&stream).unwrap());
        assert!(stream.take_error().unwrap().is_none());
    });
}

#[test]
fn buffers_take_another_size() {
    let socket = socket();
    let (send, receive) = (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap());
    socket.set_send_buffer_size(8 << 10).unwrap();
    socket.set_recv_buffer_size(16 << 10).unwrap();
    let now = (socket.send_buffer_size().unwrap(), socket.recv_buffer_size().unwrap());
    assert!((8 << 10..=16 << 10).contains(&now.0), "{now:?}, or doubled");
    assert!((16 << 10..=32 << 10).contains(&now.1), "{now:?}, or doubled");
    assert_ne!(now, (send, receive));
}

// ---- errors

#[test]
fn a_connection_nobody_listens_for_is_refused() {
    run(async {
        let free = bound(); // bound, and listening to nobody
        let error = socket().connect(free.local_addr().unwrap()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// TCP has no connections to broadcast addresses, and Linux says so in these words.
#[cfg(target_os = "linux")]
#[test]
fn an_unreachable_address_is_an_error_at_once() {
    run(async {
        let everybody = "127.255.255.255:9".parse().unwrap();
        let error = socket().connect(everybody).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
        let error = TcpStream::connect(everybody).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NetworkUnreachable);
    });
}

/// Under a virtual clock, so it takes no time.
#[cfg(target_os = "linux")]
#[test]
fn a_connection_that_is_never_answered_times_out_and_leaves_no_waiter() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (_listener, addr, _filling) = silent().await;
        let day = Duration::from_secs(24 * 3600);
        assert!(timeout(day, socket().connect(addr)).await.is_err());
        assert_eq!(waits(), []);
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err());
}

#[cfg(target_os = "linux")]
#[test]
fn a_dump_names_the_place_where_a_connection_was_begun() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (_listener, addr, _filling) = silent().await;
        let (mut first, mut second) = (Box::pin(socket().connect(addr)), Box::pin(TcpStream::connect(addr)));
        let line = line!() - 1;
        for future in [&mut first as &mut (dyn Future<Output = _> + Unpin), &mut second] {
            assert!(poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await.is_pending());
        }
        assert_eq!(waits(), [(file!(), line), (file!(), line)]);
    });
}

#[test]
fn outside_of_a_loop_it_neither_connects_nor_listens() {
    let error = bound().listen(1).unwrap_err();
    assert!(error.to_string().starts_with("TcpListener was used outside of a glassloop runtime"), "{error}");
    let listener = std::net::TcpListener::bind(LOCAL).unwrap();
    let connect = std::pin::pin!(socket().connect(listener.local_addr().unwrap()));
    let Poll::Ready(Err(error)) = connect.poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
    else {
        panic!("it goes on without a loop");
    };
    assert!(error.to_string().starts_with("TcpStream was used outside of a glassloop runtime"), "{error}");
}

#[test]
fn it_belongs_to_no_loop_until_it_connects() {
    let (one, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let socket = one.block_on(async { bound() });
    let socket = thread::spawn(move || socket).join().unwrap();
    other.block_on(async {
        let listener = socket.listen(1).unwrap();
        let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        listener.accept().await.unwrap();
    });
}

#[test]
fn sockets_and_their_futures_are_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    both::<TcpSocket>();
    let _never_called = |socket: TcpSocket| {
        send(&socket.connect(LOCAL));
        send(&TcpStream::connect("localhost:80"));
        send(&TcpListener::bind("localhost:80"));
    };
}
