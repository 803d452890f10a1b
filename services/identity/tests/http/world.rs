//! A server with its clock, and what is heard on its bus.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Method, Request},
};
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use voxlink_identity::{Config, Identity, Registration};
use voxlink_protocol::bus::Announcement;
use voxlink_service_kit::{Auth, Bus, Env, env::ManualClock};

pub(crate) const REGISTER: &str = "/api/v1/auth/register";
pub(crate) const LOGIN: &str = "/api/v1/auth/login";
pub(crate) const PASSWORD: &str = "correct horse";

pub(crate) struct World {
    pub(crate) identity: Identity,
    pub(crate) router: Router,
    pub(crate) bus: Bus,
    pub(crate) clock: Arc<ManualClock>,
}

/// Someone who is logged in.
pub(crate) struct Caller<'a> {
    pub(crate) world: &'a World,
    pub(crate) authorization: String,
    pub(crate) id: String,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn code(&self) -> u64 {
        self.body["code"].as_u64().unwrap_or_default()
    }
}

impl World {
    pub(crate) async fn new(name: &str) -> Self {
        Self::with(name, false, Bus::in_process()).await
    }

    pub(crate) async fn with(name: &str, rate_limits: bool, bus: Bus) -> Self {
        let folder =
            std::env::temp_dir().join(format!("voxlink-identity-http-{name}-{}", std::process::id()));
        let _old = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let clock = ManualClock::at(SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000));
        let env = Env { clock: clock.clone(), ..Env::real() };
        let auth = Auth::new(bus.clone(), env.clone());
        let config = Config {
            database: voxlink_test_postgres::target(&folder.join("identity.db")),
            key_file: folder.join("identity.key"),
            registration: Registration::Open,
            rate_limits,
            server_name: "Workshop".to_owned(),
            version: "1.2.3".to_owned(),
        };
        let identity = Identity::open(config, bus.clone(), env, auth).await.unwrap();
        let router = identity.router();
        Self { identity, router, bus, clock }
    }

    pub(crate) async fn person(&self, name: &str) -> Caller<'_> {
        let (token, id) = registered(&self.router, name).await;
        Caller { world: self, authorization: format!("Bearer {token}"), id }
    }

    /// Logs in from this address.
    pub(crate) async fn log_in_from(&self, from: IpAddr, body: Value) -> Answer {
        send(&self.router, Method::POST, LOGIN, None, body.to_string(), from).await
    }

    pub(crate) async fn log_in(&self, body: Value) -> Answer {
        post(&self.router, LOGIN, body).await
    }

    /// All announcements of this kind, from now on.
    pub(crate) fn hear<A: Announcement + Clone>(&self) -> Arc<Mutex<Vec<A>>> {
        let heard: Arc<Mutex<Vec<A>>> = Arc::default();
        let ears = heard.clone();
        self.bus.subscribe(move |event: &Arc<A>| ears.lock().unwrap().push(A::clone(event)));
        heard
    }
}

impl Caller<'_> {
    pub(crate) async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let from = IpAddr::from([192, 0, 2, 1]);
        send(&self.world.router, method, path, Some(&self.authorization), body, from).await
    }
    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask(Method::GET, path, Value::Null).await
    }
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::POST, path, body).await
    }
    pub(crate) async fn put(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PUT, path, body).await
    }
    pub(crate) async fn patch(&self, path: &str, body: Value) -> Answer {
        self.ask(Method::PATCH, path, body).await
    }
    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.ask(Method::DELETE, path, Value::Null).await
    }
}

pub(crate) async fn server(name: &str, rate_limits: bool) -> Router {
    World::with(name, rate_limits, Bus::in_process()).await.router
}

async fn send(
    router: &Router,
    method: Method,
    path: &str,
    authorization: Option<&str>,
    body: impl Into<Body>,
    from: IpAddr,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    let request = request
        .extension(ConnectInfo(SocketAddr::new(from, 4000)))
        .header("user-agent", "Test/1")
        .body(body.into())
        .unwrap();
    let response = router.clone().oneshot(request).await.unwrap();
    let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (retry_after, content_type) = (header("retry-after"), header("content-type"));
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap() };
    Answer { status, retry_after, content_type, body }
}

pub(crate) async fn ask(
    router: &Router,
    method: Method,
    path: &str,
    token: Option<&str>,
    body: impl Into<Body>,
) -> Answer {
    let authorization = token.map(|token| format!("Bearer {token}"));
    send(router, method, path, authorization.as_deref(), body, IpAddr::from([192, 0, 2, 1])).await
}

pub(crate) async fn post(router: &Router, path: &str, body: Value) -> Answer {
    ask(router, Method::POST, path, None, body.to_string()).await
}

pub(crate) async fn get(router: &Router, path: &str, token: &str) -> Answer {
    ask(router, Method::GET, path, Some(token), Body::empty()).await
}

pub(crate) async fn registered(router: &Router, name: &str) -> (String, String) {
    let made = post(router, REGISTER, json!({"username": name, "password": PASSWORD})).await;
    assert_eq!(made.status, 201, "{}", made.body);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    (text(&made.body["token"]), text(&made.body["user"]["id"]))
}
