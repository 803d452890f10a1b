//! Makes a channel.

use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, GuildId, Permissions, event::GuildChange, text::ChannelName,
};

use super::{ChannelFields, DEFAULT_BITRATE, LOGGED_WHOLE, MAX_CHANNELS};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::GuildState,
    store,
};

impl Chat {
    /// Makes a channel; needs MANAGE_CHANNELS. Without a position it comes last; under a category it says the same of
    /// roles and members as that does, unless it is said what.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::TooManyChannels`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn create_channel(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        kind: ChannelKind,
        name: ChannelName,
        fields: ChannelFields,
    ) -> Result<Channel, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let channel = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            if view.state.channels.len() >= MAX_CHANNELS {
                return Err(Refusal::TooManyChannels);
            }
            let id = ChannelId(self.inner.ids.next(now));
            let mut channel = blank(id, guild, kind, name, next_position(view.state, kind));
            let says_nothing = fields.permission_overwrites.is_none();
            fields.apply(&mut channel, &view)?;
            let parent = channel.parent_id.and_then(|id| view.state.channels.get(&id));
            if let Some(parent) = parent.filter(|_| says_nothing) {
                channel.permission_overwrites.clone_from(&parent.permission_overwrites);
            }
            channel
        };
        self.commit(guild, Some(turn), move |change| {
            store::channels::insert(change.sql, &channel)?;
            change.record(GuildChange::ChannelCreate(Box::new(channel.clone())))?;
            let entry = Entry::new(Action::ChannelCreate, &actor, channel.id.0);
            change.audit(entry.fields(None, Some(&channel), LOGGED_WHOLE))?;
            Ok(channel)
        })
        .await
    }
}

/// A channel of which only this much was said.
pub(crate) fn blank(
    id: ChannelId,
    guild_id: GuildId,
    kind: ChannelKind,
    name: ChannelName,
    position: u32,
) -> Channel {
    let voice = kind == ChannelKind::Voice;
    Channel {
        id,
        kind,
        guild_id,
        name: name.into_string(),
        position,
        parent_id: None,
        topic: None,
        nsfw: false,
        rate_limit_per_user: 0,
        permission_overwrites: Vec::new(),
        last_message_id: None,
        last_pin_timestamp: None,
        bitrate: voice.then_some(DEFAULT_BITRATE),
        user_limit: voice.then_some(0),
        flags: 0,
    }
}

fn next_position(state: &GuildState, kind: ChannelKind) -> u32 {
    let siblings = state.channels.values().filter(|channel| channel.kind == kind);
    siblings.map(|channel| channel.position.saturating_add(1)).max().unwrap_or(0)
}
