//! `GET /api/v1/reachability`: how the server sees who asks, and which ports there are to try. For `voxlink doctor` and
//! the client's connection test; it needs no account and says nothing that a scan of ports would not.

use std::net::{IpAddr, SocketAddr};

use axum::{
    Json,
    extract::{ConnectInfo, State},
    http::HeaderMap,
};
use serde::Serialize;
use voxlink_service_kit::{http::address_of, ws};

use crate::MediaState;

#[derive(Serialize)]
pub(crate) struct Reachability {
    you: You,
    /// Milliseconds since 1970.
    time: u64,
    /// UDP; each answers a Binding without credentials.
    media_ports: Vec<u16>,
    /// Those of them that take calls over TCP as well (RFC 6544); the Binding is framed (RFC 4571).
    media_tcp_ports: Vec<u16>,
    /// Those that the operator named; without any the server's name leads to the ports.
    public_addresses: Vec<IpAddr>,
    /// UDP and TCP; absent where TURN is not served.
    turn_port: Option<u16>,
    /// Whether the port of HTTPS takes TURN as well, when nothing decrypts before the server.
    turn_over_tls: bool,
}

#[derive(Serialize)]
struct You {
    address: Option<IpAddr>,
    secure: bool,
    host: String,
}

pub(crate) async fn show(
    State(state): State<MediaState>,
    peer: Option<axum::Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
) -> Json<Reachability> {
    let peer = peer.map(|axum::Extension(ConnectInfo(peer))| peer);
    let time = state.env.clock.wall().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Json(Reachability {
        you: You {
            address: address_of(peer, &headers),
            secure: ws::is_secure(&headers),
            host: ws::host_of(&headers).unwrap_or_default().to_owned(),
        },
        time: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        media_ports: state.media_ports.to_vec(),
        media_tcp_ports: state.media_tcp_ports.to_vec(),
        public_addresses: state.public_addresses.to_vec(),
        turn_port: state.turn.as_ref().map(|turn| turn.port()),
        turn_over_tls: state.turn.is_some() && state.turn_over_tls.is_some(),
    })
}
