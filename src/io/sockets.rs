//! The traits of futures-io on the byte streams of [`net`](crate::net).

use std::io::{self, IoSlice, IoSliceMut};
use std::net::Shutdown;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};

use crate::net::{self, TcpStream};
#[cfg(unix)]
use crate::net::{UnixStream, unix};

/// Puts [`AsyncRead`] on a type that has, or lends something that has, poll functions which take `&self`.
macro_rules! reads {
    ($($type:ty: |$this:ident| $stream:expr;)*) => { $(
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read(cx, buffer)
            }

            fn poll_read_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &mut [IoSliceMut<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_read_vectored(cx, buffers)
            }
        }
    )* };
}

/// As [`reads`], for [`AsyncWrite`]. Nothing is kept back, so there is nothing to flush. Closing ends the writing
/// direction; the reading one stays open.
macro_rules! writes {
    ($($type:ty: |$this:ident| $stream:expr;)*) => { $(
        impl AsyncWrite for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, buffers)
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            fn poll_close(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                Poll::Ready(end($stream.shutdown(Shutdown::Write)))
            }
        }
    )* };
}

/// A connection that is gone needs no closing.
fn end(shutdown: io::Result<()>) -> io::Result<()> {
    match shutdown {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}

reads! {
    TcpStream: |this| this;
    &TcpStream: |this| this;
    net::ReadHalf<'_>: |this| this.as_ref();
    net::OwnedReadHalf: |this| this.as_ref();
}

writes! {
    TcpStream: |this| this;
    &TcpStream: |this| this;
    net::WriteHalf<'_>: |this| this.as_ref();
    net::OwnedWriteHalf: |this| this.as_ref();
}

#[cfg(unix)]
reads! {
    UnixStream: |this| this;
    &UnixStream: |this| this;
    unix::ReadHalf<'_>: |this| this.as_ref();
    unix::OwnedReadHalf: |this| this.as_ref();
}

#[cfg(unix)]
writes! {
    UnixStream: |this| this;
    &UnixStream: |this| this;
    unix::WriteHalf<'_>: |this| this.as_ref();
    unix::OwnedWriteHalf: |this| this.as_ref();
}
