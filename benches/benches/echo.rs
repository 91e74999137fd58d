//! 64 bytes there and back over loopback, server and clients on one loop: on one connection, and on 64 beside each
//! other.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::{JoinHandle, Runtime, spawn};

/// Connections to a server that sends back what it reads.
async fn connections(count: usize) -> Vec<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap());
        let (stream, _) = listener.accept().await.unwrap();
        spawn(async move {
            let mut buffer = [0; 1024];
            loop {
                match stream.read(&mut buffer).await.unwrap() {
                    0 => return,
                    n => stream.write_all(&buffer[..n]).await.unwrap(),
                }
            }
        })
        .detach();
    }
    clients
}

async fn ask(client: TcpStream, rounds: u64) {
    let mut buffer = [0; 1024];
    for _ in 0..rounds {
        client.write_all(&[7; 64]).await.unwrap();
        let mut read = 0;
        while read < 64 {
            read += client.read(&mut buffer).await.unwrap();
        }
    }
}

fn echo(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("echo");
    for width in [1, 64] {
        group.throughput(Throughput::Elements(width as u64));
        group.bench_function(format!("{width} connections"), |bencher| {
            bencher.iter_custom(|rounds| {
                runtime.block_on(async {
                    let clients = connections(width).await;
                    let start = Instant::now();
                    let tasks: Vec<JoinHandle<()>> =
                        clients.into_iter().map(|client| spawn(ask(client, rounds))).collect();
                    for task in tasks {
                        task.await.unwrap();
                    }
                    start.elapsed()
                })
            });
        });
    }
}

criterion_group!(benches, echo);
criterion_main!(benches);
