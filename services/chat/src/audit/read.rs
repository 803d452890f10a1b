//! Shows the audit log to those who may read it.

use std::collections::BTreeSet;

use serde::Serialize;
use voxlink_protocol::{AuditLogEntry, GuildId, Permissions, User, UserId};

use super::Action;
use crate::{Chat, Refusal, store::audit::Page};

/// A page of the log in its v10 shape.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AuditLog {
    /// Newest first, unless asked for those after one.
    pub audit_log_entries: Vec<AuditLogEntry>,
    /// Those who did something and those whom it was done to.
    pub users: Vec<User>,
    // v10 lists of features to come.
    integrations: [(); 0],
    webhooks: [(); 0],
    guild_scheduled_events: [(); 0],
    threads: [(); 0],
    application_commands: [(); 0],
    auto_moderation_rules: [(); 0],
}

impl Chat {
    /// A page of a guild's audit log; needs VIEW_AUDIT_LOG.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Forbidden`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn audit_log(&self, asker: UserId, guild: GuildId, page: Page) -> Result<AuditLog, Refusal> {
        let now = self.inner.env.now();
        self.world().view_guild(guild, asker, now)?.require(Permissions::VIEW_AUDIT_LOG)?;
        let entries = self.inner.db.read(move |sql| crate::store::audit::page(sql, guild, page)).await?;
        let people: BTreeSet<UserId> = entries.iter().flat_map(people_of).collect();
        let mut users: Vec<User> = self.inner.users.get(people).await?.into_values().collect();
        users.sort_by_key(|user| user.id);
        Ok(AuditLog {
            audit_log_entries: entries,
            users,
            integrations: [],
            webhooks: [],
            guild_scheduled_events: [],
            threads: [],
            application_commands: [],
            auto_moderation_rules: [],
        })
    }
}

/// Actions whose target is a person.
const ON_PEOPLE: &[Action] = &[
    Action::MemberKick,
    Action::MemberBanAdd,
    Action::MemberBanRemove,
    Action::MemberUpdate,
    Action::MemberRoleUpdate,
    Action::BotAdd,
    Action::MessageDelete,
    Action::MessagePin,
    Action::MessageUnpin,
];

fn people_of(entry: &AuditLogEntry) -> impl Iterator<Item = UserId> + use<> {
    let on_person = ON_PEOPLE.iter().any(|action| *action as u32 == entry.action_type);
    let target = entry.target_id.filter(|_| on_person).map(UserId);
    entry.user_id.into_iter().chain(target)
}
