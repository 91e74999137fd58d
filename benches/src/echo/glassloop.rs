//! glassloop.

use std::io;
use std::net::TcpListener as Bound;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::spawn;

use super::BUFFER;

pub(crate) fn serve(listener: Bound) -> io::Result<()> {
    glassloop::run(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(echo(stream)).detach();
        }
    })
}

async fn echo(stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; BUFFER];
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n]).await?,
        }
    }
}
