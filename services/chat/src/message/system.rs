//! Messages that the server tells: someone joined, a message was pinned, a group has another name.

use voxlink_protocol::{
    ChannelId, Member, Message, MessageCall, MessageId, MessageKind, User, event::ChannelChange,
};

use super::Around;
use crate::{
    Chat, Refusal,
    commit::Change,
    store::{
        calls,
        messages::{self, StoredMessage},
    },
};

/// What the server tells in a channel.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// Where.
    pub(crate) channel: ChannelId,
    /// Who did it.
    pub(crate) author: User,
    /// They as a member; `None`: as memory has them.
    pub(crate) member: Option<Member>,
    /// What they did.
    pub(crate) kind: MessageKind,
    /// A group's new name; else empty.
    pub(crate) content: String,
    /// Whom they did it to.
    pub(crate) mentions: Vec<User>,
    /// The message it is about, in the same channel.
    pub(crate) reference: Option<MessageId>,
    /// The call that it tells of.
    pub(crate) call: Option<MessageCall>,
}

impl Notice {
    /// Someone did this, and there is no more to say about it.
    pub(crate) const fn new(channel: ChannelId, author: User, kind: MessageKind) -> Self {
        Self {
            channel,
            author,
            member: None,
            kind,
            content: String::new(),
            mentions: Vec::new(),
            reference: None,
            call: None,
        }
    }
}

impl Chat {
    /// Stores what the server tells in the running transaction, and tells it.
    pub(crate) fn put_notice(&self, change: &mut Change<'_>, notice: Notice) -> Result<(), Refusal> {
        self.put_named_notice(change, notice).map(|_id| ())
    }

    /// As [`Chat::put_notice`], for one that will be changed.
    pub(crate) fn put_named_notice(
        &self,
        change: &mut Change<'_>,
        notice: Notice,
    ) -> Result<MessageId, Refusal> {
        let Notice { channel, author, member, kind, content, mentions, reference, call } = notice;
        let place = change.place();
        let id = MessageId(self.inner.ids.next(self.inner.env.now()));
        let stored = StoredMessage {
            kind,
            reference,
            mentions: mentions.iter().map(|user| user.id).collect(),
            call,
            ..StoredMessage::new(id, author.id, content)
        };
        messages::insert(change.sql, channel, &stored)?;
        if let Some(call) = &stored.call {
            calls::begin(change.sql, channel, id, call)?;
        }
        let mut around = Around::nothing(channel, place.guild());
        let member = member.or_else(|| self.member_of(place, author.id));
        around.users = mentions.into_iter().chain([author]).map(|user| (user.id, user)).collect();
        change.record_message(id, channel, || {
            let told = Message { guild_id: place.guild(), member, ..around.present(stored) };
            ChannelChange::MessageCreate(Box::new(told))
        })?;
        Ok(id)
    }
}
