//! `echo_server RUNTIME`: serves on a port of its own choice, which it prints, until it is killed.

use std::io;
use std::net::{SocketAddr, TcpListener};

use compio::driver::DriverType;

#[path = "../echo/mod.rs"]
mod echo;

fn main() -> io::Result<()> {
    let name = std::env::args().nth(1).unwrap_or_default();
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let ready = |address: SocketAddr| println!("{address}");
    if name == "glommio" {
        return echo::glommio::serve(any, ready);
    }
    let listener = TcpListener::bind(any)?;
    listener.set_nonblocking(true)?;
    ready(listener.local_addr()?);
    match name.as_str() {
        "glassloop" => echo::glassloop::serve(listener),
        "mio" => echo::mio::serve(listener),
        "tokio" => echo::tokio::serve(listener),
        "smol" => echo::smol::serve(listener),
        "compio" => echo::compio::serve(listener, DriverType::Poll),
        "compio_uring" => echo::compio::serve(listener, DriverType::IoUring),
        "monoio" => echo::monoio::serve_by_epoll(listener),
        "monoio_uring" => echo::monoio::serve_by_io_uring(listener),
        _ => Err(io::Error::other(format!("usage: echo_server RUNTIME, not {name:?}"))),
    }
}
