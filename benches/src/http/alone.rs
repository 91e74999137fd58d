//! hyper without a runtime: a connection over a piece of memory, polled by hand. What it costs here it costs on every
//! runtime; the rest is the runtime's own share.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use hyper::rt::{Read, ReadBufCursor, Sleep, Timer, Write};
use hyper::service::service_fn;

use super::{Setup, hello};

thread_local! {
    static ROUND: Cell<u64> = const { Cell::new(0) };
}

/// Gives the request once a round, and swallows the answers.
#[derive(Default)]
struct Memory {
    round: u64,
}

impl Read for Memory {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if self.round == ROUND.get() {
            return Poll::Pending;
        }
        self.round = ROUND.get();
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

/// Costs nothing, and never fires.
struct Never;

impl Future for Never {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Sleep for Never {}

impl Timer for Never {
    fn sleep(&self, _duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }

    fn sleep_until(&self, _deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Never)
    }
}

pub(crate) type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>>>>;

/// `count` connections, each in a box of its own, once one request of each was answered.
pub(crate) fn connections(count: usize, setup: Setup) -> Vec<Connection> {
    let http = setup.hyper(Never);
    let new = |_| -> Connection { Box::pin(http.serve_connection(Memory::default(), service_fn(hello))) };
    let mut connections: Vec<_> = (0..count).map(new).collect();
    answer(&mut connections);
    connections
}

/// A request of each.
pub(crate) fn answer(connections: &mut [Connection]) {
    ROUND.set(ROUND.get() + 1);
    for connection in connections {
        let polled = connection.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending(), "a connection stays open");
    }
}
