//! HTTPS, and which HTTP it is: hyper over tokio-rustls on our sockets, HTTP/2 where the handshake agrees on it.
//!
//! tokio-rustls asks a stream for tokio's reading and writing, which ours have (feature `tokio-io`). What it gives
//! back has them too; hyper wants its own, and hyper-util's `TokioIo` is the step between. No runtime of tokio runs.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::spawn;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response, service::service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::conn::auto;
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::{TlsAcceptor, TlsConnector};

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(format!("{} by {:?}", request.uri().path(), request.version())))
}

/// Serves a connection in the HTTP that its handshake chose.
async fn serve(acceptor: TlsAcceptor, stream: TcpStream) -> Result<(), Box<dyn Error + Send + Sync>> {
    let stream = TokioIo::new(acceptor.accept(stream).await?);
    let mut builder = auto::Builder::new(Exec);
    builder.http1().timer(Timer);
    builder.http2().timer(Timer);
    builder.serve_connection(stream, service_fn(answer)).await
}

/// Asks in the HTTP that the handshake chose.
async fn get(connector: TlsConnector, stream: TcpStream) -> Result<String, Box<dyn Error>> {
    let stream = connector.connect(ServerName::try_from("localhost")?, stream).await?;
    let h2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let request = Request::get("https://localhost/hello").body(Empty::<Bytes>::new())?;
    let response = if h2 {
        let (mut sender, connection) = http2::handshake(Exec, TokioIo::new(stream)).await?;
        spawn(connection).detach();
        sender.send_request(request).await?
    } else {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        spawn(connection).detach();
        sender.send_request(request).await?
    };
    Ok(String::from_utf8(response.into_body().collect().await?.to_bytes().into())?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let (server, client) = configs()?;
    let acceptor = TlsAcceptor::from(Arc::new(server));
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("the listener lives");
                spawn(serve(acceptor.clone(), stream)).detach();
            }
        });
        for protocol in ["h2", "http/1.1"] {
            let mut client = client.clone();
            client.alpn_protocols = vec![protocol.into()];
            let connector = TlsConnector::from(Arc::new(client));
            println!("{}", get(connector, TcpStream::connect(address).await?).await?);
        }
        serving.abort();
        Ok(())
    })
}

/// A certificate made on the spot, shown by the server and trusted by the client.
fn configs() -> Result<(ServerConfig, ClientConfig), Box<dyn Error>> {
    let made = rcgen::generate_simple_self_signed(["localhost".into()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone())?;
    let chain = vec![made.cert.der().clone()];
    let mut server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key)?;
    server.alpn_protocols = vec!["h2".into(), "http/1.1".into()];
    Ok((server, ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}

// Output:
// /hello by HTTP/2.0
// /hello by HTTP/1.1
