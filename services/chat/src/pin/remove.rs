//! Unpins a message.

use voxlink_protocol::{ChannelId, MessageId, event::ChannelChange};

use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    store::{messages, pins},
};

impl Chat {
    /// Unpins a message; nothing happens when it is not pinned.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`], [`Refusal::UnknownMessage`],
    /// [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn unpin(
        &self,
        actor: impl Into<Actor>,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let place = self.may_pin(actor.id, channel)?;
        let (_, around) = self.find_with_people(channel, place.guild(), id, None).await?;
        let chat = self.clone();
        self.commit_in(place, None, move |change| {
            let mut stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            if !pins::unpin(change.sql, channel, id)? {
                return Ok(());
            }
            stored.pinned_at = None;
            if stored.author != actor.id {
                let entry = Entry::of_messages(Action::MessageUnpin, &actor, stored.author.0, channel, 1);
                change.audit(entry.option("message_id", id))?;
            }
            let last_pin_timestamp = pins::newest(change.sql, channel)?;
            chat.tell_update(change, channel, stored, around.users, None)?;
            change.record_in_channel(ChannelChange::PinsUpdate { channel_id: channel, last_pin_timestamp })
        })
        .await
    }
}
