//! An echo server: a task for each connection, and an end that lets them finish.

use std::cell::RefCell;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::{JoinHandle, join_all, spawn};

struct Server {
    accepting: JoinHandle<io::Result<()>>,
    /// One thread runs all tasks, so they share without a lock.
    connections: Rc<RefCell<Vec<JoinHandle<io::Result<usize>>>>>,
}

impl Server {
    fn start(listener: TcpListener) -> Server {
        let connections = Rc::new(RefCell::new(Vec::new()));
        let list = connections.clone();
        let accepting = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await?;
                list.borrow_mut().push(spawn(echo(stream)));
            }
        });
        Server { accepting, connections }
    }

    /// Accepts no more, and waits for those who are connected; how many bytes each sent.
    async fn stop(self) -> Vec<usize> {
        self.accepting.abort(); // 1: it is dropped at its turn, and the listener with it
        assert!(self.accepting.await.unwrap_err().is_cancelled()); // 2
        let connections = join_all(self.connections.take()).await; // 3: ends when the last client has left
        connections.into_iter().map(|echoed| echoed.unwrap().unwrap()).collect()
    }
}

/// Gives back what comes, until the client ends; how many bytes that was.
async fn echo(stream: TcpStream) -> io::Result<usize> {
    let mut buffer = [0; 1024];
    let mut echoed = 0;
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return Ok(echoed);
        }
        stream.write_all(&buffer[..n]).await?;
        echoed += n;
    }
}

async fn say(stream: &TcpStream, words: &str) -> io::Result<()> {
    stream.write_all(words.as_bytes()).await?;
    let mut echo = vec![0; words.len()];
    stream.read_exact(&mut echo).await?;
    println!("{}", String::from_utf8_lossy(&echo));
    Ok(())
}

async fn visit(server: SocketAddr, words: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(server).await?;
    say(&stream, words).await?;
    Ok(stream)
}

fn main() -> io::Result<()> {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let server = Server::start(listener);

        visit(address, "hello").await?; // leaves at once
        let guest = visit(address, "still here").await?;
        let stopping = spawn(server.stop());
        while TcpStream::connect(address).await.is_ok() {} // until nobody accepts
        println!("nobody is let in any more");
        say(&guest, "served to the end").await?;
        drop(guest); // the last one leaves
        println!("bytes of each connection: {:?}", stopping.await.unwrap());
        Ok(())
    })
}

// Output:
// hello
// still here
// nobody is let in any more
// served to the end
// bytes of each connection: [5, 27]
