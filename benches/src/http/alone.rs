//! hyper without a runtime: a connection over a piece of memory, polled by hand. What it costs here it costs on every
//! runtime; the rest is the runtime's own share.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;

use super::hello;

/// Gives the one request whenever it was polled in vain before, and swallows the answer.
#[derive(Default)]
struct Memory {
    is_read: bool,
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.is_read = !self.is_read;
        if !self.is_read {
            return Poll::Pending;
        }
        into.put_slice(glassloop_benches::load::REQUEST);
        Poll::Ready(Ok(()))
    }
}

impl Write for Memory {
    fn poll_write(self: Pin<&mut Self>, _cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        buffers: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(buffers.iter().map(|buffer| buffer.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `count` connections, each in a box of its own, once one request of each was answered.
pub(crate) fn connections(count: usize) -> Vec<Pin<Box<dyn Future<Output = hyper::Result<()>>>>> {
    let new = |_| -> Pin<Box<dyn Future<Output = hyper::Result<()>>>> {
        Box::pin(Builder::new().serve_connection(Memory::default(), service_fn(hello)))
    };
    let mut connections: Vec<_> = (0..count).map(new).collect();
    answer(&mut connections);
    connections
}

/// A request of each.
pub(crate) fn answer(connections: &mut [Pin<Box<dyn Future<Output = hyper::Result<()>>>>]) {
    for connection in connections {
        let polled = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "a connection stays open");
    }
}
