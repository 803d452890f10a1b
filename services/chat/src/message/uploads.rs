//! The files of a message: asked for by the ids that their uploads got.

use voxlink_protocol::{
    Attachment, AttachmentId, ChannelId, UserId,
    files::{DescribeUploads, UploadsRefused},
};

use super::draft::AttachmentDraft;
use crate::{Chat, Refusal};

/// v10: a file whose name begins so is hidden until one asks to see it.
const SPOILER: &str = "SPOILER_";

impl Chat {
    /// Describes uploads of this person for this channel, in the order of the drafts. Asks nobody when there are none.
    pub(super) async fn describe_uploads(
        &self,
        user: UserId,
        channel: ChannelId,
        drafts: &[AttachmentDraft],
    ) -> Result<Vec<Attachment>, Refusal> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<AttachmentId> = drafts.iter().map(|draft| draft.id).collect();
        let answer = self.inner.bus.call(DescribeUploads { user, channel, ids }).await?;
        let uploads = answer.map_err(|UploadsRefused { unknown }| unknown_upload(drafts, unknown))?;
        drafts
            .iter()
            .map(|draft| {
                let upload = uploads.iter().find(|upload| upload.id == draft.id);
                let upload = upload.ok_or_else(|| unknown_upload(drafts, draft.id))?;
                Ok(described(upload.clone(), draft))
            })
            .collect()
    }
}

fn unknown_upload(drafts: &[AttachmentDraft], unknown: AttachmentId) -> Refusal {
    let index = drafts.iter().position(|draft| draft.id == unknown).unwrap_or(0);
    let field = format!("attachments.{index}.id");
    Refusal::field(&field, "ATTACHMENT_NOT_FOUND", "No such upload. Send the file again.")
}

/// With what the message says of it.
pub(super) fn described(mut attachment: Attachment, draft: &AttachmentDraft) -> Attachment {
    if let Some(description) = &draft.description {
        attachment.description = Some(description.clone()).filter(|text| !text.trim().is_empty());
    }
    match (draft.spoiler, attachment.filename.strip_prefix(SPOILER)) {
        (Some(true), None) => attachment.filename.insert_str(0, SPOILER),
        (Some(false), Some(plain)) if !plain.is_empty() => attachment.filename = plain.to_owned(),
        _ => {}
    }
    attachment
}
