//! compio, on io_uring or on epoll. The kernel owns a buffer while it fills it: one `Vec` a connection goes to and fro.

use std::io;
use std::net::TcpListener as Bound;

use compio::buf::{BufResult, IntoInner, IoBuf};
use compio::driver::{DriverType, ProactorBuilder};
use compio::io::{AsyncRead, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{Runtime, spawn};

use super::BUFFER;

pub(crate) fn serve(listener: Bound, driver: DriverType) -> io::Result<()> {
    let mut proactor = ProactorBuilder::new();
    proactor.driver_type(driver);
    let runtime = Runtime::builder().with_proactor(proactor).build()?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(echo(stream)).detach();
        }
    })
}

async fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    loop {
        let BufResult(read, filled) = stream.read(buffer).await;
        let n = read?;
        if n == 0 {
            return Ok(());
        }
        let BufResult(written, sent) = stream.write_all(filled.slice(..n)).await;
        written?;
        buffer = sent.into_inner();
    }
}
