//! UDP over loopback: what a user of `std::net` expects, and what waiting in tasks adds to it.

use std::future::{Future, pending, poll_fn};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use glassloop::net::{UdpSocket, lookup_host};
use glassloop::time::timeout;
use glassloop::{Builder, Runtime, Waits, spawn, spawn_blocking, yield_now};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);
/// A group of this interface alone.
const GROUP: Ipv6Addr = Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 4, 2);
/// The index of `lo` in every network namespace of Linux.
const LOOPBACK: u32 = 1;

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(30);
    glassloop::run(async { timeout(limit, future).await.expect("a wake was lost") })
}

async fn bind() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind(LOCAL).await.unwrap();
    let addr = socket.local_addr().unwrap();
    (socket, addr)
}

/// Two sockets, each the other's peer.
async fn pair() -> (UdpSocket, UdpSocket) {
    let ((one, one_addr), (other, other_addr)) = (bind().await, bind().await);
    one.connect(other_addr).await.unwrap();
    other.connect(one_addr).await.unwrap();
    (one, other)
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// Where each wait for a socket was begun.
fn waits() -> Vec<u32> {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    let lines = waits.filter_map(|wait| match wait {
        Waits::Source { site: Some(site), .. } if site.file() == file!() => Some(site.line()),
        _ => None,
    });
    lines.collect()
}

// ---- datagrams

#[test]
fn a_datagram_keeps_its_bounds_and_names_its_sender() {
    run(async {
        let ((one, one_addr), (other, other_addr)) = (bind().await, bind().await);
        for datagram in [&b"first"[..], b"second"] {
            assert_eq!(one.send_to(datagram, other_addr).await.unwrap(), datagram.len());
        }
        let mut buffer = [0; 64];
        assert_eq!(other.recv_from(&mut buffer).await.unwrap(), (5, one_addr));
        assert_eq!(&buffer[..5], b"first");
        assert_eq!(other.recv_from(&mut buffer).await.unwrap(), (6, one_addr));
        assert_eq!(&buffer[..6], b"second");
    });
}

#[test]
fn a_datagram_shorter_than_the_buffer_says_nothing_about_the_next() {
    run(async {
        let (one, other) = pair().await;
        for _ in 0..3 {
            one.send(b"short").await.unwrap();
        }
        let mut buffer = [0; 64];
        // Each is there at once: a stream's short read would have meant that nothing is left.
        for _ in 0..3 {
            assert!(matches!(poll_here(&mut other.recv(&mut buffer)).await, Poll::Ready(Ok(5))));
        }
        assert!(poll_here(&mut other.recv(&mut buffer)).await.is_pending());
    });
}

#[test]
fn an_empty_datagram_is_received_and_is_no_end() {
    run(async {
        let (one, other) = pair().await;
        let receiver = spawn(async move {
            let mut buffer = [0; 8];
            (other.recv(&mut buffer).await.unwrap(), other.recv(&mut buffer).await.unwrap())
        });
        yield_now().await;
        assert_eq!(one.send(b"").await.unwrap(), 0);
        yield_now().await;
        one.send(b"more").await.unwrap();
        assert_eq!(receiver.await.unwrap(), (0, 4));
    });
}

#[test]
fn an_empty_buffer_waits_for_a_datagram_and_takes_it() {
    run(async {
        let (one, other) = pair().await;
        let mut nothing = [];
        let mut receive = other.recv(&mut nothing);
        assert!(poll_here(&mut receive).await.is_pending());
        one.send(b"lost").await.unwrap();
        one.send(b"next").await.unwrap();
        assert_eq!(receive.await.unwrap(), 0);
        let mut buffer = [0; 8];
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"next");
    });
}

#[cfg(unix)]
#[test]
fn a_datagram_longer_than_the_buffer_loses_its_rest() {
    run(async {
        let (one, other) = pair().await;
        one.send(b"longer than four").await.unwrap();
        one.send(b"next").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"long");
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"next");
    });
}

#[test]
fn the_longest_datagram_arrives_whole_and_a_longer_one_is_refused() {
    const LONGEST: usize = 65_507; // of IPv4: 65,535 less both headers
    run(async {
        let (one, other) = pair().await;
        let bytes: Vec<u8> = (0..LONGEST + 1).map(|n| (n % 251) as u8).collect();
        assert_eq!(one.send(&bytes[..LONGEST]).await.unwrap(), LONGEST);
        let mut buffer = vec![0; LONGEST + 1];
        assert_eq!(other.recv(&mut buffer).await.unwrap(), LONGEST);
        assert_eq!(buffer[..LONGEST], bytes[..LONGEST]);
        let error = one.send(&bytes).await.unwrap_err();
        #[cfg(unix)]
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MSGSIZE.raw_os_error()), "{error}");
        #[cfg(not(unix))]
        drop(error);
    });
}

#[test]
fn peek_leaves_the_datagram_where_it_is() {
    run(async {
        let (one, other) = pair().await;
        one.send(b"peek").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(other.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(other.peek_from(&mut buffer).await.unwrap(), (4, one.local_addr().unwrap()));
        assert_eq!(poll_fn(|cx| other.poll_peek(cx, &mut buffer)).await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| other.poll_peek_from(cx, &mut buffer)).await.unwrap().0, 4);
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"peek");
        assert_eq!(other.try_recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_connected_socket_hears_its_peer_alone() {
    run(async {
        let (one, other) = pair().await;
        let (stranger, _) = bind().await;
        stranger.send_to(b"stranger", other.local_addr().unwrap()).await.unwrap();
        one.send(b"peer").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(other.peer_addr().unwrap(), one.local_addr().unwrap());
        assert_eq!(stranger.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
    });
}

// ---- errors

#[test]
fn an_address_in_use_is_refused() {
    run(async {
        let (_socket, addr) = bind().await;
        assert_eq!(UdpSocket::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

/// The peer's machine answers by ICMP, and the socket hears of it in its next operation.
#[cfg(target_os = "linux")]
#[test]
fn a_peer_that_is_gone_refuses_and_the_socket_stays_usable() {
    run(async {
        let (one, other) = pair().await;
        let addr = other.local_addr().unwrap();
        let waiting = spawn({
            let one = Rc::new(one);
            let receiver = one.clone();
            drop(other);
            one.send(b"anybody?").await.unwrap();
            async move { (receiver.recv(&mut [0; 8]).await, one) }
        });
        let (error, one) = waiting.await.unwrap();
        assert_eq!(error.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let other = UdpSocket::bind(addr).await.unwrap();
        one.send(b"again").await.unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 5);
    });
}

/// A task that waits when the answer comes is woken by it.
#[cfg(target_os = "linux")]
#[test]
fn a_receiver_that_waits_hears_that_its_peer_refused() {
    run(async {
        let (one, other) = pair().await;
        let one = Rc::new(one);
        let receiver = spawn({
            let one = one.clone();
            async move { one.recv(&mut [0; 8]).await.unwrap_err().kind() }
        });
        yield_now().await;
        assert_eq!(waits().len(), 1);
        drop(other);
        one.send(b"anybody?").await.unwrap();
        assert_eq!(receiver.await.unwrap(), ErrorKind::ConnectionRefused);
    });
}

#[test]
fn sending_without_a_peer_is_an_error() {
    run(async {
        let (socket, _) = bind().await;
        let error = socket.send(b"whereto?").await.unwrap_err();
        #[cfg(target_os = "linux")]
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::DESTADDRREQ.raw_os_error()), "{error}");
        #[cfg(not(target_os = "linux"))]
        drop(error);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_address_of_the_other_family_is_unreachable_from_this_socket() {
    run(async {
        let (socket, _) = bind().await;
        let error = socket.send_to(b"x", (Ipv6Addr::LOCALHOST, 9)).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::AFNOSUPPORT.raw_os_error()), "{error}");
    });
}

/// The loopback interface has no route for IPv6 groups, as a rule.
#[cfg(target_os = "linux")]
#[test]
fn an_unreachable_network_is_an_error_at_once() {
    run(async {
        let Ok(socket) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await else {
            eprintln!("skipped: no IPv6 on this machine");
            return;
        };
        match socket.send_to(b"x", SocketAddrV6::new(GROUP, 9, 0, LOOPBACK)).await {
            Ok(_) => eprintln!("skipped: groups can be reached by the loopback interface of this machine"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::NetworkUnreachable),
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn broadcasting_needs_leave() {
    run(async {
        let (receiver, addr) = (UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap(), "127.255.255.255");
        let addr = (addr, receiver.local_addr().unwrap().port());
        let (socket, _) = bind().await;
        assert_eq!(socket.send_to(b"all", addr).await.unwrap_err().kind(), ErrorKind::PermissionDenied);
        socket.set_broadcast(true).unwrap();
        socket.send_to(b"all", addr).await.unwrap();
        assert_eq!(receiver.recv(&mut [0; 8]).await.unwrap(), 3);
    });
}

#[test]
fn a_receive_that_times_out_loses_nothing() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (one, other) = pair().await;
        let mut buffer = [0; 8];
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, other.recv(&mut buffer)).await.is_err());
        assert_eq!(waits(), []);
        one.send(b"late").await.unwrap();
        assert_eq!(timeout(hour, other.recv(&mut buffer)).await.unwrap().unwrap(), 4);
    });
}

// ---- who waits, and who is woken

#[test]
fn two_tasks_that_receive_on_one_socket_both_get_a_datagram() {
    run(async {
        let (one, other) = pair().await;
        let other = Rc::new(other);
        let tasks = [(); 2].map(|()| {
            let other = other.clone();
            spawn(async move { other.recv(&mut [0; 8]).await.unwrap() })
        });
        yield_now().await;
        assert_eq!(waits().len(), 2);
        one.send(b"a").await.unwrap();
        one.send(b"bc").await.unwrap();
        let mut lengths = Vec::new();
        for task in tasks {
            lengths.push(task.await.unwrap());
        }
        lengths.sort();
        assert_eq!(lengths, [1, 2]);
    });
}

#[test]
fn a_receive_dropped_while_it_waits_leaves_no_waiter() {
    let runtime = Runtime::new().unwrap();
    let (one, other) = runtime.block_on(async {
        let (one, other) = pair().await;
        let mut buffer = [0; 8];
        let mut dropped = other.recv_from(&mut buffer);
        assert!(poll_here(&mut dropped).await.is_pending());
        assert_eq!(waits().len(), 1);
        drop(dropped);
        assert_eq!(waits(), []);
        (one, other)
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "an idle socket is not a wait");
    runtime.block_on(async {
        one.send(b"kept").await.unwrap();
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 4);
    });
}

#[test]
fn a_dump_names_the_place_of_each_operation() {
    run(async {
        let (_one, other) = pair().await;
        let other = Rc::new(other);
        let receiver = other.clone();
        let line = line!() + 1;
        let first = spawn(async move { receiver.recv(&mut [0; 8]).await });
        let receiver = other.clone();
        let second = spawn(async move { receiver.recv_from(&mut [0; 8]).await });
        let third = spawn(async move {
            // Optimistic until the kernel has said "would block".
            assert!(other.try_recv(&mut [0; 8]).is_err());
            other.readable().await
        });
        yield_now().await;
        assert_eq!(waits(), [line, line + 2, line + 6]);
        drop((first, second, third));
    });
}

#[test]
fn try_forms_never_wait() {
    run(async {
        let (one, other) = pair().await;
        let mut buffer = [0; 8];
        assert_eq!(other.try_recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(other.try_recv_from(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(one.try_send(b"one").unwrap(), 3);
        assert_eq!(one.try_send_to(b"three", other.local_addr().unwrap()).unwrap(), 5);
        other.readable().await.unwrap();
        assert_eq!(other.try_recv(&mut buffer).unwrap(), 3);
        assert_eq!(other.try_recv_from(&mut buffer).unwrap(), (5, one.local_addr().unwrap()));
        assert_eq!(other.try_recv(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        one.writable().await.unwrap();
    });
}

#[test]
fn poll_forms_wait_and_are_woken() {
    run(async {
        let (one, other) = pair().await;
        let other_addr = other.local_addr().unwrap();
        let receiver = spawn(async move {
            let mut buffer = [0; 8];
            let first = poll_fn(|cx| other.poll_recv(cx, &mut buffer)).await.unwrap();
            let second = poll_fn(|cx| other.poll_recv_from(cx, &mut buffer)).await.unwrap().0;
            poll_fn(|cx| other.poll_read_ready(cx)).await.unwrap();
            (first, second, other.try_recv(&mut buffer).unwrap())
        });
        for bytes in [&b"a"[..], b"bc", b"def"] {
            yield_now().await;
            assert!(!receiver.is_finished());
            poll_fn(|cx| one.poll_write_ready(cx)).await.unwrap();
            if bytes.len() == 2 {
                poll_fn(|cx| one.poll_send_to(cx, bytes, other_addr)).await.unwrap();
            } else {
                poll_fn(|cx| one.poll_send(cx, bytes)).await.unwrap();
            }
            yield_now().await;
        }
        assert_eq!(receiver.await.unwrap(), (1, 2, 3));
    });
}

// ---- options

#[test]
fn options_are_kept() {
    run(async {
        let (socket, _) = bind().await;
        for on in [true, false] {
            socket.set_broadcast(on).unwrap();
            assert_eq!(socket.broadcast().unwrap(), on);
            socket.set_multicast_loop_v4(on).unwrap();
            assert_eq!(socket.multicast_loop_v4().unwrap(), on);
        }
        socket.set_ttl(42).unwrap();
        assert_eq!(socket.ttl().unwrap(), 42);
        socket.set_multicast_ttl_v4(7).unwrap();
        assert_eq!(socket.multicast_ttl_v4().unwrap(), 7);
        assert!(socket.take_error().unwrap().is_none());
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_member_of_an_ipv4_group_receives_until_it_leaves() {
    const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
    run(async {
        let member = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await.unwrap();
        member.join_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).unwrap();
        let (sender, _) = bind().await;
        rustix::net::sockopt::set_ip_multicast_if(&sender, &Ipv4Addr::LOCALHOST).unwrap();
        sender.send_to(b"group", (GROUP, member.local_addr().unwrap().port())).await.unwrap();
        assert_eq!(member.recv(&mut [0; 8]).await.unwrap(), 5);
        member.leave_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).unwrap();
        let error = member.leave_multicast_v4(GROUP, Ipv4Addr::LOCALHOST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_ipv6_group_is_joined_and_left_once() {
    run(async {
        let Ok(member) = UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)).await else {
            eprintln!("skipped: no IPv6 on this machine");
            return;
        };
        let port = member.local_addr().unwrap().port();
        member.set_multicast_loop_v6(true).unwrap();
        assert!(member.multicast_loop_v6().unwrap());
        member.join_multicast_v6(&GROUP, LOOPBACK).unwrap();
        match member.send_to(b"group", SocketAddrV6::new(GROUP, port, 0, LOOPBACK)).await {
            Ok(_) => assert_eq!(member.recv(&mut [0; 8]).await.unwrap(), 5),
            Err(error) => eprintln!("skipped the datagram itself: no route for groups by loopback ({error})"),
        }
        member.leave_multicast_v6(&GROUP, LOOPBACK).unwrap();
        let error = member.leave_multicast_v6(&GROUP, LOOPBACK).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    });
}

// ---- names

#[test]
fn a_name_is_looked_up_before_sending() {
    run(async {
        let (receiver, addr) = bind().await;
        let (sender, _) = bind().await;
        // On machines where localhost is first of all [::1], an IPv4 socket cannot send there.
        let first = lookup_host(("localhost", addr.port())).await.unwrap().next().unwrap();
        match sender.send_to(b"name", ("localhost", addr.port())).await {
            Ok(length) => assert_eq!((length, receiver.recv(&mut [0; 8]).await.unwrap()), (4, 4)),
            Err(error) => assert!(first.is_ipv6(), "{error}"),
        }
        let error = sender.send_to(b"x", "localhost").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

#[test]
fn ipv6_addresses_stand_in_brackets() {
    run(async {
        let addr: SocketAddr = "[::1]:80".parse().unwrap();
        for text in ["[::1]:80", "[0:0::1]:80"] {
            assert!(lookup_host(text).await.unwrap().eq([addr]), "{text}");
        }
        assert!(lookup_host(("::1", 80)).await.unwrap().eq([addr]));
        // Without them, who knows where the address ends?
        for text in ["::1", "::1:80", "fe80::1"] {
            let error = lookup_host(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
            assert_eq!(error.to_string(), format!("{text:?} is no socket address; write host:port, as [::1]:80"));
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn the_resolver_knows_interfaces_by_name() {
    run(async {
        if UdpSocket::bind("[::1]:0").await.is_err() {
            eprintln!("skipped: no IPv6 on this machine");
            return;
        }
        let addr = SocketAddrV6::new("fe80::1".parse().unwrap(), 80, 0, LOOPBACK);
        assert!(lookup_host("[fe80::1%lo]:80").await.unwrap().all(|found| found == SocketAddr::V6(addr)));
    });
}

#[test]
fn text_without_a_host_or_a_port_is_refused() {
    run(async {
        for text in [":80", "host", "host:", "host:80:", "host:-1", "host:65536", "[::1]", "[::1]:x"] {
            let error = UdpSocket::bind(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text}");
            assert_eq!(
                error.to_string(),
                format!("{text:?} is no socket address; write host:port, as 127.0.0.1:80")
            );
        }
    });
}

#[test]
fn a_name_that_is_not_found_is_named_in_the_error() {
    run(async {
        // No resolver is asked: a name has no such byte.
        let error = lookup_host("a\0b:80").await.unwrap_err();
        assert!(error.to_string().starts_with("the address of \"a\\0b\" was not found: "), "{error}");
    });
}

#[test]
fn a_look_up_answers_whoever_polled_it_last() {
    let runtime = Builder::new().max_blocking_threads(1).build().unwrap();
    runtime.block_on(async {
        // The pool's only thread is busy until both have polled.
        let (release, busy) = mpsc::channel::<()>();
        let job = spawn_blocking(move || busy.recv());
        let (mut dropped, mut moved) =
            (Box::pin(lookup_host("localhost:80")), Box::pin(lookup_host("localhost:80")));
        assert!(poll_here(&mut dropped).await.is_pending());
        drop(dropped);
        assert!(poll_here(&mut moved).await.is_pending());
        let task = spawn(moved);
        yield_now().await;
        release.send(()).unwrap();
        let found = timeout(Duration::from_secs(30), task).await.expect("a wake was lost").unwrap().unwrap();
        assert!({ found }.all(|addr| addr.port() == 80));
        job.await.unwrap().unwrap();
    });
}

// ---- other loops, other threads, std

#[test]
fn outside_of_a_loop_no_socket_can_be_made() {
    let socket = std::net::UdpSocket::bind(LOCAL).unwrap();
    let error = UdpSocket::from_std(socket).unwrap_err();
    assert!(error.to_string().starts_with("UdpSocket was used outside of a glassloop runtime"), "{error}");
}

#[test]
fn a_socket_used_on_another_loop_gives_an_error_that_names_both() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (socket, _) = own.block_on(bind());
    let words =
        format!("this socket belongs to glassloop runtime {} and was used on runtime {}", own.id(), other.id());
    other.block_on(async {
        let error = socket.recv(&mut [0; 8]).await.unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
        let error = socket.try_send(b"x").unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
    });
}

#[test]
fn a_socket_taken_apart_on_another_loop_is_forgotten_by_its_own() {
    let (sender, done) = mpsc::channel();
    thread::spawn(move || {
        let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
        let (socket, _) = own.block_on(bind());
        own.block_on(async {
            assert!(poll_fn(|cx| Poll::Ready(socket.poll_recv(cx, &mut [0; 1]))).await.is_pending());
        });
        other.block_on(async { socket.into_std().unwrap_err() });
        // If the wait were left, somebody might still come.
        sender.send(own.try_block_on(pending::<()>()).is_err()).unwrap();
    });
    assert_eq!(done.recv_timeout(Duration::from_secs(30)), Ok(true));
}

#[test]
fn a_socket_dropped_on_another_thread_is_closed_by_its_loop() {
    run(async {
        let (socket, addr) = bind().await;
        assert!(poll_fn(|cx| Poll::Ready(socket.poll_recv(cx, &mut [0; 1]))).await.is_pending());
        thread::spawn(move || drop(socket)).join().unwrap();
        while UdpSocket::bind(addr).await.is_err() {
            yield_now().await;
        }
        assert_eq!(waits(), []);
    });
}

#[test]
fn a_socket_comes_from_std_and_goes_back_with_what_it_holds() {
    let socket = std::net::UdpSocket::bind(LOCAL).unwrap();
    let addr = socket.local_addr().unwrap();
    let socket = run(async {
        let socket = UdpSocket::from_std(socket).unwrap();
        // It would block in a task of its own, and not stop the loop.
        let mut buffer = [0; 8];
        assert!(poll_here(&mut socket.recv(&mut buffer)).await.is_pending());
        socket.send_to(b"myself", addr).await.unwrap();
        socket.into_std().unwrap()
    });
    let mut buffer = [0; 8];
    socket.set_nonblocking(false).unwrap();
    assert_eq!(socket.recv_from(&mut buffer).unwrap(), (6, addr));
}

#[test]
fn sockets_and_their_futures_are_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    both::<UdpSocket>();
    let _never_called = |socket: &UdpSocket, buffer: &mut [u8], addr: SocketAddr| {
        send(&socket.send_to(b"", addr));
        send(&socket.send_to(b"", "localhost:80"));
        send(&socket.connect(addr));
        send(&socket.recv_from(buffer));
    };
}
