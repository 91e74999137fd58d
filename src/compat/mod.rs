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

#[cfg(any(feature = "hyper", feature = "tokio-io"))]
use crate::net::families::end;

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
