//! TCP.

mod listener;
#[cfg(unix)]
mod socket;
mod split;
mod stream;

pub use listener::TcpListener;
#[cfg(unix)]
pub use socket::TcpSocket;
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, ReuniteError, WriteHalf};
pub use stream::TcpStream;
