//! Children that were not reaped, and who reaps those whose owner is gone.

use std::io;
use std::panic::Location;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use rustix::io::Errno;

use super::ending::Ending;
use crate::net::socket::Socket;
use crate::runtime::spawn_on;
use crate::trace::{Direction, RuntimeId};
use crate::wake;

/// A program that was started, and its name for errors.
#[derive(Debug)]
struct Process {
    child: std::process::Child,
    program: String,
}

impl Process {
    fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait().map_err(|error| {
            let why = match error.raw_os_error() == Some(Errno::CHILD.raw_os_error()) {
                true => "somebody else waited for it, or this process ignores SIGCHLD, so that no ends are kept",
                false => "the system does not say",
            };
            io::Error::new(error.kind(), format!("how `{}` ended cannot be known: {why} ({error})", self.program))
        })
    }
}

/// A child whose end this crate owes the system. Dropped before that, it goes to the process's list.
#[derive(Debug)]
pub(super) struct Unreaped {
    /// `None` only in `drop`.
    process: Option<Process>,
    ending: Socket<Ending>,
    runtime: RuntimeId,
    /// Where it was started.
    site: &'static Location<'static>,
}

impl Unreaped {
    pub(super) fn new(
        child: std::process::Child,
        program: String,
        ending: Socket<Ending>,
        runtime: RuntimeId,
        site: &'static Location<'static>,
    ) -> Unreaped {
        Unreaped { process: Some(Process { child, program }), ending, runtime, site }
    }

    fn process(&mut self) -> &mut Process {
        self.process.as_mut().expect("a child has its process until it is dropped")
    }

    pub(super) fn id(&self) -> u32 {
        self.process.as_ref().expect("a child has its process until it is dropped").child.id()
    }

    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.process().child.kill()
    }

    pub(super) fn try_wait(&mut self) -> io::Result<Option<ExitStatus>> {
        self.process().try_wait()
    }

    /// Waits for the end, and reaps. Dropped, it has reaped nothing.
    pub(super) async fn ended(&mut self, site: &'static Location<'static>) -> io::Result<ExitStatus> {
        let process = self.process.as_mut().expect("a child has its process until it is dropped");
        let reap = |_: &Socket<Ending>| process.try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
        self.ending.operation_at(site, Direction::Read, reap).await
    }

    /// Nobody will ask for its end: a task of its loop reaps it.
    pub(super) fn leave(mut self) {
        if !matches!(self.try_wait(), Ok(None)) {
            return;
        }
        wake::on_loop(self.runtime, move |state| {
            let (id, site) = (self.id(), self.site);
            let name: Arc<str> = format!("reaper of child {id}, `{}`", self.process().program).into();
            let reap = async move { drop(self.ended(site).await) };
            drop(spawn_on(state, reap, Some(name), site));
        });
    }
}

/// Children whose runtime is gone. They are reaped when the next program is started, as Python's `subprocess` does it.
static ORPHANS: Mutex<Vec<Process>> = Mutex::new(Vec::new());

impl Drop for Unreaped {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take()
            && let Ok(None) = process.try_wait()
        {
            ORPHANS.lock().unwrap_or_else(PoisonError::into_inner).push(process);
        }
    }
}

/// Reaps what has ended of the process's list.
pub(super) fn reap() {
    let mut orphans = ORPHANS.lock().unwrap_or_else(PoisonError::into_inner);
    orphans.retain_mut(|process| matches!(process.try_wait(), Ok(None)));
}
