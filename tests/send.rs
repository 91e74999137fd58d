//! What may leave the loop's thread. What may not is held by `compile_fail` doctests, where each type is documented.

use glassloop::net::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, TcpListener, TcpStream, WriteHalf};
use glassloop::time::{Elapsed, Instant, Interval, Sleep, Timeout};
use glassloop::trace::{Cause, Event, RuntimeId, SourceId, TaskId, TimerId};
use glassloop::{
    AbortHandle, Deadlock, Dump, Handle, JoinError, NoRuntime, RemoteError, RemoteHandle, RuntimeGone, Unfinished,
};

/// Checked when this file is compiled.
#[test]
fn keys_handles_values_and_errors_are_send_and_sync() {
    fn both<T: Send + Sync + 'static>() {}
    // Keys into a loop, which hold no reference to it.
    both::<TcpListener>();
    both::<TcpStream>();
    both::<OwnedReadHalf>();
    both::<OwnedWriteHalf>();
    both::<ReadHalf<'static>>();
    both::<WriteHalf<'static>>();
    both::<Sleep>();
    both::<Interval>();
    both::<Timeout<std::future::Ready<()>>>();
    // Handles.
    both::<Handle>();
    both::<AbortHandle>();
    both::<RemoteHandle<u8>>();
    both::<RemoteHandle<std::cell::Cell<u8>>>(); // its output needs `Send` alone
    // Values.
    both::<Instant>();
    both::<TaskId>();
    both::<TimerId>();
    both::<SourceId>();
    both::<RuntimeId>();
    both::<Cause>();
    both::<Event>();
    both::<Dump>();
    // Errors: what `Box<dyn Error + Send + Sync>` and `io::Error::other` ask for.
    both::<JoinError>();
    both::<RemoteError>();
    both::<RuntimeGone>();
    both::<NoRuntime>();
    both::<Elapsed>();
    both::<Deadlock>();
    both::<Unfinished>();
}

/// The futures of socket operations too, so that a task spawned on another runtime by name alone may hold them.
#[test]
fn the_futures_of_sockets_are_send() {
    fn send<T: Send>(_: &T) {}
    let _never_called = |stream: &TcpStream, listener: &TcpListener, buffer: &mut [u8]| {
        send(&listener.accept());
        send(&stream.readable());
        send(&stream.write_all(b""));
        send(&stream.read(buffer));
    };
}
