//! Messages: posting, reading, changing, deleting, typing.

pub mod delete;
pub mod edit;
pub mod read;
pub mod send;
pub mod typing;

use voxlink_protocol::{ChannelId, Message, Timestamp, User};

use crate::store::messages::StoredMessage;

/// A stored message as its author's reader sees it.
fn present(stored: StoredMessage, channel: ChannelId, author: User) -> Message {
    Message {
        id: stored.id,
        channel_id: channel,
        author,
        content: stored.content,
        timestamp: Timestamp(stored.id.0.unix_ms()),
        edited_timestamp: stored.edited_at,
        tts: false,
        mention_everyone: false,
        mentions: Vec::new(),
        mention_roles: Vec::new(),
        attachments: Vec::new(),
        embeds: Vec::new(),
        pinned: false,
        kind: 0,
        flags: 0,
        components: Vec::new(),
        nonce: None,
        guild_id: None,
        member: None,
    }
}
