//! Unix sockets: streams and datagrams.
#![cfg(unix)]

use std::future::{Future, pending, poll_fn};
use std::io::{ErrorKind, IoSlice, IoSliceMut, Read, Write};
use std::net::Shutdown;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use glassloop::net::unix::{self, OwnedReadHalf, OwnedWriteHalf};
use glassloop::net::{UnixDatagram, UnixListener, UnixStream};
use glassloop::time::timeout;
use glassloop::{Builder, Runtime, Waits, spawn, yield_now};

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(30);
    glassloop::run(async { timeout(limit, future).await.expect("a wake was lost") })
}

/// A path for a socket, that nobody else has; removed with this.
struct TempPath(PathBuf);

fn temp_path() -> TempPath {
    static MADE: AtomicU32 = AtomicU32::new(0);
    let name = format!("glassloop-{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
    TempPath(std::env::temp_dir().join(name))
}

impl AsRef<Path> for TempPath {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempPath {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0); // not every test binds to it
    }
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx))).await
}

/// How many waits for sockets were begun in this file.
fn waits() -> usize {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    waits.filter(|wait| matches!(wait, Waits::Source { site: Some(site), .. } if site.file() == file!())).count()
}

async fn read_to_end(stream: &UnixStream) -> Vec<u8> {
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
fn fill(stream: &UnixStream) -> usize {
    let mut written = 0;
    loop {
        match stream.try_write(&[7; 65_536]) {
            Ok(n) => written += n,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return written,
            Err(error) => panic!("{error}"),
        }
    }
}

// ---- streams: bind, accept, connect

#[test]
fn a_client_finds_a_listener_by_its_path() {
    let path = temp_path();
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let accept = spawn({
            let addr = listener.local_addr().unwrap();
            assert_eq!(addr.as_pathname(), Some(path.as_ref()));
            async move { listener.accept().await.unwrap() }
        });
        yield_now().await;
        assert_eq!(waits(), 1);
        let client = UnixStream::connect(&path).await.unwrap();
        let (server, peer) = accept.await.unwrap();
        assert!(peer.is_unnamed());
        assert_eq!(client.peer_addr().unwrap().as_pathname(), Some(path.as_ref()));
        assert!(client.local_addr().unwrap().is_unnamed());
        client.write_all(b"hello").await.unwrap();
        let mut words = [0; 5];
        server.read_exact(&mut words).await.unwrap();
        assert_eq!(&words, b"hello");
    });
}

#[test]
fn poll_accept_waits_and_then_gives_a_connection() {
    let path = temp_path();
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        assert!(poll_fn(|cx| Poll::Ready(listener.poll_accept(cx))).await.is_pending());
        let _client = UnixStream::connect(&path).await.unwrap();
        poll_fn(|cx| listener.poll_accept(cx)).await.unwrap();
    });
}

#[test]
fn connections_made_before_accept_are_accepted_one_after_another_without_waiting() {
    let path = temp_path();
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(UnixStream::connect(&path).await.unwrap());
        }
        for _ in 0..3 {
            assert!(matches!(poll_here(&mut Box::pin(listener.accept())).await, Poll::Ready(Ok(_))));
        }
        assert!(poll_here(&mut Box::pin(listener.accept())).await.is_pending());
    });
}

#[test]
fn a_path_in_use_is_refused_even_when_its_listener_is_gone() {
    let path = temp_path();
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        drop(listener);
        assert_eq!(UnixListener::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
        std::fs::remove_file(&path).unwrap();
        UnixListener::bind(&path).unwrap();
    });
}

#[test]
fn a_path_without_a_listener_is_refused_or_not_found() {
    let path = temp_path();
    run(async {
        assert_eq!(UnixStream::connect(&path).await.unwrap_err().kind(), ErrorKind::NotFound);
        drop(UnixListener::bind(&path).unwrap());
        assert_eq!(UnixStream::connect(&path).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        let long = "/tmp/".to_owned() + &"x".repeat(200);
        assert_eq!(UnixStream::connect(&long).await.unwrap_err().kind(), ErrorKind::InvalidInput);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_backlog_is_an_error_that_says_so() {
    let path = temp_path();
    run(async {
        let listener = UnixListener::bind(&path).unwrap();
        rustix::net::listen(&listener, 0).unwrap();
        let mut clients = Vec::new();
        let error = loop {
            match UnixStream::connect(&path).await {
                Ok(client) => clients.push(client),
                Err(error) => break error,
            }
            assert!(clients.len() < 10, "a backlog of 0 has little room");
        };
        assert_eq!(error.kind(), ErrorKind::WouldBlock);
        assert!(error.to_string().starts_with("the listener's backlog is full"), "{error}");
        listener.accept().await.unwrap();
        UnixStream::connect(&path).await.unwrap();
    });
}

#[cfg(target_os = "linux")]
#[test]
fn an_abstract_address_is_no_path_and_goes_with_its_socket() {
    use std::os::linux::net::SocketAddrExt;
    let addr = unix::SocketAddr::from_abstract_name(format!("glassloop-{}", std::process::id())).unwrap();
    run(async {
        for _ in 0..2 {
            let listener = UnixListener::bind_addr(&addr).unwrap();
            let client = UnixStream::connect_addr(&addr).await.unwrap();
            listener.accept().await.unwrap();
            assert_eq!(client.peer_addr().unwrap().as_abstract_name(), addr.as_abstract_name());
        }
    });
}

// ---- streams: ends

#[test]
fn a_half_closed_connection_still_carries_the_other_way() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        client.write_all(b"question").await.unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read_to_end(&server).await, b"question");
        server.write_all(b"answer").await.unwrap();
        drop(server);
        assert_eq!(read_to_end(&client).await, b"answer");
        assert_eq!(client.read(&mut [0; 8]).await.unwrap(), 0, "the end is read as often as one asks");
    });
}

#[test]
fn a_task_that_waits_to_read_hears_of_the_end() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let reader = spawn(async move { client.read(&mut [0; 8]).await.unwrap() });
        yield_now().await;
        assert_eq!(waits(), 1);
        drop(server);
        assert_eq!(reader.await.unwrap(), 0);
    });
}

/// Linux tells the peer of a socket that was closed with unread bytes.
#[cfg(target_os = "linux")]
#[test]
fn a_reset_is_the_readers_error() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        client.write_all(b"never read").await.unwrap();
        drop(server);
        assert_eq!(client.read(&mut [0; 8]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_is_a_broken_pipe() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        drop(server);
        assert_eq!(client.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_writer_that_waits_for_room_hears_that_its_peer_is_gone() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        fill(&client);
        let writer = spawn(async move { client.write_all(&[0; 65_536]).await });
        yield_now().await;
        assert_eq!(waits(), 1);
        drop(server);
        assert!(writer.await.unwrap().is_err());
    });
}

#[test]
fn a_read_that_times_out_loses_nothing() {
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (one, other) = UnixStream::pair().unwrap();
        let mut buffer = [0; 8];
        let hour = Duration::from_secs(3600);
        assert!(timeout(hour, other.read(&mut buffer)).await.is_err());
        assert_eq!(waits(), 0);
        one.write_all(b"late").await.unwrap();
        assert_eq!(timeout(hour, other.read(&mut buffer)).await.unwrap().unwrap(), 4);
    });
}

// ---- streams: bytes

#[test]
fn megabytes_pass_a_slow_reader_whole() {
    const LENGTH: usize = 4 << 20;
    let pattern = || (0..LENGTH as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8);
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let writer = spawn(async move { client.write_all(&pattern().collect::<Vec<_>>()).await.unwrap() });
        let mut all = Vec::with_capacity(LENGTH);
        let mut buffer = [0; 10_007];
        loop {
            match server.read(&mut buffer).await.unwrap() {
                0 => break,
                n => all.extend_from_slice(&buffer[..n]),
            }
            yield_now().await;
        }
        writer.await.unwrap();
        assert!(all.into_iter().eq(pattern()), "bytes were lost, doubled or mixed up");
    });
}

#[test]
fn vectored_reads_and_writes_use_all_buffers_in_turn() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let words = [IoSlice::new(b"one "), IoSlice::new(b""), IoSlice::new(b"two")];
        assert_eq!(client.write_vectored(&words).await.unwrap(), 7);
        let (mut a, mut b) = ([0; 5], [0; 9]);
        let mut buffers = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        assert_eq!(server.read_vectored(&mut buffers).await.unwrap(), 7);
        assert_eq!((&a, &b[..2]), (b"one t", &b"wo"[..]));
        assert_eq!(client.try_write_vectored(&words).unwrap(), 7);
        let mut buffers = [IoSliceMut::new(&mut a), IoSliceMut::new(&mut b)];
        server.readable().await.unwrap();
        assert_eq!(server.try_read_vectored(&mut buffers).unwrap(), 7);
    });
}

#[test]
fn peek_waits_for_bytes_and_leaves_them_where_they_are() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let mut buffer = [0; 8];
        let mut peek = server.peek(&mut buffer);
        assert!(poll_here(&mut peek).await.is_pending());
        client.write_all(b"peek").await.unwrap();
        assert_eq!(peek.await.unwrap(), 4);
        assert_eq!(poll_fn(|cx| server.poll_peek(cx, &mut buffer[..2])).await.unwrap(), 2);
        assert_eq!(server.read(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer[..4], b"peek");
    });
}

#[test]
fn operations_on_no_bytes_are_ready_at_once() {
    run(async {
        let (client, _server) = UnixStream::pair().unwrap();
        fill(&client);
        assert!(client.try_read(&mut [0; 1]).is_err()); // neither direction is ready now
        assert!(matches!(poll_here(&mut client.read(&mut [])).await, Poll::Ready(Ok(0))));
        assert!(matches!(poll_here(&mut client.peek(&mut [])).await, Poll::Ready(Ok(0))));
        assert!(matches!(poll_here(&mut client.read_exact(&mut [])).await, Poll::Ready(Ok(()))));
        assert!(matches!(poll_here(&mut client.write(&[])).await, Poll::Ready(Ok(0))));
        assert!(matches!(poll_here(&mut client.write_all(&[])).await, Poll::Ready(Ok(()))));
        assert!(matches!(poll_here(&mut client.write_vectored(&[])).await, Poll::Ready(Ok(0))));
        let read = poll_fn(|cx| Poll::Ready(client.poll_read(cx, &mut []))).await;
        assert!(matches!(read, Poll::Ready(Ok(0))));
    });
}

#[test]
fn try_forms_never_wait() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        assert_eq!(server.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
        assert_eq!(client.try_write(b"now").unwrap(), 3);
        server.readable().await.unwrap();
        assert_eq!(server.try_read(&mut [0; 4]).unwrap(), 3);
        assert_eq!(server.try_read(&mut [0; 4]).unwrap_err().kind(), ErrorKind::WouldBlock);
    });
}

#[test]
fn poll_write_waits_for_room_and_is_woken() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
        let filled = fill(&client);
        assert!(poll_fn(|cx| Poll::Ready(client.poll_write(cx, b"x"))).await.is_pending());
        assert!(poll_fn(|cx| Poll::Ready(client.poll_write_ready(cx))).await.is_pending());
        let reader = spawn(async move {
            let mut left = filled + 1;
            let mut buffer = vec![0; 65_536];
            while left > 0 {
                left -= poll_fn(|cx| server.poll_read(cx, &mut buffer)).await.unwrap();
            }
        });
        assert_eq!(poll_fn(|cx| client.poll_write(cx, b"x")).await.unwrap(), 1);
        reader.await.unwrap();
    });
}

// ---- streams: halves

#[test]
fn borrowed_halves_read_and_write_in_one_task() {
    run(async {
        let (mut client, server) = UnixStream::pair().unwrap();
        spawn(async move {
            let bytes = read_to_end(&server).await;
            server.write_all(&bytes).await.unwrap();
        })
        .detach();
        let (read, write) = client.split();
        write.write_all(b"echo").await.unwrap();
        write.shutdown().unwrap();
        assert_eq!(read_to_end(read.as_ref()).await, b"echo");
    });
}

#[test]
fn owned_halves_serve_two_tasks_and_the_write_half_ends_its_direction() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
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
fn halves_of_one_connection_reunite_and_of_two_do_not() {
    run(async {
        let ((one, peer), (other, _other_peer)) = (UnixStream::pair().unwrap(), UnixStream::pair().unwrap());
        let ((read, write), (other_read, other_write)) = (one.into_split(), other.into_split());
        let unix::ReuniteError(read, other_write) = read.reunite(other_write).unwrap_err();
        other_read.reunite(other_write).unwrap();
        let one = read.reunite(write).unwrap();
        one.write_all(b"whole").await.unwrap();
        drop(one);
        assert_eq!(read_to_end(&peer).await, b"whole");
    });
}

// ---- datagrams

#[test]
fn a_datagram_keeps_its_bounds() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.send(b"first").await.unwrap();
        one.send(b"second").await.unwrap();
        let mut buffer = [0; 64];
        // The second is there at once: a stream's short read would have meant that nothing is left.
        assert!(matches!(poll_here(&mut other.recv(&mut buffer)).await, Poll::Ready(Ok(5))));
        assert!(matches!(poll_here(&mut other.recv(&mut buffer)).await, Poll::Ready(Ok(6))));
        assert!(poll_here(&mut other.recv(&mut buffer)).await.is_pending());
    });
}

#[test]
fn an_empty_datagram_is_received_and_is_no_end() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
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
fn a_datagram_longer_than_the_buffer_loses_its_rest() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        one.send(b"longer than four").await.unwrap();
        one.send(b"next").await.unwrap();
        let mut buffer = [0; 4];
        assert_eq!(other.peek(&mut buffer).await.unwrap(), 4);
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"long");
        assert_eq!(other.recv(&mut buffer).await.unwrap(), 4);
        assert_eq!(&buffer, b"next");
    });
}

#[test]
fn a_receiver_learns_the_path_of_who_has_one() {
    let (path, own) = (temp_path(), temp_path());
    run(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let (named, nameless) = (UnixDatagram::bind(&own).unwrap(), UnixDatagram::unbound().unwrap());
        named.send_to(b"named", &path).await.unwrap();
        nameless.send_to(b"nobody", &path).await.unwrap();
        let mut buffer = [0; 8];
        let (length, sender) = receiver.recv_from(&mut buffer).await.unwrap();
        assert_eq!((length, sender.as_pathname()), (5, Some(own.as_ref())));
        let (length, sender) = receiver.try_recv_from(&mut buffer).unwrap();
        assert_eq!((length, sender.is_unnamed()), (6, true));
        assert_eq!(receiver.local_addr().unwrap().as_pathname(), Some(path.as_ref()));
        named.connect(&path).unwrap();
        assert_eq!(named.peer_addr().unwrap().as_pathname(), Some(path.as_ref()));
    });
}

/// Fills a receiver's queue; how many datagrams that took.
fn stuff(mut send: impl FnMut() -> std::io::Result<usize>) -> usize {
    let mut sent = 0;
    loop {
        match send() {
            Ok(_) => sent += 1,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return sent,
            Err(error) => panic!("{error}"),
        }
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_connected_sender_waits_for_room_and_is_woken() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        let sent = stuff(|| one.try_send(b"x"));
        assert!(sent > 0);
        let sender = spawn(async move { one.send(b"last").await.unwrap() });
        yield_now().await;
        assert_eq!(waits(), 1);
        for _ in 0..sent {
            assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 1);
        }
        assert_eq!(other.recv(&mut [0; 8]).await.unwrap(), 4);
        sender.await.unwrap();
    });
}

/// The room is taken by another sender's datagrams: then the kernel tells this one nothing.
#[cfg(target_os = "linux")]
#[test]
fn an_unconnected_sender_asks_again_until_there_is_room() {
    let path = temp_path();
    let runtime = Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let (one, other) = (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap());
        let sent = stuff(|| one.try_send_to(b"x", &path));
        assert!(sent > 0);
        let second = Duration::from_secs(1);
        assert!(timeout(second, other.send_to(b"last", &path)).await.is_err());
        let sender = {
            let path = path.0.clone();
            spawn(async move { other.send_to(b"last", path).await.unwrap() })
        };
        yield_now().await;
        for _ in 0..sent {
            receiver.recv(&mut [0; 8]).await.unwrap();
        }
        let mut buffer = [0; 8];
        assert_eq!(timeout(second, receiver.recv(&mut buffer)).await.unwrap().unwrap(), 4);
        sender.await.unwrap();
    });
}

#[test]
fn a_peer_that_is_gone_is_an_error() {
    let path = temp_path();
    run(async {
        let socket = UnixDatagram::unbound().unwrap();
        assert_eq!(socket.connect(&path).unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(socket.send_to(b"x", &path).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(socket.send(b"x").await.unwrap_err().kind(), ErrorKind::NotConnected);
        let receiver = UnixDatagram::bind(&path).unwrap();
        socket.connect(&path).unwrap();
        socket.send(b"x").await.unwrap();
        drop(receiver);
        assert_eq!(socket.send(b"x").await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(socket.send_to(b"x", &path).await.unwrap_err().kind(), ErrorKind::ConnectionRefused);
        assert_eq!(UnixDatagram::bind(&path).unwrap_err().kind(), ErrorKind::AddrInUse);
    });
}

#[test]
fn what_was_sent_before_the_peer_closed_is_still_received() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        other.send(b"last words").await.unwrap();
        drop(other);
        assert_eq!(one.recv(&mut [0; 16]).await.unwrap(), 10);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn too_long_a_datagram_is_refused() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        rustix::net::sockopt::set_socket_send_buffer_size(&one, 8 << 10).unwrap();
        let error = one.send(&[0; 64 << 10]).await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(rustix::io::Errno::MSGSIZE.raw_os_error()), "{error}");
        one.send(&[0; 1 << 10]).await.unwrap();
        assert_eq!(other.recv(&mut [0; 2 << 10]).await.unwrap(), 1 << 10);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn a_shut_down_receiver_breaks_its_senders_pipe() {
    run(async {
        let (one, other) = UnixDatagram::pair().unwrap();
        other.shutdown(Shutdown::Read).unwrap();
        assert_eq!(one.send(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn datagrams_have_poll_forms_that_are_woken() {
    let path = temp_path();
    run(async {
        let receiver = UnixDatagram::bind(&path).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(&path).unwrap();
        let lengths = spawn(async move {
            let mut buffer = [0; 8];
            let peeked = poll_fn(|cx| receiver.poll_peek(cx, &mut buffer)).await.unwrap();
            let first = poll_fn(|cx| receiver.poll_recv(cx, &mut buffer)).await.unwrap();
            let second = poll_fn(|cx| receiver.poll_recv_from(cx, &mut buffer)).await.unwrap().0;
            (peeked, first, second)
        });
        yield_now().await;
        poll_fn(|cx| sender.poll_send(cx, b"a")).await.unwrap();
        yield_now().await;
        poll_fn(|cx| sender.poll_send_to(cx, b"bc", &path)).await.unwrap();
        assert_eq!(lengths.await.unwrap(), (1, 1, 2));
    });
}

// ---- other loops, other threads, std

#[test]
fn outside_of_a_loop_no_socket_can_be_made() {
    let path = temp_path();
    let outside = |error: std::io::Error, what: &str| {
        assert!(
            error.to_string().starts_with(&format!("{what} was used outside of a glassloop runtime")),
            "{error}"
        );
    };
    outside(UnixStream::pair().unwrap_err(), "UnixStream");
    outside(UnixDatagram::unbound().unwrap_err(), "UnixDatagram");
    outside(UnixListener::bind(&path).unwrap_err(), "UnixListener");
}

#[test]
fn a_socket_used_on_another_loop_gives_an_error_that_names_both() {
    let (own, other) = (Runtime::new().unwrap(), Runtime::new().unwrap());
    let (stream, _peer) = own.block_on(async { UnixStream::pair().unwrap() });
    let (datagram, _peer) = own.block_on(async { UnixDatagram::pair().unwrap() });
    let words =
        format!("this socket belongs to glassloop runtime {} and was used on runtime {}", own.id(), other.id());
    other.block_on(async {
        let error = stream.read(&mut [0; 1]).await.unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
        // Nor on no bytes, which need no waiting.
        let error = stream.write(b"").await.unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
        let error = datagram.send(b"x").await.unwrap_err();
        assert!(error.to_string().starts_with(&words), "{error}");
    });
}

#[test]
fn sockets_dropped_on_another_thread_are_closed_by_their_loop() {
    let runtime = Runtime::new().unwrap();
    runtime.block_on(async {
        let (stream, peer) = UnixStream::pair().unwrap();
        assert!(poll_fn(|cx| Poll::Ready(stream.poll_read(cx, &mut [0; 1]))).await.is_pending());
        let reader = spawn(async move { peer.read(&mut [0; 1]).await.unwrap() });
        yield_now().await;
        thread::spawn(move || drop(stream)).join().unwrap();
        assert_eq!(reader.await.unwrap(), 0, "the loop is woken to close it");
        let (datagram, _peer) = UnixDatagram::pair().unwrap();
        let path = temp_path();
        let listener = UnixListener::bind(&path).unwrap();
        thread::spawn(move || drop((datagram, listener))).join().unwrap();
        while UnixStream::connect(&path).await.is_ok() {
            yield_now().await;
        }
    });
    assert!(runtime.try_block_on(pending::<()>()).is_err(), "nothing waits for them");
}

#[test]
fn sockets_come_from_std_and_go_back_with_what_they_hold() {
    use std::os::unix::net as std_unix;
    let (mut client, server) = std_unix::UnixStream::pair().unwrap();
    let (one, other) = std_unix::UnixDatagram::pair().unwrap();
    let path = temp_path();
    let listener = std_unix::UnixListener::bind(&path).unwrap();
    let (mut server, other) = run(async {
        let server = UnixStream::from_std(server).unwrap();
        // It waits in its task, and does not stop the loop.
        let mut buffer = [0; 8];
        assert!(poll_here(&mut server.read(&mut buffer)).await.is_pending());
        server.write_all(b"from the loop").await.unwrap();
        let other = UnixDatagram::from_std(other).unwrap();
        assert!(poll_here(&mut other.recv(&mut buffer)).await.is_pending());
        let listener = UnixListener::from_std(listener).unwrap();
        assert!(poll_here(&mut Box::pin(listener.accept())).await.is_pending());
        listener.into_std().unwrap();
        (server.into_std().unwrap(), other.into_std().unwrap())
    });
    let mut buffer = [0; 13];
    client.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"from the loop");
    server.set_nonblocking(false).unwrap();
    client.write_all(b"to std").unwrap();
    server.read_exact(&mut buffer[..6]).unwrap();
    other.set_nonblocking(false).unwrap();
    one.send(b"datagram").unwrap();
    assert_eq!(other.recv(&mut buffer).unwrap(), 8);
}

#[test]
fn two_tasks_that_wait_for_the_same_direction_are_both_woken() {
    run(async {
        let (client, server) = UnixStream::pair().unwrap();
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
fn sockets_and_their_futures_are_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    fn send<T: Send>(_: &T) {}
    both::<UnixListener>();
    both::<UnixStream>();
    both::<UnixDatagram>();
    both::<OwnedReadHalf>();
    both::<OwnedWriteHalf>();
    let _never_called = |listener: &UnixListener, datagram: &UnixDatagram, stream: &UnixStream| {
        send(&listener.accept());
        send(&datagram.send_to(b"", "path"));
        send(&stream.write_all(b""));
        send(&UnixStream::connect("path"));
    };
}
