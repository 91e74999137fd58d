//! Reading and writing, over whatever reads and writes.
//!
//! The traits are futures-io's, which the ecosystem outside of tokio shares ([`AsyncRead`], [`AsyncWrite`],
//! [`AsyncBufRead`], [`AsyncSeek`]). They are on all byte streams of [`net`](crate::net), also on references to them
//! and on their halves. Closing (`close`) ends the writing direction of a stream, and leaves the reading one.
//! A stream's own methods come before the traits': `stream.read(…)` is the socket's.
//!
//! | | whose |
//! |---|---|
//! | [`AsyncReadExt`], [`AsyncWriteExt`], [`AsyncSeekExt`], [`BufReader`], [`BufWriter`], [`Cursor`], [`empty`], [`repeat`], [`sink`] | futures-lite's |
//! | [`AsyncBufReadExt`]: lines | ours, for the reason there |
//! | [`copy`], [`copy_bidirectional`] | ours: futures-lite's `copy` never lets go of the loop while both sides are ready, and holds back what a `BufWriter` has |
//! | [`split`] | ours: futures-lite's locks a mutex |
//! | [`duplex`], [`simplex`]: streams in memory | ours |
//! | [`stdin`], [`stdout`], [`stderr`] | ours |
//!
//! What blocks a thread (futures-lite's `BlockOn`, `AssertAsync`) is left out on purpose: it would stop the loop.
//! `boxed_reader` and `boxed_writer` ask for `Send`; for what is not, `Box::pin` does the same.
//!
//! # Cancel safety
//! What a future of these traits loses when it is dropped before it is ready:
//!
//! | nothing | something |
//! |---|---|
//! | `read`, `read_vectored`, `write`, `write_vectored`, `seek`, `flush`, `close`, `fill_buf` | `read_exact`: what it has read stands in the caller's buffer, but not how much |
//! | `read_to_end`, `read_until`: what was read is in the caller's `Vec`, the next call goes on | `read_to_string`, `read_line`: what was read |
//! | `next` of `lines`, `split`, `bytes`: the stream keeps what was read | `write_all`: how much was written |
//! | | `copy`, `copy_bidirectional`: what is between the sides, and the numbers |
//!
//! (`read_to_end` clears the free room of its `Vec` anew after each wait; for megabytes that come in small parts, give
//! `copy` the `Vec`.)
//!
//! A [`BufReader`] that is dropped loses what it has read ahead; a [`BufWriter`], what was not flushed.
//!
//! # Examples
//! ```
//! use glassloop::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
//! use glassloop::net::TcpListener;
//! use glassloop::net::TcpStream;
//! use glassloop::stream::StreamExt;
//!
//! glassloop::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
//!     let (server, _) = listener.accept().await.unwrap();
//!     client.write_all(b"one\ntwo\n").await.unwrap();
//!     drop(client);
//!     let lines: Vec<String> = BufReader::new(server).lines().try_collect().await.unwrap();
//!     assert_eq!(lines, ["one", "two"]);
//! });
//! ```

mod buffered;
mod copy;
mod duplex;
mod sockets;
mod split;
#[cfg(unix)]
mod stdio;

pub use buffered::{AsyncBufReadExt, Lines, ReadLine, Split};
pub use copy::{Copy, CopyBidirectional, copy, copy_bidirectional};
pub use duplex::{DuplexStream, SimplexReader, SimplexWriter, duplex, simplex};
pub use futures_lite::io::{
    AsyncBufRead, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite, AsyncWriteExt, BufReader,
    BufWriter, Bytes, Chain, Cursor, Empty, Repeat, SeekFrom, Sink, Take, empty, repeat, sink,
};
pub use split::{ReadHalf, ReuniteError, WriteHalf, split};
#[cfg(unix)]
pub use stdio::{Stderr, Stdin, Stdout, stderr, stdin, stdout};
