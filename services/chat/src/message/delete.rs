//! Deletes a message.

use voxlink_protocol::{ChannelId, MessageId, Permissions, UserId, event::ChannelChange};

use crate::{Chat, Refusal, store::messages};

impl Chat {
    /// Deletes a message: one's own, or anyone's with MANAGE_MESSAGES.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_message(
        &self,
        actor: UserId,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<(), Refusal> {
        let (place, may_delete_any) = {
            let world = self.world();
            let view = world.view_place(channel, actor, self.inner.env.now())?;
            (view.place(), view.may(Permissions::MANAGE_MESSAGES))
        };
        self.commit_in(place, None, move |change| {
            let stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            if stored.author != actor && !may_delete_any {
                return Err(Refusal::Forbidden);
            }
            messages::delete(change.sql, channel, id)?;
            change.record_in_channel(ChannelChange::MessageDelete { id, channel_id: channel })
        })
        .await
    }
}
