//! A connection in two halves.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::sync::Arc;

use super::TcpStream;

/// The reading half of a borrowed [`TcpStream`]; made by [`TcpStream::split`].
#[derive(Debug)]
pub struct ReadHalf<'a>(&'a TcpStream);

/// The writing half of a borrowed [`TcpStream`]; made by [`TcpStream::split`].
#[derive(Debug)]
pub struct WriteHalf<'a>(&'a TcpStream);

/// The reading half of a [`TcpStream`]; made by [`TcpStream::into_split`].
#[derive(Debug)]
pub struct OwnedReadHalf(Arc<TcpStream>);

/// The writing half of a [`TcpStream`]; made by [`TcpStream::into_split`].
///
/// Dropped, it ends its direction, so that the peer reads the end of the stream; [`forget`](OwnedWriteHalf::forget)
/// leaves it open.
#[derive(Debug)]
pub struct OwnedWriteHalf {
    stream: Option<Arc<TcpStream>>,
}

pub(super) fn borrowed(stream: &mut TcpStream) -> (ReadHalf<'_>, WriteHalf<'_>) {
    (ReadHalf(stream), WriteHalf(stream))
}

pub(super) fn owned(stream: TcpStream) -> (OwnedReadHalf, OwnedWriteHalf) {
    let stream = Arc::new(stream);
    (OwnedReadHalf(stream.clone()), OwnedWriteHalf { stream: Some(stream) })
}

impl OwnedWriteHalf {
    /// Drops the half without ending its direction.
    pub fn forget(mut self) {
        self.stream = None;
    }
}

impl Drop for OwnedWriteHalf {
    fn drop(&mut self) {
        if let Some(stream) = &self.stream {
            let _ = stream.shutdown(Shutdown::Write); // the connection may be gone already
        }
    }
}

impl OwnedReadHalf {
    /// Puts the halves of one connection together again.
    ///
    /// # Errors
    /// Both halves, if they are of two connections.
    pub fn reunite(self, mut write: OwnedWriteHalf) -> Result<TcpStream, ReuniteError> {
        match write.stream.take() {
            Some(stream) if Arc::ptr_eq(&self.0, &stream) => {
                drop(stream);
                Ok(Arc::into_inner(self.0).expect("a connection has two halves, and both are here"))
            }
            stream => Err(ReuniteError(self, OwnedWriteHalf { stream })),
        }
    }
}

/// Halves of two connections were to be put together; they are in here.
#[derive(Debug)]
pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

impl fmt::Display for ReuniteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the halves are of two connections; reunite those that one into_split gave")
    }
}

impl std::error::Error for ReuniteError {}

macro_rules! halves {
    ($read:ty, $write:ty) => {
        impl AsRef<TcpStream> for $read {
            fn as_ref(&self) -> &TcpStream {
                self.stream()
            }
        }

        impl AsRef<TcpStream> for $write {
            fn as_ref(&self) -> &TcpStream {
                self.stream()
            }
        }

        impl $read {
            /// As [`TcpStream::read`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().read(buffer)
            }

            /// As [`TcpStream::read_exact`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn read_exact<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<()>> + 'b {
                self.stream().read_exact(buffer)
            }

            /// As [`TcpStream::peek`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn peek<'b>(&'b self, buffer: &'b mut [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().peek(buffer)
            }
        }

        impl $write {
            /// As [`TcpStream::write`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write<'b>(&'b self, bytes: &'b [u8]) -> impl Future<Output = io::Result<usize>> + 'b {
                self.stream().write(bytes)
            }

            /// As [`TcpStream::write_all`].
            ///
            /// # Errors
            /// As there.
            #[track_caller]
            pub fn write_all<'b>(&'b self, bytes: &'b [u8]) -> impl Future<Output = io::Result<()>> + 'b {
                self.stream().write_all(bytes)
            }

            /// Ends the writing direction: the peer reads the end of the stream.
            ///
            /// # Errors
            /// As [`TcpStream::shutdown`].
            pub fn shutdown(&self) -> io::Result<()> {
                self.stream().shutdown(Shutdown::Write)
            }
        }
    };
}

halves!(ReadHalf<'_>, WriteHalf<'_>);
halves!(OwnedReadHalf, OwnedWriteHalf);

impl ReadHalf<'_> {
    fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl WriteHalf<'_> {
    fn stream(&self) -> &TcpStream {
        self.0
    }
}

impl OwnedReadHalf {
    fn stream(&self) -> &TcpStream {
        &self.0
    }
}

impl OwnedWriteHalf {
    fn stream(&self) -> &TcpStream {
        self.stream.as_deref().expect("it owns the stream until it is dropped")
    }
}
