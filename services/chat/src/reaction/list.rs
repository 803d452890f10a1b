//! Who chose an emoji.

use voxlink_protocol::{ChannelId, MessageId, ReactionEmoji, User, UserId};

use crate::{
    Chat, Refusal,
    store::{messages, reactions},
};

impl Chat {
    /// Who chose this emoji, by id, after someone; at most `limit` people.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`] without READ_MESSAGE_HISTORY,
    /// [`Refusal::UnknownMessage`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn reactions(
        &self,
        reader: UserId,
        channel: ChannelId,
        message: MessageId,
        emoji: &ReactionEmoji,
        after: UserId,
        limit: u32,
    ) -> Result<Vec<User>, Refusal> {
        let (_, may_read) = self.may_read_history(reader, channel)?;
        if !may_read {
            return Err(Refusal::Forbidden);
        }
        let key = reactions::key(emoji);
        let read = self.inner.db.read(move |sql| {
            messages::find(sql, channel, message)?.ok_or(Refusal::UnknownMessage)?;
            Ok::<_, Refusal>(reactions::people(sql, channel, message, &key, after, limit)?)
        });
        let ids = read.await?;
        let mut users = self.inner.users.get(ids.iter().copied()).await?;
        Ok(ids.into_iter().filter_map(|id| users.remove(&id)).collect())
    }
}
