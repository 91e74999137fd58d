//! A WebSocket chat. Alone, it shows itself with a few clients; `chat 127.0.0.1:8080` serves until ctrl-c.
//!
//! What it teaches: a task a client, with a bounded queue between what is said and what is heard. The documents: without
//! a bound a producer that is faster than its consumer fills the memory. With one it would wait; but in a chat nobody
//! should wait for the slowest, so a client whose queue is full is dropped, and told why.

use std::error::Error;
use std::net::SocketAddr;

use async_tungstenite::tungstenite::Message;
use async_tungstenite::{WebSocketStream, client_async};
use glassloop::net::{TcpListener, TcpSocket, TcpStream};
use glassloop::signal::ctrl_c;
use glassloop::spawn;
use glassloop::stream::StreamExt;
use glassloop::sync::CancellationToken;
use glassloop_programs::chat::{Limits, Room, Stopped, serve};

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args().nth(1) {
        Some(address) => glassloop::run(until_ctrl_c(&address)),
        None => glassloop::run(show()),
    }
}

async fn until_ctrl_c(address: &str) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(address).await?;
    println!("ws://{} until ctrl-c; a client's first message is its name", listener.local_addr()?);
    let room = Room::new(Limits::default(), |line| println!("{line}"));
    let stop = CancellationToken::new();
    let serving = spawn(serve(listener, room, stop.clone()));
    ctrl_c().await?;
    println!("stopping; once more ctrl-c ends at once");
    stop.cancel();
    let Stopped { left, cut } = serving.await?;
    println!("stopped: {left} left, {cut} were cut off");
    Ok(())
}

async fn show() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let room = Room::new(Limits::default(), |_| {});
    let stop = CancellationToken::new();
    let serving = spawn(serve(listener, room.clone(), stop.clone()));

    println!("three join; one says something");
    let mut ann = Visitor::join("ann", address).await?;
    let mut bob = Visitor::join("bob", address).await?;
    let mut sloth = Visitor::join("sloth", address).await?;
    bob.say("hello ann").await?;
    ann.show(4).await?;
    bob.show(3).await?;

    println!("one sends what is no text");
    let mut eve = Visitor::join("eve", address).await?;
    eve.socket.send(Message::binary(vec![0; 8])).await?;
    eve.show(2).await?;
    ann.show(2).await?;
    bob.show(2).await?;

    println!("ann talks, and sloth does not read");
    let mut said = 0;
    while room.names().contains(&sloth.name) {
        let text = format!("{said} {}", "zzz ".repeat(500));
        ann.say(&text).await?;
        for listener in [&mut ann, &mut bob] {
            assert_eq!(listener.hear().await?, format!("ann: {text}"));
        }
        said += 1;
    }
    println!("    ann and bob heard {said} messages, all, in their order");
    ann.show(1).await?;
    bob.show(1).await?;

    println!("sloth wakes, and hears what the kernel had kept for it");
    let mut heard = 0;
    let end = loop {
        let words = sloth.hear().await?;
        if words.starts_with("goodbye") {
            break words;
        }
        heard += usize::from(words.starts_with("ann: "));
    };
    println!("    sloth hears: {heard} messages of ann's");
    println!("    sloth hears: {end}");
    drop((sloth, eve));

    println!("ctrl-c, or what it does");
    ann.say("last words").await?;
    bob.show(1).await?;
    stop.cancel();
    ann.show(2).await?;
    bob.show(1).await?;
    drop((ann, bob));
    let Stopped { left, cut } = serving.await?;
    println!("    stopped: {left} left, {cut} were cut off");
    Ok(())
}

/// A client that does as it is told.
struct Visitor {
    name: String,
    socket: WebSocketStream<TcpStream>,
}

impl Visitor {
    async fn join(name: &str, server: SocketAddr) -> Result<Visitor, Box<dyn Error>> {
        let stream = TcpSocket::new_v4()?;
        stream.set_recv_buffer_size(64 << 10)?; // else the kernel takes megabytes for it before the server notices
        let stream = stream.connect(server).await?;
        let (socket, _) = client_async(format!("ws://{server}/"), stream).await?;
        let mut visitor = Visitor { name: name.to_owned(), socket };
        visitor.say(name).await?;
        Ok(visitor)
    }

    async fn say(&mut self, text: &str) -> Result<(), Box<dyn Error>> {
        Ok(self.socket.send(Message::text(text)).await?)
    }

    /// The next text, or the server's goodbye.
    async fn hear(&mut self) -> Result<String, Box<dyn Error>> {
        loop {
            match self.socket.next().await.ok_or("the connection has ended")?? {
                Message::Text(text) => return Ok(text.to_string()),
                Message::Close(Some(frame)) => return Ok(format!("goodbye: {frame}")),
                _ => {} // a ping
            }
        }
    }

    /// Prints what it hears next.
    async fn show(&mut self, messages: usize) -> Result<(), Box<dyn Error>> {
        for _ in 0..messages {
            let words = self.hear().await?;
            println!("    {} hears: {words}", self.name);
        }
        Ok(())
    }
}
