//! Streams of what this crate's own types wait for.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::Stream;

use crate::net::{TcpListener, TcpStream};
#[cfg(unix)]
use crate::net::{UnixListener, UnixStream};
use crate::time::{Instant, Interval};

/// Ticks without end; each item is the moment for which its tick was planned.
///
/// # Cancel safety
/// A `next` that is dropped has used up no tick.
impl Stream for Interval {
    type Item = Instant;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Instant>> {
        self.poll_tick(cx).map(Some)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

/// Connections without end: the future of `accept`, polled anew after each.
struct Incoming<F>(F);

impl<F, S, A> Stream for Incoming<F>
where
    F: Future<Output = io::Result<(S, A)>> + Unpin,
{
    type Item = io::Result<S>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<S>>> {
        Pin::new(&mut self.0).poll(cx).map(|accepted| Some(accepted.map(|(stream, _)| stream)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (usize::MAX, None)
    }
}

macro_rules! incoming {
    ($Listener:ident, $Stream:ident) => {
        impl $Listener {
            /// The connections as a stream that never ends. An error of `accept` is an item like any other, and the
            /// stream goes on: see [`accept`](Self::accept) for the one that comes again at once.
            ///
            /// # Cancel safety
            /// A `next` that is dropped has taken no connection.
            #[track_caller]
            pub fn incoming(&self) -> impl Stream<Item = io::Result<$Stream>> + Unpin + '_ {
                Incoming(self.accept())
            }
        }
    };
}

incoming!(TcpListener, TcpStream);
#[cfg(unix)]
incoming!(UnixListener, UnixStream);
