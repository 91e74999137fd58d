//! Sockets: TCP, UDP, Unix; and the readiness of any other descriptor.
//!
//! | | connections | datagrams |
//! |---|---|---|
//! | IP | [`TcpListener`], [`TcpStream`], [`TcpSocket`] | [`UdpSocket`] |
//! | Unix | [`UnixListener`], [`UnixStream`] | [`UnixDatagram`] |
//! | others | [`AsyncFd`] | |
//!
//! Every socket is a key into its loop's reactor: `Send` and `Sync`, to be dropped anywhere and used on its own loop
//! alone. Used elsewhere it gives an `io::Error` that says so. What is dropped elsewhere, or while its loop does not
//! run, is closed by its loop, when that turns next.
//!
//! An operation is tried first; only when the kernel says "would block" does the task wait. (With an [`AsyncFd`] it is
//! the other way round, for the operation is foreign.) Where epoll tells the news, a byte stream that gave or took less
//! than it was asked for is taken to be drained, but for the reads of a Unix stream; everything else is asked until it
//! says "would block".
//!
//! Each operation comes as a future; where it makes sense as a `try_` form, which never waits; and as a `poll_` form,
//! so that trait families can be put on it. Of each direction's poll functions, the last to poll is woken; futures
//! are all woken. Operations take `&self`, so one task may read while another writes.

// Faces are `#[inline]` so that they are compiled where they are used, and not here: without it the crate is 70 % more
// work for LLVM, in programs that use one kind of socket, and two of its operations.
mod addr;
#[cfg(unix)]
mod async_fd;
mod datagram;
mod face;
#[cfg(any(feature = "hyper", feature = "io-util", feature = "tokio-io"))]
pub(crate) mod families;
pub(crate) mod progress;
pub(crate) mod socket;
mod split;
mod stream;
mod tcp;
mod udp;
#[cfg(unix)]
pub mod unix;

pub use crate::trace::Direction;
pub use addr::{ToSocketAddrs, lookup_host};
#[cfg(unix)]
pub use async_fd::{AsyncFd, AsyncFdReadyGuard, TryIoError};
#[cfg(unix)]
pub use tcp::TcpSocket;
pub use tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpListener, TcpStream, WriteHalf};
pub use udp::UdpSocket;
#[cfg(unix)]
pub use unix::{UnixDatagram, UnixListener, UnixStream};
