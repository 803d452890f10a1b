//! A message to be, and what may change of one: parsed, not yet allowed.

use voxlink_protocol::{AttachmentId, Embed, MessageFlags, MessageId, Nonce, text::MessageText};

use super::allowed_mentions::AllowedMentions;
use crate::Refusal;

/// v10: the most files of one message.
pub const MOST_ATTACHMENTS: usize = 10;
/// v10: the longest description of a file, in characters.
const LONGEST_DESCRIPTION: usize = 1024;

/// A message to be.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// What it says. One without words has files or embeds.
    pub text: Option<MessageText>,
    /// The author's mark: the same one again, in the same channel, is the same message.
    pub nonce: Option<Nonce>,
    /// What it answers.
    pub reply: Option<ReplyTo>,
    /// Whom it may ring.
    pub allowed_mentions: AllowedMentions,
    /// Of v10's flags those that an author may set.
    pub flags: MessageFlags,
    /// What a program lays out; parsed by [`super::embeds::parse`].
    pub embeds: Vec<Embed>,
    /// Files, uploaded before.
    pub attachments: Vec<AttachmentDraft>,
}

impl Draft {
    /// Words and nothing else.
    #[must_use]
    pub fn text(text: MessageText) -> Self {
        Self { text: Some(text), ..Self::default() }
    }

    /// True when there is nothing to post.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.embeds.is_empty() && self.attachments.is_empty()
    }
}

/// Which message is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplyTo {
    /// A message of the same channel.
    pub message: MessageId,
    /// Refuse when it is gone; else the answer answers nothing.
    pub must_exist: bool,
}

/// A file of a message, by the id that its upload got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttachmentDraft {
    /// Which.
    pub id: AttachmentId,
    /// What it shows, for those who cannot see it; `None` leaves it as it is.
    pub description: Option<String>,
    /// Hidden until asked for; `None` leaves it as it is.
    pub spoiler: Option<bool>,
}

/// Checks how many files there are and how they are described.
///
/// # Errors
/// [`Refusal::Form`] that names the field.
pub fn check_attachments(drafts: &[AttachmentDraft]) -> Result<(), Refusal> {
    if drafts.len() > MOST_ATTACHMENTS {
        let message = format!("Must be {MOST_ATTACHMENTS} or fewer in length.");
        return Err(Refusal::field("attachments", "BASE_TYPE_MAX_LENGTH", message));
    }
    for (index, draft) in drafts.iter().enumerate() {
        if draft.description.as_ref().is_some_and(|text| text.chars().count() > LONGEST_DESCRIPTION) {
            let message = format!("Must be {LONGEST_DESCRIPTION} or fewer in length.");
            let field = format!("attachments.{index}.description");
            return Err(Refusal::field(&field, "BASE_TYPE_MAX_LENGTH", message));
        }
        if drafts.iter().take(index).any(|other| other.id == draft.id) {
            let field = format!("attachments.{index}.id");
            return Err(Refusal::field(&field, "ATTACHMENT_DUPLICATE", "This file is named twice."));
        }
    }
    Ok(())
}

/// What changes of a message; `None` leaves it as it is.
#[derive(Clone, Debug, Default)]
pub struct Edit {
    /// Other words, or none.
    pub text: Option<Option<MessageText>>,
    /// Other embeds.
    pub embeds: Option<Vec<Embed>>,
    /// Whether embeds are hidden.
    pub suppress_embeds: Option<bool>,
    /// Whom the new words may ring.
    pub allowed_mentions: Option<AllowedMentions>,
    /// Files that it has then: those that stay, and new ones.
    pub attachments: Option<Vec<AttachmentDraft>>,
}

impl Edit {
    /// Other words.
    #[must_use]
    pub fn text(text: MessageText) -> Self {
        Self { text: Some(Some(text)), ..Self::default() }
    }

    /// True when only the author may ask for this.
    #[must_use]
    pub const fn is_for_the_author(&self) -> bool {
        self.text.is_some()
            || self.embeds.is_some()
            || self.attachments.is_some()
            || self.allowed_mentions.is_some()
    }
}
