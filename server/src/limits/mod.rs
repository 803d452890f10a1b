//! Rate limits of HTTP, in the shape of v10: a bucket per route, channel (or guild) and caller; a limit on everything
//! of one caller; and one on what an address gets wrong.
//!
//! Callers are told apart by their user, or by their address where they have none. Logins and registrations have
//! limits of their own, in identity.

mod counters;
mod rules;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    extract::{ConnectInfo, MatchedPath, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use voxlink_protocol::UserId;
use voxlink_service_kit::{ApiError, Auth, Env, auth::Resolved, http::Origin};

use counters::{Counters, Limit, Standing};

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const RESET_AFTER: HeaderName = HeaderName::from_static("x-ratelimit-reset-after");
const BUCKET: HeaderName = HeaderName::from_static("x-ratelimit-bucket");

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    User(UserId),
    Address(Origin),
}

/// One bucket: the route, what it is about, who asks.
type Bucket = (u64, Box<str>, Who);

/// What everyone used. Cloning shares it.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    auth: Auth,
    env: Env,
    counted: Arc<Counted>,
}

#[derive(Debug, Default)]
struct Counted {
    routes: Counters<Bucket>,
    everything: Counters<Who>,
    invalid: Counters<Origin>,
    sealed: Counters<Origin>,
}

impl Limits {
    /// Nothing was used so far.
    pub(crate) fn new(auth: Auth, env: Env) -> Self {
        Self { auth, env, counted: Arc::default() }
    }

    /// The caller, resolved once: handlers find it in the request.
    async fn who(&self, request: &mut Request, origin: Origin) -> Who {
        let token = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some(token) = token else { return Who::Address(origin) };
        // Where identity does not answer, the handler will say so.
        let Ok(owner) = self.auth.resolve(token).await else { return Who::Address(origin) };
        let who = owner.as_ref().map_or(Who::Address(origin), |owner| Who::User(owner.user.id));
        request.extensions_mut().insert(Resolved(owner));
        who
    }

    fn seconds_since_epoch(&self, later: Duration) -> f64 {
        let now = Duration::from_millis(self.env.now().0);
        (now + later).as_secs_f64()
    }
}

/// Lets a request through, or not.
pub(crate) async fn limit(State(limits): State<Limits>, mut request: Request, next: Next) -> Response {
    if !request.uri().path().starts_with("/api/") {
        return next.run(request).await;
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
    let origin = Origin::of(peer, request.headers());
    let counted = limits.counted.clone();
    let now = limits.env.clock.monotonic();
    let wrong = counted.invalid.look(&origin, rules::INVALID, now);
    if !wrong.allowed {
        return ApiError::globally_rate_limited(wrong.reset_after).into_response();
    }
    // A school that watches a broadcast is one address: it may do much, and too much is not held against it elsewhere.
    let response = if request.uri().path().starts_with(rules::SEALED) {
        let standing = counted.sealed.take(origin, rules::SEALED_USES, now);
        if !standing.allowed {
            return ApiError::globally_rate_limited(standing.reset_after).into_response();
        }
        next.run(request).await
    } else {
        let who = limits.who(&mut request, origin).await;
        limited(&limits, who, request, next).await
    };
    if matches!(
        response.status(),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::TOO_MANY_REQUESTS
    ) {
        counted.invalid.take(origin, rules::INVALID, now);
    }
    response
}

async fn limited(limits: &Limits, who: Who, request: Request, next: Next) -> Response {
    let now = limits.env.clock.monotonic();
    let everything = limits.counted.everything.take(who, rules::EVERYTHING, now);
    if !everything.allowed {
        return ApiError::globally_rate_limited(everything.reset_after).into_response();
    }
    let Some(template) = request.extensions().get::<MatchedPath>().cloned() else {
        return next.run(request).await;
    };
    let limit = rules::limit(request.method(), template.as_str());
    let bucket = rules::bucket(request.method(), template.as_str());
    let major = rules::major(template.as_str(), request.uri().path());
    let standing = limits.counted.routes.take((bucket, major.into(), who), limit, now);
    let mut response = if standing.allowed {
        next.run(request).await
    } else {
        ApiError::rate_limited(standing.reset_after).into_response()
    };
    let reset = limits.seconds_since_epoch(standing.reset_after);
    tell(response.headers_mut(), limit, standing, bucket, reset);
    response
}

/// The headers by which libraries for v10 pace themselves. A limit of the handler's own speaks for itself.
fn tell(headers: &mut HeaderMap, limit: Limit, standing: Standing, bucket: u64, reset: f64) {
    let decimal = |seconds: f64| HeaderValue::from_str(&format!("{seconds:.3}")).ok();
    let all = [
        (LIMIT, Some(HeaderValue::from(limit.uses))),
        (REMAINING, Some(HeaderValue::from(standing.remaining))),
        (RESET, decimal(reset)),
        (RESET_AFTER, decimal(standing.reset_after.as_secs_f64())),
        (BUCKET, HeaderValue::from_str(&format!("{bucket:016x}")).ok()),
    ];
    for (name, value) in all {
        if let Some(value) = value {
            headers.entry(name).or_insert(value);
        }
    }
}

#[cfg(test)]
mod tests;
