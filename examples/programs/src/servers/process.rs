//! A server's process.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::Missing;

/// A server that runs, until this is dropped.
pub(super) struct Process {
    child: Child,
    stop: Signal,
}

impl Process {
    /// Starts it, and waits until it says the words `ready`. `stop` is what ends it at once.
    pub(super) fn start(mut command: Command, ready: &'static str, stop: Signal) -> Result<Process, Missing> {
        let (reads, writes) = io::pipe()?;
        command.stdin(Stdio::null()).stdout(writes.try_clone()?).stderr(writes);
        let process = Process { child: command.spawn()?, stop };
        drop(command); // and with it our ends of the pipe, so that its end is seen
        let (says, said) = mpsc::channel();
        // It reads to the end: a server whose pipe is full would stand still.
        thread::Builder::new().name("server log".to_owned()).spawn(move || {
            for line in BufReader::new(reads).lines().map_while(Result::ok) {
                let _ = says.send(line); // once it is ready, nobody listens
            }
        })?;
        let mut words = Vec::new();
        loop {
            match said.recv_timeout(Duration::from_secs(60)) {
                Ok(line) if line.contains(ready) => return Ok(process),
                Ok(line) => words.push(line),
                Err(_) => return Err(Missing(format!("the server did not start: {}", words.join("; ")))),
            }
        }
    }

    /// Its pid.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            let _ = kill_process(Pid::from_child(&self.child), self.stop);
        }
        let _ = self.child.wait();
    }
}

/// Runs a command to its end; its words are the error, if it fails.
pub(super) fn run(mut command: Command) -> Result<(), Missing> {
    let done = command.stdin(Stdio::null()).output()?;
    if done.status.success() {
        return Ok(());
    }
    let program = command.get_program().to_string_lossy().into_owned();
    Err(Missing(format!("{program} failed: {}", String::from_utf8_lossy(&done.stderr).trim())))
}
