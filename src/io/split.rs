//! Any stream in two halves.

use std::cell::Cell;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

/// Splits any stream into a half that reads and a half that writes, for two futures or two tasks of one loop.
///
/// Sockets have halves of their own ([`TcpStream::into_split`](crate::net::TcpStream::into_split)), which may go to
/// other threads, and whose dropped write half ends its direction. Here a dropped half does nothing; close the write
/// half to end its direction.
///
/// # Examples
/// ```
/// use glassloop::io::{AsyncReadExt, AsyncWriteExt, copy, duplex, split};
///
/// glassloop::run(async {
///     let (mut client, server) = duplex(16);
///     let (reader, writer) = split(server);
///     let echo = glassloop::spawn(copy(reader, writer));
///     client.write_all(b"hello").await.unwrap();
///     let mut word = [0; 5];
///     client.read_exact(&mut word).await.unwrap();
///     assert_eq!(&word, b"hello");
///     client.close().await.unwrap();
///     assert_eq!(echo.await.unwrap().unwrap(), 5);
/// });
/// ```
pub fn split<T: AsyncRead + AsyncWrite>(stream: T) -> (ReadHalf<T>, WriteHalf<T>) {
    let shared = Rc::new(Shared(Cell::new(Some(Box::pin(stream)))));
    (ReadHalf(shared.clone()), WriteHalf(shared))
}

/// The reading half of any stream; made by [`split`].
pub struct ReadHalf<T>(Rc<Shared<T>>);

/// The writing half of any stream; made by [`split`].
pub struct WriteHalf<T>(Rc<Shared<T>>);

/// The stream, taken out by whichever half polls it: no borrow is held while its code runs.
struct Shared<T>(Cell<Option<Pin<Box<T>>>>);

impl<T> Shared<T> {
    fn poll<R>(&self, act: impl FnOnce(Pin<&mut T>) -> Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        struct Back<'a, T>(&'a Shared<T>, Option<Pin<Box<T>>>);
        impl<T> Drop for Back<'_, T> {
            fn drop(&mut self) {
                self.0.0.set(self.1.take());
            }
        }
        let Some(stream) = self.0.take() else {
            return Poll::Ready(Err(io::Error::other(
                "a half of a split stream was polled while the other was; a stream's poll must not poll its halves",
            )));
        };
        let mut back = Back(self, Some(stream));
        act(back.1.as_mut().expect("it was just put there").as_mut())
    }
}

impl<T> ReadHalf<T> {
    /// Puts the halves of one stream together again.
    ///
    /// # Errors
    /// Both halves, if they are of two streams.
    pub fn reunite(self, write: WriteHalf<T>) -> Result<T, ReuniteError<T>>
    where
        T: Unpin,
    {
        if !Rc::ptr_eq(&self.0, &write.0) {
            return Err(ReuniteError(self, write));
        }
        drop(write);
        let shared = Rc::into_inner(self.0).expect("a stream has two halves, and both are here");
        Ok(*Pin::into_inner(shared.0.into_inner().expect("nobody polls it")))
    }
}

impl<T: AsyncRead> AsyncRead for ReadHalf<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.0.poll(|stream| stream.poll_read(cx, buffer))
    }

    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(|stream| stream.poll_read_vectored(cx, buffers))
    }
}

impl<T: AsyncWrite> AsyncWrite for WriteHalf<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.0.poll(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll(|stream| stream.poll_write_vectored(cx, buffers))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(|stream| stream.poll_flush(cx))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.0.poll(|stream| stream.poll_close(cx))
    }
}

impl<T> fmt::Debug for ReadHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadHalf").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for WriteHalf<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriteHalf").finish_non_exhaustive()
    }
}

/// Halves of two streams were to be put together; they are in here.
pub struct ReuniteError<T>(pub ReadHalf<T>, pub WriteHalf<T>);

impl<T> fmt::Debug for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ReuniteError").field(&self.0).field(&self.1).finish()
    }
}

impl<T> fmt::Display for ReuniteError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two streams; reunite those that one split gave")
    }
}

impl<T> std::error::Error for ReuniteError<T> {}
