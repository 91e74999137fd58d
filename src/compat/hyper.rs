//! What hyper asks of a runtime: reading and writing, an executor, a timer.
//!
//! Streams of [`net`](crate::net), and those in memory of `io`, are hyper's [`Read`] and [`Write`] themselves: no
//! wrapper is needed. [`Exec`] spawns without asking for `Send`; [`Timer`] sleeps by the loop's clock, so that a
//! server's time-outs hold under virtual time too.
//!
//! # Examples
//! An HTTP/1 server of one connection:
//! ```
//! use glassloop::compat::hyper::Timer;
//! use glassloop::net::{TcpListener, TcpStream};
//! use hyper::{Request, Response, body::Incoming, server::conn::http1, service::service_fn};
//! use std::convert::Infallible;
//!
//! glassloop::run(async {
//!     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//!     let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
//!     let server = glassloop::spawn(async move {
//!         let (stream, _) = listener.accept().await.unwrap();
//!         let hello = service_fn(|_request: Request<Incoming>| async {
//!             Ok::<_, Infallible>(Response::new(String::from("hello")))
//!         });
//!         http1::Builder::new().timer(Timer).serve_connection(stream, hello).await
//!     });
//!     client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
//!     let mut answer = [0; 15];
//!     client.read_exact(&mut answer).await.unwrap();
//!     assert_eq!(&answer, b"HTTP/1.1 200 OK");
//!     server.await.unwrap().unwrap();
//! });
//! ```

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::rt::{Executor, Read, ReadBufCursor, Write};

use crate::join::spawn;
use crate::time::{self, Instant};
use crate::wake;

/// Spawns what hyper spawns (a connection's HTTP/2 streams, a client's connections) on the loop that runs on this
/// thread; its futures need not be `Send`.
///
/// # Panics
/// Where no loop runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Exec;

impl<F> Executor<F> for Exec
where
    F: Future + 'static,
    F::Output: 'static,
{
    #[track_caller]
    fn execute(&self, future: F) {
        spawn(future).detach();
    }
}

/// Sleeps by the loop's clock, which may be virtual.
///
/// # Panics
/// Where no loop runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Timer;

impl hyper::rt::Timer for Timer {
    #[track_caller]
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(time::sleep(duration)))
    }

    #[track_caller]
    fn sleep_until(&self, deadline: std::time::Instant) -> Pin<Box<dyn hyper::rt::Sleep>> {
        Box::pin(Sleep(time::sleep_until(Instant::from_std(deadline))))
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn hyper::rt::Sleep>>, deadline: std::time::Instant) {
        match sleep.as_mut().downcast_mut_pin::<Sleep>() {
            Some(sleep) => sleep.get_mut().0.reset(Instant::from_std(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }

    /// The loop's clock: hyper's deadlines are counted from it, and so hold under virtual time.
    fn now(&self) -> std::time::Instant {
        wake::current(|state| state.map_or_else(std::time::Instant::now, |state| state.clock.now_std()))
    }
}

/// As hyper names it.
#[derive(Debug)]
struct Sleep(time::Sleep);

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl hyper::rt::Sleep for Sleep {}

macro_rules! put {
    (both $type:ty: |$this:ident| $stream:expr;) => {
        put! { reads $type: |$this| $stream; }
        put! { writes $type: |$this| $stream; }
    };
    (reads $type:ty: |$this:ident| $stream:expr;) => {
        impl Read for $type {
            fn poll_read(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                mut buffer: ReadBufCursor<'_>,
            ) -> Poll<io::Result<()>> {
                let $this = &*self;
                $stream.poll_read_by(cx, buffer.remaining(), |read| buffer.put_slice(read))
            }
        }
    };
    (writes $type:ty: |$this:ident| $stream:expr;) => {
        writes! { Write for $type: |$this| $stream }
    };
}
super::streams!(put);
