//! The redis crate on a socket of the loop.
//!
//! Its own ways to connect open tokio's or smol's sockets and start a task on that runtime. `MultiplexedConnection` is
//! made of any stream, though, and gives the task's future to whoever makes it. Two things of it are still tokio's,
//! and are not to be used here: its time-outs, which are on by default (use [`glassloop::time::timeout`]: its requests
//! may be dropped), and `aio::PubSub`, which spawns (take pushes of RESP3 instead, as here).

use glassloop::net::TcpStream;
use glassloop::{JoinHandle, spawn_named};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, ConnectionAddr, ErrorKind, IntoConnectionInfo, ProtocolVersion, PushInfo, RedisResult,
};
use tokio::sync::mpsc;

/// One connection, for as many tasks as like: clones of [`commands`](Redis::commands) share it, and their requests go
/// out without waiting for each other's answers.
pub struct Redis {
    /// Dropped, with all its clones, it ends the connection.
    pub commands: MultiplexedConnection,
    /// What the server says unasked: messages of channels subscribed to.
    pub pushes: mpsc::UnboundedReceiver<PushInfo>,
    /// Moves the bytes, and ends with the connection.
    pub driver: JoinHandle<()>,
}

/// Connects to a `redis://` URL.
///
/// # Errors
/// If nobody listens there, or the server does not let us in.
pub async fn connect(url: &str) -> RedisResult<Redis> {
    let info = url.into_connection_info()?;
    let ConnectionAddr::Tcp(host, port) = info.addr() else {
        return Err((ErrorKind::InvalidClientConfig, "only redis://HOST:PORT is known here").into());
    };
    let stream = TcpStream::connect((host.as_str(), *port)).await?;
    stream.set_nodelay(true)?;
    let (push, pushes) = mpsc::unbounded_channel();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_push_sender(push);
    let (commands, driver) = MultiplexedConnection::new_with_config(&settings, stream, config).await?;
    Ok(Redis { commands, pushes, driver: spawn_named("redis", driver) })
}
