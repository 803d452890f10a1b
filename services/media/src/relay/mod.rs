//! STUN and TURN for those who cannot reach the media ports themselves: UDP and TCP on one port, relays over UDP.
//!
//! The rules are `engines/turn`'s; here are the thread and the sockets. What a client sends to our own SFU, or to another
//! relayed address, and what comes back, is handed over in memory.

mod coturn;
mod door;
mod onward;
mod run;
mod sockets;
mod streams;

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    ops::RangeInclusive,
    os::unix::net::UnixStream as StdUnixStream,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use tokio::sync::mpsc;
use voxlink_protocol::{LoginId, UserId};
use voxlink_service_kit::Env;
use voxlink_turn::{Config, SPECIAL_PURPOSE, Server, credentials};

pub use coturn::coturn_config;
pub(crate) use run::mailbox;
pub use voxlink_turn::{ChannelRange, Limits, Network, Secret};

use crate::{counters::ShardCounters, parcel::Mailbox, udp::UdpPort};

pub use door::{TurnDoor, TurnOverTls};

/// How long a credential opens allocations, and how long a client may keep it.
pub(crate) const LIFETIME: Duration = Duration::from_secs(3600);
const DEFAULT_REALM: &str = "voxlink";
/// Above what Linux gives to programs that name no port (32768 to 60999).
const DEFAULT_PORTS: RangeInclusive<u16> = 61_000..=64_999;
/// Logins that ended and were not taken notice of yet.
const MOST_COMMANDS: usize = 1024;

/// How to serve STUN and TURN.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TurnConfig {
    /// UDP and TCP. Port 0 takes any (tests).
    pub listen: SocketAddr,
    /// Nobody asked for just this address: should it be taken, the server starts without TURN.
    pub is_default: bool,
    /// The UDP ports of relayed addresses; best outside of the system's ephemeral range.
    pub ports: RangeInclusive<u16>,
    /// What credentials are made for; short, since each refusal carries it.
    pub realm: String,
    /// Credentials are made with the first one; a second one is the one before, whose credentials still live.
    pub secrets: Vec<Secret>,
    /// Which channel numbers clients may bind.
    pub channels: ChannelRange,
    /// Special ranges that peers may be in all the same.
    pub allowed: Vec<Network>,
    /// Never peers: databases, the bus.
    pub denied: Vec<Network>,
    /// Quotas and rates.
    pub limits: Limits,
}

impl TurnConfig {
    /// With defaults, and without a secret.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self {
            listen,
            is_default: false,
            ports: DEFAULT_PORTS,
            realm: DEFAULT_REALM.to_owned(),
            secrets: Vec::new(),
            channels: ChannelRange::default(),
            allowed: Vec::new(),
            denied: Vec::new(),
            limits: Limits::default(),
        }
    }
}

/// A TURN server of somebody else that takes our credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExternalTurn {
    /// As browsers take them: `turn:turn.example.org:3478?transport=udp`.
    pub urls: Vec<String>,
    /// What it checks credentials with.
    pub secret: Secret,
}

impl ExternalTurn {
    /// As [`Turn::credential`].
    pub(crate) fn credential(&self, user: UserId, login: LoginId, unix: u64) -> (String, String) {
        credential(&self.secret, user, login, unix)
    }
}

fn credential(secret: &Secret, user: UserId, login: LoginId, unix: u64) -> (String, String) {
    let name = format!("{}/{}", user.get(), login.get());
    let made = credentials::issue(secret, &name, unix + LIFETIME.as_secs());
    (made.username, made.password)
}

/// What the thread needs to know of this machine.
pub(crate) struct Place {
    /// Relayed addresses have one of these, the first of each family.
    pub(crate) relay_addresses: Vec<IpAddr>,
    /// All others of this machine.
    pub(crate) own_addresses: Vec<IpAddr>,
    /// The SFU's candidates, and which shard has each.
    pub(crate) sfu: Vec<(SocketAddr, usize)>,
}

/// How the relay and the shards reach each other in memory.
pub(crate) struct ToShards {
    /// Where shards put what they say to relayed addresses; from [`mailbox`].
    pub(crate) mailbox: Arc<Mailbox>,
    /// Where each shard takes what is for it.
    pub(crate) shards: Vec<Arc<Mailbox>>,
}

/// What is asked of the thread.
enum Command {
    EndLogin(UserId, LoginId),
    /// Serve this connection, which somebody else decrypts.
    Carry {
        socket: StdUnixStream,
        local: SocketAddr,
        remote: SocketAddr,
    },
    Stop,
}

/// A running relay.
pub(crate) struct Turn {
    commands: mpsc::Sender<Command>,
    waker: Arc<mio::Waker>,
    secret: Secret,
    port: u16,
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Turn(port {})", self.port)
    }
}

impl Turn {
    /// Binds and starts the thread.
    ///
    /// # Errors
    /// When the port is taken, or the system gives no more sockets or threads.
    pub(crate) fn start(
        config: &TurnConfig,
        place: Place,
        shards: ToShards,
        counters: Arc<ShardCounters>,
        env: &Env,
    ) -> io::Result<(Self, JoinHandle<()>)> {
        let (udp, tcp) = bind(config.listen, &counters)?;
        let bound = udp.local_address()?;
        // One that nobody keeps ends with the process, and its credentials too.
        let made = || vec![Secret::new(STANDARD.encode(env.bytes::<32>()))];
        let secrets = if config.secrets.is_empty() { made() } else { config.secrets.clone() };
        let Some(secret) = secrets.first().cloned() else { return Err(io::ErrorKind::InvalidInput.into()) };
        let listeners = [&place.relay_addresses, &place.own_addresses].into_iter().flatten();
        let engine = Config {
            realm: config.realm.clone(),
            secrets,
            credential_lifetime: LIFETIME,
            channels: config.channels,
            relay_addresses: place.relay_addresses.clone(),
            own_addresses: place.own_addresses.clone(),
            local_peers: place.sfu.iter().map(|(candidate, _)| *candidate).collect(),
            listeners: listeners.map(|ip| SocketAddr::new(*ip, bound.port())).collect(),
            denied: config.denied.clone(),
            allowed: config.allowed.clone(),
            limits: config.limits,
        };
        let (now, unix) = (env.clock.monotonic(), env.clock.wall().duration_since(std::time::UNIX_EPOCH));
        let server = Server::new(engine, env.bytes(), now, unix.unwrap_or_default());
        let (commands, inbox) = mpsc::channel(MOST_COMMANDS);
        let ties = run::Ties { inbox, mailbox: shards.mailbox, shards: shards.shards, counters };
        let (relay, waker) =
            run::Relay::new(server, (udp, tcp), config.ports.clone(), place, env.clone(), ties)?;
        let thread = std::thread::Builder::new().name("turn-0".to_owned()).spawn(move || relay.run())?;
        tracing::info!(%bound, ports = ?config.ports, "STUN and TURN listen (UDP and TCP)");
        Ok((Self { commands, waker, secret, port: bound.port() }, thread))
    }

    /// The port, of UDP and TCP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// What this login may show until [`LIFETIME`] from `unix`, in seconds since 1970; username and password.
    pub(crate) fn credential(&self, user: UserId, login: LoginId, unix: u64) -> (String, String) {
        credential(&self.secret, user, login, unix)
    }

    /// Ends what was allocated with a login's credentials.
    pub(crate) async fn end_login(&self, user: UserId, login: LoginId) {
        self.tell(Command::EndLogin(user, login)).await;
    }

    /// Ends the thread.
    pub(crate) async fn stop(&self) {
        self.tell(Command::Stop).await;
    }

    async fn tell(&self, command: Command) {
        // A thread that has ended needs no telling.
        let _ended = self.commands.send(command).await;
        let _ended = self.waker.wake();
    }
}

/// Both sockets on one port; with port 0 on any that both can have.
fn bind(listen: SocketAddr, counters: &Arc<ShardCounters>) -> io::Result<(UdpPort, TcpListener)> {
    let mut tries = if listen.port() == 0 { 16 } else { 1 };
    loop {
        tries -= 1;
        let udp = UdpPort::bind(listen, counters.clone())?;
        match TcpListener::bind(udp.local_address()?) {
            Ok(tcp) => return Ok((udp, tcp)),
            Err(error) if tries == 0 => return Err(error),
            Err(_) => {}
        }
    }
}
