//! Posts a message.

use std::time::Duration;

use voxlink_protocol::{
    Attachment, ChannelId, Embed, Member, Message, MessageFlags, MessageId, MessageKind, Permissions, User,
    UserId, event::ChannelChange, files::FilesNews,
};
use voxlink_service_kit::DbError;

use super::{
    Around,
    draft::{Draft, ReplyTo},
    mentions::{self, Mentions},
};
use crate::{
    Chat, Refusal,
    commit::Change,
    state::place::{Place, PlaceView},
    store::{
        messages::{self, StoredMessage},
        slow_mode,
    },
};

/// Why a message was not posted.
pub type SendError = Refusal;

/// What an author may set.
const OWN_FLAGS: MessageFlags = MessageFlags::SUPPRESS_EMBEDS.union(MessageFlags::SUPPRESS_NOTIFICATIONS);

/// What memory says of someone who posts.
struct Scene {
    place: Place,
    member: Option<Member>,
    mentions: Mentions,
    may_embed: bool,
    /// How long they wait between two messages; `None` when slow mode does not hold them.
    gap: Option<Duration>,
}

impl Chat {
    /// Stores the message, then tells the guild. In that order: an event may be lost and is made good from history;
    /// a message announced but not stored could not be.
    ///
    /// A nonce that the author used in this channel within the last 10 minutes (or a little more) brings back the
    /// message that it was first used for, also after a crash, and nothing is told again.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`], [`Refusal::EmptyMessage`],
    /// [`Refusal::SlowMode`], [`Refusal::Form`] (what it answers or its files are not there), [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn send(&self, author: &User, channel: ChannelId, draft: Draft) -> Result<Message, SendError> {
        self.may_write(author.id, channel).await?;
        let scene = self.scene(author.id, channel, &draft)?;
        if draft.is_empty() {
            return Err(Refusal::EmptyMessage);
        }
        let attachments = self.describe_uploads(author.id, channel, &draft.attachments).await?;
        let mut around = Around::nothing(channel, scene.place.guild());
        let answered = self.answered(channel, draft.reply).await?;
        let people = scene.mentions.users.iter().copied();
        let people = people.chain(
            answered
                .iter()
                .flat_map(|stored| std::iter::once(stored.author).chain(stored.mentions.iter().copied())),
        );
        around.users = self.inner.users.get(people).await?;
        around.users.insert(author.id, author.clone());
        let (author, may_embed, place) = (author.id, scene.may_embed, scene.place);
        let chat = self.clone();
        let sent = self
            .commit_in(place, None, move |change| {
                chat.store_draft(change, author, draft, attachments, scene, around)
            })
            .await?;
        if may_embed {
            self.preview_links(author, place, &sent);
        }
        Ok(sent)
    }

    fn scene(&self, author: UserId, channel: ChannelId, draft: &Draft) -> Result<Scene, Refusal> {
        let world = self.world();
        let view = world.view_place(channel, author, self.inner.env.now())?;
        view.require_messages()?;
        view.require(Permissions::SEND_MESSAGES)?;
        if !draft.attachments.is_empty() {
            view.require(Permissions::ATTACH_FILES)?;
        }
        if !draft.embeds.is_empty() {
            view.require(Permissions::EMBED_LINKS)?;
        }
        if draft.reply.is_some() {
            view.require(Permissions::READ_MESSAGE_HISTORY)?;
        }
        let content = draft.text.as_ref().map_or("", |text| text.as_str());
        Ok(Scene {
            place: view.place(),
            member: view.member().cloned(),
            mentions: mentions::resolve(&view, content, &draft.allowed_mentions),
            may_embed: view.may(Permissions::EMBED_LINKS),
            gap: gap(&view),
        })
    }

    /// The message that is answered, so that its people are known before the transaction.
    async fn answered(
        &self,
        channel: ChannelId,
        reply: Option<ReplyTo>,
    ) -> Result<Option<StoredMessage>, DbError> {
        match reply {
            Some(ReplyTo { message, .. }) => {
                self.inner.db.read(move |sql| messages::find(sql, channel, message)).await
            }
            None => Ok(None),
        }
    }

    fn store_draft(
        &self,
        change: &mut Change<'_>,
        author: UserId,
        draft: Draft,
        attachments: Vec<Attachment>,
        scene: Scene,
        mut around: Around,
    ) -> Result<Message, Refusal> {
        let channel = around.channel();
        let now = self.inner.env.now();
        // Here, on the writer thread, ids are made in the order of their commit.
        let id = MessageId(self.inner.ids.next(now));
        let content = draft.text.map(|text| text.into_string()).unwrap_or_default();
        if let Some(nonce) = &draft.nonce
            && let Some(first) = messages::claim_nonce(change.sql, channel, author, nonce.as_str(), id)?
        {
            // Deleted meanwhile: the retry still must not bring it back.
            let stored = messages::find(change.sql, channel, first)?
                .unwrap_or_else(|| StoredMessage::new(first, author, content));
            let loaded = Around::load_one(change.sql, channel, scene.place.guild(), &stored, Some(author))?;
            let around = loaded.with_users(around.users);
            return Ok(Message { nonce: draft.nonce, ..around.present(stored) });
        }
        if let Some(gap) = scene.gap
            && let Some(wait) = slow_mode::take_turn(change.sql, channel, author, now, gap)?
        {
            return Err(Refusal::SlowMode(wait));
        }
        let Mentions { everyone, users, roles } = scene.mentions;
        let mut stored = StoredMessage {
            flags: draft.flags & OWN_FLAGS,
            mention_everyone: everyone,
            mentions: users,
            mention_roles: roles,
            embeds: with_attached_pictures(draft.embeds, &attachments),
            attachments,
            ..StoredMessage::new(id, author, content)
        };
        if let Some(reply) = draft.reply
            && let Some(answered) = reply_target(change, channel, reply)?
        {
            stored.kind = MessageKind::Reply;
            stored.reference = Some(answered.id);
            let rings = draft.allowed_mentions.replied_user && answered.author != author;
            if rings && !stored.mentions.contains(&answered.author) {
                stored.mentions.push(answered.author);
            }
            around.referenced.insert(answered.id, answered);
        }
        messages::insert(change.sql, channel, &stored)?;
        if !stored.attachments.is_empty() {
            let ids = stored.attachments.iter().map(|attachment| attachment.id).collect();
            change.tell_files(&FilesNews::AttachmentsUsed { message: id, ids })?;
        }
        let message = Message { nonce: draft.nonce, ..around.present(stored) };
        change.record_message(id, channel, || {
            let told = Message { guild_id: scene.place.guild(), member: scene.member, ..message.clone() };
            ChannelChange::MessageCreate(Box::new(told))
        })?;
        Ok(message)
    }
}

/// What slow mode asks of them here.
fn gap(view: &PlaceView<'_>) -> Option<Duration> {
    let exempt = Permissions::BYPASS_SLOWMODE | Permissions::MANAGE_MESSAGES | Permissions::MANAGE_CHANNELS;
    match view {
        PlaceView::Guild(view) if view.channel.rate_limit_per_user > 0 => {
            let gap = Duration::from_secs(view.channel.rate_limit_per_user.into());
            (!view.permissions.intersects(exempt)).then_some(gap)
        }
        PlaceView::Guild(_) | PlaceView::Direct(_) => None,
    }
}

/// The message that is answered as it is now.
fn reply_target(
    change: &Change<'_>,
    channel: ChannelId,
    reply: ReplyTo,
) -> Result<Option<StoredMessage>, Refusal> {
    let refuse = |code, message: &str| Err(Refusal::field("message_reference", code, message));
    match messages::find(change.sql, channel, reply.message)? {
        None if reply.must_exist => refuse("REPLIES_UNKNOWN_MESSAGE", "Unknown message"),
        None => Ok(None),
        Some(found) => match found.kind {
            MessageKind::Default | MessageKind::Reply | MessageKind::UserJoin => Ok(Some(found)),
            MessageKind::RecipientAdd
            | MessageKind::RecipientRemove
            | MessageKind::Call
            | MessageKind::ChannelNameChange
            | MessageKind::ChannelIconChange
            | MessageKind::ChannelPinnedMessage => {
                refuse("REPLIES_CANNOT_REPLY_TO_SYSTEM_MESSAGE", "Cannot reply to a system message")
            }
        },
    }
}

/// v10: `attachment://name` in an embed is the file of that name in the same message.
pub(super) fn with_attached_pictures(mut embeds: Vec<Embed>, attachments: &[Attachment]) -> Vec<Embed> {
    let resolve = |url: &mut Option<String>| {
        if let Some(name) = url.as_deref().and_then(|url| url.strip_prefix("attachment://")) {
            let file = attachments.iter().find(|attachment| attachment.filename == name);
            *url = file.map(|file| file.url.clone());
        }
    };
    for embed in &mut embeds {
        for media in [&mut embed.image, &mut embed.thumbnail].into_iter().flatten() {
            resolve(&mut media.url);
        }
        if let Some(footer) = &mut embed.footer {
            resolve(&mut footer.icon_url);
        }
        if let Some(author) = &mut embed.author {
            resolve(&mut author.icon_url);
        }
    }
    embeds
}
