//! What was written in a channel during some time, for the captions of a recording.

use voxlink_protocol::{
    MessageId, MessageKind, Snowflake, Timestamp,
    bus::{Written, WrittenBetween},
};
use voxlink_service_kit::DbError;

use crate::{
    Chat,
    store::messages::{self, Position},
};

/// However many are asked for.
const MOST: u32 = 2_000;

impl Chat {
    /// Words of people, oldest first; what is only a picture, or says that somebody came, is left out.
    ///
    /// # Errors
    /// See [`DbError`].
    pub(crate) async fn written_between(&self, request: WrittenBetween) -> Result<Vec<Written>, DbError> {
        let WrittenBetween { channel, from, to, limit } = request;
        let after = MessageId(Snowflake::compose(from.0, 0, 0));
        let read = self
            .inner
            .db
            .read(move |sql| messages::page(sql, channel, Position::After(after), limit.min(MOST)));
        // A page is newest first.
        let words = read.await?.into_iter().rev().filter(|message| {
            matches!(message.kind, MessageKind::Default | MessageKind::Reply) && !message.content.is_empty()
        });
        let written = words.map(|message| {
            let at = Timestamp(message.id.0.unix_ms());
            Written { author: message.author, at, text: message.content }
        });
        Ok(written.take_while(|one| one.at <= to).collect())
    }
}
