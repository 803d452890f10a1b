//! A server as a browser meets it: connections, the certificate that is shown, requests and WebSockets.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Limited};
use hyper::{HeaderMap, Request, StatusCode, Uri, client::conn::http1, header::HOST};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite},
    net::{TcpStream, lookup_host},
    time::timeout,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        self, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
        client::{
            WebPkiServerVerifier,
            danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        },
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, UnixTime},
    },
};

/// For each step: a connection, an answer.
const WITHIN: Duration = Duration::from_secs(8);
const MOST_BYTES: usize = 64 * 1024;

/// Either kind of connection.
pub(super) trait Connection: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Connection for T {}

/// Where a server is.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub(super) encrypted: bool,
    pub(super) host: String,
    pub(super) port: u16,
    /// In front of every path, without a slash at its end.
    prefix: String,
}

/// What stands in a certificate, and what is wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) der: Vec<u8>,
    pub(super) wrong: Option<rustls::Error>,
}

/// An answer with its body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

impl Site {
    /// `https://host[:port][/path]`; without a scheme it is https.
    ///
    /// # Errors
    /// A sentence, when it is none.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let whole = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
        let wrong = || format!("{text:?} is no address of a server: write it as https://chat.example.org.");
        let uri: Uri = whole.trim_end_matches('/').parse().map_err(|_| wrong())?;
        let encrypted = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(wrong()),
        };
        let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { encrypted, host: host.to_owned(), port, prefix })
    }

    /// One on this machine.
    pub(super) fn plain(address: SocketAddr) -> Self {
        let host = if address.is_ipv6() { format!("[{}]", address.ip()) } else { address.ip().to_string() };
        Self { encrypted: false, host, port: address.port(), prefix: String::new() }
    }

    /// An IPv6 address without its brackets.
    fn bare_host(&self) -> &str {
        self.host.trim_matches(['[', ']'])
    }

    /// As it stands in a `Host` header.
    pub(super) fn authority(&self) -> String {
        match (self.encrypted, self.port) {
            (true, 443) | (false, 80) => self.host.clone(),
            (_, port) => format!("{}:{port}", self.host),
        }
    }

    /// As people write it.
    pub(super) fn url(&self) -> String {
        format!("{}://{}{}", if self.encrypted { "https" } else { "http" }, self.authority(), self.prefix)
    }

    /// All addresses of the name with this port.
    ///
    /// # Errors
    /// When the name is not known.
    pub(super) async fn addresses(&self, port: u16) -> io::Result<Vec<SocketAddr>> {
        let found = timeout(WITHIN, lookup_host((self.bare_host(), port))).await;
        Ok(found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?.collect())
    }

    /// A connection to this port, without TLS.
    ///
    /// # Errors
    /// What the system says.
    pub(super) async fn connect(&self, port: u16) -> io::Result<TcpStream> {
        let connected = timeout(WITHIN, TcpStream::connect((self.bare_host(), port))).await;
        connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// A connection to this port by TLS, whatever certificate is shown; and that one.
    ///
    /// # Errors
    /// When there is no connection, or what answers does not speak TLS.
    pub(super) async fn connect_encrypted(
        &self,
        port: u16,
        protocol: &[u8],
    ) -> io::Result<(Box<dyn Connection>, Shown)> {
        let stream = self.connect(port).await?;
        let looking = Arc::new(Looking::new().map_err(io::Error::other)?);
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(looking.clone())
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let name = ServerName::try_from(self.bare_host().to_owned()).map_err(io::Error::other)?;
        let connecting = TlsConnector::from(Arc::new(config)).connect(name, stream);
        let stream =
            timeout(WITHIN, connecting).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let shown = looking.shown.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let shown = shown.ok_or_else(|| io::Error::other("no certificate was shown"))?;
        Ok((Box::new(stream), shown))
    }

    async fn open(&self) -> io::Result<Box<dyn Connection>> {
        match self.encrypted {
            true => Ok(self.connect_encrypted(self.port, b"http/1.1").await?.0),
            false => Ok(Box::new(self.connect(self.port).await?)),
        }
    }

    /// One GET.
    ///
    /// # Errors
    /// When nothing answers, or not by HTTP.
    pub(super) async fn get(&self, path: &str) -> io::Result<Answer> {
        let asked = async {
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(self.open().await?)).await.map_err(io::Error::other)?;
            let connection = tokio::spawn(connection);
            let response = sender.send_request(self.request(path, &[])?).await.map_err(io::Error::other)?;
            let (parts, body) = response.into_parts();
            let body = Limited::new(body, MOST_BYTES).collect().await.map_err(io::Error::other)?.to_bytes();
            connection.abort();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        timeout(WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Opens a WebSocket; its first bytes, at least one, when `talks` (a gateway that greets).
    ///
    /// # Errors
    /// The status instead of 101 (as `Ok(Err(status))`), or what the system says.
    pub(super) async fn web_socket(&self, path: &str, talks: bool) -> io::Result<Result<(), StatusCode>> {
        let asked = async {
            let (mut sender, connection) =
                http1::handshake(TokioIo::new(self.open().await?)).await.map_err(io::Error::other)?;
            let connection = tokio::spawn(connection.with_upgrades());
            let upgrade = [
                ("connection", "Upgrade"),
                ("upgrade", "websocket"),
                ("sec-websocket-version", "13"),
                ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
            ];
            let response =
                sender.send_request(self.request(path, &upgrade)?).await.map_err(io::Error::other)?;
            if response.status() != StatusCode::SWITCHING_PROTOCOLS {
                return Ok(Err(response.status()));
            }
            let mut socket = TokioIo::new(hyper::upgrade::on(response).await.map_err(io::Error::other)?);
            if talks && socket.read(&mut [0; 256]).await? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            connection.abort();
            Ok(Ok(()))
        };
        timeout(WITHIN, asked).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    fn request(&self, path: &str, headers: &[(&str, &str)]) -> io::Result<Request<Empty<Bytes>>> {
        let mut request =
            Request::builder().uri(format!("{}{path}", self.prefix)).header(HOST, self.authority());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Empty::new()).map_err(io::Error::other)
    }
}

/// Looks at a certificate as a browser would, and goes on whatever it is.
#[derive(Debug)]
struct Looking {
    browser: Arc<WebPkiServerVerifier>,
    shown: Mutex<Option<Shown>>,
}

impl Looking {
    fn new() -> Result<Self, rustls::client::VerifierBuilderError> {
        let roots = RootCertStore::from_iter(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        let provider = Arc::new(aws_lc_rs::default_provider());
        let browser = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build()?;
        Ok(Self { browser, shown: Mutex::default() })
    }
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.browser.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        let shown = Shown { der: end_entity.to_vec(), wrong: verified.err() };
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.browser.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.browser.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.browser.supported_verify_schemes()
    }
}

impl Shown {
    /// Nobody that browsers know signed it; perhaps nobody but itself.
    pub(super) fn is_from_a_stranger(&self) -> bool {
        use CertificateError::{Other, UnknownIssuer};
        // "Other": one that signed itself and says that it is no authority.
        matches!(self.wrong, Some(rustls::Error::InvalidCertificate(UnknownIssuer | Other(_))))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn addresses_of_servers_are_read_as_people_write_them() {
        let url = |text: &str| Site::parse(text).map(|site| site.url());
        assert_eq!(url("chat.example.org").unwrap(), "https://chat.example.org");
        assert_eq!(url("http://chat.example.org:8080/vox/").unwrap(), "http://chat.example.org:8080/vox");
        assert_eq!(url("https://[2001:db8::1]:443").unwrap(), "https://[2001:db8::1]");
        assert!(url("ftp://chat.example.org").is_err());
        assert!(url("https://").is_err());
    }
}
