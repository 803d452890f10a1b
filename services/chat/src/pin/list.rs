//! Lists pinned messages.

use serde::Serialize;
use voxlink_protocol::{ChannelId, Message, MessageId, Timestamp, UserId};
use voxlink_service_kit::DbError;

use crate::{
    Chat, Refusal,
    message::Around,
    store::{pins, reactions::Of},
};

/// A pinned message and when it was pinned.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pin {
    /// When.
    pub pinned_at: Timestamp,
    /// Which.
    pub message: Message,
}

/// A page of pinned messages, last pinned first.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pins {
    /// The pins.
    pub items: Vec<Pin>,
    /// There are older ones.
    pub has_more: bool,
}

impl Chat {
    /// Messages pinned before some time, at most `limit`. Without READ_MESSAGE_HISTORY there are none.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn pins(
        &self,
        reader: UserId,
        channel: ChannelId,
        before: Option<Timestamp>,
        limit: u32,
    ) -> Result<Pins, Refusal> {
        let (guild, may_read) = self.may_read_history(reader, channel)?;
        if !may_read {
            return Ok(Pins { items: Vec::new(), has_more: false });
        }
        let read = self.inner.db.read(move |sql| {
            let mut page = pins::page(sql, channel, before, limit.saturating_add(1))?;
            let size = usize::try_from(limit).unwrap_or(usize::MAX);
            let has_more = page.len() > size;
            page.truncate(size);
            let ids: Vec<MessageId> = page.iter().map(|stored| stored.id).collect();
            let around = Around::load(sql, channel, guild, &page, Of::These(&ids), Some(reader))?;
            Ok::<_, DbError>((page, around, has_more))
        });
        let (page, around, has_more) = read.await?;
        let times: Vec<Option<Timestamp>> = page.iter().map(|stored| stored.pinned_at).collect();
        let messages = self.show(page, around).await?;
        let pins = times.into_iter().zip(messages);
        let items = pins.filter_map(|(at, message)| Some(Pin { pinned_at: at?, message })).collect();
        Ok(Pins { items, has_more })
    }
}
