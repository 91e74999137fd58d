//! Servers and loads on them as child processes: servers on core 0, loads on core 1.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

/// A child that is told by lines and answers by lines; dropped, it is killed.
struct Talking {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Talking {
    fn start(command: &mut Command) -> io::Result<Talking> {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, answers) = (child.stdin.take(), child.stdout.take());
        let (orders, answers) = (orders.expect("piped"), BufReader::new(answers.expect("piped")));
        Ok(Talking { child, orders, answers })
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn ask(&mut self, order: &str) -> io::Result<String> {
        writeln!(self.orders, "{order}")?;
        self.line()
    }
}

impl Drop for Talking {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// A running server.
pub struct Server {
    process: Talking,
    address: String,
}

impl Server {
    /// Starts a program that prints its address first.
    ///
    /// # Errors
    /// If it ends instead.
    pub fn start(program: &Path, arguments: &[&str]) -> io::Result<Server> {
        let mut process = Talking::start(pinned(0, program).args(arguments))?;
        let Ok(address) = process.line() else {
            return Err(io::Error::other("it does not start here: see above"));
        };
        Ok(Server { process, address })
    }

    /// What it printed.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Anonymous memory of the process, in bytes: what its heap and stacks have touched.
    ///
    /// # Errors
    /// If it is gone.
    pub fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.strip_suffix("kB"));
        let kib: Option<u64> = kib.and_then(|kib| kib.trim().parse().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no RssAnon in /proc/PID/status"))
    }

    /// What the program says of its heap, in bytes, if it is one that counts it.
    ///
    /// # Errors
    /// If it is gone.
    pub fn heap(&mut self) -> io::Result<u64> {
        self.process.ask("heap")?.parse().map_err(io::Error::other)
    }
}

/// Open connections to a server, each of which has had its first answer. See [`load`](crate::load).
pub struct Load(Talking);

/// What some requests took.
pub struct Spent {
    /// By the server.
    pub cpu: Duration,
    /// From the first request to the last answer.
    pub wall: Duration,
}

impl Load {
    /// # Errors
    /// If an answer is wrong.
    pub fn connect(program: &Path, server: &Server, connections: usize) -> io::Result<Load> {
        let mut command = pinned(1, program);
        command.arg(&server.address).arg(connections.to_string()).arg(server.process.child.id().to_string());
        let mut load = Load(Talking::start(&mut command)?);
        load.0.line()?;
        Ok(load)
    }

    /// Has each connection send `rounds` requests, one after the other.
    ///
    /// # Errors
    /// If an answer is wrong.
    pub fn run(&mut self, rounds: u64) -> io::Result<Spent> {
        let answer = self.0.ask(&format!("free {rounds}"))?;
        let nanos = |text: &str| text.parse().ok().map(Duration::from_nanos);
        let spent =
            answer.split_once(' ').and_then(|(cpu, wall)| Some(Spent { cpu: nanos(cpu)?, wall: nanos(wall)? }));
        spent.ok_or_else(|| io::Error::other(format!("it answered {answer:?}")))
    }
}

/// `taskset` becomes the program that it starts, so the child's id is the program's.
fn pinned(core: usize, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("taskset");
    command.arg("-c").arg((core % cores).to_string()).arg(program);
    command
}
