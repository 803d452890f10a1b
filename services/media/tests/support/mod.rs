//! A media service on loopback with a fake identity, and people in it: a WebSocket, a whole WebRTC client (str0m) and a
//! real UDP socket each.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, dead_code, unreachable_pub)]

pub mod client;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use voxlink_media::{Media, MediaConfig};
use voxlink_protocol::{
    ChannelId, GuildId, LoginId, Secret, User, UserId, VoiceState,
    bus::{LeaveSeat, ResolveToken, TakeSeat, TokenOwner, UpdateSeat},
    event::{GuildChange, GuildEvent},
    voice::CallPass,
};
use voxlink_service_kit::{Auth, Bus, Env, call_pass::PassKey};

pub const GUILD: GuildId = GuildId::new(900);
pub const LOUNGE: ChannelId = ChannelId::new(901);
pub const STUDY: ChannelId = ChannelId::new(902);

pub struct Server {
    pub media: Media,
    pub bus: Bus,
    pub http: SocketAddr,
    pub states: Arc<Mutex<Vec<VoiceState>>>,
    key: PassKey,
    env: Env,
}

impl Server {
    pub async fn start(shards: usize) -> Self {
        let (bus, env, key) = (Bus::in_process(), Env::real(), PassKey::new(&[5; 32]));
        bus.serve(|request: ResolveToken| async move {
            let user = User::new(UserId::new(1), "anna");
            (request.token.expose() == "annas-token").then(|| TokenOwner { user, login: LoginId::new(1) })
        });
        let states = Arc::<Mutex<Vec<VoiceState>>>::default();
        let heard = states.clone();
        bus.subscribe(move |event: &Arc<GuildEvent>| {
            if let GuildChange::VoiceStateUpdate(state) = &event.change {
                heard.lock().unwrap().push((**state).clone());
            }
        });
        let config = MediaConfig {
            listen: "127.0.0.1:0".parse().unwrap(),
            public_addresses: Vec::new(),
            shards,
            loopback_first: true,
        };
        let auth = Auth::new(bus.clone(), env.clone());
        let media = Media::start(config, &bus, env.clone(), key.clone(), auth).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let http = listener.local_addr().unwrap();
        let router = media.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { media, bus, http, states, key, env }
    }

    pub fn pass(&self, user: u64, channel: ChannelId) -> Secret {
        self.key.sign(&CallPass {
            user_id: UserId::new(user),
            guild_id: GUILD,
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
        let request = UpdateSeat {
            user: UserId::new(user),
            guild: GUILD,
            session_id: session(user),
            self_mute,
            self_deaf: false,
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
