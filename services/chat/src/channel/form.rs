//! What may be said of a channel, and when it may not.

use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Overwrite, OverwriteKind, Permissions, UserId,
    text::{ChannelName, Topic},
};

use crate::{
    Refusal,
    state::{ChannelView, GuildState, GuildView},
};

/// v10: seats of a voice channel; 0 is no limit.
const MAX_USER_LIMIT: u32 = 99;
/// v10: bit/s of Opus.
const BITRATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;
/// v10: seconds of slow mode, six hours.
const MAX_SLOW_MODE: u32 = 21_600;
/// Room for one overwrite per role or member that anyone would want; bounds what a permission check walks through.
const MAX_OVERWRITES: usize = 250;

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
#[allow(missing_docs)]
pub struct ChannelFields {
    pub name: Option<ChannelName>,
    /// `Some(None)` removes it.
    pub topic: Option<Option<Topic>>,
    pub position: Option<u32>,
    /// `Some(None)`: under no category.
    pub parent_id: Option<Option<ChannelId>>,
    pub nsfw: Option<bool>,
    /// Slow mode in seconds.
    pub rate_limit_per_user: Option<u32>,
    pub bitrate: Option<u32>,
    pub user_limit: Option<u32>,
    pub permission_overwrites: Option<Vec<Overwrite>>,
}

impl ChannelFields {
    /// Sets the fields on a channel of the guild in which `actor` acts.
    pub(super) fn apply(self, channel: &mut Channel, actor: &impl Acts) -> Result<(), Refusal> {
        let state = actor.state();
        if let Some(name) = self.name {
            channel.name = name.into_string();
        }
        if let Some(topic) = self.topic {
            channel.topic = topic.map(Topic::into_string);
        }
        channel.position = self.position.unwrap_or(channel.position);
        channel.nsfw = self.nsfw.unwrap_or(channel.nsfw);
        if let Some(seconds) = self.rate_limit_per_user {
            if seconds > MAX_SLOW_MODE {
                let message = "int value should be between 0 and 21600.";
                return Err(Refusal::field("rate_limit_per_user", "NUMBER_TYPE_OUT_OF_RANGE", message));
            }
            channel.rate_limit_per_user = seconds;
        }
        if let Some(parent) = self.parent_id {
            check_parent(parent, channel.kind, state)?;
            channel.parent_id = parent;
        }
        if channel.kind == ChannelKind::Voice {
            set_voice(channel, self.bitrate, self.user_limit)?;
        }
        if let Some(overwrites) = self.permission_overwrites {
            check_overwrites(&channel.permission_overwrites, &overwrites, actor)?;
            channel.permission_overwrites = overwrites;
        }
        Ok(())
    }
}

fn set_voice(channel: &mut Channel, bitrate: Option<u32>, user_limit: Option<u32>) -> Result<(), Refusal> {
    let out_of_range = |field, message: &str| Err(Refusal::field(field, "NUMBER_TYPE_OUT_OF_RANGE", message));
    if let Some(bitrate) = bitrate {
        if !BITRATES.contains(&bitrate) {
            return out_of_range("bitrate", "int value should be between 8000 and 384000.");
        }
        channel.bitrate = Some(bitrate);
    }
    if let Some(limit) = user_limit {
        if limit > MAX_USER_LIMIT {
            return out_of_range("user_limit", "int value should be between 0 and 99.");
        }
        channel.user_limit = Some(limit);
    }
    Ok(())
}

/// A parent must be a category of the same guild, and categories have none.
pub(super) fn check_parent(
    parent: Option<ChannelId>,
    kind: ChannelKind,
    state: &GuildState,
) -> Result<(), Refusal> {
    let Some(parent) = parent else { return Ok(()) };
    let is_category = state.channels.get(&parent).is_some_and(|found| found.kind == ChannelKind::Category);
    if is_category && kind != ChannelKind::Category {
        return Ok(());
    }
    Err(Refusal::field("parent_id", "CHANNEL_PARENT_INVALID", "Must be a category of this server."))
}

/// The one who changes a channel: what they may do in it, or in the guild while it is being made.
pub(super) trait Acts {
    fn state(&self) -> &GuildState;
    fn permissions(&self) -> Permissions;
}

impl Acts for GuildView<'_> {
    fn state(&self) -> &GuildState {
        self.state
    }
    fn permissions(&self) -> Permissions {
        self.permissions
    }
}

impl Acts for ChannelView<'_> {
    fn state(&self) -> &GuildState {
        self.state
    }
    fn permissions(&self) -> Permissions {
        self.permissions
    }
}

/// Overwrites need MANAGE_ROLES, and nobody gives or takes by them what they do not have. That bit itself only
/// administrators give and take in a channel (v10): whoever had it there could give themselves all others.
pub(super) fn check_overwrites(
    old: &[Overwrite],
    new: &[Overwrite],
    actor: &impl Acts,
) -> Result<(), Refusal> {
    let field = |message: &str| Refusal::field("permission_overwrites", "FIELD_INVALID", message);
    if new.len() > MAX_OVERWRITES {
        return Err(field("Must be 250 or fewer."));
    }
    let mut targets: Vec<_> = new.iter().map(|overwrite| overwrite.id).collect();
    targets.sort_unstable();
    targets.dedup();
    if targets.len() != new.len() {
        return Err(field("Must name each role or member once."));
    }
    let added: Vec<_> = new.iter().filter(|overwrite| !old.contains(overwrite)).collect();
    let removed = old.iter().filter(|overwrite| !new.contains(overwrite));
    for changed in added.iter().copied().chain(removed) {
        let mut needed = Permissions::MANAGE_ROLES | changed.allow | changed.deny;
        if (changed.allow | changed.deny).contains(Permissions::MANAGE_ROLES) {
            needed |= Permissions::ADMINISTRATOR;
        }
        if !actor.permissions().contains(needed & Permissions::every_named()) {
            return Err(Refusal::Forbidden);
        }
    }
    let state = actor.state();
    let is_there = |one: &&Overwrite| match one.kind {
        OverwriteKind::Role => state.guild.roles.iter().any(|role| role.id.0 == one.id),
        OverwriteKind::Member => state.members.contains_key(&UserId(one.id)),
    };
    if added.iter().all(is_there) {
        Ok(())
    } else {
        Err(field("Must name roles and members of this server."))
    }
}
