//! A connection for each query, where one would do for all.

use std::cell::Cell;
use std::rc::Rc;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::Mutex;
use glassloop::{Builder, join_all, spawn};

use super::mistake::Mistake;

pub(super) const MISTAKE: Mistake = Mistake { title: "a connection a query", compiler: "", wrong, mended };

/// Answers each byte with the next; counts its connections.
async fn serve(listener: TcpListener, connections: Rc<Cell<usize>>) {
    loop {
        let (stream, _peer) = listener.accept().await.unwrap();
        connections.set(connections.get() + 1);
        spawn(async move {
            let mut query = [0];
            while stream.read_exact(&mut query).await.is_ok() {
                stream.write_all(&[query[0] + 1]).await.unwrap();
            }
        })
        .detach();
    }
}

async fn query(stream: &TcpStream, n: u8) -> u8 {
    let mut answer = [0];
    stream.write_all(&[n]).await.unwrap();
    stream.read_exact(&mut answer).await.unwrap();
    answer[0]
}

fn wrong(builder: Builder) -> Vec<String> {
    told(builder, async |address| {
        let ask = async |n| query(&TcpStream::connect(address).await.unwrap(), n).await;
        join_all((0..20).map(ask)).await
    })
}

fn mended(builder: Builder) -> Vec<String> {
    told(builder, async |address| {
        let connection = Mutex::new(TcpStream::connect(address).await.unwrap()); // one; or a few, in a `Queue`
        let ask = async |n| query(&*connection.lock().await, n).await;
        join_all((0..20).map(ask)).await
    })
}

fn told(builder: Builder, ask: impl AsyncFnOnce(std::net::SocketAddr) -> Vec<u8>) -> Vec<String> {
    builder.build().unwrap().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, connections) = (listener.local_addr().unwrap(), Rc::new(Cell::new(0)));
        spawn(serve(listener, connections.clone())).detach();
        let answers = ask(address).await;
        assert!(answers.into_iter().eq(1..=20));
        vec![format!("20 queries, connections: {}", connections.get())]
    })
}
