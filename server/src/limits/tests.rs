//! Requests through the layer, with a clock that is moved by hand.
#![allow(clippy::unwrap_used)]

use std::time::SystemTime;

use axum::{
    Router,
    body::{Body, to_bytes},
    middleware,
    routing::{get, post},
};
use serde_json::Value;
use tower::ServiceExt as _;
use voxlink_protocol::{
    LoginId, User,
    bus::{ResolveToken, TokenOwner},
};
use voxlink_service_kit::{Authenticated, Bus, env::ManualClock};

use super::*;

const MESSAGES: &str = "/api/v10/channels/5/messages";

struct Stage {
    app: Router,
    clock: Arc<ManualClock>,
    resolutions: Arc<std::sync::atomic::AtomicU32>,
}

/// The token `t-7` is user 7's.
fn stage() -> Stage {
    let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let env = Env { clock: clock.clone(), ..Env::real() };
    let (bus, resolutions) = (Bus::in_process(), Arc::<std::sync::atomic::AtomicU32>::default());
    let count = resolutions.clone();
    bus.serve(move |request: ResolveToken| {
        count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        async move {
            let id: u64 = request.token.expose().strip_prefix("t-")?.parse().ok()?;
            Some(TokenOwner {
                user: User::new(UserId::new(id), format!("user{id}")),
                login: LoginId::new(id),
            })
        }
    });
    let auth = Auth::new(bus, env.clone());
    let me = async |Authenticated(owner): Authenticated| owner.user.username;
    let app = Router::new()
        .route("/api/v10/channels/{channel}/messages", post(me).get(me))
        .route("/api/v10/users/@me", get(me))
        .route("/api/v1/open", get(async || "open"))
        .route("/api/v1/broadcasts/{broadcast}/files/{file}", get(async || "a segment"))
        .route("/healthz", get(async || "well"))
        .with_state(auth.clone())
        .layer(middleware::from_fn_with_state(Limits::new(auth, env), limit));
    Stage { app, clock, resolutions }
}

impl Stage {
    async fn ask(&self, method: &str, path: &str, token: &str, peer: &str) -> Response {
        let mut request = Request::builder().method(method).uri(path);
        if !token.is_empty() {
            request = request.header("authorization", format!("Bot {token}"));
        }
        let peer: SocketAddr = format!("{peer}:4000").parse().unwrap();
        let request = request.extension(ConnectInfo(peer)).body(Body::empty()).unwrap();
        self.app.clone().oneshot(request).await.unwrap()
    }

    async fn send(&self, path: &str, token: &str) -> Response {
        self.ask("POST", path, token, "192.0.2.1").await
    }
}

fn header_of(response: &Response, name: &str) -> String {
    response.headers().get(name).map(|value| value.to_str().unwrap().to_owned()).unwrap_or_default()
}

async fn body_of(response: Response) -> Value {
    serde_json::from_slice(&to_bytes(response.into_body(), 1 << 20).await.unwrap()).unwrap()
}

#[tokio::test]
async fn hundreds_may_watch_a_broadcast_from_one_address() {
    let stage = stage();
    for _ in 0..500 {
        let answer = stage.ask("GET", "/api/v1/broadcasts/5/files/1.m4s", "", "192.0.2.1").await;
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().get(&LIMIT).is_none());
    }
    assert_eq!(stage.ask("GET", "/api/v1/open", "", "192.0.2.1").await.status(), 200, "nor is that counted");
}

#[tokio::test]
async fn a_flood_of_questions_for_segments_from_one_address_ends_at_some_time_and_hurts_nobody_else() {
    let stage = stage();
    let segment = async |peer: &str| stage.ask("GET", "/api/v1/broadcasts/5/files/1.m4s", "", peer).await;
    for _ in 0..rules::SEALED_USES.uses {
        assert_eq!(segment("192.0.2.1").await.status(), 200);
    }
    for _ in 0..100 {
        assert_eq!(segment("192.0.2.1").await.status(), 429);
    }
    assert_eq!(segment("192.0.2.2").await.status(), 200);
    assert_eq!(
        stage.ask("GET", "/api/v1/open", "", "192.0.2.1").await.status(),
        200,
        "it is about these alone"
    );
    stage.clock.advance(rules::SEALED_USES.per);
    assert_eq!(segment("192.0.2.1").await.status(), 200);
}

#[tokio::test]
async fn five_messages_in_five_seconds_per_channel_and_person() {
    let stage = stage();
    for left in (0..5).rev() {
        let sent = stage.send(MESSAGES, "t-7").await;
        assert_eq!(sent.status(), 200);
        assert_eq!(header_of(&sent, "x-ratelimit-limit"), "5");
        assert_eq!(header_of(&sent, "x-ratelimit-remaining"), left.to_string());
        assert_eq!(header_of(&sent, "x-ratelimit-reset-after"), "5.000");
        assert_eq!(header_of(&sent, "x-ratelimit-reset"), "1800000005.000");
        assert_eq!(header_of(&sent, "x-ratelimit-bucket").len(), 16);
    }
    stage.clock.advance(Duration::from_millis(1500));
    let sixth = stage.send(MESSAGES, "t-7").await;
    assert_eq!(sixth.status(), 429);
    assert_eq!(header_of(&sixth, "retry-after"), "4");
    assert_eq!(header_of(&sixth, "x-ratelimit-scope"), "user");
    assert_eq!(header_of(&sixth, "x-ratelimit-limit"), "5");
    let body = body_of(sixth).await;
    assert_eq!((&body["retry_after"], &body["global"]), (&Value::from(3.5), &Value::from(false)));
    assert!(body["message"].is_string() && body["code"].is_number());
    // Another channel, another person and reading are other buckets.
    assert_eq!(stage.send("/api/v10/channels/6/messages", "t-7").await.status(), 200);
    assert_eq!(stage.send(MESSAGES, "t-8").await.status(), 200);
    assert_eq!(stage.ask("GET", MESSAGES, "t-7", "192.0.2.1").await.status(), 200);
    stage.clock.advance(Duration::from_millis(3500));
    assert_eq!(stage.send(MESSAGES, "t-7").await.status(), 200);
}

#[tokio::test]
async fn fifty_requests_a_second_whatever_they_ask() {
    let stage = stage();
    for _ in 0..50 {
        assert_eq!(stage.ask("GET", "/api/v10/users/@me", "t-7", "192.0.2.1").await.status(), 200);
    }
    // From elsewhere it is still the same person.
    let next = stage.ask("GET", MESSAGES, "t-7", "192.0.2.2").await;
    assert_eq!(next.status(), 429);
    assert_eq!(header_of(&next, "x-ratelimit-scope"), "global");
    assert_eq!(header_of(&next, "x-ratelimit-global"), "true");
    assert_eq!(body_of(next).await["global"], true);
    assert_eq!(stage.ask("GET", "/api/v10/users/@me", "t-8", "192.0.2.1").await.status(), 200);
    assert_eq!(stage.ask("GET", "/healthz", "", "192.0.2.1").await.status(), 200);
    stage.clock.advance(Duration::from_secs(1));
    assert_eq!(stage.ask("GET", MESSAGES, "t-7", "192.0.2.1").await.status(), 200);
    assert_eq!(
        stage.resolutions.load(std::sync::atomic::Ordering::Relaxed),
        2,
        "each token is resolved once"
    );
}

#[tokio::test]
async fn strangers_count_by_their_address_whatever_tokens_they_invent() {
    let stage = stage();
    for number in 0..50 {
        let asked = stage.ask("GET", "/api/v1/open", &format!("guess-{number}"), "198.51.100.1").await;
        assert_eq!(asked.status(), 200);
    }
    assert_eq!(stage.ask("GET", "/api/v1/open", "guess-50", "198.51.100.1").await.status(), 429);
    assert_eq!(stage.ask("GET", "/api/v1/open", "", "198.51.100.1").await.status(), 429);
    assert_eq!(stage.ask("GET", "/api/v1/open", "", "198.51.100.2").await.status(), 200);
    // Neighbours in one IPv6 network are one.
    for _ in 0..50 {
        stage.ask("GET", "/api/v1/open", "", "[2001:db8::1]").await;
    }
    assert_eq!(stage.ask("GET", "/api/v1/open", "", "[2001:db8::2]").await.status(), 429);
}

#[tokio::test]
async fn an_address_that_gets_ten_thousand_wrong_is_refused_for_the_rest_of_ten_minutes() {
    let stage = stage();
    for _ in 0..250 {
        for _ in 0..40 {
            // The bucket of the route runs out as well, and that counts too.
            let wrong = stage.ask("GET", "/api/v10/users/@me", "wrong", "192.0.2.9").await;
            assert!(matches!(wrong.status().as_u16(), 401 | 429));
        }
        stage.clock.advance(Duration::from_secs(1));
    }
    let refused = stage.ask("GET", "/api/v10/users/@me", "t-7", "192.0.2.9").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(stage.ask("GET", "/api/v10/users/@me", "t-7", "192.0.2.1").await.status(), 200);
    stage.clock.advance(Duration::from_secs(600));
    assert_eq!(stage.ask("GET", "/api/v10/users/@me", "t-7", "192.0.2.9").await.status(), 200);
}
