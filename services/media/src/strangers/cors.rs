//! Pages of other origins may publish and watch: they bring a token or key of their own, and no cookie counts here.

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::Response,
};

use super::sdp::{OFFER, TRICKLE};

/// What a player reads of an answer (RFC 9725 §4.2, §4.6).
const EXPOSED: &str = "Location, ETag, Link, Accept-Post, Accept-Patch, Retry-After";
const METHODS: &str = "POST, PATCH, DELETE, OPTIONS";
const HEADERS: &str = "Authorization, Content-Type, Accept, If-Match";
/// A day: none of this changes while a server runs. Browsers cut it to two hours or so.
const MAX_AGE: &str = "86400";

/// Adds the headers to every answer.
pub(crate) async fn allow(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, header::ACCESS_CONTROL_ALLOW_ORIGIN, "*");
    set(headers, header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    response
}

/// OPTIONS of an endpoint: what it takes, and the preflight of browsers.
pub(crate) async fn endpoint() -> (StatusCode, HeaderMap) {
    let mut headers = preflight();
    set(&mut headers, HeaderName::from_static("accept-post"), OFFER);
    (StatusCode::OK, headers)
}

/// OPTIONS of a resource. It says nothing about whether there is one.
pub(crate) async fn resource() -> (StatusCode, HeaderMap) {
    let mut headers = preflight();
    set(&mut headers, HeaderName::from_static("accept-patch"), TRICKLE);
    (StatusCode::OK, headers)
}

fn preflight() -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    set(&mut headers, header::ACCESS_CONTROL_ALLOW_HEADERS, HEADERS);
    set(&mut headers, header::ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    headers
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
