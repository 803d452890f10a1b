//! What messages tell of calls, and which calls go on.

use voxlink_protocol::{ChannelId, MessageCall, MessageId};
use voxlink_service_kit::{DbError, Sql, params};

pub(super) fn parse(text: &str) -> Result<MessageCall, DbError> {
    serde_json::from_str(text).map_err(|error| DbError::Other(error.to_string()))
}

/// A message that is stored already tells of a call that goes on.
///
/// # Errors
/// See [`DbError`].
pub fn begin(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    call: &MessageCall,
) -> Result<(), DbError> {
    let insert = "INSERT INTO open_call (message_id, channel_id) VALUES ($1, $2)";
    sql.execute(insert, params![message, channel])?;
    tell(sql, channel, message, call).map(|_| ())
}

/// Changes what a message tells of its call; one that has ended goes on no more. `false` when the message is gone.
///
/// # Errors
/// See [`DbError`].
pub fn tell(
    sql: &Sql<'_>,
    channel: ChannelId,
    message: MessageId,
    call: &MessageCall,
) -> Result<bool, DbError> {
    let text = serde_json::to_string(call).map_err(|error| DbError::Other(error.to_string()))?;
    if call.ended_timestamp.is_some() {
        sql.execute("DELETE FROM open_call WHERE message_id = $1", params![message])?;
    }
    let update = "UPDATE message SET call = $1 WHERE channel_id = $2 AND id = $3";
    Ok(sql.execute(update, params![&text, channel, message])? == 1)
}

/// Those that go on.
///
/// # Errors
/// See [`DbError`].
pub fn open(sql: &Sql<'_>) -> Result<Vec<(ChannelId, MessageId)>, DbError> {
    sql.query("SELECT channel_id, message_id FROM open_call", params![], |row| Ok((row.get(0)?, row.get(1)?)))
}
