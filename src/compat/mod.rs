//! Other crates' traits on what is ours, each behind the feature of its name: tokio's reading and writing, hyper's
//! whole face of a runtime, the spawners of `futures`. (The traits of futures-io stand with `io`.)

/// Puts a trait of writing on a stream: hyper's and tokio's are the same but for their names.
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
macro_rules! writes {
    ($trait:ident for $type:ty: |$this:ident| $stream:expr) => {
        impl $trait for $type {
            fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write(cx, bytes)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                buffers: &[io::IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                let $this = &*self;
                $stream.poll_write_vectored(cx, buffers)
            }

            fn is_write_vectored(&self) -> bool {
                true
            }

            fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(())) // nothing is kept back
            }

            fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                let $this = &*self;
                let ended = $stream.shutdown(std::net::Shutdown::Write);
                Poll::Ready($crate::net::families::end(ended))
            }
        }
    };
}

#[cfg(feature = "futures-task")]
mod futures_task;
#[cfg(feature = "hyper")]
pub mod hyper;
#[cfg(feature = "hyper-util")]
pub mod hyper_util;
#[cfg(feature = "tokio-io")]
mod tokio_io;

#[cfg(feature = "futures-task")]
pub use futures_task::{LocalSpawner, Spawner};

/// Gives a macro every byte stream: those of [`net`](crate::net), and those in memory.
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
macro_rules! streams {
    ($put:ident) => {
        $crate::net::families::streams!($put);
        #[cfg(feature = "io-util")]
        const _: () = {
            $put! { reads $crate::io::DuplexStream: |this| this.incoming(); }
            $put! { writes $crate::io::DuplexStream: |this| this.outgoing(); }
            $put! { reads $crate::io::SimplexReader: |this| this.incoming(); }
            $put! { writes $crate::io::SimplexWriter: |this| this.outgoing(); }
        };
    };
}
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use streams;
