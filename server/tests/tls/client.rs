//! A client over TLS that is told whom to trust, and what the server shows it.

use std::{path::Path, sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

/// Longer than anything takes on a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The certificates in a PEM file.
pub fn certificates(path: &Path) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_file_iter(path).unwrap().map(|one| one.unwrap()).collect()
}

/// Trusts these and offers these protocols.
pub fn connector(roots: &[CertificateDer<'static>], alpn: &[&[u8]]) -> TlsConnector {
    let mut store = RootCertStore::empty();
    for root in roots {
        store.add(root.clone()).unwrap();
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(store)
        .with_no_client_auth();
    config.alpn_protocols = alpn.iter().map(|one| one.to_vec()).collect();
    TlsConnector::from(Arc::new(config))
}

/// Connects to `at` and wants it to be `name`.
pub async fn connect(
    connector: &TlsConnector,
    at: &str,
    name: &str,
) -> std::io::Result<TlsStream<TcpStream>> {
    let stream = tokio::time::timeout(PATIENCE, TcpStream::connect(at)).await??;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    tokio::time::timeout(PATIENCE, connector.connect(name, stream)).await?
}

/// A connection from another address of this machine.
pub async fn connect_from(from: &str, to: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    socket.connect(to.parse().unwrap()).await.unwrap()
}

/// The whole answer to a request.
pub async fn ask(stream: &mut TlsStream<TcpStream>, request: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    let text =
        format!("{request} HTTP/1.1\r\nconnection: close\r\ncontent-length: {length}\r\n{headers}\r\n{body}");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A server that closes without saying goodbye has still answered.
    let _closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

/// The certificate that a server shows, trusted through `roots`; `None` when it is not.
pub async fn shown(roots: &[CertificateDer<'static>], at: &str, name: &str) -> Option<Vec<u8>> {
    let stream = connect(&connector(roots, &[]), at, name).await.ok()?;
    stream.get_ref().1.peer_certificates().map(|chain| chain[0].to_vec())
}
