//! What the others are measured against: a loop over `mio` written by hand for this one server.

use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener as Bound;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use slab::Slab;

use super::BUFFER;

const LISTENER: Token = Token(usize::MAX - 1);

struct Connection {
    stream: TcpStream,
    buffer: Box<[u8; BUFFER]>,
}

pub(crate) fn serve(listener: Bound) -> io::Result<()> {
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut listener = TcpListener::from_std(listener);
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut connections = Slab::new();
    loop {
        poll.poll(&mut events, None)?;
        for event in &events {
            match event.token() {
                LISTENER => accept(&poll, &listener, &mut connections)?,
                Token(key) if !connections[key].echo() => drop(connections.remove(key)),
                _ => {}
            }
        }
    }
}

fn accept(poll: &Poll, listener: &TcpListener, connections: &mut Slab<Connection>) -> io::Result<()> {
    loop {
        let mut stream = match listener.accept() {
            Ok((stream, _)) => stream,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
            Err(error) => return Err(error),
        };
        let entry = connections.vacant_entry();
        poll.registry().register(&mut stream, Token(entry.key()), Interest::READABLE)?;
        entry.insert(Connection { stream, buffer: Box::new([0; BUFFER]) });
    }
}

impl Connection {
    /// Whether it goes on. A read that does not fill the buffer has drained the socket.
    fn echo(&mut self) -> bool {
        loop {
            match self.stream.read(&mut self.buffer[..]) {
                Ok(0) => return false,
                Ok(n) => {
                    if self.stream.write_all(&self.buffer[..n]).is_err() {
                        return false;
                    }
                    if n < BUFFER {
                        return true;
                    }
                }
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }
}
