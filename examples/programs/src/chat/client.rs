//! One client, from its first byte to its last. Whatever it does ends this task alone.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::protocol::{Message, WebSocketConfig};
use async_tungstenite::tungstenite::{Bytes, Error, Utf8Bytes};
use async_tungstenite::{WebSocketReceiver, WebSocketSender, WebSocketStream, accept_async_with_config};
use glassloop::net::TcpStream;
use glassloop::stream::StreamExt;
use glassloop::sync::{CancellationToken, mpsc};
use glassloop::time::{interval, sleep, timeout};
use rustix::net::sockopt::set_socket_send_buffer_size;

use super::room::Seat;
use super::{Goodbye, Limits, Room};

/// Serves a client until it leaves or has to.
pub(super) async fn serve(stream: TcpStream, address: SocketAddr, room: Rc<Room>, stop: CancellationToken) {
    let limits = room.limits();
    let hands = timeout(limits.hello, shake_hands(stream, limits));
    let socket = match stop.run_until_cancelled(hands).await {
        Some(Ok(Ok(socket))) => socket,
        Some(Ok(Err(why))) => return room.log(&format!("{address}: {why}")), // it would understand no goodbye
        Some(Err(_)) => return room.log(&format!("{address}: {}", Goodbye::Silent(limits.hello))),
        None => return,
    };
    let (mut sender, mut receiver) = socket.split();
    let why = match enter(&mut receiver, &room, &stop).await {
        Ok((name, seat)) => {
            room.log(&format!("{address}: is {name}"));
            talk(&mut sender, &mut receiver, &room, &name, seat).await
        }
        Err(why) => why,
    };
    room.log(&format!("{address}: {why}"));
    let socket = WebSocketStream::reunite(sender, receiver).expect("they are halves of one");
    why.say(socket, limits.goodbye).await;
}

async fn shake_hands(stream: TcpStream, limits: Limits) -> Result<WebSocketStream<TcpStream>, Goodbye> {
    stream.set_nodelay(true).map_err(Error::Io)?;
    set_socket_send_buffer_size(&stream, limits.kernel).map_err(|error| Error::Io(error.into()))?;
    let config = WebSocketConfig::default()
        .read_buffer_size(4 << 10) // taken at once by each connection; the default is 128 KiB
        .max_frame_size(Some(limits.message))
        .max_message_size(Some(limits.message));
    Ok(accept_async_with_config(stream, Some(config)).await?)
}

async fn enter(
    receiver: &mut WebSocketReceiver<TcpStream>,
    room: &Rc<Room>,
    stop: &CancellationToken,
) -> Result<(Utf8Bytes, Seat), Goodbye> {
    let Limits { hello: limit, pace, .. } = room.limits();
    let name = timeout(limit, next_text(receiver, pace, limit)); // in all, however often it pings meanwhile
    let name = stop.run_until_cancelled(name).await.ok_or(Goodbye::Stopping)?;
    let name = name.unwrap_or(Err(Goodbye::Silent(limit)))?;
    let seat = room.join(&name)?;
    Ok((name, seat))
}

/// Reads and writes at once, so that a client that does not read is heard nevertheless, and its end noticed.
async fn talk(
    sender: &mut WebSocketSender<TcpStream>,
    receiver: &mut WebSocketReceiver<TcpStream>,
    room: &Room,
    name: &str,
    mut seat: Seat,
) -> Goodbye {
    let limits = room.limits();
    let why = glassloop::select! {
        Ok(()) = &mut seat.slow => Goodbye::Slow(limits.waiting),
        why = listen(receiver, room, name) => why,
        why = tell(sender, &mut seat.texts, limits.silence / 2) => why,
    };
    seat.leave(&why);
    why
}

async fn listen(receiver: &mut WebSocketReceiver<TcpStream>, room: &Room, name: &str) -> Goodbye {
    let Limits { pace, silence, .. } = room.limits();
    loop {
        match next_text(receiver, pace, silence).await {
            Ok(text) => room.say(format!("{name}: {text}")),
            Err(why) => return why,
        }
    }
}

async fn next_text(
    receiver: &mut WebSocketReceiver<TcpStream>,
    pace: Duration,
    limit: Duration,
) -> Result<Utf8Bytes, Goodbye> {
    loop {
        let message = timeout(limit, async {
            sleep(pace).await; // meanwhile its own connection fills; the queues of others do not
            receiver.next().await
        });
        let message = message.await.map_err(|_| Goodbye::Silent(limit))?;
        match message {
            Some(Ok(Message::Text(text))) => return Ok(text),
            Some(Ok(Message::Binary(_))) => return Err(Goodbye::Binary),
            Some(Ok(Message::Close(_))) | None => return Err(Goodbye::Left),
            Some(Ok(_)) => {} // a ping, which is answered, or a pong: it lives
            Some(Err(error)) => return Err(error.into()),
        }
    }
}

async fn tell(
    sender: &mut WebSocketSender<TcpStream>,
    texts: &mut mpsc::Receiver<Utf8Bytes>,
    pause: Duration,
) -> Goodbye {
    let mut pings = interval(pause);
    loop {
        let message = glassloop::select! {
            text = texts.recv() => match text {
                Some(text) => Message::Text(text),
                None => return Goodbye::Stopping, // the room is closed
            },
            _ = pings.tick() => Message::Ping(Bytes::new()),
        };
        if let Err(error) = sender.send(message).await {
            return error.into();
        }
    }
}
