//! What tests inside the crate share.

use std::time::Duration;

use super::{ChannelRange, Config, Limits, Secret};

pub(crate) fn config() -> Config {
    Config {
        realm: "voxlink".to_owned(),
        secrets: vec![Secret::new("secret")],
        credential_lifetime: Duration::from_secs(3_600),
        channels: ChannelRange::Rfc8656,
        relay_addresses: ["198.51.100.1", "2001:db8::1"].map(|ip| ip.parse().expect("address")).to_vec(),
        own_addresses: Vec::new(),
        local_peers: vec!["198.51.100.1:7000".parse().expect("address")],
        listeners: vec!["198.51.100.1:3478".parse().expect("address")],
        denied: Vec::new(),
        allowed: Vec::new(),
        limits: Limits::default(),
    }
}
