//! Deletes a channel.

use voxlink_protocol::{Channel, ChannelId, Permissions, UserId, event::GuildChange};

use crate::{Chat, Refusal, store};

impl Chat {
    /// Deletes a channel with its messages and invites; needs MANAGE_CHANNELS in it. What was under a category
    /// stays, under none.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_channel(&self, actor: UserId, id: ChannelId) -> Result<Channel, Refusal> {
        let (guild, turn) = self.turn_of_channel(id).await?;
        let (channel, orphans) = {
            let world = self.world();
            let view = world.view_channel(id, actor, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            let children = view.state.channels.values().filter(|child| child.parent_id == Some(id));
            let orphans: Vec<Channel> =
                children.map(|child| Channel { parent_id: None, ..child.clone() }).collect();
            (view.channel.clone(), orphans)
        };
        self.commit(guild, Some(turn), move |change| {
            for orphan in orphans {
                store::channels::update(change.sql, &orphan)?;
                change.record(GuildChange::ChannelUpdate(Box::new(orphan)))?;
            }
            store::channels::delete(change.sql, id)?;
            change.record(GuildChange::ChannelDelete(Box::new(channel.clone())))?;
            Ok(channel)
        })
        .await
    }
}
