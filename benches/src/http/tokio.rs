//! tokio: a `LocalRuntime`, and hyper-util's adapters.

use std::io;
use std::net::TcpListener as Bound;

use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::task::spawn_local;

use super::{Setup, hello};

pub(crate) fn serve(listener: Bound, setup: Setup) -> io::Result<()> {
    let http = setup.hyper(TokioTimer::new());
    let runtime = Builder::new_current_thread().enable_io().enable_time().build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn_local(http.serve_connection(TokioIo::new(stream), service_fn(hello)));
        }
    })
}
