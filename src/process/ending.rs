//! A descriptor that becomes readable when a child ends. It does not reap.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use mio::event::Source;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::process::Pid;

use crate::net::socket::Io;
use crate::reactor::Thing;

#[derive(Debug)]
pub(super) struct Ending(OwnedFd);

impl Source for Ending {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_raw_fd()).deregister(registry)
    }
}

impl Io for Ending {
    const NAME: &'static str = "Command";
    const THING: Thing = Thing::Child;
    const INTEREST: Interest = Interest::READABLE;
}

/// Shows that a child could be watched, and keeps a descriptor free for that until it is dropped. `None`: there are
/// no pidfds here.
///
/// # Errors
/// `EMFILE` and the like, told before a program is started for nothing.
pub(super) fn reserve() -> io::Result<Option<OwnedFd>> {
    pidfd(rustix::process::getpid())
}

/// Watches a child that is not reaped yet.
pub(super) fn watch(child: Pid) -> io::Result<Ending> {
    pidfd(child)?.map_or_else(|| by_thread(child), |pidfd| Ok(Ending(pidfd)))
}

#[cfg(target_os = "linux")]
fn pidfd(process: Pid) -> io::Result<Option<OwnedFd>> {
    use rustix::io::Errno;
    match rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()) {
        Err(Errno::NOSYS | Errno::PERM) => Ok(None), // an old kernel; a sandbox
        opened => Ok(Some(opened?)),
    }
}

#[cfg(not(target_os = "linux"))]
fn pidfd(_process: Pid) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// These systems have no way to wait for a child and leave it unreaped.
#[cfg(any(target_os = "openbsd", target_os = "redox"))]
fn by_thread(_child: Pid) -> io::Result<Ending> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system cannot tell a loop that a child has ended"))
}

/// A pipe whose other end a thread closes when the child has ended. The thread leaves the child unreaped, so that its
/// number stays its own.
#[cfg(not(any(target_os = "openbsd", target_os = "redox")))]
fn by_thread(child: Pid) -> io::Result<Ending> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let (ending, alive) = io::pipe()?;
    let wait = move || {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while waitid(WaitId::Pid(child), options).is_err_and(|error| error == rustix::io::Errno::INTR) {}
        drop(alive);
    };
    std::thread::Builder::new().name(format!("glassloop-child-{child}")).spawn(wait)?;
    Ok(Ending(ending.into()))
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;
    use crate::net::socket::Socket;
    use crate::trace::Direction;

    /// On Linux nothing else comes here, for there are pidfds.
    #[test]
    fn thread_tells_the_end_and_leaves_the_child_unreaped() {
        crate::run(async {
            let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
            let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
            let ending = Socket::new(by_thread(pid).unwrap()).unwrap();
            drop(child.stdin.take());
            let reap = |_: &Socket<Ending>| child.try_wait()?.ok_or_else(|| io::ErrorKind::WouldBlock.into());
            assert!(ending.operation(Direction::Read, reap).await.unwrap().success());
        });
    }
}
