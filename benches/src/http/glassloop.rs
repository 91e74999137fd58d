//! glassloop.

use std::io;
use std::net::TcpListener as Bound;

use glassloop::compat::hyper::Timer;
use glassloop::net::TcpListener;
use glassloop::spawn;
use hyper::service::service_fn;

use super::{Setup, hello};

pub(crate) fn serve(listener: Bound, setup: Setup) -> io::Result<()> {
    let http = setup.hyper(Timer);
    glassloop::run(async {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            spawn(http.serve_connection(stream, service_fn(hello))).detach();
        }
    })
}
