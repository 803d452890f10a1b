//! What is sent: a dispatch's body is encoded once, each session puts only `{"op":0,"s":N` before it.

use bytes::Bytes;
use serde::Serialize;

/// What a ring entry costs besides its bytes.
const ENTRY_COST: usize = 80;

/// v10 gateway intents, as far as dispatches here have one.
#[allow(missing_docs)]
pub(crate) mod intent {
    pub(crate) const GUILDS: u64 = 1 << 0;
    pub(crate) const GUILD_MEMBERS: u64 = 1 << 1;
    pub(crate) const GUILD_MODERATION: u64 = 1 << 2;
    pub(crate) const GUILD_EXPRESSIONS: u64 = 1 << 3;
    pub(crate) const GUILD_INVITES: u64 = 1 << 6;
    pub(crate) const GUILD_VOICE_STATES: u64 = 1 << 7;
    pub(crate) const GUILD_PRESENCES: u64 = 1 << 8;
    pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
    pub(crate) const GUILD_MESSAGE_REACTIONS: u64 = 1 << 10;
    pub(crate) const GUILD_MESSAGE_TYPING: u64 = 1 << 11;
    pub(crate) const DIRECT_MESSAGES: u64 = 1 << 12;
    pub(crate) const DIRECT_MESSAGE_REACTIONS: u64 = 1 << 13;
    pub(crate) const DIRECT_MESSAGE_TYPING: u64 = 1 << 14;
    pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;
    /// For everyone.
    pub(crate) const NONE: u64 = 0;
    /// Those that v10 has, 0 to 25: clients that are not bots send all of them.
    pub(crate) const KNOWN: u64 = (1 << 26) - 1;
}

/// A kind of dispatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// Its `t`.
    pub(crate) name: &'static str,
    /// The intent a bot must have asked for, 0 for none.
    pub(crate) intent: u64,
    /// Under pressure it is left out rather than queued.
    pub(crate) droppable: bool,
}

macro_rules! kinds {
    ($($name:ident $(= $wire:ident)? $intent:ident $(($droppable:ident))?;)+) => {
        #[allow(missing_docs)]
        impl Kind {
            $(pub(crate) const $name: Self = Self {
                name: kinds!(@name $name $($wire)?),
                intent: intent::$intent,
                droppable: kinds!(@drop $($droppable)?),
            };)+
        }
    };
    (@name $name:ident) => { stringify!($name) };
    (@name $name:ident $wire:ident) => { stringify!($wire) };
    (@drop droppable) => { true };
    (@drop) => { false };
}

kinds! {
    READY NONE;
    RESUMED NONE;
    USER_UPDATE NONE;
    VOICE_SERVER_UPDATE NONE;
    GUILD_CREATE GUILDS;
    GUILD_UPDATE GUILDS;
    GUILD_DELETE GUILDS;
    GUILD_ROLE_CREATE GUILDS;
    GUILD_ROLE_UPDATE GUILDS;
    GUILD_ROLE_DELETE GUILDS;
    GUILD_BAN_ADD GUILD_MODERATION;
    GUILD_BAN_REMOVE GUILD_MODERATION;
    GUILD_AUDIT_LOG_ENTRY_CREATE GUILD_MODERATION;
    GUILD_EMOJIS_UPDATE GUILD_EXPRESSIONS;
    GUILD_SOUNDBOARD_SOUND_CREATE GUILD_EXPRESSIONS;
    GUILD_SOUNDBOARD_SOUND_UPDATE GUILD_EXPRESSIONS;
    GUILD_SOUNDBOARD_SOUND_DELETE GUILD_EXPRESSIONS;
    SOUNDBOARD_SOUNDS GUILD_EXPRESSIONS;
    CHANNEL_CREATE GUILDS;
    CHANNEL_UPDATE GUILDS;
    CHANNEL_DELETE GUILDS;
    CHANNEL_PINS_UPDATE GUILDS;
    GUILD_MEMBER_ADD GUILD_MEMBERS;
    GUILD_MEMBER_UPDATE GUILD_MEMBERS;
    GUILD_MEMBER_REMOVE GUILD_MEMBERS;
    INVITE_CREATE GUILD_INVITES;
    INVITE_DELETE GUILD_INVITES;
    MESSAGE_CREATE GUILD_MESSAGES;
    MESSAGE_UPDATE GUILD_MESSAGES;
    MESSAGE_DELETE GUILD_MESSAGES;
    MESSAGE_DELETE_BULK GUILD_MESSAGES;
    MESSAGE_REACTION_ADD GUILD_MESSAGE_REACTIONS;
    MESSAGE_REACTION_REMOVE GUILD_MESSAGE_REACTIONS;
    MESSAGE_REACTION_REMOVE_ALL GUILD_MESSAGE_REACTIONS;
    MESSAGE_REACTION_REMOVE_EMOJI GUILD_MESSAGE_REACTIONS;
    VOICE_STATE_UPDATE GUILD_VOICE_STATES;
    VOICE_CHANNEL_EFFECT_SEND GUILD_VOICE_STATES (droppable);
    CALL_RECORDING_UPDATE GUILD_VOICE_STATES;
    RECORDING_UPDATE GUILD_VOICE_STATES (droppable);
    CALL_BROADCAST_UPDATE GUILD_VOICE_STATES;
    CALL_PLAYBACK_UPDATE GUILD_VOICE_STATES;
    TYPING_START GUILD_MESSAGE_TYPING (droppable);
    PRESENCE_UPDATE GUILD_PRESENCES (droppable);
    // The same in direct conversations, which have intents of their own.
    DIRECT_CHANNEL_CREATE = CHANNEL_CREATE DIRECT_MESSAGES;
    DIRECT_CHANNEL_UPDATE = CHANNEL_UPDATE DIRECT_MESSAGES;
    DIRECT_CHANNEL_DELETE = CHANNEL_DELETE DIRECT_MESSAGES;
    DIRECT_PINS_UPDATE = CHANNEL_PINS_UPDATE DIRECT_MESSAGES;
    CHANNEL_RECIPIENT_ADD DIRECT_MESSAGES;
    CHANNEL_RECIPIENT_REMOVE DIRECT_MESSAGES;
    DIRECT_MESSAGE_CREATE = MESSAGE_CREATE DIRECT_MESSAGES;
    DIRECT_MESSAGE_UPDATE = MESSAGE_UPDATE DIRECT_MESSAGES;
    DIRECT_MESSAGE_DELETE = MESSAGE_DELETE DIRECT_MESSAGES;
    DIRECT_MESSAGE_DELETE_BULK = MESSAGE_DELETE_BULK DIRECT_MESSAGES;
    DIRECT_REACTION_ADD = MESSAGE_REACTION_ADD DIRECT_MESSAGE_REACTIONS;
    DIRECT_REACTION_REMOVE = MESSAGE_REACTION_REMOVE DIRECT_MESSAGE_REACTIONS;
    DIRECT_REACTION_REMOVE_ALL = MESSAGE_REACTION_REMOVE_ALL DIRECT_MESSAGE_REACTIONS;
    DIRECT_REACTION_REMOVE_EMOJI = MESSAGE_REACTION_REMOVE_EMOJI DIRECT_MESSAGE_REACTIONS;
    DIRECT_VOICE_STATE_UPDATE = VOICE_STATE_UPDATE DIRECT_MESSAGES;
    DIRECT_TYPING_START = TYPING_START DIRECT_MESSAGE_TYPING (droppable);
    // For people only.
    RELATIONSHIP_ADD NONE;
    RELATIONSHIP_UPDATE NONE;
    RELATIONSHIP_REMOVE NONE;
    CALL_CREATE NONE;
    CALL_UPDATE NONE;
    CALL_DELETE NONE;
    MESSAGE_ACK NONE;
    GUILD_MEMBER_LIST_UPDATE NONE;
    GUILD_MEMBERS_CHUNK NONE;
    USER_GUILD_SETTINGS_UPDATE NONE;
    USER_SETTINGS_UPDATE NONE;
}

/// A dispatch without its sequence number: `,"t":…,"d":…}`, in one or two shared pieces.
#[derive(Clone, Debug)]
pub(crate) struct Body {
    pub(crate) kind: Kind,
    head: Bytes,
    /// A piece that many bodies share (the members of a guild).
    tail: Bytes,
    cost: u32,
}

impl Body {
    /// Encodes a dispatch for this many sessions.
    pub(crate) fn new(kind: Kind, d: &impl Serialize, audience: usize) -> Self {
        let mut head = Vec::with_capacity(512);
        begin(kind, &mut head);
        // Our own types always become JSON; should one not, clients get `null` instead of a torn frame.
        let start = head.len();
        if let Err(error) = serde_json::to_writer(&mut head, d) {
            tracing::error!(%error, kind = kind.name, "a dispatch could not be encoded");
            head.truncate(start);
            head.extend_from_slice(b"null");
        }
        head.push(b'}');
        let cost = cost(head.len() / audience.max(1));
        Self { kind, head: head.into(), tail: Bytes::new(), cost }
    }

    /// `d` is a JSON object given as its start and a shared end, e.g. `{"id":"1","members":[` and `…]}`.
    pub(crate) fn with_shared_end(kind: Kind, d_start: &[u8], d_end: Bytes) -> Self {
        let mut head = Vec::with_capacity(32 + d_start.len());
        begin(kind, &mut head);
        head.extend_from_slice(d_start);
        Self { kind, cost: cost(head.len()), head: head.into(), tail: d_end }
    }

    /// The payload's pieces behind the sequence number; what is left is one `}`, for [`Body::with_shared_end`] only.
    pub(crate) fn pieces(&self) -> [&[u8]; 3] {
        [&self.head, &self.tail, if self.tail.is_empty() { b"" } else { b"}" }]
    }

    /// Bytes on the wire, nearly.
    pub(crate) fn len(&self) -> usize {
        self.head.len() + self.tail.len() + 32
    }

    /// This session's share of the memory it holds, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.cost as usize
    }
}

fn begin(kind: Kind, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"t\":\"");
    out.extend_from_slice(kind.name.as_bytes());
    out.extend_from_slice(b"\",\"d\":");
}

fn cost(bytes: usize) -> u32 {
    u32::try_from(bytes + ENTRY_COST).unwrap_or(u32::MAX)
}
