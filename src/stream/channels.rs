//! Receivers of channels as streams.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_lite::Stream;

use super::generate;
use crate::sync::broadcast::{self, error::RecvError};
use crate::sync::{mpsc, watch};

macro_rules! receiver {
    ($Receiver:ident) => {
        /// What `recv` gives, until the channel is closed and empty.
        ///
        /// # Cancel safety
        /// A `next` that is dropped has taken no value.
        impl<T> Stream for mpsc::$Receiver<T> {
            type Item = T;

            fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<T>> {
                self.poll_recv(cx)
            }

            fn size_hint(&self) -> (usize, Option<usize>) {
                (self.len(), None)
            }
        }
    };
}

receiver!(Receiver);
receiver!(UnboundedReceiver);

impl<T: Clone> broadcast::Receiver<T> {
    /// The values as a stream, which ends when the channel is closed. [`RecvError::Lagged`] is an item, and the stream
    /// goes on with the oldest value that is left.
    ///
    /// # Cancel safety
    /// A `next` that is dropped has taken no value.
    pub fn into_stream(mut self) -> impl Stream<Item = Result<T, RecvError>> + Unpin {
        generate(async move |yielder| {
            loop {
                match self.recv().await {
                    Err(RecvError::Closed) => return,
                    received => yielder.yield_item(received).await,
                }
            }
        })
    }
}

impl<T: Clone> watch::Receiver<T> {
    /// The present value and then each that comes, as a stream, which ends when the last sender is gone and the last
    /// value was given. Of values that come faster than they are asked for, the latest alone is given.
    ///
    /// # Cancel safety
    /// A `next` that is dropped has marked nothing as seen.
    pub fn into_stream(mut self) -> impl Stream<Item = T> + Unpin {
        self.mark_changed();
        generate(async move |yielder| {
            while self.changed().await.is_ok() {
                let value = self.borrow_and_update().clone();
                yielder.yield_item(value).await;
            }
        })
    }
}
