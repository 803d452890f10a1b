//! What stands around stored messages when they are shown: people, reactions, the messages that they answer.
//!
//! However many messages there are, all of it takes three queries and one call.

use std::collections::{HashMap, HashSet};

use voxlink_protocol::{
    ChannelId, GuildId, Message, MessageFlags, MessageId, MessageKind, MessageReference, Reaction, User,
    UserId,
};
use voxlink_service_kit::{DbError, Sql};

use crate::store::{
    messages::{self, StoredMessage},
    reactions::{self, Of},
};

/// Where messages are, and what stands around them.
#[derive(Clone, Debug)]
pub(crate) struct Around {
    channel: ChannelId,
    guild: Option<GuildId>,
    /// The messages that these answer, by id.
    pub(crate) referenced: HashMap<MessageId, StoredMessage>,
    /// By message.
    pub(crate) reactions: HashMap<MessageId, Vec<Reaction>>,
    /// How people look.
    pub(crate) users: HashMap<UserId, User>,
}

impl Around {
    /// Where the messages are.
    pub(crate) const fn channel(&self) -> ChannelId {
        self.channel
    }

    /// Nothing around.
    pub(crate) fn nothing(channel: ChannelId, guild: Option<GuildId>) -> Self {
        let (referenced, reactions, users) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { channel, guild, referenced, reactions, users }
    }

    /// What stands around a page, but for the people. `me` of reactions is as this reader sees it.
    pub(crate) fn load(
        sql: &Sql<'_>,
        channel: ChannelId,
        guild: Option<GuildId>,
        page: &[StoredMessage],
        which: Of<'_>,
        reader: Option<UserId>,
    ) -> Result<Self, DbError> {
        let mut around = Self::nothing(channel, guild);
        if page.is_empty() {
            return Ok(around);
        }
        around.reactions = reactions::of(sql, channel, which, reader)?;
        let answered: HashSet<MessageId> = page
            .iter()
            .filter(|stored| stored.kind == MessageKind::Reply)
            .filter_map(|stored| stored.reference)
            .collect();
        let (mut absent, mut known) = (Vec::new(), Vec::new());
        for id in answered {
            match page.iter().find(|stored| stored.id == id) {
                Some(stored) => known.push(stored.clone()),
                None => absent.push(id),
            }
        }
        known.extend(messages::find_many(sql, channel, &absent)?);
        around.referenced = known.into_iter().map(|stored| (stored.id, stored)).collect();
        Ok(around)
    }

    /// The same with these people.
    pub(crate) fn with_users(self, users: HashMap<UserId, User>) -> Self {
        Self { users, ..self }
    }

    /// As [`Around::load`], for one message.
    pub(crate) fn load_one(
        sql: &Sql<'_>,
        channel: ChannelId,
        guild: Option<GuildId>,
        stored: &StoredMessage,
        reader: Option<UserId>,
    ) -> Result<Self, DbError> {
        let which = Of::Between(stored.id, stored.id);
        Self::load(sql, channel, guild, std::slice::from_ref(stored), which, reader)
    }

    /// Everyone who is to be shown with these messages.
    pub(crate) fn people(&self, page: &[StoredMessage]) -> HashSet<UserId> {
        let of = |stored: &StoredMessage| {
            std::iter::once(stored.author).chain(stored.mentions.clone()).collect::<Vec<_>>()
        };
        page.iter().chain(self.referenced.values()).flat_map(of).collect()
    }

    /// A message as it is shown.
    pub(crate) fn present(&self, stored: StoredMessage) -> Message {
        let reference = stored.reference;
        let answers = stored.kind == MessageKind::Reply;
        let mut message = self.alone(stored);
        message.reactions = self.reactions.get(&message.id).cloned().unwrap_or_default();
        if answers && let Some(id) = reference {
            let referenced = self.referenced.get(&id).cloned();
            message.referenced_message = Some(referenced.map(|stored| Box::new(self.alone(stored))));
        }
        message
    }

    /// Without the message that it answers.
    fn alone(&self, stored: StoredMessage) -> Message {
        let author = self.users.get(&stored.author).cloned();
        let author = author.unwrap_or_else(|| User::new(stored.author, format!("deleted.{}", stored.author)));
        let hidden = stored.flags.contains(MessageFlags::SUPPRESS_EMBEDS);
        let reference = stored.reference.map(|id| MessageReference {
            kind: 0,
            message_id: Some(id),
            channel_id: self.channel,
            guild_id: self.guild,
        });
        Message {
            edited_timestamp: stored.edited_at,
            mention_everyone: stored.mention_everyone,
            mentions: stored.mentions.iter().filter_map(|id| self.users.get(id).cloned()).collect(),
            mention_roles: stored.mention_roles,
            attachments: stored.attachments,
            embeds: if hidden { Vec::new() } else { stored.embeds },
            pinned: stored.pinned_at.is_some(),
            kind: stored.kind,
            flags: stored.flags,
            message_reference: reference,
            call: stored.call,
            ..Message::new(stored.id, self.channel, author, stored.content)
        }
    }
}
