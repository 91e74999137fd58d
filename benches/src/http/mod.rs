//! The same HTTP/1 server on each runtime: hyper's, a task a connection, with the answer of hyper's own example.

pub(crate) mod alone;
pub(crate) mod glassloop;
pub(crate) mod tokio;

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::rt::Timer;
use hyper::server::conn::http1::Builder;
use hyper::{Request, Response};

/// How hyper is set up: for everybody alike, by the words behind the runtime's name.
#[derive(Clone, Copy, Default)]
pub(crate) struct Setup {
    /// With a timer hyper limits how long a request's head may take: a timer made and dropped a request.
    timer: bool,
    /// Head and body copied together and written by `write`, instead of both by `writev`.
    flat: bool,
}

impl Setup {
    pub(crate) fn of(words: impl Iterator<Item = String>) -> io::Result<Setup> {
        let mut setup = Setup::default();
        for word in words {
            match word.as_str() {
                "timer" => setup.timer = true,
                "flat" => setup.flat = true,
                _ => return Err(io::Error::other(format!("neither `timer` nor `flat`: {word:?}"))),
            }
        }
        Ok(setup)
    }

    fn hyper(self, timer: impl Timer + Send + Sync + 'static) -> Builder {
        let mut builder = Builder::new();
        if self.timer {
            builder.timer(timer);
        }
        if self.flat {
            builder.writev(false);
        }
        builder
    }
}

async fn hello(_: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::new(Bytes::from_static(b"Hello, World!"))))
}

/// Serves on a port of its own choice, which it prints, until it is killed.
pub(crate) fn serve(runtime: &str, setup: Setup) -> io::Result<()> {
    let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    listener.set_nonblocking(true)?;
    println!("{}", listener.local_addr()?);
    match runtime {
        "glassloop" => glassloop::serve(listener, setup),
        "tokio" => tokio::serve(listener, setup),
        _ => Err(io::Error::other(format!("no such runtime: {runtime:?}"))),
    }
}
