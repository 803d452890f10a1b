//! Tells that someone is writing.

use voxlink_protocol::{
    ChannelId, Member, Permissions, User,
    event::{ChannelChange, GuildChange, GuildEvent, UserChange, UserEvent},
};

use crate::{Chat, Refusal, state::place::PlaceView};

impl Chat {
    /// Publishes TYPING_START; nothing is stored.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`] or [`Refusal::Forbidden`].
    pub fn typing(&self, user: &User, channel: ChannelId) -> Result<(), Refusal> {
        let now = self.inner.env.now();
        let world = self.world();
        let view = world.view_place(channel, user.id, now)?;
        view.require_messages()?;
        view.require(Permissions::SEND_MESSAGES)?;
        let member = view.member().map(|member| Member { user: Some(user.clone()), ..member.clone() });
        let change = ChannelChange::TypingStart {
            channel_id: channel,
            user_id: user.id,
            member: member.map(Box::new),
            timestamp: now.0 / 1000,
        };
        match view {
            PlaceView::Guild(view) => {
                let guild_id = view.state.guild.id;
                drop(world);
                let change = GuildChange::Channel(change);
                self.inner.bus.publish(GuildEvent { guild_id, version: None, change });
            }
            PlaceView::Direct(view) => {
                let to = view.state.people.keys().copied().collect();
                drop(world);
                self.inner.bus.publish(UserEvent { to, change: UserChange::Channel(change) });
            }
        }
        Ok(())
    }
}
