//! A media service on loopback with a fake identity, and people in it: a WebSocket, a whole WebRTC client (str0m) and a
//! real UDP socket each.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code, unreachable_pub)]

pub mod client;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use voxlink_media::{Media, MediaConfig, TurnConfig};
use voxlink_protocol::{
    ChannelId, GuildId, LoginId, RoleId, Secret, User, UserId, VoiceState,
    bus::{
        CallRights, CallRightsOf, IssueStreamPass, LeaveSeat, PassRefused, ResolveToken, TakeSeat,
        TokenOwner, UpdateSeat,
    },
    event::{GuildChange, GuildEvent},
    voice::CallPass,
};
use voxlink_service_kit::{Auth, Bus, DbTarget, Env, call_pass::PassKey};

pub const GUILD: GuildId = GuildId::new(900);
pub const LOUNGE: ChannelId = ChannelId::new(901);
pub const STUDY: ChannelId = ChannelId::new(902);
/// Any port.
const ANY: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
/// Not a voice channel.
pub const TEXT: ChannelId = ChannelId::new(903);

pub struct Server {
    pub media: Media,
    pub bus: Bus,
    pub http: SocketAddr,
    pub states: Arc<Mutex<Vec<VoiceState>>>,
    /// Who may not come into which channel, and who may not stream there.
    pub forbidden: Arc<Mutex<Vec<Refusal>>>,
    key: PassKey,
    env: Env,
    folder: PathBuf,
}

/// What someone may not do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forbidden {
    View,
    Connect,
    Stream,
}

impl Drop for Server {
    fn drop(&mut self) {
        // A folder that stays is found by whoever cleans /tmp.
        let _stays = std::fs::remove_dir_all(&self.folder);
    }
}

impl Server {
    pub async fn start(shards: usize) -> Self {
        Self::start_as(ANY, shards, 250, None).await
    }

    /// A call of more than `part` people is spread over the shards.
    pub async fn start_in_parts(shards: usize, part: usize) -> Self {
        Self::start_as(ANY, shards, part, None).await
    }

    /// With one shard at this address.
    pub async fn start_at(listen: SocketAddr) -> Self {
        Self::start_as(listen, 1, 250, None).await
    }

    /// With STUN and TURN.
    pub async fn start_with_turn() -> Self {
        let listen = "127.0.0.1:0".parse().unwrap();
        Self::start_with_turn_of(TurnConfig { ports: 45_000..=45_999, ..TurnConfig::new(listen) }).await
    }

    pub async fn start_with_turn_of(turn: TurnConfig) -> Self {
        Self::start_as(ANY, 1, 250, Some(turn)).await
    }

    async fn start_as(listen: SocketAddr, shards: usize, part: usize, turn: Option<TurnConfig>) -> Self {
        let (bus, env, key) = (Bus::in_process(), Env::real(), PassKey::new(&[5; 32]));
        bus.serve(|request: ResolveToken| async move {
            let people = [("annas-token", 1, "anna"), ("boriss-token", 2, "boris")];
            let found = people.into_iter().find(|(token, ..)| *token == request.token.expose());
            found.map(|(_, id, name)| {
                let user = User::new(UserId::new(id), name);
                TokenOwner { user, login: LoginId::new(id) }
            })
        });
        let forbidden = Arc::<Mutex<Vec<(u64, ChannelId, Forbidden)>>>::default();
        serve_chat(&bus, &env, &key, &forbidden);
        let name: [u8; 8] = env.bytes();
        let folder = std::env::temp_dir().join(format!("voxlink-media-{:016x}", u64::from_be_bytes(name)));
        std::fs::create_dir_all(&folder).unwrap();
        let states = Arc::<Mutex<Vec<VoiceState>>>::default();
        let heard = states.clone();
        bus.subscribe(move |event: &Arc<GuildEvent>| {
            if let GuildChange::VoiceStateUpdate(state) = &event.change {
                heard.lock().unwrap().push((**state).clone());
            }
        });
        let config = MediaConfig {
            listen,
            public_addresses: Vec::new(),
            shards,
            part,
            loopback_first: true,
            turn,
            turn_over_tls: None,
            external_turn: None,
            database: voxlink_test_postgres::target(&folder.join("media.db")),
        };
        let auth = Auth::new(bus.clone(), env.clone());
        let media = Media::start(config, &bus, env.clone(), key.clone(), auth).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let router = media.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { media, bus, http, states, forbidden, key, env, folder }
    }

    /// For another media service.
    pub fn database(&self) -> DbTarget {
        voxlink_test_postgres::target(&self.folder.join("another.db"))
    }

    /// From now on this person may not do this in this channel: chat says so and the guild changes.
    pub fn forbid(&self, user: u64, channel: ChannelId, what: Forbidden) {
        self.forbidden.lock().unwrap().push((user, channel, what));
        let change = GuildChange::RoleDelete(RoleId::new(1));
        self.bus.publish(GuildEvent { guild_id: GUILD, version: Some(2), change });
    }

    pub fn pass(&self, user: u64, channel: ChannelId) -> Secret {
        self.key.sign(&CallPass {
            user_id: UserId::new(user),
            guild_id: Some(GUILD),
            channel_id: channel,
            session_id: session(user),
            may_speak: true,
            may_stream: true,
            e2ee: false,
            user_limit: 0,
            expires: self.env.now().plus(Duration::from_secs(60)),
        })
    }

    pub async fn take_seat(&self, user: u64, channel: ChannelId) -> Secret {
        let pass = self.pass(user, channel);
        let request = TakeSeat { pass: pass.clone(), self_mute: false, self_deaf: false };
        let seat = self.bus.call(request).await.unwrap().unwrap();
        assert_eq!(seat.state.channel_id, Some(channel));
        pass
    }

    pub async fn mute(&self, user: u64, self_mute: bool) {
        self.update(user, self_mute, false).await;
    }

    pub async fn deafen(&self, user: u64, self_deaf: bool) {
        self.update(user, false, self_deaf).await;
    }

    async fn update(&self, user: u64, self_mute: bool, self_deaf: bool) {
        let request = UpdateSeat {
            user: UserId::new(user),
            guild: Some(GUILD),
            session_id: session(user),
            self_mute,
            self_deaf,
        };
        assert!(self.bus.call(request).await.unwrap());
    }

    pub async fn leave(&self, user: u64) {
        let request = LeaveSeat { user: UserId::new(user), guild: Some(GUILD), session_id: session(user) };
        assert!(self.bus.call(request).await.unwrap());
    }

    pub fn last_state(&self, user: u64) -> Option<VoiceState> {
        let states = self.states.lock().unwrap();
        states.iter().rev().find(|state| state.user_id == UserId::new(user)).cloned()
    }
}

pub fn session(user: u64) -> String {
    format!("session-of-{user}")
}

/// Chat, as far as calls ask it: everyone may do everything that was not forbidden.
/// What a person may not do in a channel.
type Refusal = (u64, ChannelId, Forbidden);

fn serve_chat(bus: &Bus, env: &Env, key: &PassKey, forbidden: &Arc<Mutex<Vec<Refusal>>>) {
    let may = |list: &Arc<Mutex<Vec<_>>>| {
        let list = list.clone();
        move |user: UserId, channel: ChannelId, what: Forbidden| {
            !list.lock().unwrap().contains(&(user.get(), channel, what))
        }
    };
    let (allowed, env, key) = (may(forbidden), env.clone(), key.clone());
    bus.serve(move |request: IssueStreamPass| {
        let IssueStreamPass { user, channel, session_id } = request;
        let is_voice = [LOUNGE, STUDY].contains(&channel);
        let pass = match () {
            () if channel == TEXT => Err(PassRefused::NotVoice),
            () if !is_voice || !allowed(user, channel, Forbidden::View) => Err(PassRefused::Unknown),
            () if !allowed(user, channel, Forbidden::Connect) => Err(PassRefused::Forbidden),
            () => Ok(key.sign(&CallPass {
                user_id: user,
                guild_id: Some(GUILD),
                channel_id: channel,
                session_id,
                may_speak: true,
                may_stream: allowed(user, channel, Forbidden::Stream),
                e2ee: false,
                user_limit: 0,
                expires: env.now().plus(Duration::from_secs(60)),
            })),
        };
        async move { pass }
    });
    let allowed = may(forbidden);
    bus.serve(move |request: CallRightsOf| {
        let stays = |user, channel| {
            allowed(user, channel, Forbidden::View) && allowed(user, channel, Forbidden::Connect)
        };
        let rights: Vec<CallRights> = request
            .seats
            .into_iter()
            .filter(|(user, channel)| stays(*user, *channel))
            .map(|(user, channel)| CallRights {
                user,
                channel,
                may_speak: true,
                may_stream: allowed(user, channel, Forbidden::Stream),
                mute: false,
                deaf: false,
            })
            .collect();
        async move { rights }
    });
}
