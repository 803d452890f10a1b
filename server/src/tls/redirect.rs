//! `--tls-redirect`: the plain listener sends people to the encrypted one.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, Uri, header},
    response::Response,
};
use voxlink_service_kit::ws;

/// Programs on this machine ask these, and authorities ask the last one without TLS.
const STAYS: [&str; 3] = ["/healthz", "/metrics", "/.well-known/"];
const HTTPS_PORT: u16 = 443;

/// To where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Redirect {
    /// The port of HTTPS.
    pub(crate) port: u16,
}

impl Redirect {
    /// The answer to a request that should have come encrypted. What a proxy decrypted has.
    pub(crate) fn answer(self, uri: &Uri, headers: &HeaderMap) -> Option<Response> {
        if ws::is_secure(headers) || STAYS.iter().any(|path| uri.path().starts_with(path)) {
            return None;
        }
        let host = ws::without_port(ws::host_of(headers)?);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let to = match self.port {
            HTTPS_PORT => format!("https://{host}{path}"),
            port => format!("https://{host}:{port}{path}"),
        };
        let mut response = Response::new(Body::empty());
        // RFC 9110 §15.4.9: the method and body stay what they were.
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, HeaderValue::from_str(&to).ok()?);
        Some(response)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn location(port: u16, host: &str, path: &str, proto: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]);
        if let Some(proto) = proto {
            headers.insert("x-forwarded-proto", proto.parse().unwrap());
        }
        let response = Redirect { port }.answer(&path.parse().unwrap(), &headers)?;
        assert_eq!(response.status(), 308);
        Some(response.headers()[header::LOCATION].to_str().unwrap().to_owned())
    }

    #[test]
    fn the_path_stays_and_the_port_is_the_encrypted_one() {
        let to = |port, host| location(port, host, "/invite/x?y=1", None).unwrap();
        assert_eq!(to(443, "a.example:8080"), "https://a.example/invite/x?y=1");
        assert_eq!(to(8443, "[::1]:80"), "https://[::1]:8443/invite/x?y=1");
    }

    #[test]
    fn what_a_proxy_decrypted_and_what_programs_ask_stays() {
        assert_eq!(location(443, "a.example", "/", Some("https")), None);
        assert_eq!(location(443, "a.example", "/metrics", None), None);
        assert_eq!(location(443, "a.example", "/.well-known/acme-challenge/t", None), None);
    }
}
