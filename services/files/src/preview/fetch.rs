//! Gets what lies behind a link, without ever being led into a network that is not for everyone.
//!
//! A name is resolved once for each request, every address it has is checked, and the connection goes to a checked
//! address: what the name says a moment later does not matter. Each redirect begins anew.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::{
    Request, StatusCode,
    body::Incoming,
    client::conn::http1,
    header::{self, HeaderMap},
};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{
    TlsConnector,
    rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::ServerName},
};
use url::{Host, Url};

use super::{address::is_public, resolver::Resolve};

/// `Location`s followed.
const MOST_REDIRECTS: usize = 3;
/// Addresses of one name that are looked at and tried.
const MOST_ADDRESSES: usize = 16;
/// Headers of an answer.
const MOST_HEADERS: usize = 64 * 1024;
const AGENT: &str = "Mozilla/5.0 (compatible; VoxLink link preview)";

/// What came.
#[derive(Debug)]
pub(super) struct Fetched {
    /// After redirects.
    pub(super) url: Url,
    /// As the site says, lower case; only ever a hint.
    pub(super) content_type: String,
    pub(super) body: Bytes,
    /// There was more than asked for.
    pub(super) cut: bool,
}

/// Why nothing came.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    /// Not a link that is followed: scheme, port, name and password.
    #[error("not a link to the public web")]
    Unfit,
    /// It leads, or may lead, into a network that is not for everyone.
    #[error("an address that is not public")]
    NotPublic,
    /// Round and round.
    #[error("too many redirects")]
    TooManyRedirects,
    /// The site answered something else.
    #[error("status {0}")]
    Status(StatusCode),
    /// The network or the site failed.
    #[error("{0}")]
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> FetchError {
    FetchError::Failed(error.to_string())
}

/// Fetches.
#[derive(Clone, Debug)]
pub(super) struct Fetcher {
    resolver: Arc<dyn Resolve>,
    /// Addresses that are allowed though they are not public: for tests.
    exceptions: Vec<SocketAddr>,
    tls: Option<Arc<ClientConfig>>,
}

impl Fetcher {
    pub(super) fn new(resolver: Arc<dyn Resolve>, exceptions: Vec<SocketAddr>) -> Self {
        let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        let tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map(|builder| Arc::new(builder.with_root_certificates(roots).with_no_client_auth()))
            .inspect_err(|error| tracing::error!(%error, "previews of https links do not work"));
        Self { resolver, exceptions, tls: tls.ok() }
    }

    /// Up to `most` bytes of what lies behind this link.
    pub(super) async fn fetch(&self, url: Url, accept: &str, most: usize) -> Result<Fetched, FetchError> {
        let mut url = url;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.ask(&url, accept).await?;
            let (status, headers) = (answer.status(), answer.headers());
            if status.is_redirection() {
                let to = text(headers, &header::LOCATION).ok_or(FetchError::Status(status))?;
                url = url.join(to).map_err(|_| FetchError::Unfit)?;
                continue;
            }
            if status != StatusCode::OK
                || text(headers, &header::CONTENT_ENCODING).is_some_and(|how| how != "identity")
            {
                return Err(FetchError::Status(status));
            }
            let content_type = text(headers, &header::CONTENT_TYPE).unwrap_or_default().to_ascii_lowercase();
            let (body, cut) = read(answer.into_body(), most).await?;
            return Ok(Fetched { url, content_type, body, cut });
        }
        Err(FetchError::TooManyRedirects)
    }

    async fn ask(&self, url: &Url, accept: &str) -> Result<hyper::Response<Incoming>, FetchError> {
        let is_tls = match url.scheme() {
            "http" => false,
            "https" => true,
            _ => return Err(FetchError::Unfit),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::Unfit);
        }
        let host = url.host_str().ok_or(FetchError::Unfit)?;
        let stream = self.connect(url).await?;
        // Only now: a name that leads nowhere good is not put anywhere.
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let request = Request::get(path)
            .header(header::HOST, authority)
            .header(header::USER_AGENT, AGENT)
            .header(header::ACCEPT, accept)
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::CONNECTION, "close")
            .body(Empty::<Bytes>::new())
            .map_err(|_| FetchError::Unfit)?;
        if !is_tls {
            return send(stream, request).await;
        }
        let tls = self.tls.clone().ok_or(FetchError::Unfit)?;
        let name = match url.host().ok_or(FetchError::Unfit)? {
            Host::Domain(name) => ServerName::try_from(name.to_owned()).map_err(|_| FetchError::Unfit)?,
            Host::Ipv4(v4) => ServerName::from(IpAddr::V4(v4)),
            Host::Ipv6(v6) => ServerName::from(IpAddr::V6(v6)),
        };
        let stream = TlsConnector::from(tls).connect(name, stream).await.map_err(failed)?;
        send(stream, request).await
    }

    /// To an address that was checked, of a host of which every address was.
    async fn connect(&self, url: &Url) -> Result<TcpStream, FetchError> {
        let port = url.port_or_known_default().ok_or(FetchError::Unfit)?;
        let addresses = match url.host().ok_or(FetchError::Unfit)? {
            Host::Ipv4(v4) => vec![v4.into()],
            Host::Ipv6(v6) => vec![v6.into()],
            Host::Domain(name) => self.resolver.resolve(name).await.map_err(failed)?,
        };
        let addresses: Vec<_> = addresses.into_iter().map(|ip| SocketAddr::new(ip, port)).collect();
        let is_allowed = |address: &SocketAddr| {
            self.exceptions.contains(address) || (matches!(port, 80 | 443) && is_public(address.ip()))
        };
        if addresses.is_empty() || addresses.len() > MOST_ADDRESSES || !addresses.iter().all(is_allowed) {
            return Err(FetchError::NotPublic);
        }
        TcpStream::connect(&addresses[..]).await.map_err(failed)
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim)
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
) -> Result<hyper::Response<Incoming>, FetchError> {
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MOST_HEADERS)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Ends with the body: whoever stops reading drops it.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a previewed site hung up");
        }
    });
    sender.send_request(request).await.map_err(failed)
}

async fn read(mut body: Incoming, most: usize) -> Result<(Bytes, bool), FetchError> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let Ok(piece) = frame.map_err(failed)?.into_data() else { continue };
        let room = most - bytes.len();
        bytes.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
        if piece.len() > room {
            return Ok((bytes.freeze(), true));
        }
    }
    Ok((bytes.freeze(), false))
}
