//! A program that runs.

use std::future::Future;
use std::io;
use std::panic::Location;
use std::process::{ExitStatus, Output};

use mio::unix::pipe::Receiver;
use rustix::process::Pid;

use super::ending;
use super::orphans::{self, Unreaped};
use super::pipes::{ChildStderr, ChildStdin, ChildStdout, read_to_end};
use crate::join::join_all;
use crate::net::socket::Socket;
use crate::wake;

/// A program that runs; made by [`Command::spawn`](super::Command::spawn).
///
/// Dropped, the program runs on and its end is reaped by the loop; see the [module](super).
///
/// # Examples
/// A conversation through pipes:
/// ```
/// use glassloop::process::{Command, Stdio};
///
/// glassloop::run(async {
///     let mut child = Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
///     let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
///     stdin.write_all(b"hello").await.unwrap();
///     drop(stdin); // the end of its input
///     let mut said = Vec::new();
///     stdout.read_to_end(&mut said).await.unwrap();
///     assert_eq!(said, b"hello");
///     assert!(child.wait().await.unwrap().success());
/// });
/// ```
#[derive(Debug)]
pub struct Child {
    /// Its standard input, if that was [piped](super::Stdio::piped).
    pub stdin: Option<ChildStdin>,
    /// Its standard output, if that was piped.
    pub stdout: Option<ChildStdout>,
    /// Its standard error, if that was piped.
    pub stderr: Option<ChildStderr>,
    process: Owned,
}

/// The process, apart from its pipes, so that these can be moved out.
#[derive(Debug)]
struct Owned {
    stage: Stage,
    kill_on_drop: bool,
}

#[derive(Debug)]
enum Stage {
    Unreaped(Unreaped),
    Ended(ExitStatus),
    /// Only in `drop`.
    Left,
}

impl Child {
    /// Starts `command`. No program is started that could not be watched: if the last step fails nevertheless, it
    /// is killed and reaped.
    pub(super) fn start(
        command: &mut std::process::Command,
        kill_on_drop: bool,
        site: &'static Location<'static>,
    ) -> io::Result<Child> {
        let runtime = wake::with_current("Command", |state| state.id)?;
        orphans::reap();
        let reserve = ending::reserve()?;
        let mut process = command.spawn()?;
        drop(reserve);
        let pipes = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        let watched = || {
            let pid = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
            let ending = ending::watch(pid.expect("the system gave the child a number"))?;
            let stdin = pipes.0.map(ChildStdin::from_std).transpose()?;
            let stdout = pipes.1.map(ChildStdout::from_std).transpose()?;
            let stderr = pipes.2.map(ChildStderr::from_std).transpose()?;
            Ok((Socket::new(ending)?, stdin, stdout, stderr))
        };
        match watched() {
            Ok((ending, stdin, stdout, stderr)) => {
                let program = command.get_program().to_string_lossy().into_owned();
                let stage = Stage::Unreaped(Unreaped::new(process, program, ending, runtime, site));
                Ok(Child { stdin, stdout, stderr, process: Owned { stage, kill_on_drop } })
            }
            Err(error) => {
                process.kill()?;
                process.wait()?; // it was killed, so this does not take long
                Err(error)
            }
        }
    }

    /// The number by which the system calls it; `None` once it was reaped, for then another may get the number.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        match &self.process.stage {
            Stage::Unreaped(unreaped) => Some(unreaped.id()),
            _ => None,
        }
    }

    /// Waits until it has ended, and gives how. Closes its standard input first, if that is still in
    /// [`stdin`](Child::stdin), so that a program that reads to the end does end. May be called again.
    ///
    /// It does not read what the program says: one that fills a pipe which nobody reads never ends. See
    /// [`wait_with_output`](Child::wait_with_output).
    ///
    /// # Scheduling
    /// The task is made ready in the dispatch phase, with a source of its own as cause, as a socket's is.
    ///
    /// # Errors
    /// If the system does not know how it ended, because somebody else waited for it; and on another loop than its
    /// own.
    ///
    /// # Cancel safety
    /// Nothing is lost. Standard input stays closed.
    #[track_caller]
    pub fn wait(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + '_ {
        self.wait_at(Location::caller())
    }

    pub(super) async fn wait_at(&mut self, site: &'static Location<'static>) -> io::Result<ExitStatus> {
        drop(self.stdin.take());
        self.process.ended(site).await
    }

    /// How it ended, if it has. Leaves standard input as it is, and needs no loop.
    ///
    /// # Errors
    /// If the system does not know, because somebody else waited for it.
    pub fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process.try_wait()
    }

    /// Sends it `SIGKILL`, and does not wait for what comes of it. Nothing happens to one that was reaped.
    ///
    /// # Errors
    /// What the system says: `PermissionDenied` for a program that runs as another user.
    pub fn start_kill(&mut self) -> io::Result<()> {
        match &mut self.process.stage {
            Stage::Unreaped(unreaped) => unreaped.kill(),
            _ => Ok(()),
        }
    }

    /// Sends it `SIGKILL`, and waits until it has ended.
    ///
    /// # Errors
    /// As [`start_kill`](Child::start_kill) and [`wait`](Child::wait).
    ///
    /// # Cancel safety
    /// Once polled, the signal is sent; nothing is lost.
    #[track_caller]
    pub fn kill(&mut self) -> impl Future<Output = io::Result<()>> + '_ {
        let site = Location::caller();
        async move {
            self.start_kill()?;
            self.wait_at(site).await.map(drop)
        }
    }

    /// Closes its standard input, reads both outputs to their ends, at once, and waits until it has ended. What was
    /// not piped, or was taken out before, is empty.
    ///
    /// An output ends when all programs that have it are gone; one that the child started may outlive it.
    ///
    /// # Errors
    /// As [`wait`](Child::wait), and what reading says.
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, what it has read is lost, and the child is dropped.
    #[track_caller]
    pub fn wait_with_output(self) -> impl Future<Output = io::Result<Output>> {
        self.output_at(Location::caller())
    }

    pub(super) async fn output_at(mut self, site: &'static Location<'static>) -> io::Result<Output> {
        drop(self.stdin.take());
        let stdout = self.stdout.take().map(ChildStdout::into_socket);
        let stderr = self.stderr.take().map(ChildStderr::into_socket);
        let mut read = join_all([drain(stdout, site), drain(stderr, site)]).await.into_iter();
        let mut next = || read.next().expect("there are two outputs");
        let (stdout, stderr) = (next()?, next()?);
        let status = self.process.ended(site).await?;
        Ok(Output { status, stdout, stderr })
    }
}

async fn drain(pipe: Option<Socket<Receiver>>, site: &'static Location<'static>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        read_to_end(&pipe, &mut bytes, site).await?;
    }
    Ok(bytes)
}

impl Owned {
    async fn ended(&mut self, site: &'static Location<'static>) -> io::Result<ExitStatus> {
        let status = match &mut self.stage {
            Stage::Unreaped(unreaped) => unreaped.ended(site).await?,
            Stage::Ended(status) => return Ok(*status),
            Stage::Left => unreachable!("only `drop` leaves a child"),
        };
        self.stage = Stage::Ended(status);
        Ok(status)
    }

    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        let status = match &mut self.stage {
            Stage::Unreaped(unreaped) => unreaped.try_wait()?,
            Stage::Ended(status) => return Ok(Some(*status)),
            Stage::Left => unreachable!("only `drop` leaves a child"),
        };
        if let Some(status) = status {
            self.stage = Stage::Ended(status);
        }
        Ok(status)
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let Stage::Unreaped(mut unreaped) = std::mem::replace(&mut self.stage, Stage::Left) else { return };
        if self.kill_on_drop {
            let _ = unreaped.kill(); // nobody is left to be told
        }
        unreaped.leave();
    }
}
