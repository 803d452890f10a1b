//! Pins a message.

use voxlink_protocol::{ChannelId, MessageId, MessageKind, User, event::ChannelChange};

use super::MOST_PINS;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry, Reason},
    message::system::Notice,
    store::{messages, pins},
};

impl Chat {
    /// Pins a message and tells so in the channel; nothing happens when it is pinned already.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`], [`Refusal::CannotMessage`],
    /// [`Refusal::UnknownMessage`], [`Refusal::SystemMessage`], [`Refusal::TooManyPins`], [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn pin(
        &self,
        user: &User,
        reason: Option<Reason>,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<(), Refusal> {
        let actor = Actor { id: user.id, reason };
        self.may_write(actor.id, channel).await?;
        let place = self.may_pin(actor.id, channel)?;
        let (_, around) = self.find_with_people(channel, place.guild(), id, None).await?;
        let (chat, user) = (self.clone(), user.clone());
        self.commit_in(place, None, move |change| {
            let mut stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            match stored.kind {
                MessageKind::Default | MessageKind::Reply => {}
                MessageKind::RecipientAdd
                | MessageKind::RecipientRemove
                | MessageKind::Call
                | MessageKind::ChannelNameChange
                | MessageKind::ChannelIconChange
                | MessageKind::ChannelPinnedMessage
                | MessageKind::UserJoin => return Err(Refusal::SystemMessage),
            }
            if stored.pinned_at.is_some() {
                return Ok(());
            }
            if pins::count(change.sql, channel)? >= MOST_PINS {
                return Err(Refusal::TooManyPins);
            }
            stored.pinned_at = pins::pin(change.sql, channel, id, chat.inner.env.now())?;
            let last_pin_timestamp = stored.pinned_at;
            if stored.author != actor.id {
                let entry = Entry::of_messages(Action::MessagePin, &actor, stored.author.0, channel, 1);
                change.audit(entry.option("message_id", id))?;
            }
            chat.tell_update(change, channel, stored, around.users, None)?;
            change
                .record_in_channel(ChannelChange::PinsUpdate { channel_id: channel, last_pin_timestamp })?;
            let notice = Notice::new(channel, user, MessageKind::ChannelPinnedMessage);
            chat.put_notice(change, Notice { reference: Some(id), ..notice })
        })
        .await
    }
}
