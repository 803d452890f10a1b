//! HTTPS to an authority: few requests, a connection for each, bounded in time and size.

use std::{future::Future, io, path::Path, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::{
    Request, Response,
    client::conn::http1,
    header::{HOST, HeaderValue},
};
use hyper_util::rt::TokioIo;
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject as _},
    },
};

const WITHIN: Duration = Duration::from_secs(30);
/// A chain has a few kilobytes.
const MOST_BYTES: usize = 512 * 1024;

/// Asks an authority.
pub(super) struct AcmeHttp(Arc<ClientConfig>);

impl AcmeHttp {
    /// Trusts the roots in this file, or the public ones.
    ///
    /// # Errors
    /// The end of a sentence, when the file cannot be used.
    pub(super) fn new(root: Option<&Path>) -> Result<Self, String> {
        let mut roots = RootCertStore::empty();
        match root {
            None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
            Some(path) => {
                let read = std::fs::read(path).map_err(|error| {
                    format!("the file of --acme-root, {}, cannot be read: {error}", path.display())
                })?;
                let (added, _) = roots
                    .add_parsable_certificates(CertificateDer::pem_slice_iter(&read).filter_map(Result::ok));
                if added == 0 {
                    return Err(format!(
                        "there is no certificate in the file of --acme-root, {}",
                        path.display()
                    ));
                }
            }
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }
}

type Answered = Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>>;

impl HttpClient for AcmeHttp {
    fn request(&self, request: Request<BodyWrapper<Bytes>>) -> Answered {
        let config = self.0.clone();
        Box::pin(async move {
            let asked = timeout(WITHIN, ask(config, request)).await;
            let asked = asked.unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()));
            asked.map_err(Error::Other)
        })
    }
}

async fn ask(
    config: Arc<ClientConfig>,
    request: Request<BodyWrapper<Bytes>>,
) -> Result<BytesResponse, Box<dyn std::error::Error + Send + Sync>> {
    let uri = request.uri().clone();
    let host = uri.host().unwrap_or_default().to_owned();
    if uri.scheme_str() != Some("https") {
        return Err(format!("an authority is asked by https:// only, not {uri}").into());
    }
    let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned())?;
    let unreachable = |error: io::Error| format!("{host} cannot be reached: {error}");
    let stream = TcpStream::connect((host.trim_matches(['[', ']']), uri.port_u16().unwrap_or(443)));
    let stream = stream.await.map_err(unreachable)?;
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(unreachable)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // It ends with the request; what went wrong the request says as well.
    let connection = tokio::spawn(connection);

    let (mut parts, body) = request.into_parts();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    parts.headers.insert(HOST, HeaderValue::from_str(authority)?);
    parts.uri = uri.path_and_query().map_or("/", |path| path.as_str()).parse()?;
    let body = Full::new(body.collect().await?.to_bytes());
    let response = sender.send_request(Request::from_parts(parts, body)).await?;
    let (parts, body) = response.into_parts();
    let body = Limited::new(body, MOST_BYTES).collect().await?.to_bytes();
    connection.abort();
    Ok(BytesResponse::from(Response::from_parts(parts, Full::new(body))))
}
