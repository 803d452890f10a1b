//! Files that belong to messages.

use serde::{Deserialize, Serialize};

use crate::id::AttachmentId;

/// A file of a message in its v10 shape.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attachment {
    /// Its id.
    pub id: AttachmentId,
    /// Its name, fit to be shown and saved under; a spoiler's begins with `SPOILER_`.
    pub filename: String,
    /// What its sender says of it, for those who cannot see it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// What it is, as its bytes say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Where it is: a path on this server with a key that cannot be guessed.
    pub url: String,
    /// As `url`; `width`, `height` and `format` may be added to get a smaller picture.
    pub proxy_url: String,
    /// Pixels, of pictures and videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Pixels, of pictures and videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Seconds, of sound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration_secs: Option<f64>,
    /// v10 attachment flags; none are set so far.
    #[serde(default)]
    pub flags: u32,
}
