//! Reads history.

use voxlink_protocol::{ChannelId, Message, MessageId, Permissions, UserId};

use super::present;
use crate::{
    Chat, Refusal,
    store::messages::{self, Position, StoredMessage},
};

impl Chat {
    /// A page of a channel's history, newest first, at most `limit` messages. Without READ_MESSAGE_HISTORY it is empty.
    ///
    /// Ids are in commit order: whoever asks for what is after the newest one they have misses nothing.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn messages(
        &self,
        reader: UserId,
        channel: ChannelId,
        position: Position,
        limit: u32,
    ) -> Result<Vec<Message>, Refusal> {
        if !self.may_read_history(reader, channel)? {
            return Ok(Vec::new());
        }
        let page: Vec<StoredMessage> =
            self.inner.db.read(move |sql| messages::page(sql, channel, position, limit)).await?;
        let users = self.inner.users.get(page.iter().map(|stored| stored.author)).await?;
        Ok(page
            .into_iter()
            .filter_map(|stored| {
                let author = users.get(&stored.author)?.clone();
                Some(present(stored, channel, author))
            })
            .collect())
    }

    /// One message.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`] without READ_MESSAGE_HISTORY,
    /// [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn message(
        &self,
        reader: UserId,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<Message, Refusal> {
        if !self.may_read_history(reader, channel)? {
            return Err(Refusal::Forbidden);
        }
        let stored = self.inner.db.read(move |sql| messages::find(sql, channel, id)).await?;
        let stored = stored.ok_or(Refusal::UnknownMessage)?;
        let author = self.inner.users.one(stored.author).await?;
        Ok(present(stored, channel, author))
    }

    fn may_read_history(&self, reader: UserId, channel: ChannelId) -> Result<bool, Refusal> {
        let world = self.world();
        let view = world.view_place(channel, reader, self.inner.env.now())?;
        view.require_messages()?;
        Ok(view.may(Permissions::READ_MESSAGE_HISTORY))
    }
}
