//! A hyper server on glassloop, over HTTP/1 and HTTP/2. Its state is an `Rc`: all requests run on one thread.

use std::cell::Cell;
use std::convert::Infallible;
use std::rc::Rc;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, serve_hyper};
use glassloop::net::TcpListener;
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::client::legacy::Client;

async fn hello(request: Request<Incoming>, count: Rc<Cell<u32>>) -> Result<Response<String>, Infallible> {
    count.set(count.get() + 1);
    Ok(Response::new(format!(
        "hello {} over {:?}, you are number {}",
        request.uri().path(),
        request.version(),
        count.get()
    )))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let addr = listener.local_addr()?;
        let count = Rc::new(Cell::new(0));
        let server = serve_hyper(listener, move |_, _| {
            let count = count.clone();
            service_fn(move |request| hello(request, count.clone()))
        });
        glassloop::spawn(server.into_future()).detach(); // or `server.await?`

        for http2 in [false, true] {
            let client =
                Client::builder(Exec).pool_timer(Timer).http2_only(http2).build::<_, String>(Connector::new());
            let response = client.get(format!("http://{addr}/world").parse()?).await?;
            let body = response.into_body().collect().await?.to_bytes();
            println!("{}", std::str::from_utf8(&body)?);
        }
        Ok(())
    })
}

// Output:
// hello /world over HTTP/1.1, you are number 1
// hello /world over HTTP/2.0, you are number 2
