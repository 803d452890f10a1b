//! Changes a message.

use std::collections::HashMap;

use voxlink_protocol::{
    Attachment, AttachmentId, ChannelId, Member, Message, MessageFlags, MessageId, MessageKind, Permissions,
    User, UserId, event::ChannelChange, files::FilesNews,
};

use super::{
    Around,
    draft::{AttachmentDraft, Edit},
    embeds::is_laid_out,
    mentions::{self, Mentions},
    send::with_attached_pictures,
    uploads::described,
};
use crate::{
    Chat, Refusal,
    commit::Change,
    state::place::{Place, PlaceView},
    store::messages::{self, StoredMessage},
};

/// What is known before the transaction.
struct Prepared {
    edit: Edit,
    mentions: Option<Mentions>,
    uploads: Vec<Attachment>,
    users: HashMap<UserId, User>,
}

impl Chat {
    /// Changes a message. Its author may change everything about it, whoever may manage messages only whether its
    /// embeds are hidden. Of two edits that race the later commit wins, and both are told in that order.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownMessage`], [`Refusal::NotTheAuthor`], [`Refusal::Forbidden`],
    /// [`Refusal::SystemMessage`], [`Refusal::EmptyMessage`], [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn edit_message(
        &self,
        editor: &User,
        channel: ChannelId,
        id: MessageId,
        edit: Edit,
    ) -> Result<Message, Refusal> {
        self.may_write(editor.id, channel).await?;
        let now = self.inner.env.now();
        let place = self.world().view_place(channel, editor.id, now)?.place();
        let (before, around) = self.find_with_people(channel, place.guild(), id, Some(editor.id)).await?;
        let (mentions, may_embed) = {
            let world = self.world();
            let view = world.view_place(channel, editor.id, now)?;
            may_edit(&view, editor.id, &before, &edit)?;
            (new_mentions(&view, &before, &around, &edit), view.may(Permissions::EMBED_LINKS))
        };
        let new: Vec<AttachmentDraft> = edit
            .attachments
            .iter()
            .flatten()
            .filter(|draft| !before.attachments.iter().any(|attachment| attachment.id == draft.id))
            .cloned()
            .collect();
        let uploads = self.describe_uploads(editor.id, channel, &new).await?;
        let mut users = around.users;
        users.extend(self.inner.users.get(mentions.iter().flat_map(|found| found.users.clone())).await?);
        let (chat, reader) = (self.clone(), editor.id);
        let prepared = Prepared { edit, mentions, uploads, users };
        let (message, other_words) = self
            .commit_in(place, None, move |change| chat.store_edit(change, channel, id, reader, prepared))
            .await?;
        if other_words && may_embed {
            self.preview_links(editor.id, place, &message);
        }
        Ok(message)
    }

    fn store_edit(
        &self,
        change: &mut Change<'_>,
        channel: ChannelId,
        id: MessageId,
        reader: UserId,
        prepared: Prepared,
    ) -> Result<(Message, bool), Refusal> {
        let before = messages::find(change.sql, channel, id)?.ok_or(Refusal::UnknownMessage)?;
        let Prepared { edit, mentions, uploads, users } = prepared;
        let by_author = edit.is_for_the_author();
        let mut stored = applied(before.clone(), edit, mentions, uploads);
        if stored.content.is_empty() && stored.attachments.is_empty() && stored.embeds.is_empty() {
            return Err(Refusal::EmptyMessage);
        }
        if stored == before {
            let around =
                Around::load_one(change.sql, channel, change.place().guild(), &stored, Some(reader))?;
            return Ok((around.with_users(users).present(stored), false));
        }
        if by_author {
            stored.edited_at = Some(self.inner.env.now());
        }
        messages::update(change.sql, channel, &stored)?;
        tell_files(change, &before, &stored)?;
        let other_words = stored.content != before.content;
        let message = self.tell_update(change, channel, stored, users, Some(reader))?;
        Ok((message, other_words))
    }

    /// Tells everyone in the running transaction what a message is now; returns it as this reader sees it.
    pub(crate) fn tell_update(
        &self,
        change: &mut Change<'_>,
        channel: ChannelId,
        stored: StoredMessage,
        users: HashMap<UserId, User>,
        reader: Option<UserId>,
    ) -> Result<Message, Refusal> {
        let place = change.place();
        let author = stored.author;
        let loaded = Around::load_one(change.sql, channel, place.guild(), &stored, reader)?;
        let message = loaded.with_users(users).present(stored);
        let mut told =
            Message { guild_id: place.guild(), member: self.member_of(place, author), ..message.clone() };
        told.reactions.iter_mut().for_each(|reaction| reaction.me = false);
        change.record_in_channel(ChannelChange::MessageUpdate(Box::new(told)))?;
        Ok(message)
    }

    /// Someone as a member of the place, without `user`.
    pub(crate) fn member_of(&self, place: Place, user: UserId) -> Option<Member> {
        let world = self.world();
        let state = place.guild().and_then(|guild| world.guild(guild))?;
        state.members.get(&user).cloned()
    }
}

fn may_edit(
    view: &PlaceView<'_>,
    editor: UserId,
    message: &StoredMessage,
    edit: &Edit,
) -> Result<(), Refusal> {
    match message.kind {
        MessageKind::Default | MessageKind::Reply => {}
        MessageKind::RecipientAdd
        | MessageKind::RecipientRemove
        | MessageKind::Call
        | MessageKind::ChannelNameChange
        | MessageKind::ChannelIconChange
        | MessageKind::ChannelPinnedMessage
        | MessageKind::UserJoin => return Err(Refusal::SystemMessage),
    }
    if message.author != editor {
        if edit.is_for_the_author() {
            return Err(Refusal::NotTheAuthor);
        }
        return view.require(Permissions::MANAGE_MESSAGES);
    }
    if edit.embeds.as_ref().is_some_and(|embeds| !embeds.is_empty()) {
        view.require(Permissions::EMBED_LINKS)?;
    }
    let is_new = |draft: &AttachmentDraft| !message.attachments.iter().any(|file| file.id == draft.id);
    if edit.attachments.iter().flatten().any(is_new) {
        view.require(Permissions::ATTACH_FILES)?;
    }
    Ok(())
}

/// Whom the message names after the edit; `None` when that stays as it is.
fn new_mentions(
    view: &PlaceView<'_>,
    before: &StoredMessage,
    around: &Around,
    edit: &Edit,
) -> Option<Mentions> {
    if edit.text.is_none() && edit.allowed_mentions.is_none() {
        return None;
    }
    let content = match &edit.text {
        Some(text) => text.as_ref().map_or("", |text| text.as_str()),
        None => &before.content,
    };
    let allowed = edit.allowed_mentions.clone().unwrap_or_default();
    let mut found = mentions::resolve(view, content, &allowed);
    let answered = before.reference.and_then(|id| around.referenced.get(&id)).map(|answered| answered.author);
    let rang = answered.filter(|author| before.mentions.contains(author));
    // An edit that says nothing about it leaves the one who is answered named as before.
    let rings =
        if edit.allowed_mentions.is_some() { answered.filter(|_| allowed.replied_user) } else { rang };
    if let Some(author) = rings.filter(|author| *author != before.author && !found.users.contains(author)) {
        found.users.push(author);
    }
    Some(found)
}

/// The message with what changes of it.
fn applied(
    mut stored: StoredMessage,
    edit: Edit,
    mentions: Option<Mentions>,
    uploads: Vec<Attachment>,
) -> StoredMessage {
    if let Some(Mentions { everyone, users, roles }) = mentions {
        (stored.mention_everyone, stored.mentions, stored.mention_roles) = (everyone, users, roles);
    }
    if let Some(text) = edit.text {
        let content = text.map(|text| text.into_string()).unwrap_or_default();
        if content != stored.content {
            // Cards of links that may be gone; those of the new text come after the commit.
            stored.embeds.retain(is_laid_out);
        }
        stored.content = content;
    }
    if let Some(drafts) = edit.attachments {
        let mut known = stored.attachments;
        known.extend(uploads);
        let kept = drafts.iter().filter_map(|draft| {
            let file = known.iter().find(|file| file.id == draft.id)?;
            Some(described(file.clone(), draft))
        });
        stored.attachments = kept.collect();
    }
    if let Some(embeds) = edit.embeds {
        stored.embeds = with_attached_pictures(embeds, &stored.attachments);
    }
    if let Some(suppress) = edit.suppress_embeds {
        stored.flags.set(MessageFlags::SUPPRESS_EMBEDS, suppress);
    }
    stored
}

/// Tells the owner of files which are used now and which no longer.
fn tell_files(change: &mut Change<'_>, before: &StoredMessage, after: &StoredMessage) -> Result<(), Refusal> {
    let missing_in = |these: &[Attachment], those: &[Attachment]| -> Vec<AttachmentId> {
        let missing = these.iter().filter(|file| !those.iter().any(|other| other.id == file.id));
        missing.map(|file| file.id).collect()
    };
    let (used, released) = (
        missing_in(&after.attachments, &before.attachments),
        missing_in(&before.attachments, &after.attachments),
    );
    if !used.is_empty() {
        change.tell_files(&FilesNews::AttachmentsUsed { message: after.id, ids: used })?;
    }
    if !released.is_empty() {
        change.tell_files(&FilesNews::AttachmentsReleased { message: after.id, ids: released })?;
    }
    Ok(())
}
