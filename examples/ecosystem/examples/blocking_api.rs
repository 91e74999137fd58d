//! A library that hides its loop: plain blocking calls outside, glassloop on a thread of its own inside.
//!
//! The caller sees no future, no runtime and no thread. Two things make it work: a [`Handle`], which spawns on the
//! loop from any thread and waits for the output there, and a task that ends the loop when the front is dropped.

use std::net::SocketAddr;
use std::thread;
use std::time::Duration;

use futures::channel::oneshot;
use glassloop::net::{TcpListener, TcpStream};
use glassloop::{Handle, RemoteError, Runtime, time};

/// Asks servers for a line. Any number of threads may use one.
pub struct Client {
    handle: Handle,
    /// Dropped, it ends the loop.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Client {
    pub fn new() -> std::io::Result<Client> {
        let (ready, made) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        // A runtime stays on the thread that makes it, so it is made there; its handle comes back.
        let thread = thread::Builder::new().name("client".into()).spawn(move || {
            let runtime = match Runtime::new() {
                Ok(runtime) => runtime,
                Err(error) => return ready.send(Err(error)).unwrap_or_default(),
            };
            let _ = ready.send(Ok(runtime.handle()));
            let _ = runtime.block_on(stopped);
        })?;
        let handle = made.recv().expect("the thread says how it went")?;
        Ok(Client { handle, stop: Some(stop), thread: Some(thread) })
    }

    /// Sends `line` and blocks until the answer is there, for at most a second.
    pub fn ask(&self, server: SocketAddr, line: &str) -> Result<String, Box<dyn std::error::Error + Send + Sync>> {
        let line = format!("{line}\n");
        let task = self.handle.spawn(move || time::timeout(Duration::from_secs(1), exchange(server, line)));
        match task.wait() {
            Ok(Ok(answer)) => Ok(answer?),
            Ok(Err(elapsed)) => Err(elapsed.into()),
            Err(RemoteError::Gone(gone)) => Err(gone.into()),
            Err(error) => Err(error.into()),
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn exchange(server: SocketAddr, line: String) -> std::io::Result<String> {
    let stream = TcpStream::connect(server).await?;
    stream.write_all(line.as_bytes()).await?;
    read_line(&stream).await
}

async fn read_line(stream: &TcpStream) -> std::io::Result<String> {
    let mut line = Vec::new();
    let mut byte = [0];
    while stream.read(&mut byte).await? == 1 && byte[0] != b'\n' {
        line.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn main() {
    let server = shouting_server();
    let client = Client::new().unwrap();
    println!("{}", client.ask(server, "hello").unwrap());
    thread::scope(|scope| {
        let asks = ["from", "three", "threads"].map(|word| {
            let client = &client;
            scope.spawn(move || client.ask(server, word).unwrap())
        });
        for ask in asks {
            println!("{}", ask.join().unwrap());
        }
    });
    println!("{}", client.ask(server, "silence").unwrap_err());
}

/// Answers in capitals; to "silence" it says nothing.
fn shouting_server() -> SocketAddr {
    let (say, heard) = std::sync::mpsc::channel();
    thread::spawn(move || {
        glassloop::run(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            say.send(listener.local_addr().unwrap()).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let serve = async move {
                    let line = read_line(&stream).await?;
                    if line == "silence" {
                        read_line(&stream).await?; // ends when the client goes
                    }
                    stream.write_all(format!("{}\n", line.to_uppercase()).as_bytes()).await
                };
                glassloop::spawn(serve).detach();
            }
        });
    });
    heard.recv().unwrap()
}

// Output:
// HELLO
// FROM
// THREE
// THREADS
// the time was over before the future was ready
