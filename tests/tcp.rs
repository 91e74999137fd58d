//! TCP over loopback: what a user of `std::net` expects, and what waiting in tasks adds to it.

use std::cell::Cell;
use std::future::{Future, pending, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::pin::{Pin, pin};
use std::process::Command;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream, lookup_host};
use glassloop::time::timeout;
use glassloop::trace::Recorder;
use glassloop::{Builder, Runtime, Waits, join_all, spawn, yield_now};

const LOCAL: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(30);
    glassloop::run(async { timeout(limit, future).await.expect("a wake was lost") })
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind(LOCAL).await.unwrap();
    let addr = listener.local_addr().unwrap();
    (listener, addr)
}

/// Both ends of a connection.
async fn pair() -> (TcpStream, TcpStream) {
    let (listener, addr) = listen().await;
    let client = spawn(TcpStream::connect(addr));
    let (server, peer) = listener.accept().await.unwrap();
    let client = client.await.unwrap().unwrap();
    assert_eq!(client.local_addr().unwrap(), peer);
    (client, server)
}

/// One end, and the other as a blocking socket of `std`.
fn with_std_peer(runtime: &Runtime) -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind(LOCAL).unwrap();
    let stream = runtime.block_on(TcpStream::connect(listener.local_addr().unwrap())).unwrap();
    (stream, listener.accept().unwrap().0)
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// How many waits for sockets there are.
fn waits() -> usize {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    waits.filter(|wait| matches!(wait, Waits::Source { .. })).count()
}

/// More polls than a turn has room for: so messages that stood in the inbox have been collected.
async fn another_turn() {
    for _ in 0..256 {
        yield_now().await;
    }
}

/// Bytes of which no short stretch repeats, so that one lost or doubled shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

async fn read_to_end(stream: &TcpStream) -> Vec<u8> {
    let mut all = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer).await.unwrap() {
            0 => return all,
            n => all.extend_from_slice(&buffer[..n]),
        }
    }
}

/// Writes until the system takes no more; how much that was.
fn fill(stream: &TcpStream) -> usize {
    let mut written = 0;
    loop {
        match stream.try_write(&[7; 65_536]) {
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

// ---- bind, accept, connect

#[test]
fn both_ends_know_each_others_addresses() {
    run(async {
        let (listener, addr) = listen().await;
        assert_ne!(addr.port(), 0);
        let client = spawn(TcpStream::connect(addr));
        let (server, peer) = listener.accept().await.unwrap();
        let client = client.await.unwrap().unwrap();
        assert_eq!((client.local_addr().unwrap(), client.peer_addr().unwrap()), (peer, addr));
        assert_eq!((server.local_addr().unwrap(), server.peer_addr().unwrap()), (addr, peer));
    });
}

#[test]
fn a_connection_nobody_listens_for_is_refused() {
    let free = std::net::TcpListener::bind(LOCAL).unwrap().local_addr().unwrap();
    let error = run(TcpStream::connect(free)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn an_address_in_use_is_refused() {
    run(async {
        let (_listener, addr) = listen().await;
        assert_eq!(TcpListener::bind(addr).await.unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn connections_made_before_accept_wait_in_the_backlog() {
    run(async {
        let (listener, addr) = listen().await;
        let clients: Vec<_> = (0..5).map(|_| std::net::TcpStream::connect(addr).unwrap()).collect();
        for client in &clients {
            assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
        }
    });
}

#[test]
fn two_tasks_that_accept_on_one_listener_both_get_a_connection() {
    run(async {
        let (listener, addr) = listen().await;
        let listener = Rc::new(listener);
        let tasks = [(); 2].map(|()| {
            let listener = listener.clone();
            spawn(async move { listener.accept().await.unwrap().1 })
        });
        yield_now().await;
        assert_eq!(waits(), 2);
        // One connection at a time: who loses it must be woken for the next.
        let clients = [(); 2].map(|()| std::net::TcpStream::connect(addr).unwrap());
        let mut got = join_all(tasks).await.into_iter().map(Result::unwrap).collect::<Vec<_>>();
        let mut expected = clients.map(|client| client.local_addr().unwrap());
        got.sort();
        expected.sort();
        assert_eq!(got, expected);
    });
}

#[test]
fn a_task_that_loses_a_connection_to_another_waits_for_the_next() {
    run(async {
        let (listener, addr) = listen().await;
        let listener = Rc::new(listener);
        let mut tasks = [(); 2].map(|()| {
            let listener = listener.clone();
            spawn(async move { listener.accept().await.unwrap().1 })
        });
        yield_now().await;
        let first = std::net::TcpStream::connect(addr).unwrap();
        assert_eq!((&mut tasks[0]).await.unwrap(), first.local_addr().unwrap());
        assert!(!tasks[1].is_finished());
        let second = std::net::TcpStream::connect(addr).unwrap();
        assert_eq!((&mut tasks[1]).await.unwrap(), second.local_addr().unwrap());
    });
}

#[test]
fn an_accept_dropped_while_it_waits_takes_no_connection() {
    run(async {
        let (listener, addr) = listen().await;
        let mut dropped = Box::pin(listener.accept());
        assert!(poll_here(&mut dropped).await.is_pending());
        let client = std::net::TcpStream::connect(addr).unwrap();
        drop(dropped);
        assert_eq!(listener.accept().await.unwrap().1, client.local_addr().unwrap());
    });
}

#[test]
fn poll_accept_waits_and_then_gives_a_connection() {
    run(async {
        let (listener, addr) = listen().await;
        assert!(poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await.is_pending());
        let client = spawn(TcpStream::connect(addr));
        let (_server, peer) = poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
        assert_eq!(client.await.unwrap().unwrap().local_addr().unwrap(), peer);
    });
}

/// In a process of its own, whose descriptors are limited by its shell.
#[cfg(unix)]
#[test]
fn accept_without_descriptors_is_an_error_and_leaves_the_listener_ready() {
    const CHILD: &str = "GLASSLOOP_TEST_CHILD";
    if std::env::var_os(CHILD).is_none() {
        let mut shell = Command::new("sh");
        shell.args(["-c", "ulimit -n 48 && exec \"$0\" \"$@\""]).arg(std::env::current_exe().unwrap());
        let name = "accept_without_descriptors_is_an_error_and_leaves_the_listener_ready";
        let output = shell.args([name, "--exact", "--nocapture"]).env(CHILD, "1").output().unwrap();
        let words = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{words}{}", String::from_utf8_lossy(&output.stderr));
        assert!(words.contains("test result: ok. 1 passed"), "{words}");
        return;
    }
    const EMFILE: i32 = 24; // on Linux, the BSDs and macOS
    run(async {
        let (listener, addr) = listen().await;
        let mut client = std::net::TcpStream::connect(addr).unwrap(); // in the backlog
        let mut files = Vec::new();
        while let Ok(file) = std::fs::File::open("/dev/null") {
            files.push(file);
        }
        for _ in 0..3 {
            // It is asked again at once, without waiting: the connection is still there.
            let error = listener.accept().await.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(EMFILE), "{error}");
        }
        drop(files);
        let (server, peer) = listener.accept().await.unwrap();
        assert_eq!(peer, client.local_addr().unwrap());
        client.write_all(b"late").unwrap();
        let mut buffer = [0; 4];
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"late");
    });
}

// ---- ends of a connection

#[test]
fn a_half_closed_connection_still_carries_the_other_way() {
    run(async {
        let (client, server) = pair().await;
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&server).await, b"question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        assert_eq!(read_to_end(&client).await, b"answer");
    });
}

#[test]
fn the_end_of_a_stream_is_read_as_often_as_one_asks() {
    run(async {
        let (client, server) = pair().await;
        drop(server);
        for _ in 0..3 {
            assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0);
        }
    });
}

#[test]
fn the_end_that_was_reported_before_a_short_read_is_not_missed() {
    // A short read means drained; but of the end the kernel has spoken already, and it speaks once.
    let runtime = Runtime::new().unwrap();
    let (stream, mut peer) = with_std_peer(&runtime);
    runtime.block_on(async {
        let mut buffer = [0; 64];
        assert_eq!(stream.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
        peer.write_all(b"last").unwrap();
        drop(peer);
        stream.readable().await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 4);
        let end = timeout(Duration::from_secs(30), stream.read(&mut buffer)).await;
        assert_eq!(end.expect("the end was reported").unwrap(), 0);
    });
}

#[test]
fn a_task_that_waits_to_read_hears_of_the_end() {
    run(async {
        let (client, server) = pair().await;
        let reader = spawn(async move { client.read(&mut [0; 8]).await.unwrap() });
        yield_now().await;
        assert_eq!(waits(), 1);
        drop(server);
        assert_eq!(reader.await.unwrap(), 0);
    });
}

/// A peer that closes with unread bytes resets the connection (RFC 1122, 4.2.2.13).
#[cfg(target_os = "linux")]
#[test]
fn a_reset_is_the_readers_error() {
    run(async {
        let (client, server) = pair().await;
        client.write_all(b"never read").await.unwrap();
        server.readable().await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_ends_in_an_error() {
    run(async {
        let (client, server) = pair().await;
        drop(server);
        let error = loop {
            if let Err(error) = client.write_all(&[0; 4096]).await {
                break error;
            }
        };
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    });
}

#[test]
fn a_writer_that_waits_for_room_hears_that_its_peer_is_gone() {
    run(async {
        let (client, server) = pair().await;
        fill(&client);
        let writer = spawn(async move { client.write_all(&[0; 65_536]).await });
        yield_now().await;
        assert_eq!(waits(), 1);
        drop(server);
        assert!(writer.await.unwrap().is_err());
    });
}

#[test]
fn read_exact_fills_its_buffer_across_writes_or_says_that_the_stream_ended() {
    run(async {
        let (client, server) = pair().await;
        let writer = spawn(async move {
            for part in [&b"ab"[..], b"c", b"defg"] {
                client.write_all(part).await.unwrap();
                yield_now().await;
            }
        });
        let mut buffer = [0; 5];
        server.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"abcde");
        writer.await.unwrap();
        let error = server.read_exact(&mut buffer).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
        assert_eq!(&buffer[..2], b"fg");
    });
}

#[test]
fn a_read_into_no_room_is_ready_at_once_with_zero() {
    run(async {
        let (client, _server) = pair().await;
        assert!(matches!(poll_here(&mut Box::pin(client.read_exact(&mut []))).await, Poll::Ready(Ok(()))));
        assert!(matches!(poll_here(&mut Box::pin(client.write_all(&[]))).await, Poll::Ready(Ok(()))));
        assert!(matches!(poll_here(&mut Box::pin(client.read(&mut []))).await, Poll::Ready(Ok(0))));
    });
}

// ---- much data

#[test]
fn megabytes_cross_both_ways_at_once_past_slow_readers() {
    const LENGTH: usize = 4 << 20;
    async fn slow_reader(stream: Rc<TcpStream>) -> Vec<u8> {
        let mut all = Vec::with_capacity(LENGTH);
        let mut buffer = [0; 10_007];
        while all.len() < LENGTH {
            let n = stream.read(&mut buffer).await.unwrap();
            assert!(n > 0);
            all.extend_from_slice(&buffer[..n]);
            yield_now().await;
        }
        all
    }
    run(async {
        let (client, server) = pair().await;
        let (client, server) = (Rc::new(client), Rc::new(server));
        let writers = [client.clone(), server.clone()].map(|stream| {
            spawn(async move {
                stream.write_all(&pattern(LENGTH)).await.unwrap();
            })
        });
        let readers = [client, server].map(|stream| spawn(slow_reader(stream)));
        for reader in readers {
            assert!(reader.await.unwrap() == pattern(LENGTH), "bytes were lost, doubled or mixed up");
        }
        for writer in writers {
            writer.await.unwrap();
        }
    });
}

#[test]
fn a_write_without_room_takes_a_part_and_waits_for_the_reader() {
    run(async {
        let (client, server) = pair().await;
        let filled = fill(&client);
        assert!(filled > 0);
        let mut waiting = Box::pin(client.writable());
        assert!(poll_here(&mut waiting).await.is_pending());
        let reader = spawn(async move {
            let mut left = filled;
            let mut buffer = vec![0; 65_536];
            while left > 0 {
                left -= server.read(&mut buffer).await.unwrap();
            }
            server
        });
        waiting.await.unwrap();
        let server = reader.await.unwrap();
        let written = client.write(&vec![1; 64 << 20]).await.unwrap();
        assert!((1..64 << 20).contains(&written), "the system takes no 64 MiB at once");
        drop(server);
    });
}

#[test]
fn vectored_reads_and_writes_use_all_buffers_in_turn() {
    run(async {
        let (client, server) = pair().await;
        let words = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&words).await.unwrap(), 7);
        let (mut a, mut b) = ([0; 5], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut buffers).await.unwrap(), 7);
        assert_eq!((&a, &b[..2]), (b"one t", &b"wo"[..]));
        // The poll forms wait, and are woken.
        let mut buffers = [IoSliceMut::new(&mut a)];
        let mut read = poll_fn(|cx| server.poll_read_vectored(cx, &mut buffers));
        assert!(poll_here(&mut read).await.is_pending());
        assert_eq!(poll_fn(|cx| client.poll_write_vectored(cx, &words[..1])).await.unwrap(), 4);
        assert_eq!(read.await.unwrap(), 4);
        assert_eq!(&a, b"one t");
    });
}

#[test]
fn peek_leaves_the_bytes_where_they_are() {
    run(async {
        let (client, server) = pair().await;
        client.write_all(b"peek").await.unwrap();
        let mut buffer = [0; 8];
        assert_eq!(server.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| server.poll_peek(cx, &mut buffer[..2])).await.unwrap(), 2);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"peek");
    });
}

#[test]
fn try_forms_never_wait() {
    run(async {
        let (client, server) = pair().await;
        assert_eq!(server.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(client.try_write(b"now").unwrap(), 3);
        server.readable().await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(server.try_read(&mut buffer).unwrap(), 3);
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn a_hundred_connections_echo_side_by_side() {
    run(async {
        let (listener, addr) = listen().await;
        spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                spawn(async move {
                    let bytes = read_to_end(&stream).await;
                    stream.write_all(&bytes).await.unwrap();
                })
                .detach();
            }
        })
        .detach();
        let clients = (0..100_usize).map(|n| {
            spawn(async move {
                let stream = TcpStream::connect(addr).await.unwrap();
                let bytes = pattern(100 * n);
                stream.write_all(&bytes).await.unwrap();
                stream.shutdown(Shutdown::Write).unwrap();
                assert_eq!(read_to_end(&stream).await, bytes);
            })
        });
        for client in clients.collect::<Vec<_>>() {
            client.await.unwrap();
        }
    });
}

// ---- options

#[test]
fn options_are_kept() {
    run(async {
        let (client, _server) = pair().await;
        for nodelay in [true, false] {
            client.set_nodelay(nodelay).unwrap();
            assert_eq!(client.nodelay().unwrap(), nodelay);
        }
        client.set_ttl(42).unwrap();
        assert_eq!(client.ttl().unwrap(), 42);
        assert!(client.take_error().unwrap().is_none());
    });
}

// ---- halves

#[test]
fn borrowed_halves_read_and_write_in_one_task() {
    run(async {
        let (mut client, server) = pair().await;
        spawn(async move {
            let bytes = read_to_end(&server).await;
            server.write_all(&bytes).await.unwrap();
        })
        .detach();
        let (read, write) = client.split();
        write.write_all(b"echo").await.unwrap();
        write.shutdown().unwrap();
        let mut buffer = [0; 4];
        read.read_exact(&mut buffer).await.unwrap();
        assert_eq!((&buffer, read.peek(&mut [0; 1]).await.unwrap()), (b"echo", 0));
    });
}

#[test]
fn owned_halves_serve_two_tasks_and_the_write_half_ends_its_direction() {
    run(async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        let reader = spawn(async move { read_to_end(read.as_ref()).await });
        let writer = spawn(async move {
            write.write_all(b"half").await.unwrap();
            // Dropped here, while the other half waits.
        });
        assert_eq!(read_to_end(&server).await, b"half");
        writer.await.unwrap();
        assert!(!reader.is_finished());
        server.write_all(b"back").await.unwrap();
        drop(server);
        assert_eq!(reader.await.unwrap(), b"back");
    });
}

#[test]
fn a_forgotten_write_half_leaves_its_direction_open() {
    run(async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        write.forget();
        let mut waiting = Box::pin(server.readable());
        // What the peer sends and gets back shows that no end lies in between.
        read.as_ref().write_all(b"open").await.unwrap();
        assert!(poll_here(&mut waiting).await.is_ready());
        let mut buffer = [0; 8];
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(server.try_read(&mut buffer).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn halves_of_one_connection_reunite_and_close_nothing() {
    run(async {
        let (client, server) = pair().await;
        let (read, write) = client.into_split();
        write.write_all(b"first ").await.unwrap();
        let client = read.reunite(write).unwrap();
        client.write_all(b"second").await.unwrap();
        drop(client);
        assert_eq!(read_to_end(&server).await, b"first second");
    });
}

#[test]
fn halves_of_two_connections_do_not_reunite_and_come_back_whole() {
    run(async {
        let ((one, peer_one), (two, peer_two)) = (pair().await, pair().await);
        let ((read_one, write_one), (read_two, write_two)) = (one.into_split(), two.into_split());
        let error = read_one.reunite(write_two).unwrap_err();
        assert_eq!(error.to_string(), "the halves are of two connections; reunite those that one into_split gave");
        let (one, two) = (error.0.reunite(write_one).unwrap(), read_two.reunite(error.1).unwrap());
        one.write_all(b"1").await.unwrap();
        two.write_all(b"2").await.unwrap();
        drop((one, two));
        assert_eq!(read_to_end(&peer_one).await, b"1");
        assert_eq!(read_to_end(&peer_two).await, b"2");
    });
}

// ---- std and back

#[test]
fn sockets_come_from_std_and_go_back_with_what_they_hold() {
    let listener = std::net::TcpListener::bind(LOCAL).unwrap();
    let addr = listener.local_addr().unwrap();
    let mut client = std::net::TcpStream::connect(addr).unwrap();
    let (listener, mut server) = run(async {
        let listener = TcpListener::from_std(listener).unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let server = TcpStream::from_std(server.into_std().unwrap()).unwrap();
        server.write_all(b"from the loop").await.unwrap();
        (listener.into_std().unwrap(), server.into_std().unwrap())
    });
    assert_eq!(listener.local_addr().unwrap(), addr);
    let mut buffer = [0; 13];
    client.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"from the loop");
    server.set_nonblocking(false).unwrap();
    client.write_all(b"to std").unwrap();
    server.read_exact(&mut buffer[..6]).unwrap();
    assert_eq!(&buffer[..6], b"to std");
}

#[test]
fn a_socket_from_std_that_would_block_waits_in_its_task() {
    let runtime = Runtime::new().unwrap();
    let listener = std::net::TcpListener::bind(LOCAL).unwrap();
    let blocking = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let mut peer = listener.accept().unwrap().0;
    runtime.block_on(async {
        let stream = TcpStream::from_std(blocking).unwrap();
        let reader = spawn(async move {
            let mut buffer = [0; 2];
            stream.read_exact(&mut buffer).await.unwrap();
            buffer
        });
        yield_now().await; // a blocking read would stop here for ever
        peer.write_all(b"hi").unwrap();
        assert_eq!(&reader.await.unwrap(), b"hi");
    });
}

// ---- who waits, and who is woken

#[test]
fn two_tasks_that_wait_for_the_same_direction_are_both_woken() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let readers = [(); 2].map(|()| {
            let server = server.clone();
            spawn(async move {
                let mut byte = [0];
                server.read_exact(&mut byte).await.unwrap();
                byte[0]
            })
        });
        yield_now().await;
        assert_eq!(waits(), 2);
        client.write_all(b"ab").await.unwrap();
        let mut bytes = Vec::new();
        for reader in readers {
            bytes.push(reader.await.unwrap());
        }
        bytes.sort();
        assert_eq!(bytes, b"ab");
    });
}

#[test]
fn one_task_may_read_while_another_writes() {
    run(async {
        let (client, server) = pair().await;
        let client = Rc::new(client);
        let reader = {
            let client = client.clone();
            spawn(async move { read_to_end(&client).await })
        };
        yield_now().await;
        client.write_all(b"ping").await.unwrap();
        let mut buffer = [0; 4];
        server.read_exact(&mut buffer).await.unwrap();
        server.write_all(b"pong").await.unwrap();
        drop(server);
        assert_eq!(reader.await.unwrap(), b"pong");
    });
}

#[test]
fn a_read_dropped_while_it_waits_loses_nothing_and_leaves_no_waiter() {
    run(async {
        let (client, server) = pair().await;
        let mut buffer = [0; 8];
        let mut dropped = server.read(&mut buffer);
        assert!(poll_here(&mut dropped).await.is_pending());
        assert_eq!(waits(), 1);
        drop(dropped);
        assert_eq!(waits(), 0);
        client.write_all(b"kept").await.unwrap();
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"kept");
    });
}

#[test]
fn of_two_readers_the_one_that_is_dropped_does_not_take_the_others_wake() {
    run(async {
        let (client, server) = pair().await;
        let server = Rc::new(server);
        let mut tasks = [(); 3].map(|()| {
            let server = server.clone();
            spawn(async move { server.read(&mut [0; 1]).await.unwrap() })
        });
        yield_now().await;
        assert_eq!(waits(), 3);
        tasks[0].abort();
        assert!((&mut tasks[0]).await.unwrap_err().is_cancelled());
        client.write_all(b"ab").await.unwrap();
        let [_, one, other] = tasks;
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (1, 1));
    });
}

#[test]
fn after_a_dropped_read_nothing_keeps_the_loop_waiting() {
    let runtime = Runtime::new().unwrap();
    let streams = runtime.block_on(async {
        let streams = pair().await;
        let mut buffer = [0; 8];
        let mut dropped = streams.0.read(&mut buffer);
        assert!(poll_here(&mut dropped).await.is_pending());
        drop(dropped);
        streams
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "an idle socket is not a wait");
    drop(streams);
}

#[test]
fn of_two_tasks_that_poll_a_stream_the_last_is_woken() {
    let recorder = Recorder::new();
    let runtime = Builder::new().observer(recorder.observer()).build().unwrap();
    let (stream, mut peer) = with_std_peer(&runtime);
    let stream = Rc::new(stream);
    recorder.clear();
    runtime.block_on(async {
        let reader = || {
            let stream = stream.clone();
            spawn(async move { poll_fn(|cx| stream.poll_read(cx, &mut [0; 4])).await.unwrap() })
        };
        let (first, last) = (reader(), reader());
        yield_now().await;
        peer.write_all(b"last").unwrap();
        assert_eq!(last.await.unwrap(), 4);
        assert!(!first.is_finished());
    });
    let woken = recorder.order().into_iter().filter(|line| line.contains("readable")).collect::<Vec<_>>();
    assert_eq!(woken, ["wake 4: socket 1 readable"]);
}

#[test]
fn poll_write_waits_for_room_and_is_woken() {
    run(async {
        let (client, server) = pair().await;
        let filled = fill(&client);
        assert!(poll_fn(|cx| Poll::Ready(client.poll_write(cx, b"x"))).await.is_pending());
        assert!(poll_fn(|cx| Poll::Ready(client.poll_write_ready(cx))).await.is_pending());
        let reader = spawn(async move {
            let mut left = filled + 1;
            let mut buffer = vec![0; 65_536];
            while left > 0 {
                left -= server.read(&mut buffer).await.unwrap();
            }
        });
        assert_eq!(poll_fn(|cx| client.poll_write(cx, b"x")).await.unwrap(), 1);
        reader.await.unwrap();
    });
}

#[test]
fn poll_read_ready_waits_until_there_is_something_to_read() {
    run(async {
        let (client, server) = pair().await;
        // Optimistic before the first "would block": the operation is what finds out.
        assert_eq!(server.try_read(&mut [0; 1]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert!(poll_fn(|cx| Poll::Ready(server.poll_read_ready(cx))).await.is_pending());
        client.write_all(b"x").await.unwrap();
        poll_fn(|cx| server.poll_read_ready(cx)).await.unwrap();
        assert_eq!(server.try_read(&mut [0; 1]).unwrap(), 1);
    });
}

#[test]
fn a_foreign_waker_is_woken_too() {
    run(async {
        let (client, server) = pair().await;
        let mut buffer = [0; 1];
        let mut read = server.read(&mut buffer);
        let mut foreign = Context::from_waker(Waker::noop());
        assert!(Pin::new(&mut read).poll(&mut foreign).is_pending());
        // The task's own waker takes the foreign one's place.
        let polled = Cell::new(0);
        let reader = poll_fn(|cx| {
            polled.set(polled.get() + 1);
            Pin::new(&mut read).poll(cx)
        });
        let (read, written) = {
            let mut both = join_all([
                Box::pin(async { reader.await.unwrap() }) as Pin<Box<dyn Future<Output = usize> + '_>>,
                Box::pin(async { client.write(b"x").await.unwrap() }),
            ])
            .await;
            (both.remove(0), both.remove(0))
        };
        assert_eq!((read, written, polled.get()), (1, 1, 2));
    });
}

// ---- dropped elsewhere

#[test]
fn a_socket_dropped_on_another_thread_is_deregistered_and_closed_by_its_loop() {
    let runtime = Runtime::new().unwrap();
    let (stream, mut peer) = with_std_peer(&runtime);
    let reader = thread::spawn(move || peer.read(&mut [0; 1]).unwrap());
    runtime.block_on(async {
        // Polled, and left waiting: the waiter goes with the socket.
        assert!(poll_fn(|cx| Poll::Ready(stream.poll_read(cx, &mut [0; 1]))).await.is_pending());
        assert_eq!(waits(), 1);
        thread::spawn(move || drop(stream)).join().unwrap();
        another_turn().await;
        assert_eq!(waits(), 0);
    });
    assert_eq!(reader.join().unwrap(), 0, "it is closed");
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "nothing waits for it");
}

#[test]
fn sockets_dropped_on_other_threads_make_room_for_new_ones() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (listener, addr) = listen().await;
        for _ in 0..50 {
            let client = spawn(TcpStream::connect(addr));
            let (server, _) = listener.accept().await.unwrap();
            let client = client.await.unwrap().unwrap();
            thread::spawn(move || drop(client)).join().unwrap();
            assert_eq!(server.read(&mut [0; 1]).await.unwrap(), 0, "the loop is woken to close it");
        }
    });
}

#[test]
fn a_read_moved_to_another_thread_and_dropped_there_leaves_no_waiter() {
    let runtime = Runtime::new().unwrap();
    let (stream, _peer) = with_std_peer(&runtime);
    runtime.block_on(async {
        let mut buffer = [0; 1];
        let mut read = Box::pin(stream.read(&mut buffer));
        assert!(poll_here(&mut read).await.is_pending());
        thread::scope(|scope| {
            scope.spawn(move || drop(read));
        });
        another_turn().await;
        assert_eq!(waits(), 0);
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err());
}

#[test]
fn a_connect_dropped_while_it_waits_leaves_no_waiter() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (_listener, addr) = listen().await;
        let mut connect = Box::pin(TcpStream::connect(addr));
        let _ = poll_here(&mut connect).await;
        drop(connect);
        assert_eq!(waits(), 0);
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err());
}

// ---- names

#[test]
fn names_are_looked_up_on_the_pool() {
    run(async {
        let found: Vec<_> = lookup_host("localhost:80").await.unwrap().collect();
        assert!(!found.is_empty() && found.iter().all(|addr| addr.ip().is_loopback() && addr.port() == 80));
        let listener = TcpListener::bind("localhost:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let client = spawn(TcpStream::connect(("localhost", port)));
        let (_server, peer) = listener.accept().await.unwrap();
        assert_eq!(client.await.unwrap().unwrap().local_addr().unwrap(), peer);
    });
}

#[test]
fn numeric_addresses_of_every_form_need_no_look_up() {
    let addr: SocketAddr = "127.0.0.1:7".parse().unwrap();
    let SocketAddr::V4(v4) = addr else { unreachable!() };
    let known = |found: io::Result<std::vec::IntoIter<SocketAddr>>| found.unwrap().eq([addr]);
    // Outside of any loop a look-up could not even begin.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }
    assert!(known(now(lookup_host(addr))));
    assert!(known(now(lookup_host(v4))));
    assert!(known(now(lookup_host((Ipv4Addr::LOCALHOST, 7)))));
    assert!(known(now(lookup_host((addr.ip(), 7)))));
    assert!(known(now(lookup_host(("127.0.0.1", 7)))));
    assert!(known(now(lookup_host(("127.0.0.1".to_owned(), 7)))));
    assert!(known(now(lookup_host("127.0.0.1:7"))));
    assert!(known(now(lookup_host("127.0.0.1:7".to_owned()))));
    assert!(known(now(lookup_host(&[addr][..]))));
}

#[test]
fn text_that_is_no_address_is_refused_and_quoted() {
    run(async {
        for text in ["127.0.0.1", "localhost", "localhost:http", "localhost:70000", "", "[::1]"] {
            let error = TcpStream::connect(text).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{text:?}: {error}");
            assert_eq!(
                error.to_string(),
                format!("{text:?} is no socket address; write host:port, as 127.0.0.1:80")
            );
        }
        let none: &[SocketAddr] = &[];
        assert_eq!(TcpStream::connect(none).await.unwrap_err().to_string(), "the name has no address");
    });
}

#[test]
fn of_several_addresses_the_first_that_answers_is_taken() {
    run(async {
        let refused = std::net::TcpListener::bind(LOCAL).unwrap().local_addr().unwrap();
        let (listener, addr) = listen().await;
        let addrs = [refused, addr];
        let stream = TcpStream::connect(&addrs[..]).await.unwrap();
        assert_eq!(stream.peer_addr().unwrap(), addr);
        drop(listener);
        let error = TcpStream::connect(&[addr, refused][..]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}
