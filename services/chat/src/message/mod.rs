//! Messages: posting, reading, changing, deleting, typing.

mod attach;
pub mod delete;
pub mod edit;
pub mod read;
pub mod send;
pub mod typing;

use voxlink_protocol::{ChannelId, Message, User};

use crate::store::messages::StoredMessage;

/// A stored message as its author's reader sees it.
fn present(stored: StoredMessage, channel: ChannelId, author: User) -> Message {
    let edited_timestamp = stored.edited_at;
    Message { edited_timestamp, ..Message::new(stored.id, channel, author, stored.content) }
}
