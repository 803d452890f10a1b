//! The web client, out of the binary: hashed files for ever, the page itself asked for anew each time.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse as _, Response},
};
use voxlink_service_kit::http::no_such_route;

/// A file of the client; the build script makes the table of them, sorted by path.
struct Asset {
    path: &'static str,
    /// Weak: the same for the plain and the compressed form.
    etag: &'static str,
    plain: &'static [u8],
    /// Absent when it would hardly be smaller.
    gzip: Option<&'static [u8]>,
}

static ASSETS: &[Asset] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Whatever is no route: a file of the client, the client's page (it has routes of its own), or an error in JSON.
pub(crate) async fn client(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if !matches!(method, Method::GET | Method::HEAD) || path == "api" || path.starts_with("api/") {
        return no_such_route().await.into_response();
    }
    let is_page = || !path.starts_with("assets/") && accepts(&headers, header::ACCEPT, "text/html");
    match find(path).or_else(|| if is_page() { find("index.html") } else { None }) {
        Some(asset) => reply(asset, &headers),
        None => no_such_route().await.into_response(),
    }
}

fn find(path: &str) -> Option<&'static Asset> {
    let path = if path.is_empty() { "index.html" } else { path };
    ASSETS.binary_search_by(|asset| asset.path.cmp(path)).ok().map(|index| &ASSETS[index])
}

fn reply(asset: &'static Asset, asked: &HeaderMap) -> Response {
    let cache =
        if asset.path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = asked
        .get_all(header::IF_NONE_MATCH)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .any(|tags| tags.split(',').any(|tag| tag.trim() == asset.etag));
    let gzip = asset.gzip.filter(|_| accepts(asked, header::ACCEPT_ENCODING, "gzip"));
    let body = if known { &[][..] } else { gzip.unwrap_or(asset.plain) };

    let mut response = Response::new(Body::from(body));
    if known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(asset.path)));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(cache));
    headers.insert(header::ETAG, HeaderValue::from_static(asset.etag));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    if gzip.is_some() && !known {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether a list header names this word without refusing it (`;q=0`).
fn accepts(headers: &HeaderMap, name: header::HeaderName, word: &str) -> bool {
    let values = headers.get_all(name);
    values.iter().filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|entry| {
        let mut parts = entry.split(';').map(str::trim);
        parts.next() == Some(word)
            && !parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    async fn get(path: &str, headers: &[(header::HeaderName, &str)]) -> Response {
        let headers = headers.iter().map(|(name, value)| (name.clone(), value.parse().unwrap())).collect();
        client(Method::GET, path.parse().unwrap(), headers).await
    }

    #[tokio::test]
    async fn the_page_answers_at_every_address_of_the_client_and_is_not_kept() {
        for path in ["/", "/index.html", "/invite/abc", "/channels/1/2"] {
            let page = get(path, &[(header::ACCEPT, "text/html,*/*;q=0.8")]).await;
            assert_eq!(page.status(), 200, "{path}");
            assert_eq!(page.headers()[header::CONTENT_TYPE], "text/html; charset=utf-8");
            assert_eq!(page.headers()[header::CACHE_CONTROL], "no-cache");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_said_in_json() {
        for path in ["/api/v10/nothing", "/api", "/assets/nothing.js", "/nothing.png"] {
            let accept = if path.starts_with("/nothing") { "image/*" } else { "text/html" };
            let answer = get(path, &[(header::ACCEPT, accept)]).await;
            assert_eq!(answer.status(), 404, "{path}");
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
        }
    }

    #[tokio::test]
    async fn what_the_browser_has_is_not_sent_again() {
        let first = get("/", &[]).await;
        let tag = first.headers()[header::ETAG].to_str().unwrap().to_owned();
        let again = get("/", &[(header::IF_NONE_MATCH, &tag)]).await;
        assert_eq!(again.status(), 304);
    }

    #[test]
    fn an_encoding_can_be_refused() {
        let headers = |value: &str| HeaderMap::from_iter([(header::ACCEPT_ENCODING, value.parse().unwrap())]);
        assert!(accepts(&headers("br, gzip;q=0.5"), header::ACCEPT_ENCODING, "gzip"));
        assert!(!accepts(&headers("br, gzip;q=0"), header::ACCEPT_ENCODING, "gzip"));
        assert!(!accepts(&headers("identity"), header::ACCEPT_ENCODING, "gzip"));
    }
}
