//! Takes one person's emoji away.

use voxlink_protocol::{
    ChannelId, MessageId, Permissions, ReactionEmoji, UserId,
    event::{ChannelChange, ReactionChange},
};

use crate::{
    Chat, Refusal,
    store::{messages, reactions},
};

impl Chat {
    /// Takes `whose` emoji away: one's own, or anyone's with MANAGE_MESSAGES. Nothing happens when it is not there.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`] or
    /// [`Refusal::Db`].
    pub async fn remove_reaction(
        &self,
        actor: UserId,
        channel: ChannelId,
        message: MessageId,
        emoji: ReactionEmoji,
        whose: UserId,
    ) -> Result<(), Refusal> {
        let place = {
            let world = self.world();
            let view = world.view_place(channel, actor, self.inner.env.now())?;
            view.require_messages()?;
            view.require(Permissions::READ_MESSAGE_HISTORY)?;
            if whose != actor {
                view.require(Permissions::MANAGE_MESSAGES)?;
            }
            view.place()
        };
        self.commit_in(place, None, move |change| {
            messages::find(change.sql, channel, message)?.ok_or(Refusal::UnknownMessage)?;
            let key = reactions::key(&emoji);
            let Some(emoji) = reactions::find(change.sql, channel, message, &key)? else { return Ok(()) };
            if !reactions::remove(change.sql, channel, message, &key, whose)? {
                return Ok(());
            }
            change.record_in_channel(ChannelChange::ReactionRemove(Box::new(ReactionChange {
                user_id: whose,
                channel_id: channel,
                message_id: message,
                emoji,
                member: None,
                message_author_id: None,
                burst: false,
                kind: 0,
            })))
        })
        .await
    }
}
