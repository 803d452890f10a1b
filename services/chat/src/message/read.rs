//! Reads history.

use voxlink_protocol::{ChannelId, GuildId, Message, MessageId, Permissions, UserId};
use voxlink_service_kit::DbError;

use super::Around;
use crate::{
    Chat, Refusal,
    store::{
        messages::{self, Position, StoredMessage},
        reactions::Of,
    },
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
        let (guild, may_read) = self.may_read_history(reader, channel)?;
        if !may_read {
            return Ok(Vec::new());
        }
        let read = self.inner.db.read(move |sql| {
            let page = messages::page(sql, channel, position, limit)?;
            let none = MessageId::new(0);
            let (newest, oldest) = (page.first(), page.last());
            let which = Of::Between(oldest.map_or(none, |at| at.id), newest.map_or(none, |at| at.id));
            let around = Around::load(sql, channel, guild, &page, which, Some(reader))?;
            Ok::<_, DbError>((page, around))
        });
        let (page, around) = read.await?;
        self.show(page, around).await
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
        let (guild, may_read) = self.may_read_history(reader, channel)?;
        if !may_read {
            return Err(Refusal::Forbidden);
        }
        let (stored, around) = self.find_with_people(channel, guild, id, Some(reader)).await?;
        Ok(around.present(stored))
    }

    /// A message and what stands around it.
    pub(crate) async fn find_with_people(
        &self,
        channel: ChannelId,
        guild: Option<GuildId>,
        id: MessageId,
        reader: Option<UserId>,
    ) -> Result<(StoredMessage, Around), Refusal> {
        let read = self.inner.db.read(move |sql| {
            let stored = messages::find(sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            let around = Around::load_one(sql, channel, guild, &stored, reader)?;
            Ok::<_, Refusal>((stored, around))
        });
        let (stored, mut around) = read.await?;
        let people = around.people(std::slice::from_ref(&stored));
        around.users = self.inner.users.get(people).await?;
        Ok((stored, around))
    }

    /// A page as it is shown.
    pub(crate) async fn show(
        &self,
        page: Vec<StoredMessage>,
        mut around: Around,
    ) -> Result<Vec<Message>, Refusal> {
        around.users = self.inner.users.get(around.people(&page)).await?;
        Ok(page.into_iter().map(|stored| around.present(stored)).collect())
    }

    /// Before a form is read: its mistakes are for those who see the channel.
    pub(crate) fn sees_channel(&self, user: UserId, channel: ChannelId) -> Result<(), Refusal> {
        self.world().view_place(channel, user, self.inner.env.now()).map(|_view| ())
    }

    /// Where it is, and whether they may read what was said there before.
    pub(crate) fn may_read_history(
        &self,
        reader: UserId,
        channel: ChannelId,
    ) -> Result<(Option<GuildId>, bool), Refusal> {
        let world = self.world();
        let view = world.view_place(channel, reader, self.inner.env.now())?;
        view.require_messages()?;
        Ok((view.place().guild(), view.may(Permissions::READ_MESSAGE_HISTORY)))
    }
}
