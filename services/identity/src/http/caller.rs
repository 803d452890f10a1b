//! Who is on the other end, before any login: their address and the name of their program.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use voxlink_service_kit::http::Origin;

/// Characters of a user agent that are kept.
const AGENT_CHARS: usize = 200;

#[derive(Debug)]
pub(super) struct Caller {
    pub(super) origin: Origin,
    pub(super) user_agent: String,
}

impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| *peer);
        Ok(Self { origin: Origin::of(peer, &parts.headers), user_agent: user_agent(&parts.headers) })
    }
}

fn user_agent(headers: &HeaderMap) -> String {
    let raw = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    raw.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect()
}
