//! The audit log: what moderators did and why, stored in the same transaction as what they did.

pub mod actor;
mod entry;
pub mod read;

pub use actor::{Actor, Reason};
pub(crate) use entry::{Action, Entry, PartialRole};

use voxlink_protocol::{AuditLogEntryId, event::GuildChange};

use crate::{Refusal, commit::Change, store};

/// v10: entries are kept for so many days.
pub(crate) const KEPT_DAYS: u64 = 90;

impl Change<'_> {
    /// Writes an entry into the guild's audit log and tells those who may read it. Nothing happens in a direct
    /// conversation: it has no log.
    pub(crate) fn audit(&mut self, entry: Entry) -> Result<(), Refusal> {
        let Some(guild) = self.place.guild() else { return Ok(()) };
        let inner = &self.chat.inner;
        let entry = entry.with_id(AuditLogEntryId(inner.ids.next(inner.env.now())));
        store::audit::insert(self.sql, guild, &entry)?;
        self.record(GuildChange::AuditLogEntryCreate(Box::new(entry))).map(|_version| ())
    }
}
