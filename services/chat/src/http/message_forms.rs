//! Messages as they arrive.

use serde::{Deserialize, de::IgnoredAny};
use voxlink_protocol::{
    AttachmentId, ChannelId, MessageFlags, MessageId, Nonce,
    text::{MessageText, TextError},
};

use super::nullable;
use crate::{
    Draft, Edit, Refusal,
    message::{
        allowed_mentions::AllowedMentionsForm,
        draft::{AttachmentDraft, ReplyTo, check_attachments},
        embeds::{self, EmbedForm},
    },
};

/// `enforce_nonce` need not be asked for: a nonce always makes a retry safe. `tts` is taken and not done.
#[derive(Deserialize)]
pub(super) struct SendForm {
    content: Option<String>,
    nonce: Option<Nonce>,
    embeds: Option<Vec<EmbedForm>>,
    allowed_mentions: Option<AllowedMentionsForm>,
    message_reference: Option<ReferenceForm>,
    attachments: Option<Vec<AttachmentForm>>,
    flags: Option<MessageFlags>,
    sticker_ids: Option<Vec<IgnoredAny>>,
    components: Option<Vec<IgnoredAny>>,
    poll: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct ReferenceForm {
    /// 0: an answer.
    #[serde(rename = "type")]
    kind: Option<u8>,
    message_id: MessageId,
    channel_id: Option<ChannelId>,
    fail_if_not_exists: Option<bool>,
}

/// `filename` is what the upload said.
#[derive(Deserialize)]
struct AttachmentForm {
    id: AttachmentId,
    description: Option<String>,
    is_spoiler: Option<bool>,
}

fn attachments(forms: Vec<AttachmentForm>) -> Result<Vec<AttachmentDraft>, Refusal> {
    let draft = |form: AttachmentForm| AttachmentDraft {
        id: form.id,
        description: form.description,
        spoiler: form.is_spoiler,
    };
    let drafts: Vec<AttachmentDraft> = forms.into_iter().map(draft).collect();
    check_attachments(&drafts).map(|()| drafts)
}

fn text(content: &str) -> Result<Option<MessageText>, Refusal> {
    match MessageText::parse(content) {
        Ok(text) => Ok(Some(text)),
        Err(TextError::Empty) => Ok(None),
        Err(error @ (TextError::Length { .. } | TextError::Characters(_))) => {
            Err(Refusal::field("content", error.code(), error.to_string()))
        }
    }
}

/// What this server does not have is refused, not dropped: a bot would wait for its buttons to be pressed.
fn absent(field: &str, given: bool) -> Result<(), Refusal> {
    if given {
        let message = "This server does not have this yet. Leave the field out.";
        return Err(Refusal::field(field, "FIELD_NOT_SUPPORTED", message));
    }
    Ok(())
}

fn any<T>(list: Option<&Vec<T>>) -> bool {
    list.is_some_and(|list| !list.is_empty())
}

impl SendForm {
    /// Parses it for a channel.
    pub(super) fn parse(self, channel: ChannelId) -> Result<Draft, Refusal> {
        absent("sticker_ids", any(self.sticker_ids.as_ref()))?;
        absent("components", any(self.components.as_ref()))?;
        absent("poll", self.poll.is_some())?;
        Ok(Draft {
            text: text(self.content.as_deref().unwrap_or_default())?,
            nonce: self.nonce,
            reply: self.message_reference.map(|form| form.parse(channel)).transpose()?,
            allowed_mentions: allowed(self.allowed_mentions)?.unwrap_or_default(),
            flags: self.flags.unwrap_or_default(),
            embeds: embeds::parse(self.embeds.unwrap_or_default())?,
            attachments: attachments(self.attachments.unwrap_or_default())?,
        })
    }
}

fn allowed(
    form: Option<AllowedMentionsForm>,
) -> Result<Option<crate::message::allowed_mentions::AllowedMentions>, Refusal> {
    form.map(AllowedMentionsForm::parse).transpose()
}

impl ReferenceForm {
    fn parse(self, channel: ChannelId) -> Result<ReplyTo, Refusal> {
        if self.kind.is_some_and(|kind| kind != 0) {
            let message = "Only answers (type 0) are possible here.";
            return Err(Refusal::field("message_reference.type", "BASE_TYPE_CHOICES", message));
        }
        if self.channel_id.is_some_and(|given| given != channel) {
            let message = "Cannot reply to a message in another channel";
            return Err(Refusal::field("message_reference.channel_id", "REPLIES_WRONG_CHANNEL", message));
        }
        Ok(ReplyTo { message: self.message_id, must_exist: self.fail_if_not_exists.unwrap_or(true) })
    }
}

/// Null takes something away, absence leaves it.
#[derive(Deserialize)]
pub(super) struct EditForm {
    #[serde(default, deserialize_with = "nullable")]
    content: Option<Option<String>>,
    #[serde(default, deserialize_with = "nullable")]
    embeds: Option<Option<Vec<EmbedForm>>>,
    #[serde(default, deserialize_with = "nullable")]
    attachments: Option<Option<Vec<AttachmentForm>>>,
    allowed_mentions: Option<AllowedMentionsForm>,
    flags: Option<MessageFlags>,
    sticker_ids: Option<Vec<IgnoredAny>>,
    components: Option<Vec<IgnoredAny>>,
}

impl EditForm {
    pub(super) fn parse(self) -> Result<Edit, Refusal> {
        absent("sticker_ids", any(self.sticker_ids.as_ref()))?;
        absent("components", any(self.components.as_ref()))?;
        Ok(Edit {
            text: self.content.map(|content| text(&content.unwrap_or_default())).transpose()?,
            embeds: self.embeds.map(|forms| embeds::parse(forms.unwrap_or_default())).transpose()?,
            suppress_embeds: self.flags.map(|flags| flags.contains(MessageFlags::SUPPRESS_EMBEDS)),
            allowed_mentions: allowed(self.allowed_mentions)?,
            attachments: self.attachments.map(|forms| attachments(forms.unwrap_or_default())).transpose()?,
        })
    }
}
