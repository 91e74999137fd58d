//! Reading by lines, over whatever has a buffer.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_io::AsyncBufRead;
use futures_lite::Stream;
use pin_project_lite::pin_project;

use super::copy::MOST_BUFFERS;
use crate::waits::note_lost;

/// What everything that reads through a buffer can do; put it around a stream by [`BufReader`](super::BufReader).
///
/// This trait is the crate's own. futures-lite's, of the same name and with the same methods, keeps a line in the
/// future of `read_line` where it cannot be told, wants an empty `String`, and fails an assertion of its own in debug
/// builds when a stream breaks in the middle of a line.
pub trait AsyncBufReadExt: AsyncBufRead {
    /// Waits until something is in the buffer, and lends it; empty at the end. What is used of it is to be taken out
    /// by [`consume`](AsyncBufReadExt::consume).
    ///
    /// # Errors
    /// What the reader says. So for all below.
    ///
    /// # Cancel safety
    /// Dropped, it has taken nothing.
    fn fill_buf(&mut self) -> impl Future<Output = io::Result<&[u8]>>
    where
        Self: Unpin,
    {
        async move {
            if poll_fn(|cx| Pin::new(&mut *self).poll_fill_buf(cx).map_ok(<[u8]>::is_empty)).await? {
                return Ok(&[][..]); // asked again at its end, a reader may wait for what still comes
            }
            // It was filled just now, so this gives the same again, and needs no waker.
            match Pin::new(self).poll_fill_buf(&mut Context::from_waker(std::task::Waker::noop())) {
                Poll::Ready(filled) => filled,
                Poll::Pending => {
                    Err(io::Error::other("a buffer that was filled was empty when it was asked again"))
                }
            }
        }
    }

    /// Takes `amount` bytes out of the buffer, which [`fill_buf`](AsyncBufReadExt::fill_buf) has lent.
    fn consume(&mut self, amount: usize)
    where
        Self: Unpin,
    {
        AsyncBufRead::consume(Pin::new(self), amount);
    }

    /// Appends to `buffer` all up to the next `byte`, with it, or up to the end; how many bytes that was, 0 at the
    /// end.
    ///
    /// Nothing limits how much that is. Of a peer that is not trusted, read through
    /// [`take`](super::AsyncReadExt::take).
    ///
    /// # Scheduling
    /// Where the reader is always ready and the `byte` does not come, it goes to the back of the queue now and then.
    /// So do all below.
    ///
    /// # Errors
    /// What the reader says; what was read before is in `buffer`.
    ///
    /// # Cancel safety
    /// What was read is in `buffer`: call it again with the same `buffer`, and it goes on. The number is then of the
    /// second call alone.
    fn read_until<'a>(
        &'a mut self,
        byte: u8,
        buffer: &'a mut Vec<u8>,
    ) -> impl Future<Output = io::Result<usize>> + 'a
    where
        Self: Unpin,
    {
        async move {
            let before = buffer.len();
            poll_fn(|cx| poll_until(Pin::new(&mut *self), cx, byte, buffer)).await?;
            Ok(buffer.len() - before)
        }
    }

    /// Appends the next line to `buffer`, with its line feed if it has one; how many bytes that was, 0 at the end.
    ///
    /// # Errors
    /// What the reader says; and `InvalidData`, if the line is not UTF-8. `buffer` is as it was then, and the line is
    /// lost.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, the part of the line that it has read is lost; in debug mode that is told.
    /// [`lines`](AsyncBufReadExt::lines) is.
    #[track_caller]
    fn read_line<'a>(&'a mut self, buffer: &'a mut String) -> ReadLine<'a, Self>
    where
        Self: Unpin,
    {
        ReadLine { reader: self, buffer, line: Vec::new(), site: Location::caller() }
    }

    /// The lines as a [`Stream`], without their ends (`\n` or `\r\n`).
    ///
    /// An error is an item, and the stream goes on after it: a line that is not UTF-8 is left out, and a reader that
    /// broke is asked again for the rest of the line.
    ///
    /// # Cancel safety
    /// The stream keeps the part of a line that it has read: a `next` that is dropped loses nothing. The stream itself,
    /// dropped, loses that part, and its reader's buffer.
    ///
    /// # Examples
    /// ```
    /// use glassloop::io::{AsyncBufReadExt, Cursor};
    /// use glassloop::stream::StreamExt;
    ///
    /// let lines = Cursor::new("one\ntwo\r\n\nfour").lines();
    /// let lines: Vec<String> = glassloop::run(lines.try_collect()).unwrap();
    /// assert_eq!(lines, ["one", "two", "", "four"]);
    /// ```
    fn lines(self) -> Lines<Self>
    where
        Self: Sized,
    {
        Lines { reader: self, line: Vec::new() }
    }

    /// What is between one `byte` and the next, as a [`Stream`], without the `byte`.
    ///
    /// # Cancel safety
    /// As [`lines`](AsyncBufReadExt::lines).
    fn split(self, byte: u8) -> Split<Self>
    where
        Self: Sized,
    {
        Split { reader: self, byte, piece: Vec::new() }
    }
}

impl<R: AsyncBufRead + ?Sized> AsyncBufReadExt for R {}

/// Appends all up to the next `byte`, with it, or up to the end.
fn poll_until<R: AsyncBufRead + ?Sized>(
    mut reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    byte: u8,
    buffer: &mut Vec<u8>,
) -> Poll<io::Result<()>> {
    for _ in 0..MOST_BUFFERS {
        let filled = match ready!(reader.as_mut().poll_fill_buf(cx)) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        let end = filled.iter().position(|at| *at == byte);
        let used = end.map_or(filled.len(), |end| end + 1);
        buffer.extend_from_slice(&filled[..used]);
        reader.as_mut().consume(used);
        if end.is_some() || used == 0 {
            return Poll::Ready(Ok(()));
        }
    }
    cx.waker().wake_by_ref();
    Poll::Pending
}

fn text(line: Vec<u8>) -> io::Result<String> {
    String::from_utf8(line).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// The future of [`AsyncBufReadExt::read_line`].
#[must_use = "futures do nothing unless you `.await` them"]
pub struct ReadLine<'a, R: ?Sized> {
    reader: &'a mut R,
    buffer: &'a mut String,
    line: Vec<u8>,
    site: &'static Location<'static>,
}

impl<R: AsyncBufRead + Unpin + ?Sized> Future for ReadLine<'_, R> {
    type Output = io::Result<usize>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let ReadLine { reader, buffer, line, .. } = &mut *self;
        let read = ready!(poll_until(Pin::new(&mut **reader), cx, b'\n', line));
        let line = std::mem::take(line);
        Poll::Ready(read.and_then(|()| text(line)).map(|line| {
            buffer.push_str(&line);
            line.len()
        }))
    }
}

impl<R: ?Sized> fmt::Debug for ReadLine<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadLine").field("read", &self.line.len()).finish_non_exhaustive()
    }
}

impl<R: ?Sized> Drop for ReadLine<'_, R> {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            let lost = || format!("{:?}, the beginning of a line", String::from_utf8_lossy(&self.line));
            note_lost("AsyncBufReadExt::read_line", self.site, lost);
        }
    }
}

pin_project! {
    /// The stream of [`AsyncBufReadExt::lines`].
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Lines<R> {
        #[pin]
        reader: R,
        // What was read of the next line.
        line: Vec<u8>,
    }
}

impl<R: AsyncBufRead> Stream for Lines<R> {
    type Item = io::Result<String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<String>>> {
        let this = self.project();
        let piece = ready!(poll_piece(this.reader, cx, b'\n', this.line));
        Poll::Ready(piece.map(|piece| {
            let (mut line, was_ended) = piece?;
            if was_ended && line.last() == Some(&b'\r') {
                line.pop();
            }
            text(line)
        }))
    }
}

pin_project! {
    /// The stream of [`AsyncBufReadExt::split`].
    #[must_use = "streams do nothing unless polled"]
    #[derive(Debug)]
    pub struct Split<R> {
        #[pin]
        reader: R,
        byte: u8,
        // What was read of the next piece.
        piece: Vec<u8>,
    }
}

impl<R: AsyncBufRead> Stream for Split<R> {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Vec<u8>>>> {
        let this = self.project();
        let piece = ready!(poll_piece(this.reader, cx, *this.byte, this.piece));
        Poll::Ready(piece.map(|piece| piece.map(|(piece, _)| piece)))
    }
}

/// What was read, and whether the byte that ends it came.
type Piece = (Vec<u8>, bool);

/// The next piece, without the `byte` that ended it; `None` at the end.
fn poll_piece<R: AsyncBufRead>(
    reader: Pin<&mut R>,
    cx: &mut Context<'_>,
    byte: u8,
    piece: &mut Vec<u8>,
) -> Poll<Option<io::Result<Piece>>> {
    if let Err(error) = ready!(poll_until(reader, cx, byte, piece)) {
        return Poll::Ready(Some(Err(error)));
    }
    let mut piece = std::mem::take(piece);
    let was_ended = piece.last() == Some(&byte);
    if was_ended {
        piece.pop();
    } else if piece.is_empty() {
        return Poll::Ready(None);
    }
    Poll::Ready(Some(Ok((piece, was_ended))))
}
