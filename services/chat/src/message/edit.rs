//! Changes the text of a message.

use voxlink_protocol::{ChannelId, Message, MessageId, User, event::ChannelChange, text::MessageText};

use super::present;
use crate::{Chat, Refusal, store::messages};

impl Chat {
    /// Changes a message's text; only its author may.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownMessage`], [`Refusal::NotTheAuthor`] or [`Refusal::Db`].
    pub async fn edit_message(
        &self,
        editor: &User,
        channel: ChannelId,
        id: MessageId,
        text: MessageText,
    ) -> Result<Message, Refusal> {
        self.may_write(editor.id, channel).await?;
        let now = self.inner.env.now();
        let (place, member) = {
            let world = self.world();
            let view = world.view_place(channel, editor.id, now)?;
            (view.place(), view.member().cloned())
        };
        let editor = editor.clone();
        self.commit_in(place, None, move |change| {
            let mut stored = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
            if stored.author != editor.id {
                return Err(Refusal::NotTheAuthor);
            }
            stored.content = text.into_string();
            stored.edited_at = Some(now);
            messages::edit(change.sql, channel, id, &stored.content, now)?;
            let message = present(stored, channel, editor);
            let told = Message { guild_id: place.guild(), member, ..message.clone() };
            change.record_in_channel(ChannelChange::MessageUpdate(Box::new(told)))?;
            Ok(message)
        })
        .await
    }
}
