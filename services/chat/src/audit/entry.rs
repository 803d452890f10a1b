//! What an entry of the audit log says.

use serde::Serialize;
use voxlink_protocol::{AuditLogChange, AuditLogEntry, AuditLogEntryId, ChannelId, Snowflake, UserId};

use super::Actor;

/// What was done, with v10's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Action {
    GuildUpdate = 1,
    ChannelCreate = 10,
    ChannelUpdate = 11,
    ChannelDelete = 12,
    OverwriteCreate = 13,
    OverwriteUpdate = 14,
    OverwriteDelete = 15,
    MemberKick = 20,
    MemberBanAdd = 22,
    MemberBanRemove = 23,
    MemberUpdate = 24,
    MemberRoleUpdate = 25,
    MemberDisconnect = 27,
    BotAdd = 28,
    RoleCreate = 30,
    RoleUpdate = 31,
    RoleDelete = 32,
    InviteCreate = 40,
    InviteDelete = 42,
    EmojiCreate = 60,
    EmojiUpdate = 61,
    EmojiDelete = 62,
    MessageDelete = 72,
    MessageBulkDelete = 73,
    MessagePin = 74,
    MessageUnpin = 75,
    SoundCreate = 130,
    SoundUpdate = 131,
    SoundDelete = 132,
    // v10 has nothing of these.
    RecordingStart = 1000,
    RecordingStop = 1001,
    RecordingDelete = 1002,
    RecordingRule = 1003,
    BroadcastStart = 1004,
    BroadcastStop = 1005,
    RecordingTakeOut = 1006,
}

/// An entry to be.
#[derive(Clone, Debug)]
pub(crate) struct Entry(AuditLogEntry);

impl Entry {
    /// Something done by someone to something.
    pub(crate) fn new(action: Action, actor: &Actor, target: impl Into<Snowflake>) -> Self {
        Self(AuditLogEntry {
            id: AuditLogEntryId::new(0),
            action_type: action as u32,
            user_id: Some(actor.id),
            target_id: Some(target.into()),
            changes: Vec::new(),
            options: None,
            reason: actor.reason.as_ref().map(|reason| reason.as_str().to_owned()),
        })
    }

    /// A message's fate: v10 names its author as the target and where it was as options.
    pub(crate) fn of_messages(
        action: Action,
        actor: &Actor,
        target: impl Into<Snowflake>,
        channel: ChannelId,
        count: usize,
    ) -> Self {
        Self::new(action, actor, target).option("channel_id", channel).option("count", count)
    }

    /// Adds an option, a string in v10.
    pub(crate) fn option(mut self, key: &str, value: impl ToString) -> Self {
        self.0.options.get_or_insert_default().insert(key.to_owned(), value.to_string().into());
        self
    }

    /// Adds what became of one field; nothing if it stayed as it is.
    pub(crate) fn change<T: Serialize>(mut self, key: &str, old: Option<T>, new: Option<T>) -> Self {
        let value =
            |it: Option<T>| it.and_then(|it| serde_json::to_value(it).ok()).filter(|value| !value.is_null());
        let (old_value, new_value) = (value(old), value(new));
        if old_value != new_value {
            self.0.changes.push(AuditLogChange { key: key.to_owned(), old_value, new_value });
        }
        self
    }

    /// Adds what became of these fields of something, by their names on the wire: `None` before it was there, or after.
    pub(crate) fn fields<T: Serialize>(
        mut self,
        old: Option<&T>,
        new: Option<&T>,
        names: &'static [&'static str],
    ) -> Self {
        let value = |it: Option<&T>| it.and_then(|it| serde_json::to_value(it).ok());
        let (old, new) = (value(old), value(new));
        for name in names {
            let of = |value: &Option<serde_json::Value>| value.as_ref().and_then(|it| it.get(name)).cloned();
            // v10 speaks of the hash where the thing itself only says "icon".
            let key = if *name == "icon" { "icon_hash" } else { name };
            self = self.change(key, of(&old), of(&new));
        }
        self
    }

    /// True when it tells of no change at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.changes.is_empty()
    }

    pub(super) fn with_id(self, id: AuditLogEntryId) -> AuditLogEntry {
        AuditLogEntry { id, ..self.0 }
    }
}

/// What the log names as a role that was given or taken.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct PartialRole {
    pub(crate) id: voxlink_protocol::RoleId,
    pub(crate) name: String,
}

impl Entry {
    /// Roles that a member was given or lost.
    pub(crate) fn of_roles(
        actor: &Actor,
        member: UserId,
        added: Vec<PartialRole>,
        removed: Vec<PartialRole>,
    ) -> Self {
        let some = |roles: Vec<PartialRole>| (!roles.is_empty()).then_some(roles);
        Self::new(Action::MemberRoleUpdate, actor, member.0).change("$add", None, some(added)).change(
            "$remove",
            None,
            some(removed),
        )
    }
}
