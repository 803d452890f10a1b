//! `GET /api/v1/ice-servers`: the STUN and TURN servers a client should use: our own, one that the operator named, both
//! or none. With none the SFU is reached directly or not at all.

use axum::{Extension, Json, extract::State, http::HeaderMap};
use serde::Serialize;
use voxlink_service_kit::{Authenticated, http::OverTls, ws};

use crate::{MediaState, relay};

#[derive(Serialize)]
pub(crate) struct IceServers {
    ice_servers: Vec<IceServer>,
    /// Seconds that the answer is good for.
    ttl: u64,
}

#[derive(Serialize)]
struct IceServer {
    urls: Vec<String>,
    username: String,
    credential: String,
}

pub(crate) async fn list(
    State(state): State<MediaState>,
    Authenticated(who): Authenticated,
    over_tls: Option<Extension<OverTls>>,
    headers: HeaderMap,
) -> Json<IceServers> {
    let asked = ws::host_of(&headers).unwrap_or("localhost");
    let host = ws::without_port(asked);
    // Who came by TLS knows a name, port and certificate that work; others are told what the certificate is good for.
    let encrypted = match (&state.turn_over_tls, over_tls) {
        (Some(_), Some(_)) if asked == host => Some(format!("{host}:443")),
        (Some(_), Some(_)) => Some(asked.to_owned()),
        (Some(tls), None) => tls.name_for(host).map(|name| format!("{name}:{}", tls.port)),
        (None, _) => None,
    };
    let unix = state.env.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_secs();
    let ours = state.turn.iter().map(|turn| {
        let (username, credential) = turn.credential(who.user.id, who.login, unix);
        let url = |transport| format!("turn:{host}:{}?transport={transport}", turn.port());
        let encrypted = encrypted.iter().map(|at| format!("turns:{at}?transport=tcp"));
        IceServer {
            urls: [url("udp"), url("tcp")].into_iter().chain(encrypted).collect(),
            username,
            credential,
        }
    });
    let others = state.external_turn.iter().map(|turn| {
        let (username, credential) = turn.credential(who.user.id, who.login, unix);
        IceServer { urls: turn.urls.clone(), username, credential }
    });
    let ice_servers = ours.chain(others);
    Json(IceServers { ice_servers: ice_servers.collect(), ttl: relay::LIFETIME.as_secs() })
}
