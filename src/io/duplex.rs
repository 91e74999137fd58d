//! Streams in memory, between two tasks of one loop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io::{self, IoSlice, Read};
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::cell::Stays;
use crate::trace::Class;
use crate::waits::{Grant, Op, Place, WaitList};

/// Two streams in memory, connected with each other: what is written to one is read from the other. For tests of code
/// over sockets, and between tasks of one loop. Under the features `hyper` and `tokio-io` the ends have the traits of
/// those crates too: a server and its client meet in one test, in virtual time.
///
/// Each direction holds at most `max` bytes: a writer waits until there is room. When one end is dropped, the other
/// reads what is left and then the end, and its writes fail by `BrokenPipe`. Closing an end (`close`) ends its writing
/// direction alone.
///
/// # Scheduling
/// A write makes the waiting reader ready, and a read the waiting writer, at the back of the queue; of each
/// direction's polls the last to poll is woken. A reader that waits for ever is named in the report of the deadlock.
///
/// # Panics
/// If `max` is zero.
///
/// # Cancel safety
/// A `read` that is dropped has read nothing, and a `write` has written nothing.
///
/// # Examples
/// ```
/// use glassloop::io::{AsyncReadExt, AsyncWriteExt, duplex};
///
/// glassloop::run(async {
///     let (mut one, mut other) = duplex(4); // less than the message
///     let writer = glassloop::spawn(async move { one.write_all(b"hello").await });
///     let mut all = String::new();
///     other.read_to_string(&mut all).await.unwrap(); // until `one` is dropped
///     assert_eq!(all, "hello");
///     writer.await.unwrap().unwrap();
/// });
/// ```
#[track_caller]
#[must_use]
pub fn duplex(max: usize) -> (DuplexStream, DuplexStream) {
    let (reader, far_writer) = pipe(max, &DUPLEX);
    let (far_reader, writer) = pipe(max, &DUPLEX);
    (DuplexStream { reader, writer }, DuplexStream { reader: far_reader, writer: far_writer })
}

/// One direction of a [`duplex`]: what the writer writes, the reader reads.
///
/// # Panics
/// If `max` is zero.
///
/// # Examples
/// ```
/// use glassloop::io::{AsyncReadExt, AsyncWriteExt, simplex};
///
/// glassloop::run(async {
///     let (mut reader, mut writer) = simplex(64);
///     writer.write_all(b"hello").await.unwrap();
///     drop(writer);
///     let mut all = Vec::new();
///     reader.read_to_end(&mut all).await.unwrap();
///     assert_eq!(all, b"hello");
/// });
/// ```
#[track_caller]
#[must_use]
pub fn simplex(max: usize) -> (SimplexReader, SimplexWriter) {
    pipe(max, &SIMPLEX)
}

/// One end of [`duplex`].
pub struct DuplexStream {
    reader: SimplexReader,
    writer: SimplexWriter,
}

/// The reading end of [`simplex`].
pub struct SimplexReader(Stays<Rc<Pipe>>);

/// The writing end of [`simplex`].
pub struct SimplexWriter(Stays<Rc<Pipe>>);

impl DuplexStream {
    /// Its reading and its writing half, each of which ends its direction when it is dropped.
    #[must_use]
    pub fn into_split(self) -> (SimplexReader, SimplexWriter) {
        (self.reader, self.writer)
    }
}

/// Its polls take `&self`, as those of sockets do.
pub(crate) struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    max: usize,
    /// The writer closed its end, or is gone.
    has_ended: Cell<bool>,
    /// The reader is gone.
    is_broken: Cell<bool>,
    reader: Side,
    writer: Side,
}

/// Where one side waits. It has one place in its line: of several futures, the last to poll is woken.
struct Side {
    line: WaitList,
    place: Cell<Place>,
    op: &'static Op,
    made: &'static Location<'static>,
}

/// The names of the waits, reader's and writer's.
type Ops = [Op; 2];

static DUPLEX: Ops = [op("DuplexStream::read"), op("DuplexStream::write")];
static SIMPLEX: Ops = [op("SimplexReader::read"), op("SimplexWriter::write")];

const fn op(name: &'static str) -> Op {
    Op::new(Class::Channel, name, "moved bytes through the pipe in memory")
        .closing("closed the pipe in memory")
        .losing("no byte")
}

#[track_caller]
fn pipe(max: usize, [read, write]: &'static Ops) -> (SimplexReader, SimplexWriter) {
    assert!(max > 0, "a stream in memory that holds no byte would pass none on; give it room for one at least");
    let pipe = Rc::new(Pipe {
        bytes: RefCell::default(),
        max,
        has_ended: Cell::new(false),
        is_broken: Cell::new(false),
        reader: Side::new(read),
        writer: Side::new(write),
    });
    (SimplexReader(Stays(pipe.clone())), SimplexWriter(Stays(pipe)))
}

impl Side {
    #[track_caller]
    fn new(op: &'static Op) -> Side {
        Side { line: WaitList::new(), place: Cell::new(Place::NONE), op, made: Location::caller() }
    }

    /// Waits until the other side did something, if it waits already; else it is ready.
    fn poll_news(&self, cx: &Context<'_>) -> Poll<()> {
        let place = self.place.replace(Place::NONE);
        if place.is_none() { Poll::Ready(()) } else { self.poll(place, cx) }
    }

    /// Begins to wait.
    fn begin(&self, cx: &Context<'_>) {
        let begun = self.poll(Place::NONE, cx);
        debug_assert!(begun.is_pending(), "a place in the line is not granted before it was taken");
    }

    fn poll(&self, mut place: Place, cx: &Context<'_>) -> Poll<()> {
        let polled = self.line.poll(&mut place, cx, self.op, self.made, 1);
        self.place.set(place);
        polled.map(drop)
    }

    fn wake(&self, news: Grant) {
        self.line.grant(news);
    }

    fn leave(&self) {
        let _nothing_to_pass_on = self.line.leave(&mut self.place.replace(Place::NONE));
    }
}

impl Pipe {
    pub(crate) fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_take(cx, buffer.len(), |bytes| bytes.read(buffer))
    }

    /// Reads by `take`, for which there is room for `most` bytes.
    fn poll_take(
        &self,
        cx: &Context<'_>,
        most: usize,
        take: impl FnOnce(&mut VecDeque<u8>) -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        if most == 0 {
            return Poll::Ready(Ok(0));
        }
        ready!(self.reader.poll_news(cx));
        let read = take(&mut self.bytes.borrow_mut())?;
        if read > 0 {
            self.writer.wake(Grant::All);
        } else if !self.has_ended.get() {
            self.reader.begin(cx);
            return Poll::Pending;
        }
        Poll::Ready(Ok(read))
    }

    pub(crate) fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    pub(crate) fn poll_write_vectored(
        &self,
        cx: &Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.writer.poll_news(cx));
        if self.is_broken.get() || self.has_ended.get() {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = self.max - self.bytes.borrow().len();
        if room == 0 && buffers.iter().any(|bytes| !bytes.is_empty()) {
            self.writer.begin(cx);
            return Poll::Pending;
        }
        let mut written = 0;
        for bytes in buffers {
            let fitting = &bytes[..bytes.len().min(room - written)];
            self.bytes.borrow_mut().extend(fitting);
            written += fitting.len();
        }
        if written > 0 {
            self.reader.wake(Grant::All);
        }
        Poll::Ready(Ok(written))
    }

    fn end(&self) {
        self.has_ended.set(true);
        self.reader.wake(Grant::Closed);
        self.writer.wake(Grant::Closed); // by another of its futures: it may write no more
    }
}

/// What [`compat`](crate::compat) puts other crates' traits on.
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
mod ends {
    use std::task::{Context, Poll};

    use super::{DuplexStream, Pipe, SimplexReader, SimplexWriter, io};

    impl DuplexStream {
        pub(crate) fn incoming(&self) -> &Pipe {
            self.reader.incoming()
        }

        pub(crate) fn outgoing(&self) -> &Pipe {
            self.writer.outgoing()
        }
    }

    impl SimplexReader {
        pub(crate) fn incoming(&self) -> &Pipe {
            &self.0
        }
    }

    impl SimplexWriter {
        pub(crate) fn outgoing(&self) -> &Pipe {
            &self.0
        }
    }

    impl Pipe {
        /// As that of sockets: gives what it has read, `most` bytes at most, to `take`.
        #[cfg(feature = "hyper")]
        pub(crate) fn poll_read_by(
            &self,
            cx: &Context<'_>,
            most: usize,
            mut take: impl FnMut(&[u8]),
        ) -> Poll<io::Result<()>> {
            let read = self.poll_take(cx, most, |bytes| {
                let (first, _) = bytes.as_slices(); // what lies beyond the ring's end comes with the next read
                let read = first.len().min(most);
                take(&first[..read]);
                bytes.drain(..read);
                Ok(read)
            });
            read.map_ok(|_| ())
        }

        /// Ends the writing direction; the other is another pipe.
        pub(crate) fn shutdown(&self, _write: std::net::Shutdown) -> io::Result<()> {
            self.end();
            Ok(())
        }
    }
}

impl Drop for SimplexReader {
    fn drop(&mut self) {
        let pipe = &self.0;
        pipe.is_broken.set(true);
        pipe.bytes.take();
        pipe.reader.leave();
        pipe.writer.wake(Grant::Closed);
    }
}

impl Drop for SimplexWriter {
    fn drop(&mut self) {
        self.0.writer.leave();
        self.0.end();
    }
}

impl AsyncRead for SimplexReader {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, buffer)
    }
}

impl AsyncWrite for SimplexWriter {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.end();
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for DuplexStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.reader.0.poll_read(cx, buffer)
    }
}

impl AsyncWrite for DuplexStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.writer.0.poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.0.end();
        Poll::Ready(Ok(()))
    }
}

impl fmt::Debug for DuplexStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DuplexStream")
            .field("incoming", &*self.reader.0)
            .field("outgoing", &*self.writer.0)
            .finish()
    }
}

impl fmt::Debug for SimplexReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimplexReader").field(&*self.0).finish()
    }
}

impl fmt::Debug for SimplexWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SimplexWriter").field(&*self.0).finish()
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipe")
            .field("bytes", &self.bytes.borrow().len())
            .field("max", &self.max)
            .field("ended", &self.has_ended.get())
            .field("broken", &self.is_broken.get())
            .finish()
    }
}
