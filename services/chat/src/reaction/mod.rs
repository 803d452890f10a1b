//! Reactions: emojis under messages.

pub mod add;
pub mod clear;
pub mod list;
pub mod remove;

use voxlink_protocol::{EmojiId, ReactionEmoji};

use crate::Refusal;

/// v10: different emojis under one message.
pub const MOST_EMOJIS: u64 = 20;

/// Parses an emoji as it stands in a path: a Unicode one, or `name:id` of a guild's own. Of the latter only the id
/// counts: its name is what its guild says.
///
/// # Errors
/// [`Refusal::UnknownEmoji`] for what is neither.
pub fn parse_emoji(raw: &str) -> Result<ReactionEmoji, Refusal> {
    if let Some((name, id)) = raw.rsplit_once(':') {
        let name = name.rsplit(':').next().filter(|name| !name.is_empty()).map(str::to_owned);
        let id: u64 = id.parse().map_err(|_| Refusal::UnknownEmoji)?;
        return Ok(ReactionEmoji { id: Some(EmojiId::new(id)), name, animated: false });
    }
    // One emoji has one spelling here, with or without the variation selector that a keyboard adds.
    let emoji = emojis::get(raw).ok_or(Refusal::UnknownEmoji)?;
    Ok(ReactionEmoji { id: None, name: Some(emoji.as_str().to_owned()), animated: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> Option<String> {
        parse_emoji(raw).ok().and_then(|emoji| emoji.name)
    }

    #[test]
    fn an_emoji_is_one_of_unicode_or_a_name_with_an_id() {
        assert_eq!(name("👍").as_deref(), Some("👍"));
        assert_eq!(name("👍🏽").as_deref(), Some("👍🏽"));
        assert_eq!(name("❤").as_deref(), Some("❤\u{fe0f}"));
        assert_eq!(name("❤\u{fe0f}").as_deref(), Some("❤\u{fe0f}"));
        assert_eq!(name("1\u{fe0f}\u{20e3}").as_deref(), Some("1\u{fe0f}\u{20e3}"));
        assert_eq!(name("👨‍👩‍👧‍👦").as_deref(), Some("👨‍👩‍👧‍👦"));
        assert_eq!(name("🇱🇻").as_deref(), Some("🇱🇻"));
        let own = parse_emoji("boat:42").ok();
        assert_eq!(own.as_ref().and_then(|emoji| emoji.id), Some(EmojiId::new(42)));
        for wrong in ["", "1", "x", "я", "👍👍", "boat:", "boat:x", "\u{202e}👍"] {
            assert_eq!(parse_emoji(wrong), Err(Refusal::UnknownEmoji), "{wrong}");
        }
    }
}
