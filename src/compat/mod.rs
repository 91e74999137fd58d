//! Other crates' traits on what is ours, each behind the feature of its name: tokio's reading and writing, hyper's
//! whole face of a runtime, the spawners of `futures`. (The traits of futures-io stand with [`io`](crate::io).)

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

/// Gives a macro every byte stream, with the way to what has its poll functions, which take `&self`.
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
macro_rules! streams {
    ($put:ident) => {
        $put! { both $crate::net::TcpStream: |this| this; }
        $put! { both &$crate::net::TcpStream: |this| this; }
        $put! { reads $crate::net::ReadHalf<'_>: |this| this.as_ref(); }
        $put! { writes $crate::net::WriteHalf<'_>: |this| this.as_ref(); }
        $put! { reads $crate::net::OwnedReadHalf: |this| this.as_ref(); }
        $put! { writes $crate::net::OwnedWriteHalf: |this| this.as_ref(); }
        #[cfg(feature = "io-util")]
        const _: () = {
            $put! { reads $crate::io::DuplexStream: |this| this.incoming(); }
            $put! { writes $crate::io::DuplexStream: |this| this.outgoing(); }
            $put! { reads $crate::io::SimplexReader: |this| this.incoming(); }
            $put! { writes $crate::io::SimplexWriter: |this| this.outgoing(); }
        };
        #[cfg(unix)]
        const _: () = {
            $put! { both $crate::net::UnixStream: |this| this; }
            $put! { both &$crate::net::UnixStream: |this| this; }
            $put! { reads $crate::net::unix::ReadHalf<'_>: |this| this.as_ref(); }
            $put! { writes $crate::net::unix::WriteHalf<'_>: |this| this.as_ref(); }
            $put! { reads $crate::net::unix::OwnedReadHalf: |this| this.as_ref(); }
            $put! { writes $crate::net::unix::OwnedWriteHalf: |this| this.as_ref(); }
        };
    };
}
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use streams;

/// Ends the writing direction. A connection that is gone needs no closing.
#[cfg(any(feature = "hyper", feature = "tokio-io"))]
fn end(shutdown: std::io::Result<()>) -> std::io::Result<()> {
    match shutdown {
        Err(error) if error.kind() == std::io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}
