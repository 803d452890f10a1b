//! A chat service on a real file, with an identity that knows everyone, and ears on the bus.
#![allow(dead_code)]

pub(crate) mod routes;

use std::{
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use voxlink_chat::{Chat, ChatConfig, Draft, guild::create::NewGuild};
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, GuildId, GuildSnapshot, LoginId, Nonce, User, UserId,
    bus::{GetUsers, ResolveToken, TokenOwner},
    event::{ChannelChange, GuildChange, GuildEvent, UserChange, UserEvent},
    people::{Relation, RelationBetween},
    text::{ChannelName, GuildName, MessageText},
};
use voxlink_service_kit::{Auth, Bus, DbTarget, Env, call_pass::PassKey};

pub(crate) struct Stage {
    pub(crate) chat: Chat,
    pub(crate) bus: Bus,
    pub(crate) heard: Arc<Mutex<Vec<GuildEvent>>>,
    pub(crate) told: Arc<Mutex<Vec<UserEvent>>>,
}

/// A folder of its own, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("voxlink-chat-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    /// A file in it, or a schema of PostgreSQL's where the tests run again on that.
    pub(crate) fn database(&self) -> DbTarget {
        voxlink_test_postgres::target(&self.0.join("chat.db"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _kept = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn user(id: u64) -> User {
    User::new(UserId::new(id), format!("user{id}"))
}

/// Everyone exists, and the token of user 7 is `t-7`.
pub(crate) fn fake_identity(bus: &Bus) {
    bus.serve(|request: GetUsers| async move {
        request.ids.into_iter().map(|id| user(id.get())).collect::<Vec<_>>()
    });
    bus.serve(|_: RelationBetween| async { Relation::default() });
    bus.serve(|request: ResolveToken| async move {
        let id = request.token.expose().strip_prefix("t-")?.parse().ok()?;
        Some(TokenOwner { user: user(id), login: LoginId::new(id) })
    });
}

pub(crate) async fn open_with(database: &DbTarget, bus: Bus, env: Env) -> Stage {
    fake_identity(&bus);
    let heard: Arc<Mutex<Vec<GuildEvent>>> = Arc::default();
    let ears = heard.clone();
    bus.subscribe(move |event: &Arc<GuildEvent>| {
        ears.lock().expect("ears").push(GuildEvent::clone(event));
    });
    let told: Arc<Mutex<Vec<UserEvent>>> = Arc::default();
    let ears = told.clone();
    bus.subscribe(move |event: &Arc<UserEvent>| {
        ears.lock().expect("ears").push(UserEvent::clone(event));
    });
    let auth = Auth::new(bus.clone(), env.clone());
    let config = ChatConfig { database: database.clone(), node: 1 };
    let chat = Chat::open(config, bus.clone(), env, auth, PassKey::new(&[7; 32])).await.expect("chat opens");
    Stage { chat, bus, heard, told }
}

pub(crate) async fn open(folder: &Folder) -> Stage {
    open_with(&folder.database(), Bus::in_process(), Env::real()).await
}

pub(crate) fn draft(text: &str, nonce: Option<&str>) -> Draft {
    Draft {
        nonce: nonce.map(|nonce| Nonce::parse(nonce).expect("a nonce")),
        ..Draft::text(MessageText::parse(text).expect("a text"))
    }
}

pub(crate) fn channel_name(name: &str) -> ChannelName {
    ChannelName::parse(name).expect("a channel name")
}

pub(crate) fn of_kind(snapshot: &GuildSnapshot, kind: ChannelKind) -> &Channel {
    snapshot.channels.iter().find(|channel| channel.kind == kind).expect("a channel of this kind")
}

impl Stage {
    /// A guild of this owner, with its text and its voice channel.
    pub(crate) async fn guild(&self, owner: u64) -> (GuildId, ChannelId, ChannelId) {
        let new = NewGuild {
            name: GuildName::parse("Harbour").expect("a guild name"),
            text_channel: channel_name("General"),
            voice_channel: channel_name("Lounge"),
        };
        let made = self.chat.create_guild(&user(owner), new).await.expect("a guild");
        let (text, voice) = (of_kind(&made, ChannelKind::Text).id, of_kind(&made, ChannelKind::Voice).id);
        (made.guild.id, text, voice)
    }

    /// Lets someone in.
    pub(crate) async fn join(&self, owner: u64, channel: ChannelId, member: u64) {
        let new = voxlink_chat::invite::create::NewInvite { max_age: 0, max_uses: 0, unique: false };
        let invite = self.chat.create_invite(&user(owner), channel, new).await.expect("an invite");
        self.chat.join(&user(member), &invite.code.0).await.expect("a join");
    }

    pub(crate) fn events(&self) -> Vec<GuildEvent> {
        self.heard.lock().expect("ears").clone()
    }

    /// What this person was told since the last time, the oldest first.
    pub(crate) fn told_to(&self, user: u64) -> Vec<UserChange> {
        let mut told = self.told.lock().expect("ears");
        let id = UserId::new(user);
        let mine =
            told.iter().filter(|event| event.to.contains(&id)).map(|event| event.change.clone()).collect();
        told.iter_mut().for_each(|event| event.to.retain(|to| *to != id));
        mine
    }

    /// The versions heard of a guild, in the order heard.
    pub(crate) fn versions(&self, guild: GuildId) -> Vec<u64> {
        self.events()
            .iter()
            .filter(|event| event.guild_id == guild)
            .filter_map(|event| event.version)
            .collect()
    }

    /// How many messages were announced.
    pub(crate) fn announced(&self) -> usize {
        self.events()
            .iter()
            .filter(|event| matches!(event.change, GuildChange::Channel(ChannelChange::MessageCreate(_))))
            .count()
    }
}
