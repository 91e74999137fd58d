//! What the trait families of reading and writing need to be put on the byte streams.

use std::io;

/// Gives a macro every byte stream, with the way to what has its poll functions, which take `&self`.
macro_rules! streams {
    ($put:ident) => {
        $put! { both $crate::net::TcpStream: |this| this; }
        $put! { both &$crate::net::TcpStream: |this| this; }
        $put! { reads $crate::net::ReadHalf<'_>: |this| this.as_ref(); }
        $put! { writes $crate::net::WriteHalf<'_>: |this| this.as_ref(); }
        $put! { reads $crate::net::OwnedReadHalf: |this| this.as_ref(); }
        $put! { writes $crate::net::OwnedWriteHalf: |this| this.as_ref(); }
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
pub(crate) use streams;

/// Ends the writing direction. A connection that is gone needs no closing.
pub(crate) fn end(shutdown: io::Result<()>) -> io::Result<()> {
    match shutdown {
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        done => done,
    }
}
