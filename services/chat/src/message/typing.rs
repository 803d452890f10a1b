//! Tells that someone is writing.

use voxlink_protocol::{
    ChannelId, Member, Permissions, User,
    event::{GuildChange, GuildEvent},
};

use crate::{Chat, Refusal};

impl Chat {
    /// Publishes TYPING_START; nothing is stored.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`] or [`Refusal::Forbidden`].
    pub fn typing(&self, user: &User, channel: ChannelId) -> Result<(), Refusal> {
        let now = self.inner.env.now();
        let (guild_id, member) = {
            let world = self.world();
            let view = world.view_channel(channel, user.id, now)?;
            view.require_messages()?;
            view.require(Permissions::SEND_MESSAGES)?;
            (view.state.guild.id, Member { user: Some(user.clone()), ..view.member.clone() })
        };
        let change = GuildChange::TypingStart {
            channel_id: channel,
            member: Box::new(member),
            timestamp: now.0 / 1000,
        };
        self.inner.bus.publish(GuildEvent { guild_id, version: None, change });
        Ok(())
    }
}
