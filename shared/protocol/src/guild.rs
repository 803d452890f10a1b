//! Guilds, their roles and members.

use serde::{Deserialize, Serialize};

use crate::{
    channel::Channel,
    emoji::Emoji,
    id::{ChannelId, GuildId, RoleId, UserId},
    permissions::{self, Permissions, Subject},
    soundboard::SoundboardSound,
    timestamp::Timestamp,
    user::User,
};

/// A role in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its id; `@everyone` has the guild's.
    pub id: RoleId,
    /// Its name.
    pub name: String,
    /// Its colour.
    #[serde(flatten)]
    pub color: RoleColor,
    /// Shown as a group of its own in the member list.
    pub hoist: bool,
    /// Higher outranks lower; `@everyone` is 0.
    pub position: u32,
    /// What it grants.
    pub permissions: Permissions,
    /// Belongs to an application.
    pub managed: bool,
    /// Anyone may mention it.
    pub mentionable: bool,
    /// v10 role flags; none are set so far.
    #[serde(default)]
    pub flags: u32,
    /// A picture beside the name; none so far.
    #[serde(default)]
    pub icon: Option<String>,
    /// An emoji beside the name; none so far.
    #[serde(default)]
    pub unicode_emoji: Option<String>,
    /// Whose a managed role is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tags: Option<RoleTags>,
}

/// Whose a managed role is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleTags {
    /// The bot that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bot_id: Option<UserId>,
}

/// RGB, 0 for none. Leaves in both of v10's forms: `color` and `colors`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RoleColor(pub u32);

impl Serialize for RoleColor {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Both {
            color: u32,
            colors: Colors,
        }
        #[derive(Serialize)]
        struct Colors {
            primary_color: u32,
            secondary_color: (),
            tertiary_color: (),
        }
        let colors = Colors { primary_color: self.0, secondary_color: (), tertiary_color: () };
        Both { color: self.0, colors }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RoleColor {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        struct One {
            color: u32,
        }
        One::deserialize(deserializer).map(|one| Self(one.color))
    }
}

impl Role {
    /// The role that everyone in a new guild has.
    #[must_use]
    pub fn everyone(guild: GuildId) -> Self {
        Self {
            id: guild.everyone(),
            name: "@everyone".to_owned(),
            color: RoleColor::default(),
            hoist: false,
            position: 0,
            permissions: Permissions::new_everyone(),
            managed: false,
            mentionable: false,
            flags: 0,
            icon: None,
            unicode_emoji: None,
            tags: None,
        }
    }
}

/// A member in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The person; absent inside MESSAGE_CREATE and voice states, where it stands beside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// Their name in this guild.
    pub nick: Option<String>,
    /// Their roles, without `@everyone`.
    pub roles: Vec<RoleId>,
    /// When they joined.
    pub joined_at: Timestamp,
    /// Muted for everyone by a moderator.
    #[serde(default)]
    pub mute: bool,
    /// Deafened by a moderator.
    #[serde(default)]
    pub deaf: bool,
    /// Until when they only read.
    #[serde(default)]
    pub communication_disabled_until: Option<Timestamp>,
    /// Hash of their picture in this guild.
    #[serde(default)]
    pub avatar: Option<String>,
    /// v10 member flags; none are set so far.
    #[serde(default)]
    pub flags: u32,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub pending: bool,
    /// v10 fields that have one value here.
    #[serde(default)]
    pub premium_since: (),
    /// v10 fields that have one value here.
    #[serde(default)]
    pub banner: (),
}

/// A guild in its v10 shape, without channels and members.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guild {
    /// Its id.
    pub id: GuildId,
    /// Its name.
    pub name: String,
    /// Hash of its picture.
    pub icon: Option<String>,
    /// Who may do everything.
    pub owner_id: UserId,
    /// All roles, `@everyone` included.
    pub roles: Vec<Role>,
    /// Where joins are announced; none so far.
    #[serde(default)]
    pub system_channel_id: Option<ChannelId>,
    /// A sentence about it.
    #[serde(default)]
    pub description: Option<String>,
    /// Its own emojis.
    #[serde(default)]
    pub emojis: Vec<Emoji>,
    /// Its own sounds.
    #[serde(default)]
    pub soundboard_sounds: Vec<SoundboardSound>,
    /// Preferred locale, as v10 asks for one.
    #[serde(default = "default_locale")]
    pub preferred_locale: String,
    /// v10 constants that libraries insist on.
    #[serde(flatten)]
    pub fixed: FixedFields,
}

fn default_locale() -> String {
    "en-US".to_owned()
}

/// Fields of a v10 guild that have one value here; libraries refuse a guild without them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct FixedFields {
    pub splash: Option<String>,
    pub discovery_splash: Option<String>,
    pub banner: Option<String>,
    pub afk_channel_id: Option<ChannelId>,
    pub afk_timeout: u32,
    pub verification_level: u8,
    pub default_message_notifications: u8,
    pub explicit_content_filter: u8,
    pub mfa_level: u8,
    pub nsfw_level: u8,
    pub premium_tier: u8,
    pub stickers: Vec<serde_json::Value>,
    pub features: Vec<String>,
    pub application_id: Option<String>,
    pub system_channel_flags: u32,
    pub rules_channel_id: Option<ChannelId>,
    pub public_updates_channel_id: Option<ChannelId>,
    pub safety_alerts_channel_id: Option<ChannelId>,
    pub vanity_url_code: Option<String>,
    pub premium_progress_bar_enabled: bool,
    pub max_members: u32,
    pub region: String,
    pub home_header: Option<String>,
    pub widget_enabled: bool,
    pub widget_channel_id: Option<ChannelId>,
    pub max_presences: Option<u32>,
    pub max_video_channel_users: u32,
    pub max_stage_video_channel_users: u32,
    pub premium_subscription_count: u32,
    pub nsfw: bool,
    pub incidents_data: Option<()>,
}

impl Default for FixedFields {
    fn default() -> Self {
        Self {
            splash: None,
            discovery_splash: None,
            banner: None,
            afk_channel_id: None,
            afk_timeout: 300,
            verification_level: 0,
            default_message_notifications: 0,
            explicit_content_filter: 0,
            mfa_level: 0,
            nsfw_level: 0,
            premium_tier: 0,
            stickers: Vec::new(),
            features: Vec::new(),
            application_id: None,
            system_channel_flags: 0,
            rules_channel_id: None,
            public_updates_channel_id: None,
            safety_alerts_channel_id: None,
            vanity_url_code: None,
            premium_progress_bar_enabled: false,
            max_members: 500_000,
            region: "self-hosted".to_owned(),
            home_header: None,
            widget_enabled: false,
            widget_channel_id: None,
            max_presences: None,
            max_video_channel_users: 50,
            max_stage_video_channel_users: 50,
            premium_subscription_count: 0,
            nsfw: false,
            incidents_data: None,
        }
    }
}

impl Guild {
    /// A new guild with its `@everyone` role.
    #[must_use]
    pub fn new(id: GuildId, name: impl Into<String>, owner_id: UserId) -> Self {
        Self {
            id,
            name: name.into(),
            icon: None,
            owner_id,
            roles: vec![Role::everyone(id)],
            system_channel_id: None,
            description: None,
            emojis: Vec::new(),
            soundboard_sounds: Vec::new(),
            preferred_locale: default_locale(),
            fixed: FixedFields::default(),
        }
    }

    /// What a role grants, if the guild has it.
    #[must_use]
    pub fn role_permissions(&self, role: RoleId) -> Option<Permissions> {
        self.roles.iter().find(|candidate| candidate.id == role).map(|found| found.permissions)
    }

    /// What a member may do in the guild as a whole ([`permissions::in_guild`]).
    #[must_use]
    pub fn permissions(&self, subject: Subject<'_>) -> Permissions {
        permissions::in_guild(self.id, self.owner_id, &|role| self.role_permissions(role), subject)
    }

    /// What a member may do in a channel of it ([`permissions::in_channel`]).
    #[must_use]
    pub fn channel_permissions(&self, channel: &Channel, subject: Subject<'_>) -> Permissions {
        permissions::in_channel(
            self.id,
            self.owner_id,
            &|role| self.role_permissions(role),
            channel.kind,
            &channel.permission_overwrites,
            subject,
        )
    }
}

/// Everything the gateway needs of a guild, at one version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GuildSnapshot {
    /// The version of the last event that is contained; the next event has `version + 1`.
    pub version: u64,
    /// The guild and its roles.
    pub guild: Guild,
    /// All channels.
    pub channels: Vec<Channel>,
    /// All members, each with `user`.
    pub members: Vec<Member>,
}
