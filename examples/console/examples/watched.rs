//! A program to look at with tokio-console; `docs/console.md` shows what it sees.
//!
//! ```text
//! cd examples/console
//! cargo run --example watched
//! tokio-console --retain-for 1s      # in another terminal
//! ```
//!
//! `cargo run --example watched -- 3` ends after 3 seconds.

use std::future::{Future, pending};
use std::rc::Rc;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::sync::{Mutex, mpsc};
use glassloop::time::{sleep, timeout};
use glassloop::{Builder, spawn_blocking, spawn_named, yield_now};

fn main() {
    console_subscriber::init(); // its server has a thread and a tokio runtime of its own
    let seconds = std::env::args().nth(1).map_or(u64::MAX, |word| word.parse().unwrap());
    let runtime = Builder::new().console(true).build().unwrap();
    runtime.block_on(async {
        let done = timeout(Duration::from_secs(seconds), watched()).await;
        println!("it ran for its time: {}", done.is_err());
    });
}

// Output:
// it ran for its time: true

async fn watched() {
    let lock = Rc::new(Mutex::new(0));
    for name in ["first writer", "second writer"] {
        start(name, write(lock.clone()));
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    start("client", ask(listener.local_addr().unwrap()));
    start("server", serve(listener));
    start("sleeper", every(Duration::from_secs(1), || ()));
    // What the console warns of, and what its histograms are for.
    start("holds the loop", every(Duration::from_secs(2), || std::thread::sleep(Duration::from_millis(100))));
    start("wakes itself", spin());
    start("forgets its waker", pending());
    let (_kept, mut words) = mpsc::channel::<String>(1);
    start("waits for a word", async move { drop(words.recv().await) });
    loop {
        spawn_blocking(|| std::thread::sleep(Duration::from_secs(1))).await.unwrap();
    }
}

#[track_caller] // so that the console shows the place of the call
fn start(name: &str, task: impl Future<Output = ()> + 'static) {
    spawn_named(name, task).detach();
}

async fn every(time: Duration, act: impl Fn()) {
    loop {
        sleep(time).await;
        act();
    }
}

async fn write(lock: Rc<Mutex<u64>>) {
    loop {
        let mut count = lock.lock().await;
        *count += 1;
        sleep(Duration::from_millis(300)).await; // with the lock: the other waits
    }
}

async fn serve(listener: TcpListener) {
    let (stream, _) = listener.accept().await.unwrap();
    let mut word = [0; 4];
    while stream.read(&mut word).await.unwrap() > 0 {
        stream.write(&word).await.unwrap();
    }
}

async fn ask(address: std::net::SocketAddr) {
    let stream = TcpStream::connect(address).await.unwrap();
    loop {
        stream.write(b"ping").await.unwrap();
        stream.read(&mut [0; 4]).await.unwrap();
        sleep(Duration::from_millis(500)).await;
    }
}

async fn spin() {
    loop {
        sleep(Duration::from_secs(1)).await;
        for _ in 0..100 {
            yield_now().await;
        }
    }
}
