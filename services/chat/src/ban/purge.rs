//! Deletes what a banned person wrote, a bounded piece at a time: a big history neither holds up the writer nor is
//! forgotten by a crash.

use std::time::Duration;

use voxlink_protocol::{ChannelId, MessageId, Snowflake, Timestamp, UserId, event::ChannelChange};

use crate::{
    Chat, Refusal,
    message::delete::erase,
    store::{messages, purges},
};

/// Messages looked at in one step, whoever wrote them.
const LOOKED_AT: u32 = 1000;
/// v10: messages of one MESSAGE_DELETE_BULK.
const TOLD_AT_ONCE: usize = 100;

/// Whose messages go, and which: those after one id, up to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Purge {
    pub author: UserId,
    pub after: MessageId,
    pub through: MessageId,
}

impl Purge {
    /// What someone wrote in the time before `now`. `newest` is an id that no message of theirs exceeds.
    #[must_use]
    pub(super) fn of_last(time: Duration, author: UserId, now: Timestamp, newest: Snowflake) -> Self {
        let ms = u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let start = Snowflake::compose(now.0.saturating_sub(ms), 0, 0);
        Self { author, after: MessageId(start), through: MessageId(newest) }
    }
}

impl Chat {
    /// Deletes what is to be deleted, beside whatever else goes on.
    pub(crate) fn start_purging(&self) {
        let chat = self.clone();
        tokio::spawn(async move {
            if let Err(error) = chat.purge().await {
                tracing::warn!(%error, "deleting a banned person's messages failed; the next sweep goes on");
            }
        });
    }

    /// Deletes all that is to be deleted.
    pub(crate) async fn purge(&self) -> Result<(), Refusal> {
        while let Some((channel, purge)) = self.inner.db.read(purges::next).await? {
            self.purge_step(channel, purge).await?;
        }
        Ok(())
    }

    async fn purge_step(&self, channel: ChannelId, purge: Purge) -> Result<(), Refusal> {
        let Some(guild) = self.world().guild_of_channel(channel) else {
            // The channel is gone, and with it what was written there.
            let finish = move |sql: &voxlink_service_kit::Sql<'_>| purges::finish(sql, channel, purge);
            return Ok(self.inner.db.write(finish).await?);
        };
        let written = self.inner.db.read(move |sql| purges::written(sql, channel, purge, LOOKED_AT)).await?;
        let last = written.last().map(|(id, _)| *id);
        let theirs: Vec<MessageId> =
            written.into_iter().filter(|(_, author)| *author == purge.author).map(|(id, _)| id).collect();
        self.commit(guild, None, move |change| {
            for ids in theirs.chunks(TOLD_AT_ONCE) {
                let mut gone = Vec::with_capacity(ids.len());
                for id in ids {
                    gone.extend(messages::find(change.sql, channel, *id)?);
                }
                if !gone.is_empty() {
                    let ids = gone.iter().map(|stored| stored.id).collect();
                    change
                        .record_in_channel(ChannelChange::MessageDeleteBulk { ids, channel_id: channel })?;
                    erase(change, channel, &gone)?;
                }
            }
            match last {
                Some(last) => purges::advance(change.sql, channel, purge.author, last)?,
                None => purges::finish(change.sql, channel, purge)?,
            }
            Ok(())
        })
        .await
    }
}
