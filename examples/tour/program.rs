//! The program that the tour watches: guests ask a server over TCP, while a clock ticks and a letter comes.

use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::{interval, sleep};
use glassloop::{join_all, spawn_blocking, spawn_named};

/// All of it. Every `spawn_named` makes a task, and one thread runs them all.
pub(crate) async fn program(guests: [(&'static str, u32); 3]) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = spawn_named("server", serve(listener, guests.len()));
    let guests = guests.map(|(name, number)| spawn_named(name, ask(address, number)));
    let clock = spawn_named("clock", tick(10));
    let reader = spawn_named("reader", read_letter());
    join_all(guests).await;
    join_all([server, clock, reader]).await;
}

/// Gives each guest a desk, a task of its own, and waits until all have left.
async fn serve(listener: TcpListener, guests: usize) {
    let mut desks = Vec::new();
    for n in 1..=guests {
        let (guest, _) = listener.accept().await.unwrap();
        desks.push(spawn_named(format!("desk {n}"), answer(guest)));
    }
    join_all(desks).await;
}

/// Says how many primes there are below the guest's number. Long work would hold the loop, so a thread does it.
async fn answer(guest: TcpStream) {
    let mut number = [0; 4];
    guest.read_exact(&mut number).await.unwrap();
    let limit = u32::from_le_bytes(number);
    let primes = match limit {
        ..100 => primes_below(limit),
        _ => spawn_blocking(move || primes_below(limit)).await.unwrap(),
    };
    guest.write_all(&primes.to_le_bytes()).await.unwrap();
}

fn primes_below(limit: u32) -> u32 {
    (2..limit).filter(|n| (2..*n).take_while(|d| d * d <= *n).all(|d| n % d != 0)).count() as u32
}

/// A guest: comes, thinks for a while, asks, and waits for the answer.
async fn ask(server: SocketAddr, number: u32) {
    let stream = TcpStream::connect(server).await.unwrap();
    sleep(Duration::from_millis(1)).await;
    stream.write_all(&number.to_le_bytes()).await.unwrap();
    stream.read_exact(&mut [0; 4]).await.unwrap();
}

async fn tick(times: u32) {
    let mut ticks = interval(Duration::from_millis(2));
    for _ in 0..times {
        ticks.tick().await;
    }
}

/// Waits for a letter that another thread brings. The thread is given this task's waker, to ring with.
async fn read_letter() {
    let (sender, letterbox) = mpsc::channel();
    let mut sender = Some(sender);
    let letter = poll_fn(|cx| {
        let Some(sender) = sender.take() else {
            return letterbox.try_recv().map_or(Poll::Pending, Poll::Ready);
        };
        let waker = cx.waker().clone();
        let walk = move || {
            thread::sleep(Duration::from_millis(5)); // a thread may block: the loop does not notice
            let _ = sender.send("greetings");
            waker.wake();
        };
        thread::Builder::new().name("postman".into()).spawn(walk).unwrap();
        Poll::Pending
    });
    assert_eq!(letter.await, "greetings");
}
