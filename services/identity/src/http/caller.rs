//! Who is on the other end, before any login: their address and the name of their program.

use std::{convert::Infallible, net::SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, header, request::Parts},
};

use crate::limits::Origin;

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
        Ok(Self { origin: origin(peer, &parts.headers), user_agent: user_agent(&parts.headers) })
    }
}

/// The peer's address; behind a proxy on this machine, the one that the proxy saw. Only the last entry of
/// `X-Forwarded-For` is the proxy's own word.
fn origin(peer: Option<SocketAddr>, headers: &HeaderMap) -> Origin {
    let Some(peer) = peer else { return Origin::NOWHERE };
    let forwarded = || {
        let last = headers.get_all("x-forwarded-for").iter().next_back()?.to_str().ok()?;
        last.rsplit(',').next()?.trim().parse().ok()
    };
    let address = peer.ip().to_canonical();
    let seen_by_proxy = if address.is_loopback() { forwarded() } else { None };
    seen_by_proxy.unwrap_or(address).into()
}

fn user_agent(headers: &HeaderMap) -> String {
    let raw = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    raw.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn only_a_proxy_on_this_machine_is_believed() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", "203.0.113.9, 192.0.2.7".parse().unwrap());
        let seen = |peer: &str| origin(Some(peer.parse().unwrap()), &headers);
        let address = |text: &str| Origin::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(seen("127.0.0.1:4000"), address("192.0.2.7"));
        assert_eq!(seen("198.51.100.1:4000"), address("198.51.100.1"));
        assert_eq!(origin(Some("[::1]:1".parse().unwrap()), &HeaderMap::new()), address("::1"));
    }
}
