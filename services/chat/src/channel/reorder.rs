//! Moves channels about.

use voxlink_protocol::{Channel, ChannelId, GuildId, Permissions, event::GuildChange};

use super::{
    LOGGED, MAX_CHANNELS,
    form::{check_overwrites, check_parent},
};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

/// Where a channel goes; `None` leaves it as it is.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Move {
    pub id: ChannelId,
    pub position: Option<u32>,
    /// `Some(None)`: under no category.
    pub parent_id: Option<Option<ChannelId>>,
    /// Under its new category it says the same of roles and members as that does.
    pub lock_permissions: bool,
}

impl Chat {
    /// Moves several channels at once; needs MANAGE_CHANNELS. Those that already stand there are told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn reorder_channels(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        moves: Vec<Move>,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let turn = self.turn(guild).await?;
        let moved = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            if moves.len() > MAX_CHANNELS {
                return Err(Refusal::field("_body", "BASE_TYPE_MAX_LENGTH", "Must be 500 or fewer."));
            }
            let mut moved: Vec<(Channel, Channel)> = Vec::with_capacity(moves.len());
            for to in moves {
                let seen = world.view_channel(to.id, actor.id, now)?;
                if seen.state.guild.id != guild {
                    return Err(Refusal::UnknownChannel);
                }
                let known = seen.channel;
                let mut channel = known.clone();
                channel.position = to.position.unwrap_or(channel.position);
                if let Some(parent) = to.parent_id {
                    check_parent(parent, channel.kind, view.state)?;
                    channel.parent_id = parent;
                    let category = parent.and_then(|id| view.state.channels.get(&id));
                    if let Some(category) = category.filter(|_| to.lock_permissions) {
                        let locked = &category.permission_overwrites;
                        check_overwrites(&channel.permission_overwrites, locked, &seen)?;
                        channel.permission_overwrites.clone_from(locked);
                    }
                }
                if channel != *known {
                    moved.push((known.clone(), channel));
                }
            }
            moved
        };
        self.commit(guild, Some(turn), move |change| {
            for (before, channel) in moved {
                store::channels::update(change.sql, &channel)?;
                let entry = Entry::new(Action::ChannelUpdate, &actor, channel.id.0);
                let entry = entry.fields(Some(&before), Some(&channel), LOGGED);
                change.record(GuildChange::ChannelUpdate(Box::new(channel)))?;
                if !entry.is_empty() {
                    change.audit(entry)?;
                }
            }
            Ok(())
        })
        .await
    }
}
