//! Invites: links that let a person into a guild.

use serde::{Deserialize, Serialize};

use crate::{
    channel::ChannelKind,
    id::{ChannelId, GuildId},
    timestamp::Timestamp,
    user::User,
};

/// The unguessable part of an invite link: at least 64 bits in `A–Z a–z 0–9`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InviteCode(pub String);

impl std::fmt::Display for InviteCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What a stranger learns of a guild from its invite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InviteGuild {
    pub id: GuildId,
    pub name: String,
    pub icon: Option<String>,
    pub description: Option<String>,
    pub features: Vec<String>,
    /// v10 constants that libraries insist on.
    #[serde(flatten)]
    pub fixed: InviteGuildFixed,
}

/// Fields of a v10 guild in an invite that have one value here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct InviteGuildFixed {
    pub splash: Option<String>,
    pub banner: Option<String>,
    pub verification_level: u8,
    pub vanity_url_code: Option<String>,
    pub nsfw_level: u8,
    pub nsfw: bool,
    pub premium_subscription_count: u32,
}

/// What a stranger learns of the channel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)]
pub struct InviteChannel {
    pub id: ChannelId,
    pub name: String,
    #[serde(rename = "type")]
    pub kind: ChannelKind,
}

/// An invite in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invite {
    /// 0: to a guild.
    #[serde(rename = "type")]
    pub kind: u8,
    /// The code.
    pub code: InviteCode,
    /// Where it leads.
    pub guild: InviteGuild,
    /// The guild's id, in gateway events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guild_id: Option<GuildId>,
    /// The channel one arrives in.
    pub channel: InviteChannel,
    /// Who made it; absent for strangers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inviter: Option<User>,
    /// When it ends; null for never.
    pub expires_at: Option<Timestamp>,
    /// How many are in the guild.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_member_count: Option<u64>,
    /// How many of them are online.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approximate_presence_count: Option<u64>,
    /// For those who may manage it.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<InviteMetadata>,
}

/// How an invite may be used and has been.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteMetadata {
    /// Times used.
    pub uses: u32,
    /// Times it may be used, 0 for no limit.
    pub max_uses: u32,
    /// Seconds it lives, 0 for ever.
    pub max_age: u32,
    /// Membership ends when they leave; never so far.
    pub temporary: bool,
    /// When it was made.
    pub created_at: Timestamp,
}
