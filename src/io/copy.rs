//! Copying from a reader to a writer, and both ways between two streams.

use std::fmt;
use std::future::Future;
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};

use crate::waits::note_lost;

/// How much is read at once.
const BUFFER: usize = 8 * 1024;

/// After so many buffers a poll steps back in the queue: over a reader (and a writer) that is always ready it would
/// never end, and the loop would stand still.
pub(super) const MOST_BUFFERS: usize = 32;

/// Copies all that `reader` has to `writer`; how many bytes that was.
///
/// The writer is flushed at the end, and whenever the reader has nothing more for the moment, so that no bytes rest
/// in a [`BufWriter`](super::BufWriter) while their sender waits for an answer. It is not closed.
///
/// # Scheduling
/// Where both are always ready it goes to the back of the queue now and then, so that timers and I/O are looked at.
///
/// # Errors
/// What the reader or the writer says; `WriteZero`, if the writer takes no more.
///
/// # Cancel safety
/// **Not** cancel safe: dropped, what was read and is not written is lost, and nobody knows how much was copied; in
/// debug mode both numbers are told.
///
/// # Examples
/// ```
/// use glassloop::io::{Cursor, copy};
///
/// glassloop::run(async {
///     let mut written = Vec::new();
///     assert_eq!(copy(Cursor::new("twelve bytes"), &mut written).await.unwrap(), 12);
///     assert_eq!(written, b"twelve bytes");
/// });
/// ```
#[track_caller]
pub fn copy<R, W>(reader: R, writer: W) -> Copy<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    Copy { reader, writer, pump: Pump::new(), site: Location::caller() }
}

/// Copies both ways between `a` and `b` until both have ended; how many bytes went from `a` to `b`, and from `b` to
/// `a`.
///
/// The two directions run side by side. When one stream has ended, the other is closed for writing, and what still
/// comes the other way is copied until that has ended too. References to streams will do: `&TcpStream` is a stream.
///
/// # Scheduling
/// As [`copy`]. In each poll the direction from `a` to `b` comes first.
///
/// # Errors
/// The first that any of the four parts says; both directions end then. The text names the direction and the part, the
/// kind is the original's, and the original is its `source`.
///
/// # Cancel safety
/// As [`copy`], for both directions.
///
/// # Examples
/// ```
/// use glassloop::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional, duplex};
///
/// glassloop::run(async {
///     let (mut client, near) = duplex(64);
///     let (far, mut server) = duplex(64);
///     let proxy = glassloop::spawn(copy_bidirectional(near, far));
///
///     client.write_all(b"question").await.unwrap();
///     client.close().await.unwrap();
///     let mut asked = String::new();
///     server.read_to_string(&mut asked).await.unwrap();
///     server.write_all(b"answer!").await.unwrap();
///     server.close().await.unwrap();
///     let mut answered = String::new();
///     client.read_to_string(&mut answered).await.unwrap();
///
///     assert_eq!((&*asked, &*answered), ("question", "answer!"));
///     assert_eq!(proxy.await.unwrap().unwrap(), (8, 7));
/// });
/// ```
#[track_caller]
pub fn copy_bidirectional<A, B>(a: A, b: B) -> CopyBidirectional<A, B>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    let (to_b, to_a) = (Way::new(), Way::new());
    CopyBidirectional { a, b, to_b, to_a, is_done: false, site: Location::caller() }
}

/// The future of [`copy`].
#[must_use = "futures do nothing unless you `.await` them"]
pub struct Copy<R, W> {
    reader: R,
    writer: W,
    pump: Pump,
    site: &'static Location<'static>,
}

impl<R, W> Future for Copy<R, W>
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    type Output = io::Result<u64>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        let Copy { reader, writer, pump, .. } = &mut *self;
        pump.poll(cx, Pin::new(reader), Pin::new(writer)).map_err(|(_, error)| error)
    }
}

impl<R, W> fmt::Debug for Copy<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Copy").field("copied", &self.pump.moved).finish_non_exhaustive()
    }
}

impl<R, W> Drop for Copy<R, W> {
    fn drop(&mut self) {
        if self.pump.is_going() {
            note_lost("io::copy", self.site, || self.pump.told());
        }
    }
}

/// The future of [`copy_bidirectional`].
#[must_use = "futures do nothing unless you `.await` them"]
pub struct CopyBidirectional<A, B> {
    a: A,
    b: B,
    to_b: Way,
    to_a: Way,
    /// It has given its result, perhaps while one direction was still going.
    is_done: bool,
    site: &'static Location<'static>,
}

impl<A, B> Future for CopyBidirectional<A, B>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    type Output = io::Result<(u64, u64)>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<(u64, u64)>> {
        let CopyBidirectional { a, b, to_b, to_a, is_done, .. } = &mut *self;
        let sent =
            to_b.poll(cx, Pin::new(&mut *a), Pin::new(&mut *b)).map_err(|why| named("a to b", ["a", "b"], why));
        let sent = match sent {
            Poll::Ready(Err(error)) => {
                *is_done = true;
                return Poll::Ready(Err(error));
            }
            sent => sent,
        };
        let back = to_a.poll(cx, Pin::new(b), Pin::new(a)).map_err(|why| named("b to a", ["b", "a"], why));
        let done = match (sent, back) {
            (_, Poll::Ready(Err(error))) => Err(error),
            (Poll::Ready(sent), Poll::Ready(back)) => sent.and_then(|sent| Ok((sent, back?))),
            _ => return Poll::Pending,
        };
        *is_done = true;
        Poll::Ready(done)
    }
}

impl<A, B> fmt::Debug for CopyBidirectional<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CopyBidirectional")
            .field("a_to_b", &self.to_b.pump.moved)
            .field("b_to_a", &self.to_a.pump.moved)
            .finish_non_exhaustive()
    }
}

impl<A, B> Drop for CopyBidirectional<A, B> {
    fn drop(&mut self) {
        if !self.is_done && (self.to_b.has_begun() || self.to_a.has_begun()) {
            note_lost("io::copy_bidirectional", self.site, || {
                format!("from a to b {}; from b to a {}", self.to_b.pump.told(), self.to_a.pump.told())
            });
        }
    }
}

/// The part that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Reader,
    Writer,
}

/// One direction of two: copy, then close the writer.
struct Way {
    pump: Pump,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Copying,
    Closing,
    Closed,
}

impl Way {
    fn new() -> Way {
        Way { pump: Pump::new(), stage: Stage::Copying }
    }

    fn has_begun(&self) -> bool {
        self.pump.buffer.is_some() || self.stage != Stage::Copying
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut impl AsyncRead>,
        mut writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<Result<u64, (Part, io::Error)>> {
        if self.stage == Stage::Copying {
            ready!(self.pump.poll(cx, reader, writer.as_mut()))?;
            self.stage = Stage::Closing;
        }
        if self.stage == Stage::Closing {
            ready!(writer.poll_close(cx)).map_err(|error| (Part::Writer, error))?;
            self.stage = Stage::Closed;
        }
        Poll::Ready(Ok(self.pump.moved))
    }
}

/// What is between a reader and a writer.
struct Pump {
    /// None before the first poll, and when all is done.
    buffer: Option<Box<[u8]>>,
    /// What was read and is not written: `start..end` of the buffer.
    start: usize,
    end: usize,
    /// How much was written.
    moved: u64,
    /// Something was written since the last flush.
    is_unflushed: bool,
    has_ended: bool,
}

impl Pump {
    fn new() -> Pump {
        Pump { buffer: None, start: 0, end: 0, moved: 0, is_unflushed: false, has_ended: false }
    }

    fn is_going(&self) -> bool {
        self.buffer.is_some()
    }

    /// How far it came, for debug mode.
    fn told(&self) -> String {
        format!("{} bytes that were read and not written, after {} that were", self.end - self.start, self.moved)
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
        reader: Pin<&mut impl AsyncRead>,
        writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<Result<u64, (Part, io::Error)>> {
        let done = ready!(self.poll_all(cx, reader, writer));
        self.buffer = None;
        Poll::Ready(done.map(|()| self.moved))
    }

    fn poll_all(
        &mut self,
        cx: &mut Context<'_>,
        mut reader: Pin<&mut impl AsyncRead>,
        mut writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<Result<(), (Part, io::Error)>> {
        for _ in 0..MOST_BUFFERS {
            if self.start == self.end && !self.has_ended {
                let buffer = self.buffer.get_or_insert_with(|| vec![0; BUFFER].into());
                match reader.as_mut().poll_read(cx, buffer) {
                    Poll::Ready(Ok(0)) => self.has_ended = true,
                    Poll::Ready(Ok(n)) => (self.start, self.end) = (0, n),
                    Poll::Ready(Err(error)) => return Poll::Ready(Err((Part::Reader, error))),
                    Poll::Pending => {
                        ready!(self.poll_flush(cx, writer))?;
                        return Poll::Pending;
                    }
                }
            }
            ready!(self.poll_write(cx, writer.as_mut())).map_err(|error| (Part::Writer, error))?;
            if self.has_ended {
                return self.poll_flush(cx, writer);
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, mut writer: Pin<&mut impl AsyncWrite>) -> Poll<io::Result<()>> {
        let Some(buffer) = &self.buffer else { return Poll::Ready(Ok(())) };
        while self.start < self.end {
            match ready!(writer.as_mut().poll_write(cx, &buffer[self.start..self.end]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => {
                    self.start += n;
                    self.moved += n as u64;
                    self.is_unflushed = true;
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        writer: Pin<&mut impl AsyncWrite>,
    ) -> Poll<Result<(), (Part, io::Error)>> {
        if self.is_unflushed {
            ready!(writer.poll_flush(cx)).map_err(|error| (Part::Writer, error))?;
            self.is_unflushed = false;
        }
        Poll::Ready(Ok(()))
    }
}

/// An error with its direction; its kind stays.
fn named(way: &'static str, [reader, writer]: [&'static str; 2], (part, error): (Part, io::Error)) -> io::Error {
    let what = match part {
        Part::Reader => ("reading", reader),
        Part::Writer => ("writing", writer),
    };
    io::Error::new(error.kind(), CopyError { way, what, error })
}

#[derive(Debug)]
struct CopyError {
    way: &'static str,
    what: (&'static str, &'static str),
    error: io::Error,
}

impl fmt::Display for CopyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (verb, stream) = self.what;
        write!(f, "copying from {}, {verb} {stream}: {}", self.way, self.error)
    }
}

impl std::error::Error for CopyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}
