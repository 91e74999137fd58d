//! hyper-util's client on glassloop: it keeps its connections, so that the next request need not make one.

use std::cell::Cell;
use std::convert::Infallible;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve_hyper};
use glassloop::net::TcpListener;
use http_body_util::BodyExt;
use hyper::{Response, service::service_fn};
use hyper_util::client::legacy::Client;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    glassloop::run(async {
        // A server that says which of its connections a request came by.
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let uri = format!("http://localhost:{}", listener.local_addr()?.port());
        let connections = Cell::new(0);
        let server = serve_hyper(listener, move |_, _| {
            connections.set(connections.get() + 1);
            let connection = connections.get();
            service_fn(move |_| async move {
                Ok::<_, Infallible>(Response::new(format!("by connection {connection}")))
            })
        });
        glassloop::spawn(server.into_future()).detach();

        let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(Connector::new());
        for request in 1..=3 {
            let response = client.get(uri.parse()?).await?;
            let body = response.into_body().collect().await?.to_bytes();
            println!("request {request} came {}", std::str::from_utf8(&body)?);
        }
        let threads = glassloop::metrics()?.blocking.threads;
        println!("the name was looked up on {threads} thread of the pool, everything else was done on this one");
        Ok(())
    })
}

// Output:
// request 1 came by connection 1
// request 2 came by connection 1
// request 3 came by connection 1
// the name was looked up on 1 thread of the pool, everything else was done on this one
