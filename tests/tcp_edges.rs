//! The kernel tells of a change once, and a stream that gave less than was asked for is not asked again before the next
//! change is told. So here is every way in which a change could slip between a read and the wait after it: each test
//! hangs, and so fails, if one is lost.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, Shutdown};
use std::os::fd::AsFd;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use glassloop::net::{TcpStream, UnixStream};
use glassloop::time::timeout;
use glassloop::{Waits, spawn, yield_now};
use rustix::net::sockopt::set_socket_linger;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, send, sendmsg};

/// As [`glassloop::run`]; an event that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    let limit = Duration::from_secs(10);
    glassloop::run(async { timeout(limit, future).await.expect("an event was lost") })
}

/// One end, and the other as a blocking socket of `std`: what it does is done before the loop looks again.
async fn connection() -> (TcpStream, std::net::TcpStream) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let peer = listener.accept().unwrap().0;
    peer.set_nodelay(true).unwrap();
    // A new socket is taken to be ready; from now on the kernel's word alone makes it so.
    assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    (stream, peer)
}

fn unix_connection() -> (UnixStream, std::os::unix::net::UnixStream) {
    let (ours, peer) = std::os::unix::net::UnixStream::pair().unwrap();
    let stream = UnixStream::from_std(ours).unwrap();
    assert_eq!(stream.try_read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    (stream, peer)
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future>(future: &mut Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

async fn read(stream: &TcpStream, room: usize) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let length = stream.read(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

async fn read_unix(stream: &UnixStream, room: usize) -> Vec<u8> {
    let mut buffer = vec![0; room];
    let length = stream.read(&mut buffer).await.unwrap();
    buffer.truncate(length);
    buffer
}

/// How many waits for sockets there are.
fn waits() -> usize {
    let dump = glassloop::dump().unwrap();
    let waits = dump.tasks().iter().flat_map(|task| &task.waits);
    waits.filter(|wait| matches!(wait, Waits::Source { .. })).count()
}

#[test]
fn bytes_that_come_after_a_short_read_wake_the_reader() {
    run(async {
        let (stream, mut peer) = connection().await;
        for round in [b"one", b"two", b"six"] {
            let mut next = pin!(read(&stream, 64));
            assert!(poll_here(&mut next).await.is_pending());
            peer.write_all(round).unwrap();
            assert_eq!(next.await, round);
        }
    });
}

#[test]
fn bytes_that_come_between_the_event_and_a_short_read_are_read_and_so_are_the_next() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"one").unwrap();
        stream.readable().await.unwrap();
        peer.write_all(b"two").unwrap();
        // The first read takes both; the kernel's second edge then finds nothing.
        assert_eq!(read(&stream, 64).await, b"onetwo");
        let mut buffer = [0; 64];
        let mut next = pin!(stream.read(&mut buffer));
        assert!(poll_here(&mut next).await.is_pending());
        peer.write_all(b"three").unwrap();
        assert_eq!(next.await.unwrap(), 5);
    });
}

#[test]
fn a_read_that_exactly_fills_its_buffer_leaves_the_rest_readable() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"abcdefgh").unwrap();
        assert_eq!(read(&stream, 4).await, b"abcd");
        assert_eq!(read(&stream, 4).await, b"efgh");
        let mut buffer = [0; 4];
        let mut next = pin!(stream.read(&mut buffer));
        assert!(poll_here(&mut next).await.is_pending());
        peer.write_all(b"i").unwrap();
        assert_eq!(next.await.unwrap(), 1);
    });
}

#[test]
fn an_end_that_comes_between_the_event_and_a_short_read_is_read() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"last").unwrap();
        stream.readable().await.unwrap();
        drop(peer);
        assert_eq!(read(&stream, 64).await, b"last");
        assert_eq!(read(&stream, 64).await, b"");
    });
}

#[test]
fn an_end_that_came_with_the_bytes_is_read_after_a_short_read() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"last").unwrap();
        drop(peer);
        // Both are told by one event.
        stream.readable().await.unwrap();
        assert_eq!(read(&stream, 64).await, b"last");
        assert_eq!(read(&stream, 64).await, b"");
    });
}

#[test]
fn a_reset_after_a_short_read_is_an_error() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"last").unwrap();
        assert_eq!(read(&stream, 64).await, b"last");
        set_socket_linger(&peer, Some(Duration::ZERO)).unwrap();
        drop(peer);
        let error = stream.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_half_closed_peer_is_read_to_its_end_and_still_answered() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"question").unwrap();
        peer.shutdown(Shutdown::Write).unwrap();
        assert_eq!(read(&stream, 64).await, b"question");
        assert_eq!(read(&stream, 64).await, b"");
        stream.write_all(b"answer").await.unwrap();
        drop(stream);
        let mut answer = String::new();
        peer.read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "answer");
    });
}

/// A read ends before urgent data, however much room it has.
#[test]
fn bytes_behind_urgent_data_are_read() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"before").unwrap();
        send(&peer, b"!", SendFlags::OOB).unwrap();
        peer.write_all(b"behind").unwrap();
        stream.readable().await.unwrap();
        assert_eq!(read(&stream, 64).await, b"before");
        assert_eq!(read(&stream, 64).await, b"behind");
    });
}

#[test]
fn urgent_data_that_come_between_the_event_and_a_short_read_hide_nothing() {
    run(async {
        let (stream, mut peer) = connection().await;
        peer.write_all(b"before").unwrap();
        stream.readable().await.unwrap();
        send(&peer, b"!", SendFlags::OOB).unwrap();
        peer.write_all(b"behind").unwrap();
        assert_eq!(read(&stream, 64).await, b"before");
        assert_eq!(read(&stream, 64).await, b"behind");
        // And once they are passed, a short read is the last one again.
        let mut buffer = [0; 64];
        let mut next = pin!(stream.read(&mut buffer));
        assert!(poll_here(&mut next).await.is_pending());
        peer.write_all(b"later").unwrap();
        assert_eq!(next.await.unwrap(), 5);
    });
}

/// A read ends after bytes that came with descriptors, however much room it has.
#[test]
fn bytes_sent_after_a_descriptor_are_read() {
    run(async {
        let (stream, mut peer) = unix_connection();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = SendAncillaryBuffer::new(&mut space);
        let stdin = std::io::stdin();
        let descriptors = [stdin.as_fd()];
        assert!(rights.push(SendAncillaryMessage::ScmRights(&descriptors)));
        sendmsg(&peer, &[IoSlice::new(b"with")], &mut rights, SendFlags::empty()).unwrap();
        peer.write_all(b"without").unwrap();
        stream.readable().await.unwrap();
        assert_eq!(read_unix(&stream, 64).await, b"with");
        assert_eq!(read_unix(&stream, 64).await, b"without");
    });
}

#[test]
fn a_read_that_was_woken_and_dropped_leaves_the_bytes_to_the_next() {
    run(async {
        let (stream, mut peer) = connection().await;
        {
            let mut buffer = [0; 64];
            let mut dropped = pin!(stream.read(&mut buffer));
            assert!(poll_here(&mut dropped).await.is_pending());
            peer.write_all(b"kept").unwrap();
            // Another reader sees the event, so it was told to both.
            stream.readable().await.unwrap();
        }
        assert_eq!(waits(), 0);
        assert_eq!(read(&stream, 64).await, b"kept");
    });
}

#[test]
fn a_read_that_is_polled_too_often_waits_once_and_is_woken() {
    run(async {
        let (stream, mut peer) = connection().await;
        let mut buffer = [0; 64];
        {
            let mut next = pin!(stream.read(&mut buffer));
            for _ in 0..5 {
                assert!(poll_here(&mut next).await.is_pending());
                assert_eq!(waits(), 1);
            }
            peer.write_all(b"x").unwrap();
            assert_eq!(next.await.unwrap(), 1);
        }
        assert_eq!(waits(), 0);
    });
}

#[test]
fn one_event_wakes_readers_before_writers_each_in_order_of_arrival() {
    run(async {
        let (stream, mut peer) = connection().await;
        let mut sent = 0;
        while let Ok(n) = stream.try_write(&[7; 65_536]) {
            sent += n;
        }
        let (stream, woken) = (Rc::new(stream), Rc::new(RefCell::new(Vec::new())));
        let tasks = ["reader 1", "writer 1", "reader 2", "writer 2"].map(|name| {
            let (stream, woken) = (stream.clone(), woken.clone());
            spawn(async move {
                if name.starts_with("reader") {
                    stream.readable().await.unwrap();
                } else {
                    stream.writable().await.unwrap();
                }
                woken.borrow_mut().push(name);
            })
        });
        yield_now().await;
        assert_eq!(waits(), 4);
        peer.write_all(b"x").unwrap();
        let mut all = vec![0; sent];
        peer.read_exact(&mut all).unwrap();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(*woken.borrow(), ["reader 1", "reader 2", "writer 1", "writer 2"]);
        assert_eq!(waits(), 0);
    });
}

async fn read_as_hyper_does(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = [0; 16];
    let mut buffer = hyper::rt::ReadBuf::new(&mut bytes);
    poll_fn(|cx| hyper::rt::Read::poll_read(Pin::new(stream), cx, buffer.unfilled())).await.unwrap();
    buffer.filled().to_vec()
}

/// Its way of reading is a system call of ours. Where mio is built on poll(2), it must see what becomes of that:
/// `RUSTFLAGS='--cfg mio_unsupported_force_poll_poll' cargo test --test tcp_edges` builds it so on Linux.
#[test]
fn hyper_is_woken_for_one_message_after_the_other() {
    run(async {
        let (mut stream, mut peer) = connection().await;
        for word in [b"one", b"two", b"six"] {
            let mut read = pin!(read_as_hyper_does(&mut stream));
            assert!(poll_here(&mut read).await.is_pending());
            peer.write_all(word).unwrap();
            assert_eq!(read.await, word);
        }
    });
}
