//! A certificate for `localhost`, made for this run, and the two sides of TLS that trust it.

use std::sync::Arc;

use rustls::pki_types::{PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

/// A server that shows the certificate and a client that trusts nothing else; both speak `protocols` (ALPN).
pub fn configs(protocols: &[&str]) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = rcgen::generate_simple_self_signed(["localhost".into()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let chain = vec![made.cert.der().clone()];
    let mut server = ServerConfig::builder().with_no_client_auth().with_single_cert(chain, key).unwrap();
    let mut client = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    server.alpn_protocols = protocols.iter().map(|name| name.as_bytes().into()).collect();
    client.alpn_protocols = server.alpn_protocols.clone();
    (Arc::new(server), Arc::new(client))
}

/// The name in the certificate.
pub fn localhost() -> ServerName<'static> {
    ServerName::try_from("localhost").unwrap()
}
