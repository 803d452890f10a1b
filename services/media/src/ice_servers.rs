//! `GET /api/v1/ice-servers`: the STUN and TURN servers a client should use. Without `--turn-listen` there are none: the
//! SFU is reached directly or not at all.

use axum::{Json, extract::State, http::HeaderMap};
use serde::Serialize;
use voxlink_service_kit::{Authenticated, ws};

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
    headers: HeaderMap,
) -> Json<IceServers> {
    let host = ws::host_of(&headers).map_or("localhost", without_port);
    let ice_servers = state.turn.iter().map(|turn| {
        let unix = state.env.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let (username, credential) = turn.credential(who.user.id, who.login, unix.as_secs());
        let url = |transport| format!("turn:{host}:{}?transport={transport}", turn.port());
        IceServer { urls: vec![url("udp"), url("tcp")], username, credential }
    });
    Json(IceServers { ice_servers: ice_servers.collect(), ttl: relay::LIFETIME.as_secs() })
}

/// The name that the client knows us by; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rfind(':') {
        Some(colon) if !host.ends_with(']') => &host[..colon],
        _ => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
