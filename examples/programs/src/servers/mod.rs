//! Real servers for the length of a test or a program: found on this machine, started on a free port of loopback with
//! their data in a folder of their own, and stopped in any case.
//!
//! A server ends when its value is dropped, also by a panic; and where the program is killed, by the kernel (Linux:
//! `setpriv --pdeathsig`). That signal comes with the end of the *thread* that started the server, so keep the value
//! on the thread that made it.

mod account;
mod postgres;
mod process;
mod redis;

pub use postgres::Postgres;
pub use redis::Redis;

use std::fmt;
use std::io::{self, Write};
use std::net::TcpListener;
use std::path::PathBuf;

/// Why there is no server.
#[derive(Debug)]
pub struct Missing(String);

impl Missing {
    fn program(program: &str, package: &str) -> Missing {
        Missing(format!("no `{program}` is on this machine (Debian: apt-get install {package})"))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Missing {}

impl From<io::Error> for Missing {
    fn from(error: io::Error) -> Missing {
        Missing(error.to_string())
    }
}

/// A test's server; `None` where there is none and the test shall be skipped, which is said where `cargo test` does
/// not hide it. In CI (`CI=true`) that is a failure.
///
/// # Panics
/// In CI, if there is no server.
pub fn or_skip<S>(server: Result<S, Missing>) -> Option<S> {
    match server {
        Ok(server) => Some(server),
        Err(missing) if std::env::var("CI").as_deref() == Ok("true") => {
            panic!("a server is missing in CI: {missing}")
        }
        Err(missing) => {
            let test = std::thread::current().name().unwrap_or("a test").to_owned();
            // Not `eprintln`, which the test harness catches.
            let _ = writeln!(io::stderr(), "SKIPPED {test}: {missing}");
            None
        }
    }
}

/// A program, in the folders of `PATH` and in those where Debian hides PostgreSQL's, the newest version first.
fn find(program: &str) -> Option<PathBuf> {
    let mut folders: Vec<_> = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).collect();
    let mut versions: Vec<_> = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten().collect();
    versions.sort_by_key(|version| version.file_name().to_string_lossy().parse().unwrap_or(0_u32));
    folders.extend(versions.iter().rev().map(|version| version.path().join("bin")));
    folders.into_iter().map(|folder| folder.join(program)).find(|file| file.is_file())
}

/// A port of loopback that nobody has, and that the kernel gives to nobody who asks for any port or connects: a server
/// may be stopped, and come back to it.
fn free_port() -> io::Result<u16> {
    let first = 10_000 + (std::process::id() * 64 % 20_000) as u16;
    let free = (first..32_000).find(|port| !taken(*port) && TcpListener::bind(("127.0.0.1", *port)).is_ok());
    free.ok_or_else(|| io::Error::new(io::ErrorKind::AddrInUse, "no port of loopback is free"))
}

/// Whether another test of this process was given the port, whose server may not listen yet.
fn taken(port: u16) -> bool {
    use std::sync::Mutex;
    static GIVEN: Mutex<Vec<u16>> = Mutex::new(Vec::new());
    let mut given = GIVEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let taken = given.contains(&port);
    if !taken {
        given.push(port);
    }
    taken
}

/// A secret: others on the machine can reach loopback too.
fn password() -> io::Result<String> {
    let mut random = [0; 16];
    io::Read::read_exact(&mut std::fs::File::open("/dev/urandom")?, &mut random)?;
    Ok(random.iter().map(|byte| format!("{byte:02x}")).collect())
}
