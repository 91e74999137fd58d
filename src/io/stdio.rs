//! Standard input, output and error.

use std::collections::VecDeque;
use std::fs::File;
use std::future::Future;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_io::{AsyncRead, AsyncWrite};
use rustix::fs::FileType;
use rustix::net::{RecvFlags, SendFlags};

use crate::join::{JoinHandle, try_spawn_blocking};
use crate::net::{AsyncFd, Direction};

/// What a thread reads or writes at once.
const MOST: usize = 8 * 1024;

/// Standard input.
///
/// # How it waits
/// The open file behind descriptor 0 is shared with the shell and with other processes, so it must stay blocking: set
/// to non-blocking, it is so for all of them. Therefore:
///
/// - A pipe or a terminal is opened once more (on Linux, through `/proc/self/fd`), non-blocking; the loop waits for
///   the new descriptor as for a socket. No thread is needed, and nothing is read ahead.
/// - A socket is asked not to block at each call (`MSG_DONTWAIT`). So it is with these.
/// - Everything else (a regular file, `/dev/null`, other systems than Linux, a terminal of another user) is read on the
///   blocking pool, up to 8 KiB at a time. There a read that waits for a terminal cannot be taken back: the end of the
///   runtime waits for it.
///
/// Nothing is opened and no thread is started before the first read.
///
/// # Beside std
/// What `std::io::stdin()` has read into its buffer is not seen here. Two readers, here or elsewhere, each get a part.
///
/// # Errors
/// Of its reads: what the system says, and on another loop than that of its first read.
///
/// # Cancel safety
/// A `read` that is dropped loses nothing: the next one gets what a thread has read for it. `Stdin` itself, dropped
/// while a thread reads, loses what that thread reads.
///
/// # Examples
/// ```no_run
/// use glassloop::io::{AsyncBufReadExt, BufReader, stdin};
/// use glassloop::stream::StreamExt;
///
/// glassloop::run(async {
///     let mut lines = BufReader::new(stdin()).lines();
///     while let Some(line) = lines.next().await {
///         println!("read {:?}", line.unwrap());
///     }
/// });
/// ```
#[must_use]
pub fn stdin() -> Stdin {
    Stdin::default()
}

/// Standard output, without a buffer: each write goes to the system.
///
/// It waits as [`stdin`] does. Where a thread writes, a write is ready when the thread has written.
///
/// # Beside std
/// What `print!` has left in its buffer, all after the last line feed, comes later than what is written here.
///
/// # Errors
/// Of its writes: `BrokenPipe`, if the reader is gone; else as [`stdin`].
///
/// # Cancel safety
/// A `write` that is dropped has written nothing; but where a thread writes, that goes on, and the next `write` of the
/// same `Stdout` gets its result if it is of the same bytes, and else comes after it.
///
/// # Examples
/// ```
/// use glassloop::io::{AsyncWriteExt, stdout};
///
/// glassloop::run(async {
///     stdout().write_all(b"hello\n").await.unwrap();
/// });
/// ```
#[must_use]
pub fn stdout() -> Stdout {
    Stdout(Writer::default())
}

/// Standard error; see [`stdout`].
#[must_use]
pub fn stderr() -> Stderr {
    Stderr(Writer::default())
}

/// Standard input; made by [`stdin`].
#[derive(Debug, Default)]
pub struct Stdin {
    way: Way,
    /// A thread that reads.
    job: Option<JoinHandle<io::Result<VecDeque<u8>>>>,
    /// What it has read and nobody has taken yet.
    read: VecDeque<u8>,
}

/// Standard output; made by [`stdout`].
#[derive(Debug)]
pub struct Stdout(Writer);

/// Standard error; made by [`stderr`].
#[derive(Debug)]
pub struct Stderr(Writer);

#[derive(Debug, Default)]
struct Writer {
    way: Way,
    job: Option<Writing>,
}

/// A thread that writes.
#[derive(Debug)]
struct Writing {
    bytes: Arc<[u8]>,
    job: JoinHandle<io::Result<usize>>,
}

/// How a standard descriptor is reached.
#[derive(Debug, Default)]
enum Way {
    /// Before its first use.
    #[default]
    Unopened,
    /// Opened once more, non-blocking.
    Reopened(AsyncFd<File>),
    Socket(AsyncFd<OwnedFd>),
    /// On the blocking pool.
    Thread(Arc<File>),
}

impl Way {
    fn open(&mut self, fd: BorrowedFd<'_>, direction: Direction) -> io::Result<&mut Way> {
        if matches!(self, Way::Unopened) {
            *self = Way::to(fd.try_clone_to_owned()?, direction)?;
        }
        Ok(self)
    }

    fn to(fd: OwnedFd, direction: Direction) -> io::Result<Way> {
        match FileType::from_raw_mode(rustix::fs::fstat(&fd)?.st_mode) {
            FileType::Fifo | FileType::CharacterDevice => {
                if let Some(polled) = reopened(&fd, direction)? {
                    return Ok(Way::Reopened(polled));
                }
            }
            FileType::Socket => return Ok(Way::Socket(AsyncFd::new(fd)?)),
            _ => {}
        }
        Ok(Way::Thread(Arc::new(File::from(fd))))
    }
}

/// The same pipe or terminal by an open file of our own. `None`: it cannot be opened (a terminal of another user, a
/// pipe whose reader is gone), or cannot be polled (`/dev/null`).
///
/// # Errors
/// Outside of a running loop.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn reopened(fd: &OwnedFd, direction: Direction) -> io::Result<Option<AsyncFd<File>>> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;

    let access = match direction {
        Direction::Read => OFlags::RDONLY,
        Direction::Write => OFlags::WRONLY,
    };
    let flags = access | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let Ok(own) = rustix::fs::open(format!("/proc/self/fd/{}", fd.as_raw_fd()), flags, Mode::empty()) else {
        return Ok(None);
    };
    match AsyncFd::new(File::from(own)) {
        Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        polled => polled.map(Some),
    }
}

/// Elsewhere `/dev/fd` gives the same open file, and its flags are everybody's.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn reopened(_fd: &OwnedFd, _direction: Direction) -> io::Result<Option<AsyncFd<File>>> {
    Ok(None)
}

/// Does `op` when the kernel says that it will not block.
fn poll_fd<T, R>(
    fd: &AsyncFd<T>,
    cx: &mut Context<'_>,
    direction: Direction,
    mut op: impl FnMut(&T) -> io::Result<R>,
) -> Poll<io::Result<R>> {
    loop {
        let polled = match direction {
            Direction::Read => fd.poll_read_ready(cx),
            Direction::Write => fd.poll_write_ready(cx),
        };
        drop(ready!(polled)?);
        match fd.try_io(direction, &mut op) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            done => return Poll::Ready(done),
        }
    }
}

/// The result of a job on the pool.
fn poll_job<R>(job: &mut JoinHandle<io::Result<R>>, cx: &mut Context<'_>) -> Poll<io::Result<R>> {
    Pin::new(job).poll(cx).map(|joined| joined.unwrap_or_else(|error| Err(io::Error::other(error))))
}

fn unless_interrupted<R>(mut op: impl FnMut() -> io::Result<R>) -> io::Result<R> {
    loop {
        match op() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

impl AsyncRead for Stdin {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if buffer.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let Stdin { way, job, read } = &mut *self;
        match way.open(io::stdin().as_fd(), Direction::Read)? {
            Way::Unopened => unreachable!("it was opened just now"),
            Way::Reopened(fd) => poll_fd(fd, cx, Direction::Read, |mut file| file.read(buffer)),
            Way::Socket(fd) => poll_fd(fd, cx, Direction::Read, |fd| {
                let (got, _) = rustix::net::recv(fd, &mut *buffer, RecvFlags::DONTWAIT)?;
                Ok(got)
            }),
            Way::Thread(file) => {
                if read.is_empty() {
                    let job = match job {
                        Some(job) => job,
                        None => job.insert(read_on_thread(file.clone(), buffer.len().min(MOST))?),
                    };
                    let done = ready!(poll_job(job, cx));
                    self.job = None;
                    self.read = done?;
                }
                Poll::Ready(self.read.read(buffer))
            }
        }
    }
}

fn read_on_thread(file: Arc<File>, most: usize) -> io::Result<JoinHandle<io::Result<VecDeque<u8>>>> {
    let job = try_spawn_blocking(move || {
        let mut bytes = vec![0; most];
        let read = unless_interrupted(|| (&*file).read(&mut bytes))?;
        bytes.truncate(read);
        Ok(bytes.into())
    });
    Ok(job?)
}

impl Writer {
    fn poll_write(&mut self, fd: BorrowedFd<'_>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let file = match self.way.open(fd, Direction::Write)? {
            Way::Unopened => unreachable!("it was opened just now"),
            Way::Reopened(fd) => return poll_fd(fd, cx, Direction::Write, |mut file| file.write(bytes)),
            Way::Socket(fd) => {
                let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
                return poll_fd(fd, cx, Direction::Write, |fd| Ok(rustix::net::send(fd, bytes, flags)?));
            }
            Way::Thread(file) => file.clone(),
        };
        let bytes = &bytes[..bytes.len().min(MOST)];
        if self.job.as_ref().is_some_and(|job| job.bytes[..] != *bytes) {
            ready!(self.poll_done(cx))?; // of a write that was dropped
        }
        if self.job.is_none() {
            let bytes: Arc<[u8]> = bytes.into();
            let written = bytes.clone();
            let job = try_spawn_blocking(move || unless_interrupted(|| (&*file).write(&written)))?;
            self.job = Some(Writing { bytes, job });
        }
        self.poll_done(cx)
    }

    /// Waits for the thread that writes, if one does.
    fn poll_done(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let Some(Writing { job, .. }) = &mut self.job else { return Poll::Ready(Ok(0)) };
        let done = ready!(poll_job(job, cx));
        self.job = None;
        Poll::Ready(done)
    }
}

macro_rules! writes {
    ($Type:ident, $std:path) => {
        impl AsyncWrite for $Type {
            fn poll_write(
                mut self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                bytes: &[u8],
            ) -> Poll<io::Result<usize>> {
                self.0.poll_write($std().as_fd(), cx, bytes)
            }

            fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.0.poll_done(cx).map_ok(drop)
            }

            /// Flushes; the descriptor stays open, for others use it.
            fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_flush(cx)
            }
        }
    };
}

writes!(Stdout, io::stdout);
writes!(Stderr, io::stderr);
