//! The gateway: WebSocket sessions that survive lost sockets, fan-out of guild events to those who may see them, and
//! presence. docs/protocol/gateway.md is its contract.
//!
//! Inside: [`hub`] is the one owner of sessions and guild views, a pure core without locks; [`shell`] feeds it from the
//! bus and the sockets and carries out what it wants; [`session`] and [`ring`] decide what a client has been told. The
//! gateway stores nothing and owns no permission: it keeps copies of guilds that chat's versioned events hold current.

mod budget;
mod connection;
mod dispatch;
mod door;
mod http;
mod hub;
mod ring;
mod session;
mod shell;
mod view;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::Router;
use voxlink_service_kit::{Auth, Bus, Env, Routes, ws::WsLimits};

use http::Entrance;
use hub::{Hub, HubConfig, Input};
use shell::ToHub;

/// docs/protocol/gateway.md: the inbound limit.
const MOST_INBOUND: usize = 64 << 10;
/// Sessions of one person at a time.
const SESSIONS_PER_USER: usize = 25;

/// What an operator or a test may set.
#[derive(Clone, Debug)]
pub struct GatewayConfig {
    /// Origins besides the server's own whose pages may connect, e.g. `https://app.example`.
    pub allowed_origins: Vec<String>,
    /// How often clients must send a heartbeat.
    pub heartbeat_interval: Duration,
    /// How long a session waits for its client after the socket was lost.
    pub session_patience: Duration,
    /// How long a socket may stay without IDENTIFY or RESUME.
    pub identify_deadline: Duration,
    /// Sockets of one address that have not identified.
    pub unidentified_per_ip: usize,
    /// Memory that all replay rings together may keep alive, in bytes.
    pub ring_memory: usize,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            allowed_origins: Vec::new(),
            heartbeat_interval: Duration::from_millis(41_250),
            session_patience: Duration::from_secs(180),
            identify_deadline: Duration::from_secs(10),
            unidentified_per_ip: 200,
            ring_memory: 256 << 20,
        }
    }
}

/// The running gateway.
pub struct Gateway {
    entrance: Entrance,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gateway")
    }
}

impl Gateway {
    /// Starts it: from now on it hears the bus. To be called within a tokio runtime.
    #[must_use]
    pub fn start(config: GatewayConfig, bus: Bus, env: Env, auth: Auth) -> Self {
        let hub_config = HubConfig {
            heartbeat: config.heartbeat_interval,
            session_patience: config.session_patience,
            identify_deadline: config.identify_deadline,
            unidentified_per_ip: config.unidentified_per_ip,
            sessions_per_user: SESSIONS_PER_USER,
            ring_memory: config.ring_memory,
        };
        let hub = Hub::new(hub_config, env.entropy.clone(), env.clock.monotonic());
        let shell = shell::start(hub, bus, auth.clone(), env.clock.clone());
        let limits = WsLimits { max_message: MOST_INBOUND, allowed_origins: config.allowed_origins.into() };
        let entrance = Entrance {
            shell,
            auth,
            env,
            limits,
            next_link: Arc::new(AtomicU64::new(1)),
            draining: Arc::new(AtomicBool::new(false)),
        };
        Self { entrance }
    }

    /// `/gateway`, `/gateway/` and `/api/v{10,9,8}/gateway[/bot]`.
    pub fn router(&self) -> Router {
        self.routes().into_router()
    }

    /// As [`Gateway::router`], with its table.
    pub fn routes(&self) -> Routes {
        http::routes(self.entrance.clone())
    }

    /// Sockets that are open now.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.entrance.shell.links.load(Ordering::Acquire)
    }

    /// Lets no new socket in, asks those that are open to reconnect (op 7), spread over most of `within`, and closes
    /// whoever is left at its end. Returns when all are gone, at the latest soon after `within`.
    pub async fn drain(&self, within: Duration) {
        self.entrance.draining.store(true, Ordering::Release);
        let until = self.entrance.env.clock.monotonic() + within;
        if self.entrance.shell.ops.send(ToHub::Input(Input::Drain { until })).await.is_err() {
            return;
        }
        let all_gone = async {
            while self.entrance.shell.links.load(Ordering::Acquire) > 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // A hub that does not get done is left behind: the process ends anyway.
        let _late = tokio::time::timeout(within + Duration::from_secs(1), all_gone).await;
    }
}
