//! Sockets of the Unix family, which have paths for addresses.
//!
//! A path stays in the file system when its socket is gone; remove it before another binds to it.

mod datagram;
mod listener;
mod split;
mod stream;

use std::io;
use std::os::fd::AsFd;

pub use datagram::UnixDatagram;
pub use listener::UnixListener;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use std::os::unix::net::SocketAddr;
pub use stream::UnixStream;

/// `MSG_PEEK`, which neither std nor mio has for Unix sockets.
fn peek(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    let (peeked, _whole) = rustix::net::recv(socket, buffer, rustix::net::RecvFlags::PEEK)?;
    Ok(peeked)
}

/// As traces show two addresses. One without a path says nothing.
fn told_addresses(own: io::Result<SocketAddr>, peer: io::Result<SocketAddr>) -> Option<String> {
    let path = |address: io::Result<SocketAddr>| Some(address.ok()?.as_pathname()?.display().to_string());
    match (path(own), path(peer)) {
        (Some(own), Some(peer)) => Some(format!("{own} to {peer}")),
        (None, Some(peer)) => Some(format!("to {peer}")),
        (own, None) => own,
    }
}
