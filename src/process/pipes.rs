//! The parent's ends of a child's pipes.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::Location;
use std::process::Stdio;
use std::task::{Context, Poll};

use mio::Interest;
use mio::unix::pipe::{Receiver, Sender};

use crate::join::yield_now;
use crate::net::progress::many;
use crate::net::socket::{Io, Reading, Socket, Writing};
use crate::reactor::Thing;

impl Io for Sender {
    const NAME: &'static str = "ChildStdin";
    const THING: Thing = Thing::PipeToChild;
    const INTEREST: Interest = Interest::WRITABLE;
}

impl Io for Receiver {
    const NAME: &'static str = "ChildStdout";
    const THING: Thing = Thing::PipeFromChild;
    const INTEREST: Interest = Interest::READABLE;
}

/// A child's standard input. Dropped or [closed](ChildStdin::close), it has ended for the child.
#[derive(Debug)]
pub struct ChildStdin {
    /// `None` once it was closed.
    socket: Option<Socket<Sender>>,
}

impl ChildStdin {
    /// Takes over a pipe of `std`, and sets it non-blocking.
    ///
    /// # Errors
    /// What the system says; and outside of a running loop.
    pub fn from_std(stdin: std::process::ChildStdin) -> io::Result<ChildStdin> {
        let pipe = Sender::from(stdin);
        pipe.set_nonblocking(true)?;
        Ok(ChildStdin { socket: Some(Socket::new(pipe)?) })
    }

    /// Takes the pipe off the loop; it blocks again, as programs expect their standard output to do.
    ///
    /// # Errors
    /// `BrokenPipe`, if it was closed; on another loop than its own, and then it is closed; and what the system says.
    pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
        let pipe = self.socket.ok_or_else(closed)?.into_inner()?;
        pipe.set_nonblocking(false)?;
        Ok(pipe.into())
    }

    fn open(&self) -> io::Result<&Socket<Sender>> {
        self.socket.as_ref().ok_or_else(closed)
    }

    /// Ends the child's input, as dropping does, for who has it only by reference. Writing gives `BrokenPipe` then.
    pub fn close(&mut self) {
        self.socket = None;
    }

    /// Writes some bytes; how many is returned.
    ///
    /// # Errors
    /// `BrokenPipe`, if the child has closed its input or ended, or if this end was closed; what else the system
    /// says; and on another loop than its own. So for all operations below.
    ///
    /// # Cancel safety
    /// Dropped, it has written nothing.
    #[track_caller]
    pub fn write<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
        let site = Location::caller();
        async move {
            let write = |pipe: &Socket<Sender>| pipe.write(bytes);
            self.open()?.operation_at(site, Writing, write).trivial_if(bytes.is_empty()).await
        }
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// `WriteZero`, if the system takes no more; else as [`write`](ChildStdin::write).
    ///
    /// # Cancel safety
    /// **Not** cancel safe: dropped, nobody knows how much was written.
    #[track_caller]
    pub fn write_all<'a>(&'a self, bytes: &'a [u8]) -> impl Future<Output = io::Result<()>> + 'a {
        let site = Location::caller();
        async move {
            many!(WriteAll, "ChildStdin::write_all", "written");
            let pour = |pipe: &Socket<Sender>, written: &mut usize| pipe.pour(bytes, written);
            let pipe = self.open()?;
            pipe.transfer_all_at::<WriteAll, _, _>(site, Writing, bytes.len(), pour).await
        }
    }

    /// Writes some bytes if there is room now.
    ///
    /// # Errors
    /// `WouldBlock`, if there is none; else as [`write`](ChildStdin::write).
    pub fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.try_io(Writing, |pipe| pipe.write(bytes))
    }

    /// Waits until there is room to write, or the child has closed its input. It may be wrong:
    /// [`try_write`](ChildStdin::try_write) can still say `WouldBlock`, and then this waits again.
    ///
    /// # Errors
    /// As [`write`](ChildStdin::write).
    ///
    /// # Cancel safety
    /// Nothing is lost.
    #[track_caller]
    pub fn writable(&self) -> impl Future<Output = io::Result<()>> + '_ {
        let site = Location::caller();
        async move { self.open()?.operation_at(site, Writing, |_| Ok(())).await }
    }

    /// The poll of [`write`](ChildStdin::write). Of all callers of the polls, the last one is woken.
    #[track_caller]
    pub fn poll_write(&self, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.open()?.poll_transfer(cx, Writing, bytes.len(), |pipe| pipe.write(bytes))
    }

    /// The poll of [`writable`](ChildStdin::writable).
    #[track_caller]
    pub fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.open()?.poll(cx, Writing, |_| Ok(()))
    }
}

fn closed() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "this child's standard input was closed before")
}

/// Connects it with another child, as that one's standard output.
impl TryFrom<ChildStdin> for Stdio {
    type Error = io::Error;

    fn try_from(stdin: ChildStdin) -> io::Result<Stdio> {
        stdin.into_owned_fd().map(Stdio::from)
    }
}

/// # Panics
/// After it was closed.
impl AsFd for ChildStdin {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.open().expect("a closed pipe has no descriptor").io().as_fd()
    }
}

/// One of a child's outputs.
macro_rules! output {
    ($Output:ident, $what:literal) => {
        #[doc = concat!("A child's standard ", $what, ".")]
        #[derive(Debug)]
        pub struct $Output {
            socket: Socket<Receiver>,
        }

        impl $Output {
            /// Takes over a pipe of `std`, and sets it non-blocking.
            ///
            /// # Errors
            /// What the system says; and outside of a running loop.
            pub fn from_std(output: std::process::$Output) -> io::Result<$Output> {
                let pipe = Receiver::from(output);
                pipe.set_nonblocking(true)?;
                Ok($Output { socket: Socket::new(pipe)? })
            }

            /// Takes the pipe off the loop; it blocks again, as programs expect their standard input to do.
            ///
            /// # Errors
            /// On another loop than its own, and then it is closed; and what the system says.
            pub fn into_owned_fd(self) -> io::Result<OwnedFd> {
                let pipe = self.socket.into_inner()?;
                pipe.set_nonblocking(false)?;
                Ok(pipe.into())
            }

            pub(super) fn into_socket(self) -> Socket<Receiver> {
                self.socket
            }

            /// Reads some bytes; 0 is the end (or an empty `buffer`).
            ///
            /// # Errors
            /// What the system says; and on another loop than its own. So for all operations below.
            ///
            /// # Cancel safety
            /// Dropped, it has read nothing.
            #[track_caller]
            pub fn read<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<usize>> + 'a {
                self.socket.transfer(Reading, buffer.len(), move |pipe| pipe.read(buffer))
            }

            /// Reads until `buffer` is full.
            ///
            /// # Errors
            /// `UnexpectedEof`, if the output ends before; else as [`read`](Self::read).
            ///
            /// # Cancel safety
            /// **Not** cancel safe: dropped, the bytes that it has read are lost.
            #[track_caller]
            pub fn read_exact<'a>(&'a self, buffer: &'a mut [u8]) -> impl Future<Output = io::Result<()>> + 'a {
                many!(ReadExact, concat!(stringify!($Output), "::read_exact"), "read");
                self.socket.transfer_all::<ReadExact, _, _>(Reading, buffer.len(), move |pipe, filled| {
                    pipe.fill(buffer, filled)
                })
            }

            /// Reads until the end, and puts the bytes after what `into` has; how many came is returned.
            ///
            /// # Scheduling
            /// A program that writes as fast as this reads keeps it ready: it steps back in the queue now and then.
            ///
            /// # Errors
            /// As [`read`](Self::read); what came before is in `into`.
            ///
            /// # Cancel safety
            /// Dropped, what it has read is in `into`.
            #[track_caller]
            pub fn read_to_end<'a>(
                &'a self,
                into: &'a mut Vec<u8>,
            ) -> impl Future<Output = io::Result<usize>> + 'a {
                read_to_end(&self.socket, into, Location::caller())
            }

            /// Reads some bytes if there are any now.
            ///
            /// # Errors
            /// `WouldBlock`, if there are none; else as [`read`](Self::read).
            pub fn try_read(&self, buffer: &mut [u8]) -> io::Result<usize> {
                self.socket.try_io(Reading, |pipe| pipe.read(buffer))
            }

            /// Waits until there is something to read, or the end. It may be wrong: [`try_read`](Self::try_read)
            /// can still say `WouldBlock`, and then this waits again.
            ///
            /// # Errors
            /// On another loop than its own.
            ///
            /// # Cancel safety
            /// Nothing is lost.
            #[track_caller]
            pub fn readable(&self) -> impl Future<Output = io::Result<()>> + '_ {
                self.socket.operation(Reading, |_| Ok(()))
            }

            /// The poll of [`read`](Self::read). Of all callers of the polls, the last one is woken.
            #[track_caller]
            pub fn poll_read(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
                self.socket.poll_transfer(cx, Reading, buffer.len(), |pipe| pipe.read(buffer))
            }

            /// The poll of [`readable`](Self::readable).
            #[track_caller]
            pub fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.socket.poll(cx, Reading, |_| Ok(()))
            }
        }

        /// Connects it with another child, as that one's standard input.
        impl TryFrom<$Output> for Stdio {
            type Error = io::Error;

            fn try_from(output: $Output) -> io::Result<Stdio> {
                output.into_owned_fd().map(Stdio::from)
            }
        }

        impl AsFd for $Output {
            fn as_fd(&self) -> BorrowedFd<'_> {
                self.socket.io().as_fd()
            }
        }
    };
}

output!(ChildStdout, "output");
output!(ChildStderr, "error");

/// What a pipe holds by default; reading more at once gains nothing.
const MOST: usize = 64 * 1024;
const LEAST: usize = 4 * 1024;

/// After so many reads the others get their turns.
const READS_IN_A_ROW: usize = 16;

pub(super) async fn read_to_end(
    pipe: &Socket<Receiver>,
    into: &mut Vec<u8>,
    site: &'static Location<'static>,
) -> io::Result<usize> {
    let before = into.len();
    for reads in 1_usize.. {
        let read = |pipe: &Socket<Receiver>| {
            let filled = into.len();
            into.resize(filled + filled.clamp(LEAST, MOST), 0);
            let read = pipe.read(&mut into[filled..]);
            into.truncate(filled + read.as_ref().map_or(0, |n| *n));
            read
        };
        if pipe.operation_at(site, Reading, read).await? == 0 {
            break;
        }
        if reads.is_multiple_of(READS_IN_A_ROW) {
            yield_now().await;
        }
    }
    Ok(into.len() - before)
}
