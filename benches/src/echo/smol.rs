//! smol: `async-io` and a `LocalExecutor`.

use std::io;
use std::net::{TcpListener, TcpStream};

use async_executor::LocalExecutor;
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};

use super::BUFFER;

pub(crate) fn serve(listener: TcpListener) -> io::Result<()> {
    let executor = LocalExecutor::new();
    async_io::block_on(executor.run(async {
        let listener = Async::new_nonblocking(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            executor.spawn(echo(stream)).detach();
        }
    }))
}

async fn echo(stream: Async<TcpStream>) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    let mut stream = &stream;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
