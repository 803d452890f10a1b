//! What happens inside channels, as dispatches: the same for guilds and direct conversations but for `guild_id` and the
//! intent a bot must have asked for.

use serde::Serialize;
use serde_json::json;
use voxlink_protocol::{
    ChannelId, GuildId, Member, Message, RelationshipKind, UserId,
    event::{ChannelChange, UserChange, UserEvent},
};

use super::{Hub, sessions::Sessions};
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
};

#[derive(Serialize)]
struct InPlace<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    #[serde(flatten)]
    inner: &'a T,
}

#[derive(Serialize)]
struct TypingStarted<'a> {
    channel_id: ChannelId,
    #[serde(skip_serializing_if = "Option::is_none")]
    guild_id: Option<GuildId>,
    user_id: UserId,
    timestamp: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<&'a Member>,
}

/// Encodes a change for this many sessions.
pub(super) fn body(guild_id: Option<GuildId>, change: &ChannelChange, audience: usize) -> Body {
    let kind = |in_guild: Kind, direct: Kind| if guild_id.is_some() { in_guild } else { direct };
    let whole =
        |kind: Kind, d: serde_json::Value| Body::new(kind, &InPlace { guild_id, inner: &d }, audience);
    match change {
        ChannelChange::MessageCreate(message) => {
            Body::new(kind(Kind::MESSAGE_CREATE, Kind::DIRECT_MESSAGE_CREATE), message, audience)
        }
        ChannelChange::MessageUpdate(message) => {
            Body::new(kind(Kind::MESSAGE_UPDATE, Kind::DIRECT_MESSAGE_UPDATE), message, audience)
        }
        ChannelChange::MessageDelete { id, channel_id } => whole(
            kind(Kind::MESSAGE_DELETE, Kind::DIRECT_MESSAGE_DELETE),
            json!({"id": id, "channel_id": channel_id}),
        ),
        ChannelChange::MessageDeleteBulk { ids, channel_id } => whole(
            kind(Kind::MESSAGE_DELETE_BULK, Kind::DIRECT_MESSAGE_DELETE_BULK),
            json!({"ids": ids, "channel_id": channel_id}),
        ),
        ChannelChange::ReactionAdd(reaction) => Body::new(
            kind(Kind::MESSAGE_REACTION_ADD, Kind::DIRECT_REACTION_ADD),
            &InPlace { guild_id, inner: &**reaction },
            audience,
        ),
        ChannelChange::ReactionRemove(reaction) => Body::new(
            kind(Kind::MESSAGE_REACTION_REMOVE, Kind::DIRECT_REACTION_REMOVE),
            &InPlace { guild_id, inner: &**reaction },
            audience,
        ),
        ChannelChange::ReactionRemoveAll { channel_id, message_id } => whole(
            kind(Kind::MESSAGE_REACTION_REMOVE_ALL, Kind::DIRECT_REACTION_REMOVE_ALL),
            json!({"channel_id": channel_id, "message_id": message_id}),
        ),
        ChannelChange::ReactionRemoveEmoji { channel_id, message_id, emoji } => whole(
            kind(Kind::MESSAGE_REACTION_REMOVE_EMOJI, Kind::DIRECT_REACTION_REMOVE_EMOJI),
            json!({"channel_id": channel_id, "message_id": message_id, "emoji": emoji}),
        ),
        ChannelChange::PinsUpdate { channel_id, last_pin_timestamp } => whole(
            kind(Kind::CHANNEL_PINS_UPDATE, Kind::DIRECT_PINS_UPDATE),
            json!({"channel_id": channel_id, "last_pin_timestamp": last_pin_timestamp}),
        ),
        ChannelChange::TypingStart { channel_id, user_id, member, timestamp } => {
            let told = TypingStarted {
                channel_id: *channel_id,
                guild_id,
                user_id: *user_id,
                timestamp: *timestamp,
                member: member.as_deref(),
            };
            Body::new(kind(Kind::TYPING_START, Kind::DIRECT_TYPING_START), &told, audience)
        }
    }
}

/// Tells these sessions of a change. A bot without the intent for content gets messages of others empty, unless they
/// mention it or are direct (v10).
pub(super) fn send(
    sessions: &mut Sessions,
    to: &[SessionKey],
    guild_id: Option<GuildId>,
    change: &ChannelChange,
) {
    if to.is_empty() {
        return;
    }
    let whole = body(guild_id, change, to.len());
    let message = match change {
        ChannelChange::MessageCreate(message) | ChannelChange::MessageUpdate(message) => Some(message),
        ChannelChange::MessageDelete { .. }
        | ChannelChange::MessageDeleteBulk { .. }
        | ChannelChange::ReactionAdd(_)
        | ChannelChange::ReactionRemove(_)
        | ChannelChange::ReactionRemoveAll { .. }
        | ChannelChange::ReactionRemoveEmoji { .. }
        | ChannelChange::PinsUpdate { .. }
        | ChannelChange::TypingStart { .. } => None,
    };
    let mut empty = None;
    for key in to {
        let withheld = message.filter(|message| {
            guild_id.is_some()
                && sessions.get(*key).is_some_and(|session| {
                    let own = message.author.id == session.user.id;
                    let mentioned = message.mentions.iter().any(|user| user.id == session.user.id);
                    !session.gets_content() && !own && !mentioned
                })
        });
        match withheld {
            Some(message) => {
                let body = empty.get_or_insert_with(|| {
                    let message = Box::new(without_content(message));
                    let change = match change {
                        ChannelChange::MessageUpdate(_) => ChannelChange::MessageUpdate(message),
                        _ => ChannelChange::MessageCreate(message),
                    };
                    body(guild_id, &change, to.len())
                });
                sessions.send(*key, body);
            }
            None => sessions.send(*key, &whole),
        }
    }
}

fn without_content(message: &Message) -> Message {
    Message {
        content: String::new(),
        attachments: Vec::new(),
        embeds: Vec::new(),
        components: Vec::new(),
        referenced_message: message
            .referenced_message
            .as_ref()
            .map(|referenced| referenced.as_ref().map(|inner| Box::new(without_content(inner)))),
        ..message.clone()
    }
}

impl Hub {
    /// Tells people what concerns them, on all of their sessions.
    pub(super) fn user_event(&mut self, event: &UserEvent) {
        match &event.change {
            UserChange::RelationshipAdd(one) | UserChange::RelationshipUpdate(one) => {
                self.related(&event.to, one.id, one.kind == RelationshipKind::Friend);
            }
            UserChange::RelationshipRemove { id, .. } => self.related(&event.to, *id, false),
            UserChange::VoiceState { channel_id, state } => self.seated_direct(*channel_id, state),
            UserChange::DirectChannelCreate(_)
            | UserChange::DirectChannelUpdate(_)
            | UserChange::DirectChannelDelete(_)
            | UserChange::RecipientAdd { .. }
            | UserChange::RecipientRemove { .. }
            | UserChange::Channel(_)
            | UserChange::CallCreate(_)
            | UserChange::CallUpdate(_)
            | UserChange::CallDelete { .. }
            | UserChange::CallRecordingUpdate(_)
            | UserChange::RecordingUpdate(_)
            | UserChange::ReadState(_)
            | UserChange::GuildSettings(_)
            | UserChange::Settings(_) => {}
        }
        let known = event.to.iter().filter_map(|user| self.users.get(user));
        let sessions: Vec<SessionKey> = known.flat_map(|entry| entry.sessions.iter().copied()).collect();
        if sessions.is_empty() {
            return;
        }
        let body = user_body(&event.change, sessions.len());
        for session in sessions {
            self.sessions.send_or_keep(session, &body);
        }
    }
}

impl Hub {
    fn related(&mut self, to: &[UserId], other: UserId, friends: bool) {
        for user in to {
            self.befriended(*user, other, friends);
        }
    }
}

fn user_body(change: &UserChange, audience: usize) -> Body {
    match change {
        UserChange::DirectChannelCreate(channel) => Body::new(Kind::DIRECT_CHANNEL_CREATE, channel, audience),
        UserChange::DirectChannelUpdate(channel) => Body::new(Kind::DIRECT_CHANNEL_UPDATE, channel, audience),
        UserChange::DirectChannelDelete(channel) => Body::new(Kind::DIRECT_CHANNEL_DELETE, channel, audience),
        UserChange::RecipientAdd { channel_id, user } => {
            let told = json!({"channel_id": channel_id, "user": user});
            Body::new(Kind::CHANNEL_RECIPIENT_ADD, &told, audience)
        }
        UserChange::RecipientRemove { channel_id, user } => {
            let told = json!({"channel_id": channel_id, "user": user});
            Body::new(Kind::CHANNEL_RECIPIENT_REMOVE, &told, audience)
        }
        UserChange::Channel(change) => body(None, change, audience),
        UserChange::VoiceState { state, .. } => Body::new(Kind::DIRECT_VOICE_STATE_UPDATE, state, audience),
        UserChange::CallCreate(call) => Body::new(Kind::CALL_CREATE, call, audience),
        UserChange::CallUpdate(call) => Body::new(Kind::CALL_UPDATE, call, audience),
        UserChange::CallDelete { channel_id } => {
            Body::new(Kind::CALL_DELETE, &json!({"channel_id": channel_id}), audience)
        }
        UserChange::CallRecordingUpdate(recording) => {
            Body::new(Kind::CALL_RECORDING_UPDATE, recording, audience)
        }
        UserChange::RecordingUpdate(news) => Body::new(Kind::RECORDING_UPDATE, news, audience),
        UserChange::RelationshipAdd(relationship) => {
            Body::new(Kind::RELATIONSHIP_ADD, relationship, audience)
        }
        UserChange::RelationshipUpdate(relationship) => {
            Body::new(Kind::RELATIONSHIP_UPDATE, relationship, audience)
        }
        UserChange::RelationshipRemove { id, kind } => {
            Body::new(Kind::RELATIONSHIP_REMOVE, &json!({"id": id, "type": kind}), audience)
        }
        UserChange::ReadState(state) => Body::new(Kind::MESSAGE_ACK, state, audience),
        UserChange::GuildSettings(settings) => {
            Body::new(Kind::USER_GUILD_SETTINGS_UPDATE, settings, audience)
        }
        UserChange::Settings(settings) => Body::new(Kind::USER_SETTINGS_UPDATE, settings, audience),
    }
}
