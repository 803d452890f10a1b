//! Deletes a channel.

use voxlink_protocol::{Channel, ChannelId, Guild, Permissions, event::GuildChange};

use super::LOGGED_WHOLE;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store,
};

impl Chat {
    /// Deletes a channel with its messages and invites; needs MANAGE_CHANNELS in it. What was under a category
    /// stays, under none.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_channel(&self, actor: impl Into<Actor>, id: ChannelId) -> Result<Channel, Refusal> {
        let actor = actor.into();
        let (guild, turn) = self.turn_of_channel(id).await?;
        let (channel, orphans, without) = {
            let world = self.world();
            let view = world.view_channel(id, actor.id, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            let children = view.state.channels.values().filter(|child| child.parent_id == Some(id));
            let orphans: Vec<Channel> =
                children.map(|child| Channel { parent_id: None, ..child.clone() }).collect();
            // A guild does not go on announcing joins where nobody can read.
            let announces = view.state.guild.system_channel_id == Some(id);
            let without = announces.then(|| Guild { system_channel_id: None, ..view.state.guild.clone() });
            (view.channel.clone(), orphans, without)
        };
        self.commit(guild, Some(turn), move |change| {
            for orphan in orphans {
                store::channels::update(change.sql, &orphan)?;
                change.record(GuildChange::ChannelUpdate(Box::new(orphan)))?;
            }
            store::channels::delete(change.sql, id)?;
            change.record(GuildChange::ChannelDelete(Box::new(channel.clone())))?;
            if let Some(guild) = without {
                store::guilds::update(change.sql, &guild)?;
                change.record(GuildChange::GuildUpdate(Box::new(guild)))?;
            }
            let entry = Entry::new(Action::ChannelDelete, &actor, id.0);
            change.audit(entry.fields(Some(&channel), None, LOGGED_WHOLE))?;
            Ok(channel)
        })
        .await
    }
}
