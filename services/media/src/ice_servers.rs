//! `GET /api/v1/ice-servers`: the STUN and TURN servers a client should use. None so far: the SFU is reached directly.

use axum::Json;
use serde::Serialize;
use voxlink_service_kit::Authenticated;

/// How long a client may keep the answer, in seconds.
const TTL_SECONDS: u32 = 3600;

#[derive(Serialize)]
pub(crate) struct IceServers {
    ice_servers: [IceServer; 0],
    ttl: u32,
}

#[derive(Serialize)]
struct IceServer {}

pub(crate) async fn list(_who: Authenticated) -> Json<IceServers> {
    Json(IceServers { ice_servers: [], ttl: TTL_SECONDS })
}
