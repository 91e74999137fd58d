//! A service to call: it waits as long as a call asks, and answers.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// A call and its answer: how long the service is to wait, in microseconds.
pub(super) type Call = [u8; 8];

/// Serves until the process ends, a thread a connection, so that calls never wait for each other there.
///
/// # Errors
/// What the system says of the address and the thread.
pub fn service() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let addr = listener.local_addr()?;
    thread::Builder::new().name("service".into()).spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A caller that went away has ended its calls.
            thread::spawn(move || _ = answer(stream));
        }
    })?;
    Ok(addr)
}

fn answer(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut call = Call::default();
    loop {
        stream.read_exact(&mut call)?;
        let wait = Duration::from_micros(u64::from_le_bytes(call));
        if !wait.is_zero() {
            thread::sleep(wait);
        }
        stream.write_all(&call)?;
    }
}
