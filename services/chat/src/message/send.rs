//! Posts a message.

use voxlink_protocol::{
    ChannelId, Message, MessageId, Nonce, Permissions, User, event::ChannelChange, text::MessageText,
};

use super::present;
use crate::{
    Chat, Refusal,
    store::messages::{self, StoredMessage},
};

/// Why a message was not posted.
pub type SendError = Refusal;

/// A message to be.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says.
    pub text: MessageText,
    /// The author's mark: the same one again, in the same channel, is the same message.
    pub nonce: Option<Nonce>,
}

impl Chat {
    /// Stores the message, then tells the guild. In that order: an event may be lost and is made good from history;
    /// a message announced but not stored could not be.
    ///
    /// A nonce that the author used in this channel within the last 10 minutes (or a little more) brings back the
    /// message that it was first used for, also after a crash, and nothing is told again.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn send(&self, author: &User, channel: ChannelId, draft: Draft) -> Result<Message, SendError> {
        self.may_write(author.id, channel).await?;
        let (place, member) = {
            let world = self.world();
            let view = world.view_place(channel, author.id, self.inner.env.now())?;
            view.require_messages()?;
            view.require(Permissions::SEND_MESSAGES)?;
            (view.place(), view.member().cloned())
        };
        let inner = self.inner.clone();
        let author = author.clone();
        self.commit_in(place, None, move |change| {
            // Here, on the writer thread, ids are made in the order of their commit.
            let id = MessageId(inner.ids.next(inner.env.now()));
            let content = draft.text.into_string();
            if let Some(nonce) = &draft.nonce
                && let Some(first) =
                    messages::claim_nonce(change.sql, channel, author.id, nonce.as_str(), id)?
            {
                // Deleted meanwhile: the retry still must not bring it back.
                let stored = messages::find(change.sql, channel, first)?.unwrap_or(StoredMessage {
                    id: first,
                    author: author.id,
                    content,
                    edited_at: None,
                });
                return Ok(Message { nonce: draft.nonce, ..present(stored, channel, author) });
            }
            messages::insert(change.sql, channel, id, author.id, &content)?;
            let stored = StoredMessage { id, author: author.id, content, edited_at: None };
            let message = Message { nonce: draft.nonce, ..present(stored, channel, author) };
            change.record_message(id, channel, || {
                let told = Message { guild_id: place.guild(), member, ..message.clone() };
                ChannelChange::MessageCreate(Box::new(told))
            })?;
            Ok(message)
        })
        .await
    }
}
