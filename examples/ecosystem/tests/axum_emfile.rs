//! A server whose process has no descriptor left. Alone in its program, for the limit is the whole process's.

use std::cell::Cell;
use std::fs::File;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use axum::{Router, routing::get};
use glassloop::compat::hyper_util::{Listener, serve};
use glassloop::net::{TcpListener, TcpSocket, TcpStream};
use glassloop::time::sleep;
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Counts how often it was asked to accept.
struct Counting(TcpListener, Rc<Cell<u32>>);

impl Listener for Counting {
    type Raw = TcpStream;
    type Io = TcpStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> io::Result<(TcpStream, SocketAddr)> {
        self.1.set(self.1.get() + 1);
        Listener::accept(&mut self.0).await
    }

    fn open(&self, stream: TcpStream) -> impl Future<Output = io::Result<TcpStream>> + use<> {
        self.0.open(stream)
    }
}

#[test]
fn without_descriptors_a_server_tries_once_a_second_and_serves_when_there_are_some() {
    let runtime = glassloop::Builder::new().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let (tries, listener) = (Rc::new(Cell::new(0)), TcpListener::bind("127.0.0.1:0").await.unwrap());
        let addr = listener.local_addr().unwrap();
        let app = Router::new().route("/", get(|| async { "served" }));
        let server = serve(Counting(listener, tries.clone()), app.into_make_service());
        let server = server.on_error(|whose, error| {
            let error = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            assert_eq!((whose, error), ("accept", Some(Errno::MFILE.raw_os_error())));
        });
        glassloop::spawn(server.into_future()).detach();
        let client = TcpSocket::new_v4().unwrap(); // it has its descriptor already

        let before = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(64), ..before }).unwrap();
        let hog: Vec<_> = std::iter::from_fn(|| File::open("/dev/null").ok()).collect();
        let client = client.connect(addr).await.unwrap(); // the kernel's backlog takes it
        sleep(Duration::from_millis(10_500)).await; // virtual
        assert_eq!(tries.get(), 11); // at the start, and once a second
        drop(hog);

        client.write_all(b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
        let mut answer = [0; 15];
        client.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200 OK");
        setrlimit(Resource::Nofile, before).unwrap();
    });
}
