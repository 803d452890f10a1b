//! Moves channels about.

use voxlink_protocol::{Channel, ChannelId, GuildId, Permissions, UserId, event::GuildChange};

use super::{MAX_CHANNELS, form::check_parent};
use crate::{Chat, Refusal, store};

/// Where a channel goes; `None` leaves it as it is.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Move {
    pub id: ChannelId,
    pub position: Option<u32>,
    /// `Some(None)`: under no category.
    pub parent_id: Option<Option<ChannelId>>,
}

impl Chat {
    /// Moves several channels at once; needs MANAGE_CHANNELS. Those that already stand there are told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`] or
    /// [`Refusal::Db`].
    pub async fn reorder_channels(
        &self,
        actor: UserId,
        guild: GuildId,
        moves: Vec<Move>,
    ) -> Result<(), Refusal> {
        let turn = self.turn(guild).await?;
        let moved = {
            let world = self.world();
            let view = world.view_guild(guild, actor, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            if moves.len() > MAX_CHANNELS {
                return Err(Refusal::field("_body", "BASE_TYPE_MAX_LENGTH", "Must be 500 or fewer."));
            }
            let mut moved: Vec<Channel> = Vec::with_capacity(moves.len());
            for to in moves {
                let known = view.state.channels.get(&to.id).ok_or(Refusal::UnknownChannel)?;
                let mut channel = known.clone();
                channel.position = to.position.unwrap_or(channel.position);
                if let Some(parent) = to.parent_id {
                    check_parent(parent, channel.kind, view.state)?;
                    channel.parent_id = parent;
                }
                if channel != *known {
                    moved.push(channel);
                }
            }
            moved
        };
        self.commit(guild, Some(turn), move |change| {
            for channel in moved {
                store::channels::update(change.sql, &channel)?;
                change.record(GuildChange::ChannelUpdate(Box::new(channel)))?;
            }
            Ok(())
        })
        .await
    }
}
