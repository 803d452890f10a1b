//! Changes a channel.

use voxlink_protocol::{Channel, ChannelId, Permissions, UserId, event::GuildChange};

use super::ChannelFields;
use crate::{Chat, Refusal, store};

impl Chat {
    /// Renames, describes, moves or opens a channel; needs MANAGE_CHANNELS in it. What changes nothing is told to
    /// nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`] or [`Refusal::Db`].
    pub async fn update_channel(
        &self,
        actor: UserId,
        id: ChannelId,
        fields: ChannelFields,
    ) -> Result<Channel, Refusal> {
        let (guild, turn) = self.turn_of_channel(id).await?;
        let channel = {
            let world = self.world();
            let view = world.view_channel(id, actor, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            let mut channel = view.channel.clone();
            fields.apply(&mut channel, view.state, view.permissions)?;
            if channel == *view.channel {
                return Ok(channel);
            }
            channel
        };
        self.commit(guild, Some(turn), move |change| {
            store::channels::update(change.sql, &channel)?;
            change.record(GuildChange::ChannelUpdate(Box::new(channel.clone())))?;
            Ok(channel)
        })
        .await
    }
}
