//! What may be said of a channel, and when it may not.

use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Overwrite, Permissions,
    text::{ChannelName, Topic},
};

use crate::{Refusal, state::GuildState};

/// v10: seats of a voice channel; 0 is no limit.
const MAX_USER_LIMIT: u32 = 99;
/// v10: bit/s of Opus.
const BITRATES: std::ops::RangeInclusive<u32> = 8_000..=384_000;
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
    pub bitrate: Option<u32>,
    pub user_limit: Option<u32>,
    pub permission_overwrites: Option<Vec<Overwrite>>,
}

impl ChannelFields {
    /// Sets the fields on a channel of `state`. `actor` is what the one who asks may do there.
    pub(super) fn apply(
        self,
        channel: &mut Channel,
        state: &GuildState,
        actor: Permissions,
    ) -> Result<(), Refusal> {
        if let Some(name) = self.name {
            channel.name = name.into_string();
        }
        if let Some(topic) = self.topic {
            channel.topic = topic.map(Topic::into_string);
        }
        channel.position = self.position.unwrap_or(channel.position);
        channel.nsfw = self.nsfw.unwrap_or(channel.nsfw);
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

/// Overwrites need MANAGE_ROLES, and nobody gives or takes by them what they do not have.
fn check_overwrites(old: &[Overwrite], new: &[Overwrite], actor: Permissions) -> Result<(), Refusal> {
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
    let added = new.iter().filter(|overwrite| !old.contains(overwrite));
    let removed = old.iter().filter(|overwrite| !new.contains(overwrite));
    for changed in added.chain(removed) {
        if !actor.contains(Permissions::MANAGE_ROLES | changed.allow | changed.deny) {
            return Err(Refusal::Forbidden);
        }
    }
    Ok(())
}
