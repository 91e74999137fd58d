//! `echo_load ADDRESS CONNECTIONS SERVER_PID`: connects, has one message a connection echoed, and says `ready`. Then
//! it takes orders, a line each, and answers each with the nanoseconds of CPU that the server spent on it:
//!
//! - `free ROUNDS`: that many messages a connection, each sent when the one before it has come back.
//! - `lockstep ROUNDS`: the same, but each round begins when the server sleeps. For a server that is traced: it is so
//!   slow that otherwise the next message is always there already, and it would neither be told "would block" nor park.
//!
//! Every byte is compared.

use std::fs;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

const MESSAGE: usize = 64;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match &arguments[..] {
        [address, connections, pid] => address.parse().ok().zip(connections.parse().ok()).zip(pid.parse().ok()),
        _ => None,
    };
    let Some(((address, connections), pid)) = parsed else {
        eprintln!("usage: echo_load ADDRESS CONNECTIONS SERVER_PID");
        return ExitCode::FAILURE;
    };
    match run(address, connections, Pid::from_raw(pid)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("echo_load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(address: SocketAddr, connections: usize, server: Pid) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let cpu = clock_getcpuclockid(server)?;
    let mut load = Load::connect(address, connections)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let before = spent(cpu)?;
        match line.split_once(' ').map(|(order, rounds)| (order, rounds.parse())) {
            Some(("free", Ok(rounds))) => load.run(0, rounds)?,
            Some(("lockstep", Ok(rounds))) => {
                for _ in 0..rounds {
                    wait_until_it_sleeps(server)?;
                    load.run(0, 1)?;
                }
            }
            _ => return Err(io::Error::other(format!("no such order: {line:?}"))),
        }
        println!("{}", (spent(cpu)? - before).as_nanos());
    }
    Ok(())
}

/// By all threads of the process. Exact while it runs, unlike what `/proc` shows of it.
fn spent(cpu: ClockId) -> io::Result<Duration> {
    Ok(clock_gettime(cpu)?.into())
}

/// Its main thread, which in every server runs the loop.
fn wait_until_it_sleeps(server: Pid) -> io::Result<()> {
    loop {
        let stat = fs::read_to_string(format!("/proc/{server}/stat"))?;
        // PID (NAME) STATE, and a name may hold anything.
        if stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" S")) {
            return Ok(());
        }
    }
}

struct Load {
    poll: Poll,
    events: Events,
    connections: Vec<Connection>,
}

struct Connection {
    stream: TcpStream,
    /// Differs from the one before, and from every other connection's.
    message: [u8; MESSAGE],
    /// How much of it has come back.
    echoed: usize,
    sent: u64,
    /// How many messages are still to be sent.
    left: u64,
}

impl Load {
    fn connect(address: SocketAddr, count: usize) -> io::Result<Load> {
        let connections = Vec::with_capacity(count);
        let mut load = Load { poll: Poll::new()?, events: Events::with_capacity(1024), connections };
        while load.connections.len() < count {
            // A few at a time, each to its first echo: the listener's backlog never overflows.
            let first = load.connections.len();
            for key in first..count.min(first + 64) {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                load.poll.registry().register(&mut stream, Token(key), Interest::READABLE)?;
                load.connections.push(Connection { stream, message: [0; MESSAGE], echoed: 0, sent: 0, left: 0 });
            }
            load.run(first, 1)?;
        }
        Ok(load)
    }

    /// `rounds` messages of each connection from `first` on.
    fn run(&mut self, first: usize, rounds: u64) -> io::Result<()> {
        if rounds == 0 {
            return Ok(());
        }
        for (key, connection) in self.connections.iter_mut().enumerate().skip(first) {
            connection.left = rounds;
            connection.send(key)?;
        }
        let mut busy = self.connections.len() - first;
        while busy > 0 {
            // It spins: otherwise the server's writes would wake it, which at one connection costs them 27 us more.
            self.poll.poll(&mut self.events, Some(Duration::ZERO))?;
            for event in &self.events {
                let Token(key) = event.token();
                let connection = &mut self.connections[key];
                if connection.receive()? {
                    if connection.left > 0 {
                        connection.send(key)?;
                    } else {
                        busy -= 1;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    fn send(&mut self, key: usize) -> io::Result<()> {
        self.message = message(key, self.sent);
        self.sent += 1;
        self.left -= 1;
        self.echoed = 0;
        self.stream.write_all(&self.message) // One message never fills the socket's buffer.
    }

    /// Whether the whole message is back.
    fn receive(&mut self) -> io::Result<bool> {
        let mut echo = [0; MESSAGE + 1]; // One more, so that what came too much is seen.
        match self.stream.read(&mut echo) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                same(&echo[..n], self.message.get(self.echoed..self.echoed + n).unwrap_or_default())?;
                self.echoed += n;
                Ok(self.echoed == MESSAGE)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}

fn message(key: usize, count: u64) -> [u8; MESSAGE] {
    let mut word = (key as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ count;
    let mut message = [0; MESSAGE];
    for eight in message.chunks_exact_mut(8) {
        eight.copy_from_slice(&word.to_le_bytes());
        word = word.rotate_left(7);
    }
    message
}

fn same(echo: &[u8], message: &[u8]) -> io::Result<()> {
    if echo == message { Ok(()) } else { Err(io::Error::other("the echo differs from the message")) }
}
