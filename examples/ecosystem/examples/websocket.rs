//! A WebSocket server and its client: text, ping and pong, and the goodbye of both sides.
//!
//! async-tungstenite needs nothing of a runtime but a stream with the traits of futures-io, which ours have. Over a
//! `TlsStream` of futures-rustls (see `tls_echo`) the same lines speak `wss`.

use async_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};
use async_tungstenite::tungstenite::{Error, Message};
use async_tungstenite::{accept_async, client_async};
use futures::StreamExt;
use glassloop::net::{TcpListener, TcpStream};
use glassloop::spawn;

/// Shouts back what is said, until the client closes.
async fn shout(stream: TcpStream) -> Result<(), Error> {
    let mut socket = accept_async(stream).await?;
    while let Some(message) = socket.next().await {
        match message? {
            Message::Text(text) => socket.send(Message::text(text.to_uppercase())).await?,
            Message::Ping(_) => println!("server: a ping"), // it is answered already
            Message::Close(Some(frame)) => println!("server: closed with {frame}"),
            _ => {}
        }
    }
    Ok(())
}

fn main() -> Result<(), Error> {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = spawn(async move { shout(listener.accept().await?.0).await });

        let stream = TcpStream::connect(address).await?;
        let (mut socket, _response) = client_async(format!("ws://{address}/"), stream).await?;
        socket.send(Message::text("hello")).await?;
        println!("client: {}", socket.next().await.expect("an answer")?);
        socket.send(Message::Ping("are you there?".into())).await?;
        match socket.next().await.expect("an answer")? {
            Message::Pong(words) => println!("client: a pong, {} bytes", words.len()),
            other => println!("client: {other:?}"),
        }
        socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "that is all".into() })).await?;
        while let Some(message) = socket.next().await {
            println!("client: the server says {}", message?); // its own close
        }
        serving.await.expect("no panic")
    })
}

// Output:
// client: HELLO
// server: a ping
// client: a pong, 14 bytes
// server: closed with that is all (1000)
// client: the server says that is all
