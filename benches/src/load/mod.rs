//! The load on a server, by a process of its own: `PROGRAM ADDRESS CONNECTIONS SERVER_PID` connects, has one request a
//! connection answered, and says `ready`. Then it takes orders, a line each, and answers each with the nanoseconds of CPU
//! that the server spent on it, and those that passed:
//!
//! - `free ROUNDS`: that many requests a connection, each sent when the one before it was answered.
//! - `lockstep ROUNDS`: the same, but each round begins when the server sleeps. For a server that is traced: it is so
//!   slow that otherwise the next request is always there already, and it would neither be told "would block" nor park.
//!
//! Every answer is checked.

mod echo;
mod http;

use std::fs;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::time::{ClockId, clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

pub use echo::Echo;
pub use http::{Http, REQUEST};

/// One connection's side of a protocol.
pub trait Talk {
    /// Of the connection with this number.
    fn new(key: usize) -> Self;

    /// The next request. It is sent at once: it never fills a socket's buffer.
    fn request(&mut self) -> &[u8];

    /// Takes the next bytes of the answer; whether they are the last.
    ///
    /// # Errors
    /// If it is not the answer to that request.
    fn answered(&mut self, bytes: &[u8]) -> io::Result<bool>;
}

/// The whole program.
pub fn main<T: Talk>() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let parsed = match &arguments[..] {
        [address, connections, pid] => address.parse().ok().zip(connections.parse().ok()).zip(pid.parse().ok()),
        _ => None,
    };
    let Some(((address, connections), pid)) = parsed else {
        eprintln!("usage: ADDRESS CONNECTIONS SERVER_PID");
        return ExitCode::FAILURE;
    };
    match run::<T>(address, connections, Pid::from_raw(pid)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("load: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run<T: Talk>(address: SocketAddr, connections: usize, server: Pid) -> io::Result<()> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let cpu = clock_getcpuclockid(server)?;
    let mut load = Load::<T>::connect(address, connections)?;
    println!("ready");
    for line in io::stdin().lock().lines() {
        let line = line?;
        let (before, start) = (spent(cpu)?, Instant::now());
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
        let passed = start.elapsed();
        println!("{} {}", (spent(cpu)? - before).as_nanos(), passed.as_nanos());
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

struct Load<T> {
    poll: Poll,
    events: Events,
    connections: Vec<Connection<T>>,
}

struct Connection<T> {
    stream: TcpStream,
    talk: T,
    /// How many requests are still to be sent.
    left: u64,
}

impl<T: Talk> Load<T> {
    fn connect(address: SocketAddr, count: usize) -> io::Result<Load<T>> {
        let connections = Vec::with_capacity(count);
        let mut load = Load { poll: Poll::new()?, events: Events::with_capacity(1024), connections };
        while load.connections.len() < count {
            // A few at a time, each to its first answer: the listener's backlog never overflows.
            let first = load.connections.len();
            for key in first..count.min(first + 64) {
                let stream = std::net::TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                stream.set_nonblocking(true)?;
                let mut stream = TcpStream::from_std(stream);
                load.poll.registry().register(&mut stream, Token(key), Interest::READABLE)?;
                load.connections.push(Connection { stream, talk: T::new(key), left: 0 });
            }
            load.run(first, 1)?;
        }
        Ok(load)
    }

    /// `rounds` requests of each connection from `first` on.
    fn run(&mut self, first: usize, rounds: u64) -> io::Result<()> {
        if rounds == 0 {
            return Ok(());
        }
        for connection in self.connections.iter_mut().skip(first) {
            connection.left = rounds;
            connection.send()?;
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
                        connection.send()?;
                    } else {
                        busy -= 1;
                    }
                }
            }
        }
        Ok(())
    }
}

impl<T: Talk> Connection<T> {
    fn send(&mut self) -> io::Result<()> {
        self.left -= 1;
        self.stream.write_all(self.talk.request())
    }

    /// Whether the whole answer is there. It came in one piece, or an event follows for the rest: what is read in
    /// part does not fill the buffer.
    fn receive(&mut self) -> io::Result<bool> {
        let mut buffer = [0; 1024];
        match self.stream.read(&mut buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(n) => self.talk.answered(&buffer[..n]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error),
        }
    }
}
