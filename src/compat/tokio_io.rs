//! tokio's traits of reading and writing, without tokio's runtime.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

macro_rules! put {
    (both $type:ty: |$this:ident| $stream:expr;) => {
        put! { reads $type: |$this| $stream; }
        put! { writes $type: |$this| $stream; }
    };
    (reads $type:ty: |$this:ident| $stream:expr;) => {
        impl AsyncRead for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffer: &mut ReadBuf<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &*self;
                let read = ready!($stream.poll_read(cx, buffer.initialize_unfilled()))?;
                buffer.advance(read);
                Poll::Ready(Ok(()))
            }
        }
    };
    (writes $type:ty: |$this:ident| $stream:expr;) => {
        writes! { AsyncWrite for $type: |$this| $stream }
    };
}
super::streams!(put);
