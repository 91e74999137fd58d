//! Servers and the load on them as child processes: servers on core 0, loads on core 1.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use glassloop_benches::{FOREIGN, OURS, TOKIO};

pub(crate) const MIO: &str = "mio";
/// What `echo_server` knows.
pub(crate) const RUNTIMES: [&str; 9] =
    [MIO, OURS, TOKIO, "smol", "compio", "monoio", "compio_uring", "monoio_uring", "glommio"];

/// A running server; dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    address: String,
}

impl Server {
    /// Fails where the machine has not what the runtime needs: io_uring, or Python.
    pub(crate) fn start(name: &str) -> io::Result<Server> {
        let mut command = if FOREIGN.contains(&name) {
            let mut command = pinned(0, &python(name));
            command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/echo/server.py"));
            command
        } else {
            pinned(0, Path::new(env!("CARGO_BIN_EXE_echo_server")))
        };
        let mut child = command.arg(name).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let address = line(&mut BufReader::new(child.stdout.take().unwrap()));
        let server = Server { child, address: address.unwrap_or_default() };
        if server.address.is_empty() {
            return Err(io::Error::other("it does not start here: see above"));
        }
        Ok(server)
    }

    /// Anonymous memory of the process, in bytes: what its heap and stacks have touched.
    pub(crate) fn memory(&self) -> io::Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.strip_suffix("kB"));
        let kib: Option<u64> = kib.and_then(|kib| kib.trim().parse().ok());
        kib.map(|kib| kib * 1024).ok_or_else(|| io::Error::other("no RssAnon in /proc/PID/status"))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

/// Open connections to a server, each of which has had its first echo.
pub(crate) struct Load {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Load {
    pub(crate) fn connect(server: &Server, connections: usize) -> io::Result<Load> {
        let mut command = pinned(1, Path::new(env!("CARGO_BIN_EXE_echo_load")));
        command.arg(&server.address).arg(connections.to_string()).arg(server.child.id().to_string());
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (orders, answers) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
        let mut load = Load { child, orders, answers };
        line(&mut load.answers)?;
        Ok(load)
    }

    /// Has each connection echo `rounds` messages, one after the other; the CPU that the server spent on them.
    pub(crate) fn run(&mut self, rounds: u64) -> io::Result<Duration> {
        writeln!(self.orders, "free {rounds}")?;
        line(&mut self.answers)?.parse().map(Duration::from_nanos).map_err(io::Error::other)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    match from.read_line(&mut line)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        _ => Ok(line.trim_end().to_owned()),
    }
}

/// `taskset` becomes the program that it starts, so the child's id is the program's.
fn pinned(core: usize, program: &Path) -> Command {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut command = Command::new("taskset");
    command.arg("-c").arg((core % cores).to_string()).arg(program);
    command
}

/// uvloop has an environment of its own, made once in the target folder.
fn python(name: &str) -> PathBuf {
    let environment = Path::new(env!("CARGO_TARGET_TMPDIR")).join("uvloop");
    if name != "uvloop" {
        return "python3".into();
    }
    let python = environment.join("bin/python3");
    if !python.exists() {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&environment).status();
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "uvloop"];
        if venv.is_ok_and(|status| status.success()) {
            let _ = Command::new(&python).args(install).status(); // Where it fails, the server says so.
        }
    }
    python
}
