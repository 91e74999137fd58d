//! An echo over TLS: rustls, through futures-rustls, on our sockets.
//!
//! A `TlsStream` reads and writes by the traits of futures-io, as our streams do. Closing it says goodbye to the peer
//! (`close_notify`): without that the peer could not tell the end from a connection cut in two.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures_rustls::{TlsAcceptor, TlsConnector};
use glassloop::io::{AsyncReadExt, AsyncWriteExt, copy, split};
use glassloop::net::{TcpListener, TcpStream};
use glassloop::time::timeout;
use glassloop::{JoinSet, spawn};
use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

async fn echo(acceptor: TlsAcceptor, stream: TcpStream) -> io::Result<()> {
    // A peer that says nothing must not be waited for: the handshake has a time limit.
    let stream = timeout(Duration::from_secs(10), acceptor.accept(stream)).await??;
    let (mut reader, mut writer) = split(stream);
    copy(&mut reader, &mut writer).await?;
    writer.close().await
}

fn main() -> io::Result<()> {
    let (server, client) = configs();
    let (acceptor, connector) = (TlsAcceptor::from(server), TlsConnector::from(client));
    glassloop::run(async {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let serving = spawn(async move {
            let mut connections = JoinSet::new();
            for _ in 0..2 {
                let (stream, _) = listener.accept().await?;
                connections.spawn(echo(acceptor.clone(), stream));
            }
            while let Some(end) = connections.join_next().await {
                end.expect("no panic").unwrap_or_else(|error| println!("server: {error}"));
            }
            io::Result::Ok(())
        });

        let localhost = ServerName::try_from("localhost").expect("a name");
        let mut stream = connector.connect(localhost, TcpStream::connect(address).await?).await?;
        println!("client: {:?}", stream.get_ref().1.protocol_version().expect("agreed on"));
        stream.write_all(b"nobody reads this on the way").await?;
        stream.close().await?;
        let mut back = String::new();
        stream.read_to_string(&mut back).await?;
        println!("client: {back}");

        // The certificate is for `localhost` alone. The client says so to the server, and ends.
        let other = ServerName::try_from("other.test").expect("a name");
        let error = connector.connect(other, TcpStream::connect(address).await?).await.unwrap_err().to_string();
        println!("client: {}", error.split(';').next().unwrap_or_default());
        serving.await.expect("no panic")
    })
}

/// A certificate made on the spot, shown by the server and trusted by the client.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let chain = vec![made.cert.der().clone()];
    let server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

// Output:
// client: TLSv1_3
// client: nobody reads this on the way
// client: invalid peer certificate: certificate not valid for name "other.test"
// server: received fatal alert: BadCertificate
