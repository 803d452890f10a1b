//! Calls: the threads and sockets that the SFU engine lives on, and the voice gateway.
//!
//! Parts that only send each other values: `calls` (who sits where; pure, driven by `control`), `voice` (the WebSocket at
//! `/voice`), `strangers` (WHIP and WHEP), `shard` (threads, each with an engine and a UDP socket), `tcp` (streams, cut
//! into datagrams for the shards), `mixer` (all voices as one stream, for who cannot take each), `sounds` (what people play). Other packets never leave
//! their shard. Stored are the keys of those who stream, and
//! nothing else. What this crate never does: decide who may join (chat signs a pass), look into media.

mod calls;
mod candidates;
mod control;
mod counters;
mod ice_servers;
mod keys;
mod mixer;
mod orders;
mod parcel;
mod quality;
mod reachability;
mod relay;
mod shard;
mod sounds;
pub mod store;
mod strangers;
mod taps;
mod tcp;
mod udp;
mod voice;

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener},
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::JoinHandle,
};

use axum::{Router, extract::FromRef};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
pub use calls::quality::CallCounts;
use calls::{Calls, SocketId};
use candidates::Reachable;
use control::{Control, Inquiry};
pub use counters::Counters;
use counters::ShardCounters;
pub use relay::{
    ChannelRange as TurnChannels, ExternalTurn, Limits as TurnLimits, Network as TurnNetwork,
    Secret as TurnSecret, TurnConfig, TurnDoor, TurnOverTls, coturn_config,
};
use relay::{Place, ToShards, Turn};
use shard::{Command, ShardConfig, ShardHandle};
pub use taps::CallTaps;
use taps::Listeners;
use tcp::Tcp;
use tokio::sync::mpsc;
use udp::UdpPort;
use voxlink_protocol::{ChannelId, bus::SessionRevoked};
use voxlink_service_kit::{Auth, Bus, Db, DbError, DbTarget, Env, Routes, Snowflakes, call_pass::PassKey};
/// STUN messages, for whoever asks a server of ours for its address.
pub use voxlink_turn::stun;

/// Of the ids that are made here: each service has its own.
const NODE: u16 = 3;

/// Reports of all shards that wait for the control side. It only ever waits for shards to take commands, so this holds
/// seconds of the liveliest server; beyond it events are lost, counted and logged.
const MOST_REPORTS: usize = 16_384;

/// How media is set up.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// Where media arrives, UDP and TCP: the first shard's port, each further shard has the next one. Port 0 takes any
    /// (tests). `[::]` takes IPv4 as well.
    pub listen: SocketAddr,
    /// What clients are told to send to; empty for all addresses of the machine.
    pub public_addresses: Vec<IpAddr>,
    /// Threads; 0 for one per processor.
    pub shards: usize,
    /// People of one call on one thread before another one takes a part of it.
    pub part: usize,
    /// True when HTTP is served on loopback only: clients are on this machine.
    pub loopback_first: bool,
    /// STUN and TURN, when they are served.
    pub turn: Option<TurnConfig>,
    /// Where TURN over TLS is reached, when somebody brings such connections to [`Media::turn_door`].
    pub turn_over_tls: Option<TurnOverTls>,
    /// Another TURN server that clients are told of, instead or as well.
    pub external_turn: Option<ExternalTurn>,
    /// Where stream keys are stored.
    pub database: DbTarget,
}

/// Why media did not start; its text is a sentence for the operator.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another program has the UDP port.
    #[error(
        "UDP port {0} is already in use. Is another VoxLink running? Stop it, or choose another port with --media-listen."
    )]
    PortTaken(SocketAddr),
    /// The address cannot be listened on.
    #[error(
        "cannot listen for media on {address} (UDP): {error}. Choose another address with --media-listen."
    )]
    Bind {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// More shards than ports above the first one.
    #[error(
        "{shards} media threads need as many ports from {first} on; choose a lower port with --media-listen."
    )]
    Ports {
        /// How many were asked for.
        shards: usize,
        /// The first port.
        first: u16,
    },
    /// TURN's address cannot be listened on.
    #[error(
        "cannot listen for TURN on {address} (UDP and TCP): {error}. Choose another address with --turn-listen."
    )]
    Turn {
        /// Which.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The database cannot be opened or brought up to date.
    #[error("The database of media cannot be opened: {0}.")]
    Database(#[from] DbError),
    /// No thread, no descriptors, no interfaces.
    #[error("media could not start: {0}")]
    System(#[from] io::Error),
}

/// The media service.
pub struct Media {
    state: MediaState,
    shards: Vec<ShardHandle>,
    /// Held for the shards, which only have weak references.
    _all: Arc<OnceLock<Vec<ShardHandle>>>,
    taps: CallTaps,
    mixer: mixer::Orders,
    sounds: sounds::Orders,
    threads: Mutex<Vec<JoinHandle<()>>>,
    counters: Vec<Arc<ShardCounters>>,
    relay_counters: Arc<ShardCounters>,
    tcp: Tcp,
    addresses: Vec<SocketAddr>,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}

/// What handlers need.
#[derive(Clone)]
pub(crate) struct MediaState {
    control: Control,
    bus: Bus,
    auth: Auth,
    env: Env,
    db: Db,
    ids: Arc<Snowflakes>,
    pass_key: PassKey,
    next_socket: Arc<AtomicU64>,
    turn: Option<Arc<Turn>>,
    turn_over_tls: Option<TurnOverTls>,
    media_ports: Arc<[u16]>,
    media_tcp_ports: Arc<[u16]>,
    public_addresses: Arc<[IpAddr]>,
    external_turn: Option<Arc<ExternalTurn>>,
    sounds: Arc<sounds::Shelf>,
}

impl MediaState {
    pub(crate) fn next_socket(&self) -> SocketId {
        SocketId(self.next_socket.fetch_add(1, Ordering::Relaxed))
    }
}

impl MediaState {
    /// 128 bits that nobody guesses, for URLs.
    pub(crate) fn random_name(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.env.bytes::<16>())
    }
}

impl FromRef<MediaState> for Auth {
    fn from_ref(state: &MediaState) -> Self {
        state.auth.clone()
    }
}

impl Media {
    /// Opens the database, binds the UDP ports, starts the shards and serves media's requests on the bus. Call within a
    /// tokio runtime.
    ///
    /// # Errors
    /// When the database does not open, a port is taken or the system gives no threads.
    pub async fn start(
        config: MediaConfig,
        bus: &Bus,
        env: Env,
        pass_key: PassKey,
        auth: Auth,
    ) -> Result<Self, StartError> {
        let db = Db::open(config.database.clone(), store::MIGRATIONS)?;
        let ids = Snowflakes::not_before(NODE, db.read(store::stream_keys::newest_id).await?);
        let count = match config.shards {
            0 => std::thread::available_parallelism()?.get(),
            some => some,
        };
        let interfaces = udp::sys::interface_addresses()?;
        let reachable = Reachable {
            public: &config.public_addresses,
            interfaces: &interfaces,
            loopback_first: config.loopback_first,
        };
        let (reports, reported) = mpsc::channel(MOST_REPORTS);
        let (mut shards, mut threads, mut counters, mut addresses) = (vec![], vec![], vec![], vec![]);
        let all = Arc::new(OnceLock::new());
        let listeners = Arc::<Listeners>::default();
        let mut named = Vec::new();
        let (to_tcp, mut tcp_ports, mut tcp_listeners) = (tcp::mailbox(), Vec::new(), Vec::new());
        let relay_counters = Arc::<ShardCounters>::default();
        let to_relay = config.turn.as_ref().map(|_| relay::mailbox());
        // All ports before any thread: a failure then leaves nothing running.
        let ports =
            (0..count).map(|index| bind(config.listen, index, count)).collect::<Result<Vec<_>, _>>()?;
        for (index, Bound { port, listener, counters: counted }) in ports.into_iter().enumerate() {
            let bound = port.local_address()?;
            let candidates = candidates::candidates(bound, &reachable, listener.is_some());
            named.push(candidates.udp.clone());
            tracing::info!(shard = index, %bound, ?candidates, buffer = port.receive_buffer(), "media listens");
            let (handle, thread) = shard::start(ShardConfig {
                index,
                pin: count > 1,
                port,
                candidates,
                env: env.clone(),
                reports: reports.clone(),
                counters: counted.clone(),
                all: Arc::downgrade(&all),
                listeners: listeners.clone(),
                relay: to_relay.clone(),
                tcp: Some(to_tcp.clone()),
            })?;
            if let Some(listener) = listener {
                tcp_ports.push(bound.port());
                tcp_listeners.push(tcp::Port { listener, shard: handle.streamed() });
            }
            shards.push(handle);
            threads.push(thread);
            counters.push(counted);
            addresses.push(bound);
        }
        let tcp_counters = Arc::<ShardCounters>::default();
        let (tcp, thread) = Tcp::start(tcp_listeners, to_tcp, tcp_counters.clone(), env.clone())?;
        threads.push(thread);
        counters.push(tcp_counters);
        let turn = match config.turn.as_ref().zip(to_relay) {
            None => None,
            Some((turn, mailbox)) => {
                let place = relay_place(&named, &reachable);
                let to_shards =
                    ToShards { mailbox, shards: shards.iter().map(ShardHandle::relayed).collect() };
                let started = Turn::start(turn, place, to_shards, relay_counters.clone(), &env);
                match started {
                    Ok((turn, thread)) => {
                        threads.push(thread);
                        Some(Arc::new(turn))
                    }
                    Err(error) if turn.is_default => {
                        tracing::warn!(
                            %error, address = %turn.listen,
                            "STUN and TURN are not served: calls do not come up in networks that block UDP. Is another TURN server running? Choose another address with --turn-listen, or name that server with --turn-mode external"
                        );
                        None
                    }
                    Err(error) => return Err(StartError::Turn { address: turn.listen, error }),
                }
            }
        };
        if let Some(turn) = &turn {
            let (turn, runtime) = (turn.clone(), tokio::runtime::Handle::current());
            bus.subscribe(move |event: &Arc<SessionRevoked>| {
                let (turn, user, login) = (turn.clone(), event.user, event.login);
                runtime.spawn(async move { turn.end_login(user, login).await });
            });
        }
        // Set once, here.
        let _set = all.set(shards.clone());
        let calls = Calls::new(pass_key.clone(), count, config.part, env.now());
        let (mixer, inbox) = mixer::orders();
        let (sounds, sound_orders) = sounds::orders();
        let control = control::start(
            calls,
            bus,
            env.clone(),
            shards.clone(),
            reported,
            (mixer.clone(), sounds.clone()),
        );
        keys::forget_the_gone(bus, &db);
        let taps = CallTaps::new(control.clone(), shards.clone(), listeners);
        threads.push(mixer::start(inbox, taps.clone(), control.clone(), env.clone())?);
        threads.push(sounds::start(sound_orders, taps.clone(), control.clone(), env.clone())?);
        let state = MediaState {
            control,
            bus: bus.clone(),
            auth,
            env,
            db,
            ids: Arc::new(ids),
            pass_key,
            next_socket: Arc::new(AtomicU64::new(1)),
            turn,
            turn_over_tls: config.turn_over_tls,
            media_ports: addresses.iter().map(SocketAddr::port).collect(),
            media_tcp_ports: tcp_ports.into(),
            public_addresses: config.public_addresses.into(),
            external_turn: config.external_turn.clone().map(Arc::new),
            sounds: Arc::default(),
        };
        Ok(Self {
            state,
            shards,
            _all: all,
            taps,
            mixer,
            sounds,
            threads: Mutex::new(threads),
            counters,
            relay_counters,
            tcp,
            addresses,
        })
    }

    /// `/voice`, `GET /api/v1/ice-servers`, WHIP, WHEP and their keys.
    pub fn router(&self) -> Router {
        self.routes().into_router()
    }

    /// As [`Media::router`], with its table.
    pub fn routes(&self) -> Routes {
        Routes::under("")
            .get("/voice", voice::socket::open)
            .get("/voice/", voice::socket::open)
            .get("/api/v1/ice-servers", ice_servers::list)
            .get("/api/v1/reachability", reachability::show)
            .get("/api/v1/channels/{channel}/quality", quality::show)
            .post("/api/v10/channels/{channel}/send-soundboard-sound", sounds::http::send)
            .post("/api/v1/channels/{channel}/play", sounds::file_http::begin)
            .get("/api/v1/channels/{channel}/play", sounds::file_http::show)
            .patch("/api/v1/channels/{channel}/play", sounds::file_http::change)
            .delete("/api/v1/channels/{channel}/play", sounds::file_http::end)
            .get("/api/v1/channels/{channel}/stream-keys", keys::list)
            .post("/api/v1/channels/{channel}/stream-keys", keys::create)
            .delete("/api/v1/channels/{channel}/stream-keys/{key}", keys::revoke)
            .with_state(self.state.clone())
            .merge(strangers::routes(self.state.clone()))
    }

    /// What went through since the start.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(self.counters.iter().map(Arc::as_ref))
    }

    /// What went through the sockets of the relay since the start.
    #[must_use]
    pub fn relay_counters(&self) -> Counters {
        Counters::sum(std::iter::once(&*self.relay_counters))
    }

    /// What is going on in calls now.
    pub async fn call_counts(&self) -> CallCounts {
        self.state.control.counts().await
    }

    /// Listens to calls from inside the server.
    #[must_use]
    pub fn taps(&self) -> CallTaps {
        self.taps.clone()
    }

    /// The UDP addresses listened on, one per shard; TCP has the same, see `GET /api/v1/reachability`.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The port of STUN and TURN, when they are served.
    #[must_use]
    pub fn turn_port(&self) -> Option<u16> {
        self.state.turn.as_ref().map(|turn| turn.port())
    }

    /// Where connections to TURN that somebody else decrypts go, when TURN is served.
    #[must_use]
    pub fn turn_door(&self) -> Option<TurnDoor> {
        self.state.turn.clone().map(TurnDoor)
    }

    /// Closes the voice sockets (code 1001: clients come back and resume) and ends the shards.
    pub async fn shutdown(&self) {
        self.state.control.shutdown().await;
        for shard in &self.shards {
            // One that has ended already needs no telling.
            let _ended = shard.send(Command::Stop).await;
        }
        self.mixer.give(mixer::Order::Stop);
        self.sounds.give(sounds::Order::Stop);
        self.tcp.stop();
        if let Some(turn) = &self.state.turn {
            turn.stop().await;
        }
        let threads = std::mem::take(&mut *self.threads.lock().unwrap_or_else(PoisonError::into_inner));
        let joined = tokio::task::spawn_blocking(move || {
            threads.into_iter().filter_map(|thread| thread.join().err()).count()
        });
        match joined.await {
            Ok(0) => {}
            Ok(panicked) => tracing::error!(panicked, "media threads had panicked"),
            Err(error) => tracing::error!(%error, "media threads could not be waited for"),
        }
    }

    /// Makes the code of one call panic: for tests that see what such a panic ends and what it does not.
    #[doc(hidden)]
    pub async fn panic_in_call(&self, channel: ChannelId) {
        let _over = self.state.control.tell(Inquiry::Panic(channel)).await;
    }
}

/// All addresses of this machine.
///
/// # Errors
/// When the system does not tell them.
pub fn interface_addresses() -> io::Result<Vec<IpAddr>> {
    udp::sys::interface_addresses()
}

/// What the relay may relay under, what it must not relay to, and where the SFU is.
fn relay_place(named: &[Vec<SocketAddr>], reachable: &Reachable<'_>) -> Place {
    let of_shard = |(shard, candidates): (usize, &Vec<SocketAddr>)| -> Vec<(SocketAddr, usize)> {
        candidates.iter().map(|candidate| (*candidate, shard)).collect()
    };
    let sfu = named.iter().enumerate().flat_map(of_shard).collect();
    let names = named.first().into_iter().flatten().map(SocketAddr::ip);
    let (mut v4, mut v6) = (None, None);
    for ip in names {
        let first = if ip.is_ipv4() { &mut v4 } else { &mut v6 };
        first.get_or_insert(ip);
    }
    let relay_addresses: Vec<IpAddr> = v4.into_iter().chain(v6).collect();
    let others = reachable.interfaces.iter().chain(reachable.public);
    let own_addresses = others.copied().filter(|ip| !relay_addresses.contains(ip)).collect();
    Place { relay_addresses, own_addresses, sfu }
}

/// The sockets of a shard.
struct Bound {
    port: UdpPort,
    /// Of the same number; none when another program has it.
    listener: Option<TcpListener>,
    counters: Arc<ShardCounters>,
}

/// Numbers tried when any will do: TCP may have the one that UDP got.
const TRIES: usize = 16;

fn bind(listen: SocketAddr, index: usize, shards: usize) -> Result<Bound, StartError> {
    let mut address = listen;
    if listen.port() != 0 {
        let offset = u16::try_from(index).ok();
        let port = offset.and_then(|offset| listen.port().checked_add(offset));
        address.set_port(port.ok_or(StartError::Ports { shards, first: listen.port() })?);
    }
    let counters = Arc::<ShardCounters>::default();
    let mut left = if listen.port() == 0 { TRIES } else { 1 };
    loop {
        left -= 1;
        let port = match UdpPort::bind_apart(address, counters.clone()) {
            Ok(port) => port,
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(StartError::PortTaken(address));
            }
            Err(error) => return Err(StartError::Bind { address, error }),
        };
        match TcpListener::bind(port.local_address()?) {
            Ok(listener) => return Ok(Bound { port, listener: Some(listener), counters }),
            Err(error) if left == 0 => {
                tracing::warn!(
                    %error, %address,
                    "calls are not served over TCP on this port: people in networks that block UDP need TURN. Is another program listening there? Choose other ports with --media-listen"
                );
                return Ok(Bound { port, listener: None, counters });
            }
            Err(_) => {}
        }
    }
}
