//! TCP, with more kinds of sockets to come.
//!
//! Every socket is a key into its loop's reactor: `Send` and `Sync`, to be dropped anywhere and used on its own loop
//! alone. Used elsewhere it gives an `io::Error` that says so.
//!
//! An operation is tried first; only when the kernel says "would block" does the task wait. The poll functions are
//! public, so that trait families can be put on them; of each direction's poll functions, the last to poll is woken.

mod addr;
mod socket;
mod tcp;

pub use addr::{ToSocketAddrs, lookup_host};
pub use tcp::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, TcpListener, TcpStream, WriteHalf};
