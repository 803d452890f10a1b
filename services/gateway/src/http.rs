//! The routes: the WebSocket itself and where it is.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use axum::{
    Json,
    extract::{ConnectInfo, FromRef, Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};
use serde::Deserialize;
use serde_json::{Value, json};
use voxlink_protocol::{ErrorCode, FieldErrors, Problem};
use voxlink_service_kit::{
    ApiError, ApiQuery, Auth, Authenticated, Env, Routes,
    ws::{self, WsLimits},
};

use crate::{
    connection::{Connection, Control},
    hub::Input,
    session::LinkId,
    shell::{Shell, ToHub},
};

/// What the routes need.
#[derive(Clone)]
pub(crate) struct Entrance {
    pub(crate) shell: Shell,
    pub(crate) auth: Auth,
    pub(crate) env: Env,
    pub(crate) limits: WsLimits,
    pub(crate) next_link: Arc<AtomicU64>,
    pub(crate) draining: Arc<AtomicBool>,
}

impl FromRef<Entrance> for Auth {
    fn from_ref(entrance: &Entrance) -> Self {
        entrance.auth.clone()
    }
}

#[derive(Deserialize)]
struct Wish {
    v: Option<u8>,
    encoding: Option<String>,
    compress: Option<String>,
}

/// All routes of the gateway.
pub(crate) fn routes(entrance: Entrance) -> Routes {
    let mut routes = Routes::under("").get("/gateway", connect).get("/gateway/", connect);
    for version in ["v10", "v9", "v8"] {
        routes = routes
            .get(&format!("/api/{version}/gateway"), address)
            .get(&format!("/api/{version}/gateway/bot"), address_for_bots);
    }
    routes.with_state(entrance)
}

async fn connect(
    State(entrance): State<Entrance>,
    ApiQuery(wish): ApiQuery<Wish>,
    request: Request,
) -> Result<Response, ApiError> {
    if entrance.draining.load(Ordering::Acquire) {
        let problem = Problem::new(ErrorCode::General, "The server is restarting. Try again in a moment.");
        return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, problem));
    }
    let refuse = |field: &str, sentence: &str| {
        Err(ApiError::form(FieldErrors::one(field, "BASE_TYPE_CHOICES", sentence)))
    };
    if wish.encoding.is_some_and(|encoding| encoding != "json") {
        return refuse("encoding", "Must be json.");
    }
    let compress = match wish.compress.as_deref() {
        None | Some("") => false,
        Some("zlib-stream") => true,
        Some(_) => return refuse("compress", "Must be zlib-stream or absent."),
    };
    let host = ws::host_of(request.headers()).unwrap_or("localhost").to_owned();
    let secure = ws::is_secure(request.headers());
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
    let (response, socket) = ws::upgrade(request, entrance.limits.clone())?;
    let link = LinkId(entrance.next_link.fetch_add(1, Ordering::Relaxed));
    tokio::spawn(async move {
        let Ok(socket) = socket.await else { return };
        let (stream, frames) = socket.into_parts();
        // Behind TLS the stream itself has no address.
        let ip = stream.peer_ip().or(peer);
        let input = Input::Open { link, ip, host, secure, compress, version: wish.v.unwrap_or(10) };
        let control = Arc::new(Control::default());
        let hub = entrance.shell.ops;
        let open = ToHub::Open { link, stream: stream.clone(), control: control.clone(), input };
        if hub.send(open).await.is_ok() {
            Connection { link, stream, frames, control, hub, clock: entrance.env.clock }.run().await;
        }
    });
    Ok(response)
}

/// The WebSocket's address as this client can reach it.
fn url(headers: &HeaderMap) -> String {
    let scheme = if ws::is_secure(headers) { "wss" } else { "ws" };
    format!("{scheme}://{}/gateway", ws::host_of(headers).unwrap_or("localhost"))
}

async fn address(headers: HeaderMap) -> Json<Value> {
    Json(json!({"url": url(&headers)}))
}

async fn address_for_bots(_owner: Authenticated, headers: HeaderMap) -> Json<Value> {
    // v10 wants a limit of starts; the budget of sockets and sessions is what really holds here.
    let limit = json!({"total": 1000, "remaining": 1000, "reset_after": 86_400_000, "max_concurrency": 1});
    Json(json!({"url": url(&headers), "shards": 1, "session_start_limit": limit}))
}
