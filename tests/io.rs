//! Reading and writing through the shared traits: sockets, copies, streams in memory, lines, and what is kept when a
//! future is dropped.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind, IoSlice, IoSliceMut};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use glassloop::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufWriter, Cursor, DuplexStream, SeekFrom, copy, copy_bidirectional, duplex, repeat, simplex, sink, split,
};
use glassloop::net::{TcpListener, TcpStream, UnixStream};
use glassloop::stream::StreamExt;
use glassloop::time::{pause, sleep, timeout};
use glassloop::{Builder, Runtime, join_all, spawn, yield_now};

mod support;
use support::{assert_trace, poll_once, record};

/// As [`glassloop::run`]; a wake that is lost ends the test instead of hanging it.
#[track_caller]
fn run<F: Future>(future: F) -> F::Output {
    glassloop::run(async { timeout(Duration::from_secs(30), future).await.expect("a wake was lost") })
}

async fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    (client, listener.accept().await.unwrap().0)
}

/// Bytes of which no short stretch repeats, so that one lost or doubled shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Polls once with the running task's own waker.
async fn poll_here<F: Future>(future: F) -> Poll<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await
}

/// Gives its parts one at each poll: bytes, an error, or a wait whose waker is called at once. Then the end.
struct Script(Vec<Part>);

enum Part {
    Bytes(&'static [u8]),
    Fails(ErrorKind),
    Waits,
}

fn script(parts: impl IntoIterator<Item = Part>) -> Script {
    let mut parts: Vec<Part> = parts.into_iter().collect();
    parts.reverse();
    Script(parts)
}

impl AsyncRead for Script {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match self.0.pop() {
            None => Poll::Ready(Ok(0)),
            Some(Part::Bytes(bytes)) => {
                buffer[..bytes.len()].copy_from_slice(bytes);
                Poll::Ready(Ok(bytes.len()))
            }
            Some(Part::Fails(kind)) => Poll::Ready(Err(kind.into())),
            Some(Part::Waits) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

// ---- the traits on sockets

/// Knows only the traits.
async fn round_trip<R, W>(mut reader: R, mut writer: W, bytes: Vec<u8>)
where
    R: AsyncRead + Unpin + 'static,
    W: AsyncWrite + Unpin + 'static,
{
    let expected = bytes.clone();
    let written = spawn(async move {
        writer.write_all(&bytes).await.unwrap();
        writer.flush().await.unwrap();
        writer.close().await.unwrap();
        writer
    });
    let mut read = Vec::new();
    reader.read_to_end(&mut read).await.unwrap();
    assert!(read == expected, "{} bytes came of {}", read.len(), expected.len());
    written.await.unwrap();
}

const MEGABYTES: usize = 3 << 20;

#[test]
fn megabytes_go_through_tcp_by_the_traits() {
    run(async {
        let (client, server) = tcp_pair().await;
        round_trip(server, client, pattern(MEGABYTES)).await;
    });
}

#[test]
fn megabytes_go_through_a_unix_socket_by_the_traits() {
    run(async {
        let (one, other) = UnixStream::pair().unwrap();
        round_trip(one, other, pattern(MEGABYTES)).await;
    });
}

#[test]
fn megabytes_go_through_halves_of_every_kind() {
    run(async {
        let (client, server) = tcp_pair().await;
        let (reader, _open) = server.into_split();
        let (_unread, writer) = client.into_split();
        round_trip(reader, writer, pattern(MEGABYTES)).await;

        let (one, other) = UnixStream::pair().unwrap();
        let (reader, _open) = one.into_split();
        round_trip(reader, other, pattern(MEGABYTES)).await;

        let (one, other) = UnixStream::pair().unwrap();
        let (reader, _open) = split(one);
        let (_unread, writer) = split(other);
        round_trip(reader, writer, pattern(MEGABYTES)).await;

        let (one, other) = duplex(100_000);
        let (reader, _open) = one.into_split();
        let (_unread, writer) = other.into_split();
        round_trip(reader, writer, pattern(MEGABYTES)).await;
    });
}

#[test]
fn borrowed_halves_read_and_write_side_by_side() {
    run(async {
        let (mut client, mut server) = tcp_pair().await;
        let (mut reader, mut writer) = client.split();
        let echo = spawn(async move {
            let (reader, writer) = server.split();
            copy(reader, writer).await.unwrap()
        });
        let bytes = pattern(MEGABYTES);
        let mut read = vec![0; bytes.len()];
        let write: Pin<Box<dyn Future<Output = io::Result<()>>>> =
            Box::pin(async { AsyncWriteExt::write_all(&mut writer, &bytes).await });
        let read_back: Pin<Box<dyn Future<Output = io::Result<()>>>> =
            Box::pin(async { AsyncReadExt::read_exact(&mut reader, &mut read).await });
        for done in join_all([write, read_back]).await {
            done.unwrap();
        }
        assert!(read == bytes);
        writer.close().await.unwrap();
        assert_eq!(echo.await.unwrap(), bytes.len() as u64);
    });
}

#[test]
fn a_reference_to_a_stream_is_a_stream() {
    run(async {
        let (client, server) = tcp_pair().await;
        let (mut writer, mut reader) = (&client, &server);
        writer.write_all(b"by reference").await.unwrap();
        writer.close().await.unwrap();
        let mut read = String::new();
        reader.read_to_string(&mut read).await.unwrap();
        assert_eq!(read, "by reference");
        server.write_all(b"still open").await.unwrap();
        client.read_exact(&mut [0; 10]).await.unwrap();
    });
}

#[test]
fn trait_objects_of_all_kinds_work() {
    run(async {
        let (client, server) = tcp_pair().await;
        let mut writers: Vec<Box<dyn AsyncWrite + Unpin>> = vec![Box::new(client)];
        let mut readers: Vec<Box<dyn AsyncRead + Unpin>> = vec![Box::new(server)];
        let (one, other) = UnixStream::pair().unwrap();
        writers.push(Box::new(one));
        readers.push(Box::new(other));
        let (one, other) = duplex(8);
        writers.push(Box::new(one));
        readers.push(Box::new(other));
        for (writer, reader) in writers.iter_mut().zip(&mut readers) {
            writer.write_all(b"dyn").await.unwrap();
            let mut read = [0; 3];
            reader.read_exact(&mut read).await.unwrap();
            assert_eq!(&read, b"dyn");
        }
    });
}

#[test]
fn vectored_reads_and_writes_fill_several_buffers_at_once() {
    run(async {
        let (mut one, mut other) = UnixStream::pair().unwrap();
        let parts = [IoSlice::new(b"abc"), IoSlice::new(b"def")];
        assert_eq!(AsyncWriteExt::write_vectored(&mut one, &parts).await.unwrap(), 6);
        let (mut head, mut tail) = ([0; 2], [0; 8]);
        let mut buffers = [IoSliceMut::new(&mut head), IoSliceMut::new(&mut tail)];
        assert_eq!(AsyncReadExt::read_vectored(&mut other, &mut buffers).await.unwrap(), 6);
        assert_eq!((&head, &tail[..4]), (b"ab", &b"cdef"[..]));
    });
}

#[test]
fn of_two_reads_by_the_traits_the_last_to_poll_is_woken() {
    run(async {
        let (client, server) = tcp_pair().await;
        let server = Rc::new(server);
        let order = Rc::new(RefCell::new(Vec::new()));
        let readers: Vec<_> = ["first", "last"]
            .into_iter()
            .map(|name| {
                let (server, order) = (server.clone(), order.clone());
                spawn(async move {
                    AsyncReadExt::read_exact(&mut &*server, &mut [0]).await.unwrap();
                    order.borrow_mut().push(name);
                })
            })
            .collect();
        yield_now().await;
        client.write_all(b"xy").await.unwrap();
        let mut readers = readers.into_iter();
        let (first, last) = (readers.next().unwrap(), readers.next().unwrap());
        last.await.unwrap();
        assert_eq!(*order.borrow(), ["last"]);
        first.abort();
    });
}

#[test]
fn closing_a_stream_whose_peer_is_gone_is_no_error() {
    run(async {
        let (mut client, server) = tcp_pair().await;
        drop(server);
        let mut rest = Vec::new();
        client.read_to_end(&mut rest).await.unwrap();
        client.close().await.unwrap();
        client.close().await.unwrap();
    });
}

#[test]
fn writing_to_a_peer_that_is_gone_is_a_broken_pipe() {
    run(async {
        let (mut one, other) = UnixStream::pair().unwrap();
        drop(other);
        assert_eq!(AsyncWriteExt::write_all(&mut one, b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn reading_no_bytes_is_done_at_once_on_every_stream() {
    run(async {
        let (mut client, _server) = tcp_pair().await;
        assert!(matches!(poll_here(AsyncReadExt::read(&mut client, &mut [])).await, Poll::Ready(Ok(0))));
        let (mut one, _other) = duplex(1);
        assert!(matches!(poll_here(one.read(&mut [])).await, Poll::Ready(Ok(0))));
        one.write_all(b"x").await.unwrap();
        assert!(matches!(poll_here(one.write(&[])).await, Poll::Ready(Ok(0))));
    });
}

// ---- copy

#[test]
fn copying_stops_at_the_end_and_leaves_the_writer_open() {
    run(async {
        let (mut near, far) = UnixStream::pair().unwrap();
        assert_eq!(copy(Cursor::new(pattern(20_000)), &far).await.unwrap(), 20_000);
        far.write_all(b"more").await.unwrap();
        drop(far);
        let mut read = Vec::new();
        near.read_to_end(&mut read).await.unwrap();
        assert_eq!(read[20_000..], *b"more");
    });
}

#[test]
fn copying_without_end_lets_timers_fire() {
    run(async {
        let copied = timeout(Duration::from_millis(1), copy(repeat(7), sink())).await;
        assert!(copied.is_err());
    });
}

#[test]
fn copying_flushes_when_the_reader_has_nothing_more() {
    run(async {
        let (client, mut far) = duplex(64);
        let (near, mut server) = duplex(64);
        let copying = spawn(copy(far_reader(&mut far), BufWriter::new(near)));
        let mut client = client;
        client.write_all(b"question").await.unwrap();
        let mut asked = [0; 8];
        server.read_exact(&mut asked).await.unwrap(); // it waits for ever if the question rests in the buffer
        assert_eq!(&asked, b"question");
        client.close().await.unwrap();
        assert_eq!(copying.await.unwrap().unwrap(), 8);
    });
}

/// The reading half of one end, by itself.
fn far_reader(stream: &mut DuplexStream) -> glassloop::io::SimplexReader {
    std::mem::replace(stream, duplex(1).0).into_split().0
}

#[test]
fn a_reader_that_fails_ends_the_copy() {
    let failing = script([Part::Bytes(b"abc"), Part::Fails(ErrorKind::ConnectionReset)]);
    let mut written = Vec::new();
    let error = run(copy(failing, &mut written)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(written, b"abc");
}

#[test]
fn a_writer_that_takes_nothing_ends_the_copy() {
    let mut room = [0; 4];
    let full = run(copy(Cursor::new("longer"), Cursor::new(&mut room[..]))).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::WriteZero);
}

#[test]
fn a_proxy_copies_both_ways_until_each_has_ended() {
    run(async {
        // A server that answers only after the end of the question: a half-close must get through.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let server = spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = Vec::new();
            stream.read_to_end(&mut asked).await.unwrap();
            asked.reverse();
            stream.write_all(&asked).await.unwrap();
        });
        let (mut client, near) = tcp_pair().await;
        let proxy = spawn(async move {
            let far = TcpStream::connect(addr).await?;
            copy_bidirectional(near, &far).await
        });
        let bytes = pattern(1 << 20);
        client.write_all(&bytes).await.unwrap();
        client.close().await.unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.unwrap();
        answer.reverse();
        assert!(answer == bytes);
        assert_eq!(proxy.await.unwrap().unwrap(), (1 << 20, 1 << 20));
        server.await.unwrap();
    });
}

#[test]
fn one_direction_that_waits_does_not_hold_up_the_other() {
    run(async {
        let (mut client, near) = duplex(8);
        let (far, mut server) = duplex(8);
        let proxy = spawn(copy_bidirectional(near, far));
        client.write_all(&[1; 8]).await.unwrap();
        for _ in 0..20 {
            yield_now().await; // nobody reads what goes to the server, so this direction is full soon
            let _ = poll_here(client.write(&[1; 8])).await;
        }
        server.write_all(b"back").await.unwrap();
        let mut back = [0; 4];
        client.read_exact(&mut back).await.unwrap();
        assert_eq!(&back, b"back");
        proxy.abort();
    });
}

/// Reads what its script says, and takes nothing.
struct Broken(Script);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Broken {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn an_error_of_a_proxy_names_direction_and_part() {
    run(async {
        let (mut client, near) = duplex(8);
        client.write_all(b"x").await.unwrap();
        let error = copy_bidirectional(near, Broken(script([]))).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
        assert_eq!(error.to_string(), "copying from a to b, writing b: broken pipe");

        let (_client, near) = duplex(8);
        let resetting = Broken(script([Part::Fails(ErrorKind::ConnectionReset)]));
        let error = copy_bidirectional(near, resetting).await.unwrap_err();
        assert_eq!(error.to_string(), "copying from b to a, reading b: connection reset");
        let source = std::error::Error::source(error.get_ref().unwrap()).unwrap();
        assert_eq!(source.downcast_ref::<io::Error>().unwrap().kind(), ErrorKind::ConnectionReset);
    });
}

#[test]
fn a_copy_says_how_far_it_is() {
    run(async {
        let (mut near, far) = duplex(8);
        let mut copying = pin!(copy(far, sink()));
        near.write_all(b"abc").await.unwrap();
        assert!(poll_here(copying.as_mut()).await.is_pending());
        assert_eq!(format!("{copying:?}"), "Copy { copied: 3, .. }");
    });
}

// ---- streams in memory

#[test]
fn a_full_stream_lets_its_writer_wait_until_it_is_read() {
    let trace = record(Builder::new(), async {
        let (mut one, mut other) = duplex(4);
        let writer = spawn(async move { one.write_all(b"abcdef").await.unwrap() });
        yield_now().await;
        let mut read = [0; 8];
        assert_eq!(other.read(&mut read).await.unwrap(), 4); // makes room, and wakes the writer
        assert_eq!(other.read(&mut read).await.unwrap(), 2); // waits for it
        writer.await.unwrap();
    });
    assert_trace(
        &trace,
        "wake 1: spawned
         turn 1
         run
         poll 1
         wake 2: spawned
         wake 1: task 1
         pending 1
         poll 2
         pending 2       // four bytes are written, and there is no more room
         poll 1
         wake 2: task 1
         pending 1
         poll 2
         wake 1: task 2
         done 2 ready
         poll 1
         done 1 ready",
    );
}

#[test]
fn an_end_that_is_dropped_ends_the_reading_and_breaks_the_writing() {
    run(async {
        let (mut one, mut other) = duplex(8);
        other.write_all(b"left").await.unwrap();
        drop(other);
        assert_eq!(one.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        let mut read = Vec::new();
        one.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"left");
        assert_eq!(one.read(&mut [0]).await.unwrap(), 0);
    });
}

#[test]
fn a_writer_that_waits_hears_that_the_reader_is_gone() {
    run(async {
        let (mut one, other) = duplex(1);
        let writer = spawn(async move { one.write_all(b"xy").await });
        yield_now().await;
        drop(other);
        assert_eq!(writer.await.unwrap().unwrap_err().kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_reader_that_waits_hears_the_end() {
    run(async {
        let (mut one, mut other) = duplex(1);
        let reader = spawn(async move { (one.read(&mut [0]).await, one) });
        yield_now().await;
        other.close().await.unwrap();
        let (read, mut one) = reader.await.unwrap();
        assert_eq!(read.unwrap(), 0);
        assert_eq!(other.write(b"x").await.unwrap_err().kind(), ErrorKind::BrokenPipe);
        one.write_all(b"y").await.unwrap(); // the other direction stays open
        other.read_exact(&mut [0]).await.unwrap();
    });
}

#[test]
fn a_read_in_memory_that_is_dropped_has_read_nothing() {
    run(async {
        let (mut one, mut other) = duplex(8);
        assert!(poll_here(one.read(&mut [0; 8])).await.is_pending());
        other.write_all(b"abc").await.unwrap();
        let mut read = [0; 8];
        assert_eq!(one.read(&mut read).await.unwrap(), 3);
        assert_eq!(&read[..3], b"abc");
    });
}

#[test]
fn a_read_in_memory_that_is_polled_again_waits_once() {
    let runtime = Runtime::new().unwrap();
    let deadlock = runtime.try_block_on(async {
        let (mut one, _other) = duplex(8);
        for _ in 0..3 {
            assert!(poll_here(one.read(&mut [0])).await.is_pending());
        }
        std::future::pending::<()>().await;
    });
    let report = deadlock.unwrap_err().to_string();
    assert_eq!(report.matches("DuplexStream::read").count(), 1, "{report}");
}

#[test]
fn a_stream_in_memory_may_move_to_another_task_while_it_waits() {
    run(async {
        let (mut one, mut other) = duplex(8);
        assert!(poll_here(one.read(&mut [0])).await.is_pending()); // by this task
        let reader = spawn(async move { one.read(&mut [0]).await.unwrap() });
        yield_now().await; // now by that one
        other.write_all(b"x").await.unwrap();
        assert_eq!(reader.await.unwrap(), 1);
    });
}

#[test]
fn simplex_is_one_direction() {
    run(async {
        let (mut reader, mut writer) = simplex(2);
        let written = spawn(async move { writer.write_all(b"hello").await });
        let mut all = String::new();
        reader.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "hello");
        written.await.unwrap().unwrap();
    });
}

#[test]
#[should_panic(expected = "give it room for one at least")]
fn a_stream_without_room_is_refused() {
    let _ = duplex(0);
}

#[test]
fn a_reader_that_waits_for_ever_is_named_in_the_report() {
    let runtime = Runtime::new().unwrap();
    let deadlock = runtime.try_block_on(async {
        let (mut one, _other) = duplex(8);
        one.read(&mut [0]).await
    });
    let report = deadlock.unwrap_err().to_string();
    assert!(report.contains("DuplexStream::read") && report.contains("tests/io.rs"), "{report}");
}

#[test]
fn streams_in_memory_show_what_they_hold() {
    let (mut one, other) = duplex(8);
    assert!(matches!(poll_once(one.write(b"abc")), Poll::Ready(Ok(3))));
    assert_eq!(
        format!("{other:?}"),
        "DuplexStream { incoming: Pipe { bytes: 3, max: 8, ended: false, broken: false }, \
         outgoing: Pipe { bytes: 0, max: 8, ended: false, broken: false } }"
    );
}

#[test]
fn hyper_serves_over_a_stream_in_memory_that_is_smaller_than_its_messages() {
    use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
    run(async {
        let (mut client, server) = duplex(8);
        let serving = spawn(async move {
            let long = service_fn(|_request: Request<Incoming>| async {
                let body = String::from_utf8(vec![b'x'; 1000]).unwrap();
                Ok::<_, std::convert::Infallible>(Response::new(body))
            });
            http1::Builder::new().serve_connection(server, long).await
        });
        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap(); // until hyper ends its direction
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with(&format!("\r\n\r\n{}", "x".repeat(1000))), "{answer}");
        serving.await.unwrap().unwrap();
    });
}

#[test]
fn what_tokios_traits_write_in_parts_fills_the_room_and_is_read_in_order() {
    run(async {
        let (mut one, mut other) = duplex(5);
        let parts = ["abc", "", "def"].map(|part| IoSlice::new(part.as_bytes()));
        let written =
            poll_fn(|cx| tokio::io::AsyncWrite::poll_write_vectored(Pin::new(&mut one), cx, &parts)).await;
        assert_eq!(written.unwrap(), 5);
        let mut bytes = [0; 8];
        let mut read = tokio::io::ReadBuf::new(&mut bytes);
        poll_fn(|cx| tokio::io::AsyncRead::poll_read(Pin::new(&mut other), cx, &mut read)).await.unwrap();
        assert_eq!(read.filled(), b"abcde");
    });
}

#[test]
fn an_end_that_is_shut_down_by_tokios_traits_ends_the_reading_while_it_lives() {
    run(async {
        let (mut one, mut other) = duplex(5);
        poll_fn(|cx| tokio::io::AsyncWrite::poll_shutdown(Pin::new(&mut one), cx)).await.unwrap();
        assert_eq!(other.read(&mut [0]).await.unwrap(), 0);
        other.write_all(b"x").await.unwrap(); // the other direction stays open
    });
}

// ---- split

#[test]
fn halves_of_one_stream_are_put_together_and_others_are_not() {
    run(async {
        let (one, mut other) = duplex(8);
        let (third, _fourth) = duplex(8);
        let ((read, write), (foreign, _)) = (split(one), split(third));
        let glassloop::io::ReuniteError(_, write) = foreign.reunite(write).unwrap_err();
        let mut whole = read.reunite(write).unwrap();
        whole.write_all(b"whole").await.unwrap();
        other.read_exact(&mut [0; 5]).await.unwrap();
    });
}

/// A stream whose poll polls a half of itself.
#[derive(Default)]
struct Knot(Rc<RefCell<Option<glassloop::io::ReadHalf<Knot>>>>);

impl AsyncRead for Knot {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let half = self.0.borrow_mut().take();
        half.map_or(Poll::Ready(Ok(0)), |mut half| Pin::new(&mut half).poll_read(cx, buffer))
    }
}

impl AsyncWrite for Knot {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_read(cx, &mut [0])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn a_half_polled_while_the_other_is_gives_an_error() {
    let place = Rc::default();
    let (read, mut write) = split(Knot(Rc::clone(&place)));
    *place.borrow_mut() = Some(read);
    let error = run(write.write(b"x")).unwrap_err();
    assert!(error.to_string().starts_with("a half of a split stream was polled while the other was"), "{error}");
}

// ---- lines

#[test]
fn lines_end_by_line_feed_with_or_without_return() {
    let lines = Cursor::new("one\r\ntwo\n\n\rthree\r\nfour\r").lines();
    assert_eq!(run(lines.try_collect::<_, _, Vec<_>>()).unwrap(), ["one", "two", "", "\rthree", "four\r"]);
}

#[test]
fn a_line_may_come_in_pieces_and_be_longer_than_the_buffer() {
    run(async {
        let (mut one, other) = duplex(3);
        let long = "x".repeat(100);
        let sent = format!("{long}\nshort\n");
        let writer = spawn(async move { one.write_all(sent.as_bytes()).await });
        let lines: Vec<_> = BufReader::with_capacity(7, other).lines().try_collect().await.unwrap();
        assert_eq!(lines, [&*long, "short"]);
        writer.await.unwrap().unwrap();
    });
}

#[test]
fn a_next_line_that_is_dropped_loses_nothing() {
    run(async {
        let (mut one, other) = duplex(64);
        let mut lines = BufReader::new(other).lines();
        one.write_all(b"first ha").await.unwrap();
        assert!(poll_here(lines.next()).await.is_pending());
        one.write_all(b"lf\n").await.unwrap();
        assert_eq!(lines.next().await.unwrap().unwrap(), "first half");
    });
}

#[test]
fn a_stream_that_breaks_within_a_line_gives_the_error() {
    // futures-lite's `lines` panics here, in debug builds.
    run(async {
        let breaking =
            script([Part::Bytes(b"abc"), Part::Fails(ErrorKind::ConnectionReset), Part::Bytes(b"def\n")]);
        let mut lines = BufReader::new(breaking).lines();
        assert_eq!(lines.next().await.unwrap().unwrap_err().kind(), ErrorKind::ConnectionReset);
        assert_eq!(lines.next().await.unwrap().unwrap(), "abcdef");
        assert!(lines.next().await.is_none());
    });
}

#[test]
fn a_line_that_is_no_text_is_left_out() {
    run(async {
        let mut lines = Cursor::new(b"one\n\xff\ntwo\n").lines();
        assert_eq!(lines.next().await.unwrap().unwrap(), "one");
        assert_eq!(lines.next().await.unwrap().unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(lines.next().await.unwrap().unwrap(), "two");
    });
}

#[test]
fn pieces_between_bytes_come_without_them() {
    let pieces = Cursor::new("a,,b").split(b',');
    assert_eq!(run(pieces.try_collect::<_, _, Vec<_>>()).unwrap(), [&b"a"[..], b"", b"b"]);
    let ended = Cursor::new("a,").split(b',');
    assert_eq!(run(ended.count()), 1);
}

#[test]
fn read_line_appends_with_the_line_feed() {
    run(async {
        let mut reader = Cursor::new("one\ntwo");
        let mut text = String::from("> ");
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 4);
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 3);
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 0);
        assert_eq!(text, "> one\ntwo");
    });
}

#[test]
fn read_line_leaves_the_text_as_it_was_when_the_line_is_no_text() {
    run(async {
        let mut reader = Cursor::new(b"\xff\nnext\n");
        let mut text = String::from("kept");
        assert_eq!(reader.read_line(&mut text).await.unwrap_err().kind(), ErrorKind::InvalidData);
        assert_eq!(text, "kept");
        reader.read_line(&mut text).await.unwrap();
        assert_eq!(text, "keptnext\n");
    });
}

#[test]
fn a_read_line_that_is_dropped_loses_what_it_has_read() {
    run(async {
        let mut reader = BufReader::new(script([Part::Bytes(b"lost, "), Part::Waits, Part::Bytes(b"found\n")]));
        let mut text = String::new();
        assert!(poll_here(reader.read_line(&mut text)).await.is_pending());
        assert_eq!(reader.read_line(&mut text).await.unwrap(), 6);
        assert_eq!(text, "found\n");
    });
}

#[test]
fn a_read_until_that_is_dropped_goes_on_in_the_next() {
    run(async {
        let mut reader = BufReader::new(script([Part::Bytes(b"one, "), Part::Waits, Part::Bytes(b"two;three")]));
        let mut bytes = Vec::new();
        assert!(poll_here(reader.read_until(b';', &mut bytes)).await.is_pending());
        assert_eq!(reader.read_until(b';', &mut bytes).await.unwrap(), 4);
        assert_eq!(bytes, b"one, two;");
    });
}

#[test]
fn the_buffer_is_lent_and_consumed_as_far_as_it_was_used() {
    run(async {
        let mut reader =
            BufReader::with_capacity(4, script([Part::Waits, Part::Bytes(b"abcd"), Part::Bytes(b"e")]));
        assert!(poll_here(reader.fill_buf()).await.is_pending());
        assert_eq!(reader.fill_buf().await.unwrap(), b"abcd");
        AsyncBufReadExt::consume(&mut reader, 3);
        assert_eq!(reader.fill_buf().await.unwrap(), b"d");
        AsyncBufReadExt::consume(&mut reader, 1);
        assert_eq!(reader.fill_buf().await.unwrap(), b"e");
        AsyncBufReadExt::consume(&mut reader, 1);
        assert_eq!(reader.fill_buf().await.unwrap(), b"");
    });
}

/// A reader that waits at its end waits for what may still come; it is asked once, and nothing is made of the wait.
#[test]
fn the_buffer_is_empty_at_the_end_of_a_file() {
    let path = std::env::temp_dir().join(format!("glassloop-io-end-{}", std::process::id()));
    std::fs::write(&path, "ab").unwrap();
    run(async {
        let mut reader = BufReader::new(glassloop::fs::File::open(&path).await.unwrap());
        assert_eq!(reader.fill_buf().await.unwrap(), b"ab");
        AsyncBufReadExt::consume(&mut reader, 2);
        assert_eq!(reader.fill_buf().await.unwrap(), b"");
    });
    std::fs::remove_file(&path).unwrap();
}

#[test]
fn a_line_without_end_lets_timers_fire() {
    run(async {
        let mut reader = BufReader::new(repeat(b'a'));
        let mut line = Vec::new();
        assert!(timeout(Duration::from_millis(1), reader.read_until(b'\n', &mut line)).await.is_err());
        assert!(line.iter().all(|byte| *byte == b'a') && !line.is_empty(), "what was read is kept");
        assert!(timeout(Duration::from_millis(1), reader.lines().next()).await.is_err());
    });
}

#[test]
fn an_interrupted_read_is_tried_again() {
    let reader = BufReader::new(script([Part::Fails(ErrorKind::Interrupted), Part::Bytes(b"line\n")]));
    assert_eq!(run(reader.lines().try_collect::<_, _, Vec<_>>()).unwrap(), ["line"]);
}

#[test]
fn a_buffered_reader_of_trait_objects_reads_lines() {
    let reader: Box<dyn AsyncBufRead + Unpin> = Box::new(BufReader::new(script([Part::Bytes(b"a\nb\n")])));
    assert_eq!(run(reader.lines().count()), 2);
}

// ---- what futures-lite's futures keep

#[test]
fn a_read_that_is_dropped_has_read_nothing() {
    run(async {
        let (mut client, mut server) = tcp_pair().await;
        assert!(poll_here(AsyncReadExt::read(&mut server, &mut [0; 8])).await.is_pending());
        client.write_all(b"abc").await.unwrap();
        client.close().await.unwrap();
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"abc");
    });
}

#[test]
fn a_read_exact_that_is_dropped_leaves_its_bytes_in_the_buffer() {
    run(async {
        let mut reader = script([Part::Bytes(b"ab"), Part::Waits, Part::Bytes(b"cd")]);
        let mut buffer = [0; 4];
        assert!(poll_here(reader.read_exact(&mut buffer)).await.is_pending());
        assert_eq!(&buffer, b"ab\0\0"); // two came, but nobody says that it were two
        let mut rest = Vec::new();
        reader.read_to_end(&mut rest).await.unwrap();
        assert_eq!(rest, b"cd");
    });
}

#[test]
fn a_read_to_end_that_is_dropped_goes_on_in_the_next() {
    run(async {
        let mut reader = script([Part::Bytes(b"ab"), Part::Waits, Part::Bytes(b"cd")]);
        let mut all = Vec::new();
        assert!(poll_here(reader.read_to_end(&mut all)).await.is_pending());
        assert_eq!(all, b"ab");
        reader.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"abcd");
    });
}

#[test]
fn a_read_to_string_that_is_dropped_loses_what_it_has_read() {
    run(async {
        let mut reader = script([Part::Bytes(b"ab"), Part::Waits, Part::Bytes(b"cd")]);
        let mut all = String::new();
        assert!(poll_here(reader.read_to_string(&mut all)).await.is_pending());
        reader.read_to_string(&mut all).await.unwrap();
        assert_eq!(all, "cd");
    });
}

#[test]
fn a_write_all_that_is_dropped_has_written_a_part() {
    run(async {
        let (mut one, mut other) = duplex(2);
        assert!(poll_here(one.write_all(b"abc")).await.is_pending());
        drop(one);
        let mut read = Vec::new();
        other.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, b"ab");
    });
}

#[test]
fn a_flush_that_is_dropped_keeps_the_bytes_in_the_writer() {
    run(async {
        let (one, mut other) = duplex(2);
        let mut writer = BufWriter::new(one);
        writer.write_all(b"abcdef").await.unwrap();
        assert!(poll_here(writer.flush()).await.is_pending());
        let reader = spawn(async move {
            let mut read = Vec::new();
            other.read_to_end(&mut read).await.unwrap();
            read
        });
        writer.flush().await.unwrap();
        drop(writer);
        assert_eq!(reader.await.unwrap(), b"abcdef");
    });
}

#[test]
fn a_cursor_is_sought_and_read() {
    run(async {
        let mut cursor = Cursor::new("0123456789");
        cursor.seek(SeekFrom::End(-3)).await.unwrap();
        let mut rest = String::new();
        cursor.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "789");
    });
}

#[test]
fn whatever_waits_in_memory_waits_on_virtual_time() {
    glassloop::run(async {
        pause();
        let (mut one, mut other) = duplex(8);
        let writer = spawn(async move {
            sleep(Duration::from_secs(3600)).await;
            one.write_all(b"late").await
        });
        let early = timeout(Duration::from_secs(60), other.read(&mut [0; 4])).await;
        assert!(early.is_err());
        other.read_exact(&mut [0; 4]).await.unwrap();
        writer.await.unwrap().unwrap();
    });
}

// ---- what debug mode tells of futures that are dropped

/// The lines that say what was lost, up to their sites.
fn lost(future: impl Future) -> Vec<String> {
    let trace = record(Builder::new().debug(true), future);
    let lost = trace.iter().filter(|line| line.starts_with("lost"));
    lost.map(|line| line.split(" at ").next().unwrap().to_owned()).collect()
}

#[test]
fn a_copy_that_is_dropped_tells_how_far_it_was() {
    let lost = lost(async {
        let (mut near, far) = duplex(64);
        let (narrow, _kept) = duplex(2);
        near.write_all(b"12345").await.unwrap();
        assert!(poll_here(copy(far, narrow)).await.is_pending());
    });
    assert_eq!(lost[0], "lost by 1: 3 bytes that were read and not written, after 2 that were, of io::copy");
}

#[test]
fn a_proxy_that_is_dropped_tells_how_far_both_ways_were() {
    let lost = lost(async {
        let (mut client, near) = UnixStream::pair().unwrap();
        let (far, mut server) = UnixStream::pair().unwrap();
        let mut proxy = pin!(copy_bidirectional(near, far));
        AsyncWriteExt::write_all(&mut client, b"question").await.unwrap();
        while poll_here(AsyncReadExt::read_exact(&mut server, &mut [0; 8])).await.is_pending() {
            assert!(poll_here(proxy.as_mut()).await.is_pending());
            yield_now().await;
        }
    });
    let told = "0 bytes that were read and not written, after";
    let told = format!("lost by 1: from a to b {told} 8 that were; from b to a {told} 0 that were");
    assert_eq!(lost, [told + ", of io::copy_bidirectional"]);
}

#[test]
fn a_copy_that_is_done_or_was_never_polled_tells_nothing() {
    let lost = lost(async {
        copy(Cursor::new("all"), sink()).await.unwrap();
        copy(script([Part::Fails(ErrorKind::TimedOut)]), sink()).await.unwrap_err();
        copy_bidirectional(Broken(script([Part::Bytes(b"x")])), Broken(script([]))).await.unwrap_err();
        drop(copy(repeat(1), sink()));
    });
    assert_eq!(lost, [""; 0]);
}

#[test]
fn a_read_line_that_is_dropped_tells_its_bytes() {
    let lost = lost(async {
        let mut reader = BufReader::new(script([Part::Bytes(b"beg"), Part::Waits]));
        assert!(poll_here(reader.read_line(&mut String::new())).await.is_pending());
    });
    assert_eq!(lost, ["lost by 1: \"beg\", the beginning of a line, of AsyncBufReadExt::read_line"]);
}
