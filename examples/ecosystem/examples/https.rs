//! HTTPS: a server and a pooled client, HTTP/1 or HTTP/2 as the handshake agrees.
//!
//! tokio-rustls asks a stream for tokio's reading and writing, which ours have (feature `tokio-io`). What it gives
//! back has them too; hyper wants its own, and hyper-util's `TokioIo` is the step between. No runtime of tokio runs.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use glassloop::compat::hyper::{Exec, Timer};
use glassloop::compat::hyper_util::{Connector, Listener, serve_hyper};
use glassloop::net::{TcpListener, TcpStream};
use http_body_util::BodyExt;
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioIo};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio_rustls::TlsAcceptor;

async fn answer(request: Request<Incoming>) -> Result<Response<String>, Infallible> {
    Ok(Response::new(format!("{} by {:?}", request.uri().path(), request.version())))
}

fn main() -> Result<(), Box<dyn Error>> {
    let (server, client) = configs()?;
    let acceptor = TlsAcceptor::from(Arc::new(server));
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let place = format!("localhost:{}", listener.local_addr()?.port());
        // Each connection shakes hands in its own task, before it is served.
        let listener = listener.and_then(move |stream: TcpStream| {
            let acceptor = acceptor.clone();
            async move { acceptor.accept(stream).await.map(TokioIo::new) }
        });
        let server = glassloop::spawn(serve_hyper(listener, |_, _| service_fn(answer)).into_future());

        let tls = || HttpsConnectorBuilder::new().with_tls_config(client.clone()).https_only();
        let tcp = Connector::new().enforce_http(false);
        for connector in
            [tls().enable_http1().wrap_connector(tcp.clone()), tls().enable_http2().wrap_connector(tcp)]
        {
            let client = Client::builder(Exec).pool_timer(Timer).build::<_, String>(connector);
            let response = client.get(format!("https://{place}/hello").parse()?).await?;
            println!("{}", String::from_utf8(response.into_body().collect().await?.to_bytes().into())?);
        }
        server.abort();
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
// /hello by HTTP/1.1
// /hello by HTTP/2.0
