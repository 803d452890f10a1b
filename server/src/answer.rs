//! What every request and answer has in common: old API versions, request ids, a deadline, caught panics, headers
//! that keep browsers safe.

use std::{
    net::SocketAddr,
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use axum::{
    Json, Router,
    body::Body,
    extract::{ConnectInfo, DefaultBodyLimit, MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, StatusCode, Uri, header, uri::PathAndQuery},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::get,
};
use futures_util::FutureExt as _;
use hyper::body::Incoming;
use serde_json::json;
use tower::ServiceExt as _;
use tracing::Instrument as _;
use voxlink_protocol::{ErrorCode, Problem};
use voxlink_service_kit::{ApiError, Patience, http::OverTls};

use crate::{tls::Redirect, web};

/// Design §4: no request says more than this in its body.
const MOST_BODY: usize = 1024 * 1024;
/// A body that may hold pictures as data URIs: an avatar and a banner of 8 MiB each, in base64, and the rest.
const MOST_BODY_WITH_PICTURES: usize = 23 * 1024 * 1024;
/// Routes whose bodies may hold pictures, or a sound.
const WITH_PICTURES: [(Method, &str); 10] = [
    (Method::PATCH, "/api/v10/users/@me"),
    (Method::POST, "/api/v1/guilds"),
    (Method::POST, "/api/v10/guilds"),
    (Method::PATCH, "/api/v10/guilds/{guild}"),
    (Method::POST, "/api/v10/guilds/{guild}/emojis"),
    (Method::POST, "/api/v10/guilds/{guild}/soundboard-sounds"),
    (Method::PATCH, "/api/v10/channels/{channel}"),
    (Method::PATCH, "/api/v1/applications/{id}"),
    (Method::PATCH, "/api/v10/applications/{id}"),
    (Method::PATCH, "/api/v10/applications/@me"),
];
/// A request that takes longer, its body included, has failed.
const DEADLINE: Duration = Duration::from_secs(30);

/// The web client needs its own scripts and styles, its own sockets, and what it captures or receives as blobs.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' data: blob:; font-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; \
    worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const HARDENING: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (
        HeaderName::from_static("permissions-policy"),
        "camera=(self), microphone=(self), display-capture=(self), geolocation=(), payment=(), usb=()",
    ),
];

/// The services' routes, with everything around them.
pub(crate) fn application(services: Router) -> Router {
    services
        .route("/healthz", get(async || Json(json!({"status": "ok"}))))
        .fallback(web::client)
        .method_not_allowed_fallback(wrong_method)
        .layer(middleware::from_fn(observe))
}

/// How a request reached us.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Way {
    /// Perhaps on to HTTPS.
    Plain(Option<Redirect>),
    /// By TLS; `strict` when browsers are told never to come back without.
    Tls { strict: bool },
}

/// RFC 6797 §6.1.1, for half a year: as long as an operator who gives up HTTPS may have to wait.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=15552000");

/// Answers one request of this peer.
pub(crate) async fn answer(
    application: Router,
    (peer, way): (SocketAddr, Way),
    request: hyper::Request<Incoming>,
) -> Response {
    let mut request = request.map(Body::new);
    match way {
        Way::Plain(redirect) => {
            let elsewhere = redirect.and_then(|to| to.answer(request.uri(), request.headers()));
            if let Some(elsewhere) = elsewhere {
                return elsewhere;
            }
        }
        Way::Tls { .. } => {
            // Whoever makes addresses goes by this header, as behind a proxy.
            request.headers_mut().insert("x-forwarded-proto", HeaderValue::from_static("https"));
            request.extensions_mut().insert(OverTls);
        }
    }
    if let Some(uri) = as_v10(request.uri()) {
        *request.uri_mut() = uri;
    }
    request.extensions_mut().insert(ConnectInfo(peer));
    let mut response = application.oneshot(request).await.unwrap_or_else(|never| match never {});
    if let Way::Tls { strict: true } = way {
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, STRICT);
    }
    response
}

/// `/api/v9` and `/api/v8` are `/api/v10`.
fn as_v10(uri: &Uri) -> Option<Uri> {
    let whole = uri.path_and_query()?.as_str();
    let rest = whole.strip_prefix("/api/v9/").or_else(|| whole.strip_prefix("/api/v8/"))?;
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/api/v10/{rest}")).ok()?);
    Uri::from_parts(parts).ok()
}

async fn wrong_method() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, Problem::new(ErrorCode::General, "405: Method Not Allowed"))
}

/// Answers given since the start, by the first digit of their status.
static ANSWERED: [AtomicU64; 6] = [const { AtomicU64::new(0) }; 6];

/// The first digit of a status, and how many answers had it.
pub(crate) fn answered() -> impl Iterator<Item = (usize, u64)> {
    ANSWERED.iter().enumerate().skip(1).map(|(class, count)| (class, count.load(Ordering::Relaxed)))
}

/// Runs one request within its deadline. Logs say the route, never the address or the body: both may hold secrets.
async fn observe(mut request: Request, next: Next) -> Response {
    static NEXT_ID: AtomicU64 = AtomicU64::new(1);
    let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    DefaultBodyLimit::max(most_body(request.method(), route.as_deref())).apply(&mut request);
    // An upload suspends it: files has limits of its own for pace and silence.
    let patience = Patience::of(DEADLINE);
    request.extensions_mut().insert(patience.clone());
    let span = tracing::info_span!("request", id, method = %request.method(), route);
    let started = Instant::now();
    let mut response = async {
        let run = AssertUnwindSafe(next.run(request)).catch_unwind();
        let response = tokio::select! {
            ran = run => match ran {
                Ok(response) => response,
                Err(_panic) => failed(StatusCode::INTERNAL_SERVER_ERROR, "500: Internal Server Error"),
            },
            () = patience.runs_out() => {
                failed(StatusCode::SERVICE_UNAVAILABLE, "This took too long. Try again in a moment.")
            }
        };
        tracing::debug!(status = response.status().as_u16(), elapsed = ?started.elapsed(), "answered");
        response
    }
    .instrument(span)
    .await;
    if let Some(count) = ANSWERED.get(usize::from(response.status().as_u16() / 100)) {
        count.fetch_add(1, Ordering::Relaxed);
    }
    harden(&mut response, id);
    response
}

/// Path parameters have other names in every service: routes are compared without them.
fn most_body(method: &Method, route: Option<&str>) -> usize {
    let same = |pattern: &str, route: &str| {
        let mut parts = pattern.split('/').zip(route.split('/'));
        pattern.split('/').count() == route.split('/').count()
            && parts.all(|(wanted, is)| wanted == is || (wanted.starts_with('{') && is.starts_with('{')))
    };
    let with_pictures = route.is_some_and(|route| {
        WITH_PICTURES.iter().any(|(with, pattern)| with == method && same(pattern, route))
    });
    if with_pictures { MOST_BODY_WITH_PICTURES } else { MOST_BODY }
}

fn failed(status: StatusCode, words: &str) -> Response {
    tracing::error!(%status, "a request failed");
    ApiError::new(status, Problem::new(ErrorCode::General, words)).into_response()
}

fn harden(response: &mut Response, id: u64) {
    let headers = response.headers_mut();
    for (name, value) in HARDENING {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert("x-request-id", id.into());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use axum::routing::post;
    use voxlink_service_kit::ApiJson;

    use super::*;

    fn app() -> Router {
        application(
            Router::new()
                .route("/api/v1/panic", get(async || -> &'static str { panic!("on purpose") }))
                .route("/api/v1/echo", post(async |ApiJson(body): ApiJson<serde_json::Value>| Json(body))),
        )
    }

    async fn ask(method: &str, path: &str, body: Vec<u8>) -> Response {
        let request = Request::builder().method(method).uri(path).body(Body::from(body)).unwrap();
        app().oneshot(request).await.unwrap()
    }

    #[tokio::test]
    async fn a_panic_is_one_answer_in_the_usual_shape() {
        let answer = ask("GET", "/api/v1/panic", vec![]).await;
        assert_eq!(answer.status(), 500);
        assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
    }

    #[tokio::test]
    async fn a_body_over_one_mebibyte_is_refused() {
        assert_eq!(ask("POST", "/api/v1/echo", vec![b' '; MOST_BODY + 1]).await.status(), 413);
        let mut most = vec![b' '; MOST_BODY];
        most[0] = b'1';
        assert_eq!(ask("POST", "/api/v1/echo", most).await.status(), 200);
    }

    #[test]
    fn only_bodies_with_pictures_may_be_larger() {
        let large = |method: Method, route: &str| most_body(&method, Some(route)) > MOST_BODY;
        assert!(large(Method::PATCH, "/api/v10/users/@me"));
        assert!(large(Method::PATCH, "/api/v10/guilds/{id}"));
        assert!(large(Method::POST, "/api/v10/guilds/{guild_id}/emojis"));
        assert!(!large(Method::POST, "/api/v10/guilds/{guild}"));
        assert!(!large(Method::PATCH, "/api/v10/guilds/{guild}/channels"));
        assert!(!large(Method::POST, "/api/v10/channels/{channel}/messages"));
        assert_eq!(most_body(&Method::PATCH, None), MOST_BODY);
    }

    #[tokio::test]
    async fn a_wrong_method_and_an_unknown_route_are_answered_in_json() {
        for (method, path, status) in [("DELETE", "/healthz", 405), ("POST", "/api/v10/nothing", 404)] {
            let answer = ask(method, path, vec![]).await;
            assert_eq!(answer.status(), status);
            assert_eq!(answer.headers()[header::CONTENT_TYPE], "application/json");
        }
    }

    #[tokio::test]
    async fn every_answer_is_hardened() {
        for path in ["/", "/healthz", "/api/v10/nothing", "/api/v1/panic"] {
            let answer = ask("GET", path, vec![]).await;
            for (name, value) in HARDENING {
                assert_eq!(answer.headers()[&name], value, "{path} {name}");
            }
        }
    }

    #[test]
    fn old_versions_are_v10() {
        let v10 = |path: &str| as_v10(&path.parse().unwrap()).map(|uri| uri.to_string());
        assert_eq!(v10("/api/v9/users/@me?a=b").as_deref(), Some("/api/v10/users/@me?a=b"));
        assert_eq!(v10("/api/v8/gateway").as_deref(), Some("/api/v10/gateway"));
        assert_eq!(v10("/api/v1/server"), None);
        assert_eq!(v10("/api/v99/x"), None);
    }
}
