//! Deletes a message.

use voxlink_protocol::{
    ChannelId, MessageId, MessageKind, Permissions, event::ChannelChange, files::FilesNews,
};

use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    commit::Change,
    store::{
        messages::{self, StoredMessage},
        pins,
    },
};

impl Chat {
    /// Deletes a message: one's own, or anyone's with MANAGE_MESSAGES.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownMessage`], [`Refusal::Forbidden`], [`Refusal::SystemMessage`] or
    /// [`Refusal::Db`].
    pub async fn delete_message(
        &self,
        actor: impl Into<Actor>,
        channel: ChannelId,
        id: MessageId,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let (place, may_delete_any) = {
            let world = self.world();
            let view = world.view_place(channel, actor.id, self.inner.env.now())?;
            (view.place(), view.may(Permissions::MANAGE_MESSAGES))
        };
        self.commit_in(place, None, move |change| {
            let stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            if stored.author != actor.id && !may_delete_any {
                return Err(Refusal::Forbidden);
            }
            if !can_be_deleted(stored.kind) {
                return Err(Refusal::SystemMessage);
            }
            change.record_in_channel(ChannelChange::MessageDelete { id, channel_id: channel })?;
            if stored.author != actor.id {
                let target = stored.author.0;
                change.audit(Entry::of_messages(Action::MessageDelete, &actor, target, channel, 1))?;
            }
            erase(change, channel, &[stored])
        })
        .await
    }
}

/// v10: what a group tells of itself stays.
const fn can_be_deleted(kind: MessageKind) -> bool {
    match kind {
        MessageKind::Default
        | MessageKind::Reply
        | MessageKind::ChannelPinnedMessage
        | MessageKind::UserJoin => true,
        MessageKind::RecipientAdd
        | MessageKind::RecipientRemove
        | MessageKind::Call
        | MessageKind::ChannelNameChange
        | MessageKind::ChannelIconChange => false,
    }
}

/// Takes messages of a channel out of the database in the running transaction, with their reactions, files and pins.
/// That they are gone is for the caller to tell.
pub(crate) fn erase(
    change: &mut Change<'_>,
    channel: ChannelId,
    gone: &[StoredMessage],
) -> Result<(), Refusal> {
    for stored in gone {
        messages::delete(change.sql, channel, stored.id)?;
        if !stored.attachments.is_empty() {
            let ids = stored.attachments.iter().map(|file| file.id).collect();
            change.tell_files(&FilesNews::AttachmentsReleased { message: stored.id, ids })?;
        }
    }
    if gone.iter().any(|stored| stored.pinned_at.is_some()) {
        let last_pin_timestamp = pins::newest(change.sql, channel)?;
        change.record_in_channel(ChannelChange::PinsUpdate { channel_id: channel, last_pin_timestamp })?;
    }
    Ok(())
}
