//! A loop a core: threads that share nothing but an address, and send each other messages.

mod app;

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;

use axum::Router;
use glassloop::compat::hyper_util::{Served, serve};
use glassloop::net::TcpSocket;
use glassloop::signal::unix::{SignalKind, signal};
use glassloop::{Handle, RemoteError, join_all, select};
use tokio::sync::{oneshot, watch};

pub use app::{Requests, app, pages, requests};

/// How many connections may wait for a loop to accept them.
const BACKLOG: u32 = 1024;

/// Loops that serve one address, each on a thread of its own.
pub struct Cores {
    addr: SocketAddr,
    peers: Peers,
    stop: Arc<watch::Sender<bool>>,
    threads: Vec<thread::JoinHandle<io::Result<Served>>>,
}

/// Every loop, as the others reach it.
#[derive(Clone)]
pub struct Peers(Arc<[Handle]>);

impl Peers {
    /// Asks every loop, the caller's too. `question` runs on each loop's thread and sees what is that loop's own; the
    /// answers come in the order of the loops. A loop that has ended gives an error.
    pub async fn ask<T: Send + 'static>(
        &self,
        question: impl Fn() -> T + Clone + Send + 'static,
    ) -> Vec<Result<T, RemoteError>> {
        let asked = self.0.iter().map(|peer| {
            let question = question.clone();
            peer.spawn(move || async move { question() })
        });
        join_all(asked.collect::<Vec<_>>()).await
    }
}

impl Cores {
    /// Starts `count` loops at `addr`. Each makes its router by `app`, from its number and its peers.
    ///
    /// They end when the process hears ctrl-c, or by [`stop`](Cores::stop); if one cannot go on, all do.
    ///
    /// # Errors
    /// What the system says: of the address, or of a loop that could not start.
    pub fn start(
        addr: SocketAddr,
        count: usize,
        app: impl Fn(usize, Peers) -> Router + Clone + Send + 'static,
    ) -> io::Result<Cores> {
        let sockets = bind(addr, count)?;
        let addr = sockets[0].local_addr()?;
        let stop = Arc::new(watch::Sender::new(false));
        let (mut threads, mut starting) = (Vec::new(), Vec::new());
        for (number, socket) in sockets.into_iter().enumerate() {
            let (up, is_up) = mpsc::channel();
            let (meet, peers) = oneshot::channel();
            let (app, stop) = (app.clone(), stop.clone());
            let run = move || {
                glassloop::run(async move {
                    let one = OneLoop { socket, up, peers, stop };
                    one.serve(|peers| app(number, peers)).await
                })
            };
            threads.push(thread::Builder::new().name(format!("loop {number}")).spawn(run)?);
            starting.push((is_up, meet));
        }
        let peers: Option<Arc<[Handle]>> = starting.iter().map(|(is_up, _)| is_up.recv().ok()).collect();
        let Some(peers) = peers.map(Peers) else {
            drop(starting); // no peers come, so that all end
            return Err(join(threads).err().unwrap_or_else(|| io::Error::other("a loop did not start")));
        };
        for (_, meet) in starting {
            _ = meet.send(peers.clone()); // a loop that has ended since says so when it is joined
        }
        Ok(Cores { addr, peers, stop, threads })
    }

    /// Where they listen.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The loops.
    pub fn peers(&self) -> &Peers {
        &self.peers
    }

    /// Ends all loops in good order, as ctrl-c does, and tells what each served.
    ///
    /// # Errors
    /// The first loop's that could not go on.
    pub fn stop(self) -> io::Result<Vec<Served>> {
        self.stop.send_replace(true);
        self.wait()
    }

    /// Waits until the loops have ended, and tells what each served.
    ///
    /// # Errors
    /// As [`stop`](Cores::stop).
    pub fn wait(self) -> io::Result<Vec<Served>> {
        join(self.threads)
    }
}

/// A socket for each loop, all at one address. They are bound here, so that an address that is taken is told at once.
fn bind(mut addr: SocketAddr, count: usize) -> io::Result<Vec<TcpSocket>> {
    assert!(count > 0, "no loop serves nobody");
    let mut sockets = Vec::new();
    for _ in 0..count {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
        socket.set_reuseport(true)?;
        socket.bind(addr)?;
        addr = socket.local_addr()?; // the first bind chooses the port, if it was 0
        sockets.push(socket);
    }
    Ok(sockets)
}

fn join(threads: Vec<thread::JoinHandle<io::Result<Served>>>) -> io::Result<Vec<Served>> {
    let ended: Vec<_> = threads.into_iter().map(|thread| thread.join().expect("a loop does not panic")).collect();
    ended.into_iter().collect()
}

/// What a loop is given before it runs.
struct OneLoop {
    socket: TcpSocket,
    up: mpsc::Sender<Handle>,
    peers: oneshot::Receiver<Peers>,
    stop: Arc<watch::Sender<bool>>,
}

impl OneLoop {
    async fn serve(self, app: impl FnOnce(Peers) -> Router) -> io::Result<Served> {
        let OneLoop { socket, up, peers, stop } = self;
        let serving = stop.subscribe();
        let mut stopped = stop.subscribe();
        let mut interrupt = signal(SignalKind::interrupt())?;
        let listener = socket.listen(BACKLOG)?;
        up.send(Handle::current()).map_err(io::Error::other)?;
        let peers = peers.await.map_err(io::Error::other)?; // who connects meanwhile waits in the backlog

        let told_to_stop = async move {
            select! {
                _ = stopped.wait_for(|stop| *stop) => {}
                _ = interrupt.recv() => {}
            }
        };
        let served = serve(listener, app(peers).into_make_service()).with_graceful_shutdown(told_to_stop).await;

        // A loop that serves no longer still answers the others' messages, until none of them serves.
        stop.send_replace(true);
        drop(serving);
        stop.closed().await;
        served
    }
}
