//! Child processes.
//!
//! [`Command`] starts a program, [`Child`] is the program that runs, and what is piped to and from it is read and
//! written like a socket.
//!
//! ```
//! use glassloop::process::Command;
//!
//! glassloop::run(async {
//!     let output = Command::new("echo").arg("hello").output().await.unwrap();
//!     assert!(output.status.success());
//!     assert_eq!(output.stdout, b"hello\n");
//! });
//! ```
//!
//! # How the loop learns of an end
//! On Linux by a pidfd, a descriptor that becomes readable when the child ends: no thread and no signal handler. Where
//! there is none (before Linux 5.3, where a sandbox forbids it, on other systems) a thread a child waits for the end
//! and tells the loop by a pipe. Either way it is the loop that reaps the child. (OpenBSD and Redox allow neither;
//! there, [`spawn`](Command::spawn) is an `Unsupported` error.)
//!
//! # A child that nobody waited for
//! Dropping a [`Child`] does not end the program, unless [`kill_on_drop`](Command::kill_on_drop) says so. It does not
//! leave a zombie either: the loop gets a task of its own, `reaper of child …` in traces and dumps, that waits for the
//! end. If the runtime goes away before, the child is put on a list of the process, which is looked through whenever
//! a program is started. What is on it when nothing is started any more stays a zombie until the process ends.
//!
//! # Time
//! Under a virtual clock a child is outside I/O like a socket: the clock jumps to the next deadline rather than wait
//! for it. So a time-out around [`wait`](Child::wait) fires at once there.

mod child;
mod command;
mod ending;
#[cfg(feature = "io-util")]
mod io;
mod orphans;
mod pipes;

pub use child::Child;
pub use command::Command;
pub use pipes::{ChildStderr, ChildStdin, ChildStdout};
pub use std::process::{ExitStatus, Output, Stdio};
