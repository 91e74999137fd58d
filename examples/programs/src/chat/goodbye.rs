//! Why a client leaves, and how it is told.

use std::fmt;
use std::net::Shutdown;
use std::time::Duration;

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::Error;
use async_tungstenite::tungstenite::error::{CapacityError, ProtocolError};
use async_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use glassloop::net::TcpStream;
use glassloop::stream::StreamExt;
use glassloop::time::timeout;

/// Why a client leaves.
#[derive(Debug)]
pub(super) enum Goodbye {
    /// It said goodbye itself.
    Left,
    /// It is gone without a word, or speaks something else.
    Broken(Error),
    /// Nothing was heard of it for this long, nor a name in the time for that.
    Silent(Duration),
    /// Too many messages waited for it.
    Slow(usize),
    /// Its message was longer than allowed.
    TooLong(CapacityError),
    /// Only text is understood.
    Binary,
    /// Its name cannot be had.
    Name(String),
    /// The server stops.
    Stopping,
}

impl Goodbye {
    /// What the client is told, if there is anybody to be told.
    fn frame(&self) -> Option<CloseFrame> {
        let code = match self {
            Goodbye::Broken(Error::Protocol(error)) if *error != ProtocolError::ResetWithoutClosingHandshake => {
                CloseCode::Protocol
            }
            Goodbye::Broken(Error::Utf8(_)) => CloseCode::Invalid,
            Goodbye::Left | Goodbye::Broken(_) => return None,
            Goodbye::Silent(_) | Goodbye::Name(_) => CloseCode::Policy,
            Goodbye::Slow(_) => CloseCode::Again,
            Goodbye::TooLong(_) => CloseCode::Size,
            Goodbye::Binary => CloseCode::Unsupported,
            Goodbye::Stopping => CloseCode::Away,
        };
        Some(CloseFrame { code, reason: self.to_string().into() })
    }

    /// Says it. Gives up after `limit`: who does not read does not hear it.
    pub(super) async fn say(&self, socket: WebSocketStream<TcpStream>, limit: Duration) {
        let _ = timeout(limit, self.part(socket)).await; // whatever went wrong, the connection ends here
    }

    async fn part(&self, mut socket: WebSocketStream<TcpStream>) -> Result<(), Error> {
        match self.frame() {
            Some(frame) => socket.close(Some(frame)).await?, // after the message that was begun, if one was
            None => while socket.next().await.transpose()?.is_some() {}, // its own goodbye is answered by reading on
        }
        // To close while bytes are unread would reset the connection, and the client might never see the frame. So our
        // half is closed, and the rest thrown away until the client closes its own.
        let stream = socket.into_inner();
        stream.shutdown(Shutdown::Write)?;
        while stream.read(&mut [0; 4096]).await? > 0 {}
        Ok(())
    }
}

impl fmt::Display for Goodbye {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Goodbye::Left => f.write_str("it left"),
            Goodbye::Broken(error) => write!(f, "{error}"),
            Goodbye::Silent(time) => write!(f, "nothing was heard for {time:?}"),
            Goodbye::Slow(waiting) => write!(f, "too slow: {waiting} messages were waiting"),
            Goodbye::TooLong(error) => write!(f, "{error}"),
            Goodbye::Binary => f.write_str("text only, please"),
            Goodbye::Name(words) => f.write_str(words),
            Goodbye::Stopping => f.write_str("the server stops"),
        }
    }
}

/// What an error of the connection means.
impl From<Error> for Goodbye {
    fn from(error: Error) -> Goodbye {
        match error {
            Error::Capacity(error) => Goodbye::TooLong(error),
            Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(ProtocolError::SendAfterClosing) => {
                Goodbye::Left
            }
            error => Goodbye::Broken(error),
        }
    }
}
