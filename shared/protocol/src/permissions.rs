//! What one may do: the v10 permission bits and the one pure function that decides.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{
    channel::{ChannelKind, Overwrite, OverwriteKind},
    id::{GuildId, RoleId, UserId},
};

pub use bits::Permissions;

/// The names of the bits are their documentation: they are v10's.
#[allow(missing_docs)]
mod bits {
    bitflags::bitflags! {
        /// The v10 permission set; a decimal string in JSON. Unknown bits are kept.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub struct Permissions: u64 {
            const CREATE_INSTANT_INVITE = 1 << 0;
            const KICK_MEMBERS = 1 << 1;
            const BAN_MEMBERS = 1 << 2;
            const ADMINISTRATOR = 1 << 3;
            const MANAGE_CHANNELS = 1 << 4;
            const MANAGE_GUILD = 1 << 5;
            const ADD_REACTIONS = 1 << 6;
            const VIEW_AUDIT_LOG = 1 << 7;
            const PRIORITY_SPEAKER = 1 << 8;
            const STREAM = 1 << 9;
            const VIEW_CHANNEL = 1 << 10;
            const SEND_MESSAGES = 1 << 11;
            const SEND_TTS_MESSAGES = 1 << 12;
            const MANAGE_MESSAGES = 1 << 13;
            const EMBED_LINKS = 1 << 14;
            const ATTACH_FILES = 1 << 15;
            const READ_MESSAGE_HISTORY = 1 << 16;
            const MENTION_EVERYONE = 1 << 17;
            const USE_EXTERNAL_EMOJIS = 1 << 18;
            const VIEW_GUILD_INSIGHTS = 1 << 19;
            const CONNECT = 1 << 20;
            const SPEAK = 1 << 21;
            const MUTE_MEMBERS = 1 << 22;
            const DEAFEN_MEMBERS = 1 << 23;
            const MOVE_MEMBERS = 1 << 24;
            const USE_VAD = 1 << 25;
            const CHANGE_NICKNAME = 1 << 26;
            const MANAGE_NICKNAMES = 1 << 27;
            const MANAGE_ROLES = 1 << 28;
            const MANAGE_WEBHOOKS = 1 << 29;
            const MANAGE_GUILD_EXPRESSIONS = 1 << 30;
            const USE_APPLICATION_COMMANDS = 1 << 31;
            const REQUEST_TO_SPEAK = 1 << 32;
            const MANAGE_EVENTS = 1 << 33;
            const MANAGE_THREADS = 1 << 34;
            const CREATE_PUBLIC_THREADS = 1 << 35;
            const CREATE_PRIVATE_THREADS = 1 << 36;
            const USE_EXTERNAL_STICKERS = 1 << 37;
            const SEND_MESSAGES_IN_THREADS = 1 << 38;
            const USE_EMBEDDED_ACTIVITIES = 1 << 39;
            const MODERATE_MEMBERS = 1 << 40;
            const VIEW_CREATOR_MONETIZATION_ANALYTICS = 1 << 41;
            const USE_SOUNDBOARD = 1 << 42;
            const CREATE_GUILD_EXPRESSIONS = 1 << 43;
            const CREATE_EVENTS = 1 << 44;
            const USE_EXTERNAL_SOUNDS = 1 << 45;
            const SEND_VOICE_MESSAGES = 1 << 46;
            const SET_VOICE_CHANNEL_STATUS = 1 << 48;
            const SEND_POLLS = 1 << 49;
            const USE_EXTERNAL_APPS = 1 << 50;
            const PIN_MESSAGES = 1 << 51;
            const BYPASS_SLOWMODE = 1 << 52;
            /// Our own: record the calls of a channel.
            const RECORD_CALLS = 1 << 58;
            const _ = !0;
        }
    }
}

impl Permissions {
    /// Every bit that has a name.
    #[must_use]
    pub fn every_named() -> Self {
        Self::from_bits_retain((1 << 53) - 1 - (1 << 47)) | Self::RECORD_CALLS
    }

    /// What `@everyone` of a new guild may do: read, write, talk, stream, invite; nothing that moderates.
    #[must_use]
    pub fn new_everyone() -> Self {
        Self::CREATE_INSTANT_INVITE
            | Self::ADD_REACTIONS
            | Self::STREAM
            | Self::VIEW_CHANNEL
            | Self::SEND_MESSAGES
            | Self::EMBED_LINKS
            | Self::ATTACH_FILES
            | Self::READ_MESSAGE_HISTORY
            | Self::USE_EXTERNAL_EMOJIS
            | Self::CONNECT
            | Self::SPEAK
            | Self::USE_VAD
            | Self::CHANGE_NICKNAME
            | Self::USE_APPLICATION_COMMANDS
            | Self::CREATE_PUBLIC_THREADS
            | Self::CREATE_PRIVATE_THREADS
            | Self::SEND_MESSAGES_IN_THREADS
            | Self::SEND_POLLS
            | Self::USE_SOUNDBOARD
            | Self::SEND_VOICE_MESSAGES
    }
}

impl Permissions {
    /// v10: worth nothing to those who may not post.
    const OF_POSTING: Self = Self::MENTION_EVERYONE
        .union(Self::SEND_TTS_MESSAGES)
        .union(Self::ATTACH_FILES)
        .union(Self::EMBED_LINKS);

    /// v10: worth nothing in a voice channel to those who may not enter it; managing it is among them.
    const OF_ENTERING: Self = Self::SPEAK
        .union(Self::STREAM)
        .union(Self::USE_VAD)
        .union(Self::PRIORITY_SPEAKER)
        .union(Self::MUTE_MEMBERS)
        .union(Self::DEAFEN_MEMBERS)
        .union(Self::MOVE_MEMBERS)
        .union(Self::REQUEST_TO_SPEAK)
        .union(Self::USE_EMBEDDED_ACTIVITIES)
        .union(Self::USE_SOUNDBOARD)
        .union(Self::USE_EXTERNAL_SOUNDS)
        .union(Self::SET_VOICE_CHANNEL_STATUS)
        .union(Self::MANAGE_CHANNELS)
        .union(Self::MANAGE_ROLES);
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.bits())
    }
}

impl<'de> Deserialize<'de> for Permissions {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl de::Visitor<'_> for Visitor {
            type Value = Permissions;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("permission bits as a decimal string or a number")
            }
            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Permissions, E> {
                Ok(Permissions::from_bits_retain(value))
            }
            fn visit_str<E: de::Error>(self, value: &str) -> Result<Permissions, E> {
                value
                    .parse()
                    .map(Permissions::from_bits_retain)
                    .map_err(|_| E::custom("permission bits are a decimal number"))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The person whose permissions are asked for, as the guild sees them.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// Who.
    pub user: UserId,
    /// Their roles, without `@everyone`, in any order. Ids that are not in the guild's list count for nothing.
    pub roles: &'a [RoleId],
    /// True while a timeout (`communication_disabled_until`) runs.
    pub timed_out: bool,
}

/// What a subject may do in the guild as a whole.
///
/// Owner and administrators: everything. Others: `@everyone` and their roles joined; while timed out only
/// VIEW_CHANNEL and READ_MESSAGE_HISTORY remain.
#[must_use]
pub fn in_guild(
    guild: GuildId,
    owner: UserId,
    role_permissions: &dyn Fn(RoleId) -> Option<Permissions>,
    subject: Subject<'_>,
) -> Permissions {
    if subject.user == owner {
        return Permissions::every_named();
    }
    let base = subject
        .roles
        .iter()
        .chain(std::iter::once(&guild.everyone()))
        .filter_map(|role| role_permissions(*role))
        .fold(Permissions::empty(), |sum, one| sum | one);
    if base.contains(Permissions::ADMINISTRATOR) {
        return Permissions::every_named();
    }
    if subject.timed_out {
        return base & (Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY);
    }
    base
}

/// What a subject may do in one channel: [`in_guild`], then the channel's overwrites in the documented order
/// (`@everyone` deny, allow; the joined roles' deny, allow; the member's deny, allow).
///
/// What one bit needs of another is settled here, as v10 does: without VIEW_CHANNEL nothing counts, without SEND_MESSAGES
/// nothing that only posting makes use of, without CONNECT nothing of a voice channel. Categories pass nothing on: their
/// overwrites are copied into a channel, or not.
#[must_use]
pub fn in_channel(
    guild: GuildId,
    owner: UserId,
    role_permissions: &dyn Fn(RoleId) -> Option<Permissions>,
    kind: ChannelKind,
    overwrites: &[Overwrite],
    subject: Subject<'_>,
) -> Permissions {
    let base = in_guild(guild, owner, role_permissions, Subject { timed_out: false, ..subject });
    if base.contains(Permissions::ADMINISTRATOR) {
        return base;
    }
    let mut result = base;
    let mut apply = |deny: Permissions, allow: Permissions| result = (result - deny) | allow;
    if let Some(everyone) = find(overwrites, OverwriteKind::Role, guild.everyone().0.0) {
        apply(everyone.deny, everyone.allow);
    }
    let (mut deny, mut allow) = (Permissions::empty(), Permissions::empty());
    for role in subject.roles.iter().filter(|role| **role != guild.everyone()) {
        if let Some(overwrite) = find(overwrites, OverwriteKind::Role, role.get()) {
            deny |= overwrite.deny;
            allow |= overwrite.allow;
        }
    }
    apply(deny, allow);
    if let Some(member) = find(overwrites, OverwriteKind::Member, subject.user.get()) {
        apply(member.deny, member.allow);
    }
    if !result.contains(Permissions::VIEW_CHANNEL) {
        return Permissions::empty();
    }
    if subject.timed_out {
        return result & (Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY);
    }
    if !result.contains(Permissions::SEND_MESSAGES) {
        result -= Permissions::OF_POSTING;
    }
    if kind == ChannelKind::Voice && !result.contains(Permissions::CONNECT) {
        result -= Permissions::OF_ENTERING;
    }
    result
}

fn find(overwrites: &[Overwrite], kind: OverwriteKind, id: u64) -> Option<&Overwrite> {
    overwrites.iter().find(|overwrite| overwrite.kind == kind && overwrite.id.0 == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Snowflake;

    const GUILD: GuildId = GuildId::new(10);
    const OWNER: UserId = UserId::new(1);
    const ANNA: UserId = UserId::new(2);
    const READERS: RoleId = RoleId::new(20);

    fn roles(role: RoleId) -> Option<Permissions> {
        match role.get() {
            10 => Some(Permissions::VIEW_CHANNEL | Permissions::SEND_MESSAGES),
            20 => Some(Permissions::MANAGE_MESSAGES),
            _ => None,
        }
    }

    fn in_text(overwrites: &[Overwrite], subject: Subject<'_>) -> Permissions {
        in_channel(GUILD, OWNER, &roles, ChannelKind::Text, overwrites, subject)
    }

    fn anna(roles: &[RoleId]) -> Subject<'_> {
        Subject { user: ANNA, roles, timed_out: false }
    }

    fn overwrite(kind: OverwriteKind, id: u64, allow: Permissions, deny: Permissions) -> Overwrite {
        Overwrite { id: Snowflake(id), kind, allow, deny }
    }

    #[test]
    fn the_owner_may_everything_and_a_member_what_the_roles_say() {
        let owner = Subject { user: OWNER, roles: &[], timed_out: false };
        assert_eq!(in_guild(GUILD, OWNER, &roles, owner), Permissions::every_named());
        let all = roles(GUILD.everyone())
            .into_iter()
            .chain(roles(READERS))
            .fold(Permissions::empty(), |a, b| a | b);
        assert_eq!(in_guild(GUILD, OWNER, &roles, anna(&[READERS, RoleId::new(99)])), all);
    }

    #[test]
    fn a_member_overwrite_beats_roles_and_roles_beat_everyone() {
        let view = Permissions::VIEW_CHANNEL;
        let none = Permissions::empty();
        let hidden = [overwrite(OverwriteKind::Role, 10, none, view)];
        assert_eq!(in_text(&hidden, anna(&[READERS])), none);
        let opened = [hidden[0].clone(), overwrite(OverwriteKind::Role, 20, view, none)];
        assert!(in_text(&opened, anna(&[READERS])).contains(view));
        let closed = [opened[0].clone(), opened[1].clone(), overwrite(OverwriteKind::Member, 2, none, view)];
        assert_eq!(in_text(&closed, anna(&[READERS])), none);
    }

    #[test]
    fn a_timed_out_member_only_reads() {
        let subject = Subject { timed_out: true, ..anna(&[]) };
        assert_eq!(in_text(&[], subject), Permissions::VIEW_CHANNEL);
    }

    #[test]
    fn what_needs_another_bit_falls_with_it() {
        let all = Permissions::every_named() - Permissions::ADMINISTRATOR;
        let whole = |_| Some(all);
        let without = |kind, denied| {
            let overwrites = [overwrite(OverwriteKind::Role, 10, Permissions::empty(), denied)];
            in_channel(GUILD, OWNER, &whole, kind, &overwrites, anna(&[]))
        };
        let silent = without(ChannelKind::Text, Permissions::SEND_MESSAGES);
        assert_eq!(silent, all - Permissions::SEND_MESSAGES - Permissions::OF_POSTING);
        assert_eq!(without(ChannelKind::Text, Permissions::CONNECT), all - Permissions::CONNECT);
        let outside = without(ChannelKind::Voice, Permissions::CONNECT);
        assert!(!outside.intersects(Permissions::SPEAK | Permissions::STREAM | Permissions::MOVE_MEMBERS));
        assert!(outside.contains(Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY));
    }
}
