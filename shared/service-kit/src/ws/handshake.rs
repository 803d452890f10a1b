//! The opening handshake (RFC 6455 §4.2).

use std::{future::Future, sync::Arc};

use aws_lc_rs::digest;
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::Response,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use hyper::upgrade::OnUpgrade;
use voxlink_protocol::{ErrorCode, Problem};

use super::{FrameReader, Socket, Stream, WsError};
use crate::ApiError;

/// RFC 6455 §1.3.
const KEY_SUFFIX: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// What a socket may do.
#[derive(Clone, Debug)]
pub struct WsLimits {
    /// The largest message that is read, in bytes.
    pub max_message: usize,
    /// Origins (`https://chat.example`) that may connect besides the server's own.
    pub allowed_origins: Arc<[String]>,
}

impl WsLimits {
    /// Messages up to `max_message` bytes; pages of this very server only.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self { max_message, allowed_origins: Arc::default() }
    }
}

/// Checks the request and answers 101; the future yields the socket once that answer is on its way, so it must be
/// spawned rather than awaited by the handler.
///
/// # Errors
/// 426 when this is no WebSocket request of version 13; 403 when a page of another site asks (browsers send cookies and
/// reach private networks on behalf of any page, RFC 6455 §10.2).
pub fn upgrade(
    mut request: Request,
    limits: WsLimits,
) -> Result<(Response, impl Future<Output = Result<Socket, WsError>> + Send + 'static), ApiError> {
    let headers = request.headers();
    if !origin_allowed(headers, &limits.allowed_origins) {
        return Err(ApiError::new(
            StatusCode::FORBIDDEN,
            Problem::new(ErrorCode::General, "This Origin may not connect to this server."),
        ));
    }
    let accept = accept_key(request.method(), headers).ok_or_else(upgrade_required)?;
    let pending = request.extensions_mut().remove::<OnUpgrade>().ok_or_else(upgrade_required)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, accept);
    let socket = async move {
        let upgraded = pending.await.map_err(|_| WsError::Upgrade)?;
        let (stream, read_ahead) = Stream::from_upgraded(upgraded)?;
        let mut reader = FrameReader::new(limits.max_message);
        reader.feed(&read_ahead);
        Ok(Socket::new(stream, reader))
    };
    Ok((response, socket))
}

fn upgrade_required() -> ApiError {
    let message = "This address speaks WebSocket (version 13) only.";
    ApiError::new(StatusCode::UPGRADE_REQUIRED, Problem::new(ErrorCode::General, message))
}

/// The host this server was called by, e.g. `chat.example:8080`.
#[must_use]
pub fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).and_then(|value| value.to_str().ok()).filter(|host| !host.is_empty())
}

/// What stands before the port in a host and port; an IPv6 address keeps its brackets.
#[must_use]
pub fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

/// True when the client speaks TLS, to us or to the proxy in front of us.
#[must_use]
pub fn is_secure(headers: &HeaderMap) -> bool {
    headers.get("x-forwarded-proto").is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"https"))
}

fn accept_key(method: &Method, headers: &HeaderMap) -> Option<HeaderValue> {
    let lists = |name, word: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    };
    let asked = method == Method::GET
        && lists(header::CONNECTION, "upgrade")
        && lists(header::UPGRADE, "websocket")
        && headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version.as_bytes() == b"13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY).filter(|_| asked)?.as_bytes();
    if STANDARD.decode(key).ok()?.len() != 16 {
        return None;
    }
    let mut context = digest::Context::new(&digest::SHA1_FOR_LEGACY_USE_ONLY);
    context.update(key);
    context.update(KEY_SUFFIX);
    HeaderValue::from_str(&STANDARD.encode(context.finish())).ok()
}

/// No Origin (not a browser), our own host, or one of the operator's list.
fn origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|one| one.eq_ignore_ascii_case(origin)) {
        return true;
    }
    let (rest, default_port) = match (origin.strip_prefix("http://"), origin.strip_prefix("https://")) {
        (Some(rest), _) => (rest, ":80"),
        (_, Some(rest)) => (rest, ":443"),
        _ => return false,
    };
    let bare = |host: &str| host.strip_suffix(default_port).unwrap_or(host).to_ascii_lowercase();
    host_of(headers).is_some_and(|host| bare(host) == bare(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().expect("a name"), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn a_host_is_what_stands_before_the_port() {
        for (host, name) in [
            ("a.example:8080", "a.example"),
            ("a.example", "a.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
        ] {
            assert_eq!(without_port(host), name);
        }
    }

    const SAMPLE: [(&str, &str); 4] = [
        ("connection", "keep-alive, Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ];

    #[test]
    fn the_key_of_the_rfc_is_accepted_with_its_answer() {
        let accept = accept_key(&Method::GET, &headers(&SAMPLE));
        assert_eq!(accept, Some(HeaderValue::from_static("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")));
        assert_eq!(accept_key(&Method::POST, &headers(&SAMPLE)), None);
        for missing in 0..SAMPLE.len() {
            let mut pairs = SAMPLE.to_vec();
            pairs.remove(missing);
            assert_eq!(accept_key(&Method::GET, &headers(&pairs)), None);
        }
    }

    #[test]
    fn pages_of_other_sites_are_kept_out() {
        let asks = |origin, host| {
            origin_allowed(
                &headers(&[("origin", origin), ("host", host)]),
                &["https://app.example".to_owned()],
            )
        };
        assert!(asks("http://localhost:8080", "localhost:8080"));
        assert!(asks("https://Chat.example", "chat.example"));
        assert!(asks("https://chat.example", "chat.example:443"));
        assert!(asks("https://app.example", "chat.example"));
        assert!(!asks("https://evil.example", "chat.example"));
        assert!(!asks("http://localhost:3000", "localhost:8080"));
        assert!(!asks("null", "chat.example"));
        assert!(origin_allowed(&headers(&[("host", "chat.example")]), &[]));
    }
}
