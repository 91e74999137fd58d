//! A site to call: an axum app on a thread and a loop of its own, as a real one would be elsewhere.

use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use glassloop::compat::hyper_util::{Served, serve};
use glassloop::net::TcpListener;
use tokio::sync::oneshot;

/// Serves until it is dropped.
#[derive(Debug)]
pub struct Site {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Served>>,
}

impl Site {
    /// Serves what `router` makes, on a free port of this machine. The router is made on the site's own thread.
    pub fn start(router: impl FnOnce() -> axum::Router + Send + 'static) -> Site {
        let (bound, address) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let serving = move || {
            glassloop::run(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                bound.send(listener.local_addr().expect("it is bound")).expect("its maker waits");
                let stopped = async { _ = stopped.await };
                serve(listener, router().into_make_service())
                    .with_graceful_shutdown(stopped)
                    .await
                    .expect("it listens")
            })
        };
        let thread = thread::Builder::new().name("site".into()).spawn(serving).expect("a thread");
        Site { addr: address.recv().expect("the site is up"), stop: Some(stop), thread: Some(thread) }
    }

    /// Where `path` is.
    pub fn uri(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Ends it in good order, and tells what it served.
    pub fn stop(mut self) -> Served {
        self.end().expect("it was not stopped before").expect("the site does not panic")
    }

    fn end(&mut self) -> Option<thread::Result<Served>> {
        drop(self.stop.take());
        self.thread.take().map(JoinHandle::join)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.end();
    }
}
