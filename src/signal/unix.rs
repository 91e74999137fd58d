//! Signals by their kinds.

use std::fmt;
use std::future::Future;
use std::io::{self, Read};
use std::panic::Location;
use std::task::{Context, Poll};

use mio::event::Source;
use mio::{Interest, Registry, Token};
use signal_hook::{SigId, consts};

use super::caught;
use crate::net::socket::{Io, Socket};
use crate::reactor::Thing;
use crate::trace::Direction;

/// Listens to a kind of signal, from now on.
///
/// # Errors
/// `InvalidInput` for a signal that cannot be caught (`SIGKILL`, `SIGSTOP`), for one that a listener could not outlive
/// (`SIGSEGV`, `SIGILL`, `SIGFPE`), and for a number that is no signal. What else the system says; and outside of a
/// running loop.
///
/// # Examples
/// ```
/// use glassloop::signal::unix::{SignalKind, signal};
///
/// glassloop::run(async {
///     let terminate = signal(SignalKind::terminate()).unwrap(); // does not end this process any more
///     let error = signal(SignalKind::from_raw(9)).unwrap_err();
///     assert!(error.to_string().starts_with("SIGKILL cannot be caught"));
///     drop(terminate); // ends it again
/// });
/// ```
pub fn signal(kind: SignalKind) -> io::Result<Signal> {
    caught::check(kind.0)?;
    let (reader, writer) = std::os::unix::net::UnixStream::pair()?;
    reader.set_nonblocking(true)?;
    let socket = Socket::new(Listener(mio::net::UnixStream::from_std(reader)))?;
    let id = caught::listen(kind.0, writer)?;
    Ok(Signal { socket, kind, id })
}

/// Hears one kind of signal; made by [`signal`].
///
/// It may be dropped on any thread, and is used on its own loop.
#[derive(Debug)]
pub struct Signal {
    /// The handler writes a byte a signal.
    socket: Socket<Listener>,
    kind: SignalKind,
    id: SigId,
}

impl Signal {
    /// Waits for the next signal. All that came since the last one was heard are one. `None`, and at once, only if
    /// other code has taken this listener's entry out of signal-hook's registry.
    ///
    /// # Scheduling
    /// The task is made ready in the dispatch phase, with the listener's source as cause.
    ///
    /// # Panics
    /// On another loop than its own, or outside of any.
    ///
    /// # Cancel safety
    /// Dropped, it has heard nothing.
    #[track_caller]
    pub fn recv(&mut self) -> impl Future<Output = Option<()>> + '_ {
        self.recv_at(Location::caller())
    }

    pub(super) async fn recv_at(&mut self, site: &'static Location<'static>) -> Option<()> {
        expect(self.socket.operation_at(site, Direction::Read, hear).await)
    }

    /// The poll of [`recv`](Signal::recv).
    ///
    /// # Panics
    /// As there.
    #[track_caller]
    pub fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.socket.poll(cx, Direction::Read, hear).map(expect)
    }

    /// What it listens to.
    #[must_use]
    pub fn kind(&self) -> SignalKind {
        self.kind
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        caught::leave(self.kind.0, self.id);
    }
}

/// The items are the signals; see [`Signal::recv`].
#[cfg(feature = "stream")]
impl futures_lite::Stream for Signal {
    type Item = ();

    fn poll_next(mut self: std::pin::Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<()>> {
        self.poll_recv(cx)
    }
}

/// Takes all bytes: they are one signal.
fn hear(socket: &Socket<Listener>) -> io::Result<usize> {
    let mut buffer = [0; 64];
    let mut heard = 0;
    loop {
        match socket.read(&mut buffer) {
            Ok(bytes) if bytes < buffer.len() => return Ok(heard + bytes),
            Ok(bytes) => heard += bytes,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock && heard > 0 => return Ok(heard),
            Err(error) => return Err(error),
        }
    }
}

#[track_caller]
fn expect(heard: io::Result<usize>) -> Option<()> {
    match heard {
        Ok(bytes) => (bytes > 0).then_some(()),
        Err(error) => panic!("{error}"),
    }
}

/// A Unix socket under a name of its own.
#[derive(Debug)]
struct Listener(mio::net::UnixStream);

impl Read for &Listener {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }
}

impl Source for Listener {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.0.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.0.deregister(registry)
    }
}

impl Io for Listener {
    const NAME: &'static str = "signal";
    const THING: Thing = Thing::SignalListener;
    const INTEREST: Interest = Interest::READABLE;
}

/// A kind of signal. Its `Display` is its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SignalKind(i32);

impl SignalKind {
    /// The kind with this number, for those that have no function here. [`signal`] says whether there is one.
    #[must_use]
    pub const fn from_raw(number: i32) -> SignalKind {
        SignalKind(number)
    }

    /// Its number.
    #[must_use]
    pub const fn as_raw_value(&self) -> i32 {
        self.0
    }

    /// `SIGALRM`: a timer of the system has run out.
    #[must_use]
    pub const fn alarm() -> SignalKind {
        SignalKind(consts::SIGALRM)
    }

    /// `SIGCHLD`: a child has ended, stopped or gone on. The room `process` does not need it.
    #[must_use]
    pub const fn child() -> SignalKind {
        SignalKind(consts::SIGCHLD)
    }

    /// `SIGHUP`: the terminal is gone. Daemons take it for "read your configuration again".
    #[must_use]
    pub const fn hangup() -> SignalKind {
        SignalKind(consts::SIGHUP)
    }

    /// `SIGINT`: Ctrl-C.
    #[must_use]
    pub const fn interrupt() -> SignalKind {
        SignalKind(consts::SIGINT)
    }

    /// `SIGIO`: a descriptor is ready.
    #[must_use]
    pub const fn io() -> SignalKind {
        SignalKind(consts::SIGIO)
    }

    /// `SIGPIPE`: a pipe was written that nobody reads. Rust programs ignore it from their start.
    #[must_use]
    pub const fn pipe() -> SignalKind {
        SignalKind(consts::SIGPIPE)
    }

    /// `SIGQUIT`: Ctrl-\.
    #[must_use]
    pub const fn quit() -> SignalKind {
        SignalKind(consts::SIGQUIT)
    }

    /// `SIGTERM`: the polite way to end a program.
    #[must_use]
    pub const fn terminate() -> SignalKind {
        SignalKind(consts::SIGTERM)
    }

    /// `SIGUSR1`.
    #[must_use]
    pub const fn user_defined1() -> SignalKind {
        SignalKind(consts::SIGUSR1)
    }

    /// `SIGUSR2`.
    #[must_use]
    pub const fn user_defined2() -> SignalKind {
        SignalKind(consts::SIGUSR2)
    }

    /// `SIGWINCH`: the terminal has another size.
    #[must_use]
    pub const fn window_change() -> SignalKind {
        SignalKind(consts::SIGWINCH)
    }
}

impl From<i32> for SignalKind {
    fn from(number: i32) -> SignalKind {
        SignalKind(number)
    }
}

impl From<SignalKind> for i32 {
    fn from(kind: SignalKind) -> i32 {
        kind.0
    }
}

impl fmt::Display for SignalKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match signal_hook::low_level::signal_name(self.0) {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}
