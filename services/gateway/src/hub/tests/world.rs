//! A hub, the services it asks, and clients on lines that can be cut or blocked.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Guild, GuildId, GuildSnapshot, LoginId, Member, Message, MessageId,
    Overwrite, OverwriteKind, Permissions, Relationship, Secret, Snowflake, Timestamp, User, UserId,
    UserSettings,
    bus::TokenOwner,
    event::{ChannelChange, GuildChange, GuildEvent},
};
use voxlink_service_kit::Env;

use crate::{
    door,
    hub::{Effect, Hub, HubConfig, Input, ReadyParts, VoiceAsk, VoiceOutcome, Wire},
    session::{LinkId, SessionKey},
};

pub(super) const GUILD: GuildId = GuildId::new(10);
pub(super) const GENERAL: ChannelId = ChannelId::new(20);
pub(super) const SECRET: ChannelId = ChannelId::new(21);
pub(super) const ANNA: UserId = UserId::new(1);
pub(super) const BORIS: UserId = UserId::new(2);
pub(super) const CLARA: UserId = UserId::new(3);

/// What arrived at one socket.
#[derive(Default)]
pub(super) struct Line {
    bytes: Vec<u8>,
    pub(super) room: Option<usize>,
    pub(super) ended: bool,
}

/// All sockets.
#[derive(Default)]
pub(super) struct Lines(pub(super) HashMap<LinkId, Line>);

impl Wire for Lines {
    fn send(&mut self, link: LinkId, bytes: &[u8]) -> Option<usize> {
        let line = self.0.get_mut(&link)?;
        let count = line.room.map_or(bytes.len(), |room| room.min(bytes.len()));
        if let Some(room) = &mut line.room {
            *room -= count;
        }
        line.bytes.extend_from_slice(&bytes[..count]);
        Some(count)
    }
}

pub(super) struct World {
    pub(super) hub: Hub,
    pub(super) lines: Lines,
    pub(super) now: Instant,
    /// Chat's truth.
    pub(super) guilds: BTreeMap<GuildId, GuildSnapshot>,
    /// Questions that are answered only when the test says so.
    pub(super) hold_loads: bool,
    pub(super) held: VecDeque<(GuildId, Option<GuildSnapshot>)>,
    pub(super) hold_ready: bool,
    held_ready: VecDeque<(SessionKey, UserId, Result<Box<ReadyParts>, ()>)>,
    pub(super) asked_seats: Vec<VoiceAsk>,
    pub(super) left_seats: Vec<String>,
    /// Identity's truth.
    pub(super) settings: HashMap<UserId, UserSettings>,
    pub(super) relationships: HashMap<UserId, Vec<Relationship>>,
    next_link: u64,
}

pub(super) fn user(id: UserId) -> User {
    User::new(id, format!("user{id}"))
}

pub(super) fn member(id: UserId) -> Member {
    Member {
        user: Some(user(id)),
        nick: None,
        roles: Vec::new(),
        joined_at: Timestamp(1000),
        mute: false,
        deaf: false,
        communication_disabled_until: None,
        avatar: None,
        flags: 0,
        pending: false,
        premium_since: (),
        banner: (),
    }
}

pub(super) fn channel(id: ChannelId) -> Channel {
    Channel {
        id,
        kind: ChannelKind::Text,
        guild_id: GUILD,
        name: format!("channel{id}"),
        position: 0,
        parent_id: None,
        topic: None,
        nsfw: false,
        rate_limit_per_user: 0,
        permission_overwrites: Vec::new(),
        last_message_id: None,
        last_pin_timestamp: None,
        bitrate: None,
        user_limit: None,
        flags: 0,
    }
}

pub(super) fn hidden(id: ChannelId) -> Channel {
    let overwrite = Overwrite {
        id: Snowflake(GUILD.get()),
        kind: OverwriteKind::Role,
        allow: Permissions::empty(),
        deny: Permissions::VIEW_CHANNEL,
    };
    Channel { permission_overwrites: vec![overwrite], ..channel(id) }
}

pub(super) fn message(id: u64, channel: ChannelId) -> GuildChange {
    let message = Message::new(MessageId::new(id), channel, user(ANNA), format!("message {id}"));
    let message = Message { guild_id: Some(GUILD), ..message };
    GuildChange::Channel(ChannelChange::MessageCreate(Box::new(message)))
}

impl World {
    /// Anna owns the guild, Boris is a member; nobody but Anna sees `SECRET`. Clara is a stranger.
    pub(super) fn new() -> Self {
        let config = HubConfig {
            heartbeat: Duration::from_millis(41_250),
            session_patience: Duration::from_secs(180),
            identify_deadline: Duration::from_secs(10),
            unidentified_per_ip: 3,
            sessions_per_user: 25,
            ring_memory: 64 << 20,
        };
        let now = Instant::now();
        let snapshot = GuildSnapshot {
            version: 1,
            guild: Guild::new(GUILD, "Home", ANNA),
            channels: vec![channel(GENERAL), hidden(SECRET)],
            members: vec![member(ANNA), member(BORIS)],
        };
        Self {
            hub: Hub::new(config, Env::real().entropy, now),
            lines: Lines::default(),
            now,
            guilds: BTreeMap::from([(GUILD, snapshot)]),
            hold_loads: false,
            held: VecDeque::new(),
            hold_ready: false,
            held_ready: VecDeque::new(),
            asked_seats: Vec::new(),
            left_seats: Vec::new(),
            settings: HashMap::new(),
            relationships: HashMap::new(),
            next_link: 0,
        }
    }

    pub(super) fn input(&mut self, input: Input) {
        self.hub.handle(input, self.now);
        self.settle();
    }

    fn settle(&mut self) {
        loop {
            self.hub.flush(&mut self.lines, self.now);
            let Some(effect) = self.hub.poll() else { return };
            match effect {
                Effect::Resolve { link, token } => {
                    let owner = self.owner(&token);
                    self.hub.handle(Input::Resolved { link, owner: Ok(owner) }, self.now);
                }
                Effect::Ready { session, user, .. } => {
                    let inside = |snapshot: &GuildSnapshot| {
                        snapshot
                            .members
                            .iter()
                            .any(|member| member.user.as_ref().is_some_and(|one| one.id == user))
                    };
                    let guilds =
                        self.guilds.iter().filter(|(_, one)| inside(one)).map(|(id, _)| *id).collect();
                    let settings = self.settings.get(&user).cloned().unwrap_or_default();
                    let relationships = self.relationships.get(&user).cloned().unwrap_or_default();
                    let parts = ReadyParts { guilds, settings, relationships, ..ReadyParts::default() };
                    let parts = Ok(Box::new(parts));
                    self.held_ready.push_back((session, user, parts));
                    if !self.hold_ready {
                        self.answer_ready();
                    }
                }
                Effect::Load { guild, .. } => {
                    self.held.push_back((guild, self.guilds.get(&guild).cloned()));
                    if !self.hold_loads {
                        self.answer_load();
                    }
                }
                Effect::Voice(ask) => self.asked_seats.push(ask),
                Effect::LeaveSeat { session_id, .. } => self.left_seats.push(session_id),
                Effect::Close { link } => self.lines.0.get_mut(&link).unwrap().ended = true,
            }
        }
    }

    pub(super) fn answer_ready(&mut self) {
        let (session, user, parts) = self.held_ready.pop_front().unwrap();
        self.hub.handle(Input::Ready { session, user, parts }, self.now);
    }

    pub(super) fn answer_load(&mut self) {
        let (guild, snapshot) = self.held.pop_front().unwrap();
        let snapshot = Ok(snapshot.map(Box::new));
        self.hub.handle(Input::Loaded { guild, snapshot, voice: Vec::new() }, self.now);
        self.hub.flush(&mut self.lines, self.now);
    }

    pub(super) fn answer_seat(&mut self, outcome: VoiceOutcome) {
        let ask = self.asked_seats.remove(0);
        self.input(Input::VoiceDone { ask, outcome });
    }

    /// `token-1` is Anna's and so on, `bot-100` a bot's; the login has the user's number.
    fn owner(&self, token: &Secret) -> Option<TokenOwner> {
        let token = token.expose().trim_start_matches("Bot ");
        let bot = token.starts_with("bot-");
        let id: u64 = token.trim_start_matches("bot-").trim_start_matches("token-").parse().ok()?;
        Some(TokenOwner { user: User { bot, ..user(UserId::new(id)) }, login: LoginId::new(id) })
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += Duration::from_millis(500);
            self.input(Input::Tick);
        }
    }

    /// Commits a change in chat and announces it.
    pub(super) fn commit(&mut self, change: GuildChange) {
        let event = self.commit_silently(change);
        self.input(Input::Event(event));
    }

    /// Commits a change whose event does not arrive (yet).
    pub(super) fn commit_silently(&mut self, change: GuildChange) -> Arc<GuildEvent> {
        let snapshot = self.guilds.get_mut(&GUILD).unwrap();
        snapshot.version += 1;
        match &change {
            GuildChange::MemberAdd(member) => snapshot.members.push((**member).clone()),
            GuildChange::MemberRemove(user) => {
                snapshot.members.retain(|member| member.user.as_ref().unwrap().id != *user);
            }
            GuildChange::ChannelCreate(channel) => snapshot.channels.push((**channel).clone()),
            _ => {}
        }
        Arc::new(GuildEvent { guild_id: GUILD, version: Some(snapshot.version), change })
    }

    pub(super) fn announce(&mut self, change: GuildChange) {
        self.input(Input::Event(Arc::new(GuildEvent { guild_id: GUILD, version: None, change })));
    }

    pub(super) fn connect(&mut self) -> LinkId {
        self.next_link += 1;
        let link = LinkId(self.next_link);
        self.lines.0.insert(link, Line::default());
        let ip = Some([127, 0, 0, 1].into());
        let host = "localhost:8080".to_owned();
        self.input(Input::Open { link, ip, host, secure: false, compress: false, version: 10 });
        link
    }

    pub(super) fn say(&mut self, link: LinkId, op: u8, d: Value) {
        let op = door::parse(&json!({"op": op, "d": d}).to_string()).unwrap();
        self.input(Input::Op { link, op });
    }

    /// Connects, identifies and drops what comes until GUILD_CREATE.
    pub(super) fn join(&mut self, user: UserId) -> (LinkId, String) {
        let link = self.connect();
        self.say(link, 2, json!({"token": format!("token-{user}"), "properties": {}, "intents": 0}));
        let ready = self.heard(link).into_iter().find(|frame| frame["t"] == "READY").unwrap();
        (link, ready["d"]["session_id"].as_str().unwrap().to_owned())
    }

    /// What arrived whole since the last time: JSON payloads, and `{"close": code}`.
    pub(super) fn heard(&mut self, link: LinkId) -> Vec<Value> {
        let line = self.lines.0.get_mut(&link).unwrap();
        let mut frames = Vec::new();
        loop {
            let (head, length) = match line.bytes.as_slice() {
                [_, short, ..] if *short < 126 => (2, usize::from(*short)),
                [_, 126, a, b, ..] => (4, usize::from(u16::from_be_bytes([*a, *b]))),
                [_, 127, 0, 0, 0, 0, a, b, c, d, ..] => {
                    (10, usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap())
                }
                _ => return frames,
            };
            if line.bytes.len() < head + length {
                return frames;
            }
            let payload = &line.bytes[head..head + length];
            frames.push(match line.bytes[0] & 0x0F {
                8 => json!({"close": u16::from_be_bytes([payload[0], payload[1]])}),
                _ => serde_json::from_slice(payload).unwrap(),
            });
            line.bytes.drain(..head + length);
        }
    }

    /// The names of the dispatches that arrived.
    pub(super) fn names(&mut self, link: LinkId) -> Vec<String> {
        self.heard(link).iter().filter_map(|frame| Some(frame["t"].as_str()?.to_owned())).collect()
    }
}
