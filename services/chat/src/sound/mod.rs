//! A guild's own sounds, which people play in calls.

pub mod create;
pub mod delete;
pub mod play;
pub mod play_file;
pub mod read;
pub mod update;

/// Sounds of a guild. v10 has 8 to 48, by how much it is paid for.
pub const MAX_SOUNDS: usize = 48;

/// What the audit log tells of a sound.
const LOGGED: &[&str] = &["name", "volume", "emoji_id", "emoji_name"];

use voxlink_protocol::{EmojiId, text::UnicodeEmoji};

/// The emoji beside a sound: one of both kinds at most.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SoundEmoji {
    /// A guild's own.
    Custom(EmojiId),
    /// A Unicode one.
    Unicode(UnicodeEmoji),
}

impl SoundEmoji {
    /// As it stands in a sound: the id, and the emoji itself.
    fn split(emoji: Option<Self>) -> (Option<EmojiId>, Option<String>) {
        match emoji {
            None => (None, None),
            Some(Self::Custom(id)) => (Some(id), None),
            Some(Self::Unicode(emoji)) => (None, Some(emoji.into_string())),
        }
    }
}
