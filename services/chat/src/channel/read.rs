//! Shows channels to those who may see them.

use voxlink_protocol::{Channel, ChannelId, GuildId, UserId};

use crate::{Chat, Refusal};

impl Chat {
    /// One channel.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`].
    pub fn channel(&self, user: UserId, id: ChannelId) -> Result<Channel, Refusal> {
        let world = self.world();
        Ok(world.view_channel(id, user, self.inner.env.now())?.channel.clone())
    }

    /// The channels of a guild that someone may see.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`].
    pub fn channels(&self, user: UserId, guild: GuildId) -> Result<Vec<Channel>, Refusal> {
        let now = self.inner.env.now();
        let world = self.world();
        let view = world.view_guild(guild, user, now)?;
        let visible = |id: &&ChannelId| world.view_channel(**id, user, now).is_ok();
        let channels = &view.state.channels;
        Ok(channels.keys().filter(visible).filter_map(|id| channels.get(id).cloned()).collect())
    }
}
