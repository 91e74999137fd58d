//! One connection to PostgreSQL, over a socket of the loop.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;

use glassloop::net::{TcpStream, UnixStream};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls};

use super::error::{Cause, ConnectError};

/// Moves a connection's bytes, and ends with it. Somebody must poll it: [`connect`] spawns nothing.
pub type Driver = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>>>>;

/// Connects to the first host of `config`. `tokio_postgres::connect` would do so with tokio's sockets; its `connect_raw`
/// takes any stream.
///
/// # Errors
/// If nobody listens there, or the server does not let us in.
pub async fn connect(config: &Config) -> Result<(Client, Driver), ConnectError> {
    let failed = |cause| ConnectError { address: address(config), cause };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => tcp(name, port, config).await.map_err(failed),
        Some(Host::Unix(folder)) => unix(folder.join(format!(".s.PGSQL.{port}")), config).await.map_err(failed),
        None => tcp("localhost", port, config).await.map_err(failed),
    }
}

/// Where [`connect`] goes.
pub(super) fn address(config: &Config) -> String {
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        Some(Host::Unix(folder)) => format!("{}:{port}", folder.display()),
        None => format!("localhost:{port}"),
    }
}

async fn tcp(name: &str, port: u16, config: &Config) -> Result<(Client, Driver), Cause> {
    let stream = TcpStream::connect((name, port)).await?;
    stream.set_nodelay(true)?;
    greet(stream, config).await
}

async fn unix(path: PathBuf, config: &Config) -> Result<(Client, Driver), Cause> {
    greet(UnixStream::connect(path).await?, config).await
}

async fn greet<S>(stream: S, config: &Config) -> Result<(Client, Driver), Cause>
where
    S: AsyncRead + AsyncWrite + Unpin + 'static,
{
    let (client, connection) = config.connect_raw(stream, NoTls).await?;
    Ok((client, Box::pin(connection)))
}
