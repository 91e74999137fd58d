//! Who serves echoes, and the load on them.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use glassloop_benches::served::{Load, Server};
use glassloop_benches::{FOREIGN, OURS, TOKIO};

pub(crate) const MIO: &str = "mio";
/// What `echo_server` knows.
pub(crate) const RUNTIMES: [&str; 9] =
    [MIO, OURS, TOKIO, "smol", "compio", "monoio", "compio_uring", "monoio_uring", "glommio"];

/// Fails where the machine has not what the runtime needs: io_uring, or Python.
pub(crate) fn start(name: &str) -> io::Result<Server> {
    if FOREIGN.contains(&name) {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/echo/server.py");
        return Server::start(&python(name), &[&program.display().to_string(), name]);
    }
    Server::start(Path::new(env!("CARGO_BIN_EXE_echo_server")), &[name])
}

pub(crate) fn connect(server: &Server, connections: usize) -> io::Result<Load> {
    Load::connect(Path::new(env!("CARGO_BIN_EXE_echo_load")), server, connections)
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
