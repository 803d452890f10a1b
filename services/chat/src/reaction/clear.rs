//! Takes everyone's emojis away: all of them, or all of one kind.

use voxlink_protocol::{ChannelId, MessageId, Permissions, ReactionEmoji, UserId, event::ChannelChange};

use crate::{
    Chat, Refusal,
    store::{messages, reactions},
};

impl Chat {
    /// Takes all emojis of a message away, or all of one kind; needs MANAGE_MESSAGES. Nothing happens when there are
    /// none.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`] or
    /// [`Refusal::Db`].
    pub async fn clear_reactions(
        &self,
        actor: UserId,
        channel_id: ChannelId,
        message_id: MessageId,
        emoji: Option<ReactionEmoji>,
    ) -> Result<(), Refusal> {
        let place = {
            let world = self.world();
            let view = world.view_place(channel_id, actor, self.inner.env.now())?;
            view.require_messages()?;
            view.require(Permissions::READ_MESSAGE_HISTORY | Permissions::MANAGE_MESSAGES)?;
            view.place()
        };
        self.commit_in(place, None, move |change| {
            messages::find(change.sql, channel_id, message_id)?.ok_or(Refusal::UnknownMessage)?;
            let Some(emoji) = emoji else {
                if !reactions::clear(change.sql, channel_id, message_id)? {
                    return Ok(());
                }
                return change.record_in_channel(ChannelChange::ReactionRemoveAll { channel_id, message_id });
            };
            let key = reactions::key(&emoji);
            let Some(emoji) = reactions::find(change.sql, channel_id, message_id, &key)? else {
                return Ok(());
            };
            reactions::clear_emoji(change.sql, channel_id, message_id, &key)?;
            change.record_in_channel(ChannelChange::ReactionRemoveEmoji { channel_id, message_id, emoji })
        })
        .await
    }
}
