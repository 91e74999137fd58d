//! monoio, on io_uring or on epoll (its "legacy" driver). The kernel owns a buffer while it fills it: one `Vec` a
//! connection goes to and fro.

use std::io;
use std::net::TcpListener as Bound;

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder, spawn};

use super::BUFFER;

pub(crate) fn serve_by_epoll(listener: Bound) -> io::Result<()> {
    RuntimeBuilder::<LegacyDriver>::new().build()?.block_on(accept(listener))
}

pub(crate) fn serve_by_io_uring(listener: Bound) -> io::Result<()> {
    RuntimeBuilder::<IoUringDriver>::new().build()?.block_on(accept(listener))
}

async fn accept(listener: Bound) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        spawn(echo(stream));
    }
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let (read, filled) = stream.read(buffer).await;
        if read? == 0 {
            return Ok(());
        }
        let (written, sent) = stream.write_all(filled).await;
        written?;
        buffer = sent;
    }
}
