//! What people are called where a recording was made.

use std::collections::HashMap;

use voxlink_protocol::{
    GuildId, UserId,
    bus::{GetUsers, LoadGuild},
};

use crate::Recordings;

impl Recordings {
    /// Their nicknames in the guild where they have some, else their own names. Whoever is gone for good has none.
    pub(crate) async fn names(
        &self,
        guild: Option<GuildId>,
        ids: impl IntoIterator<Item = UserId>,
    ) -> HashMap<UserId, String> {
        let ids: Vec<UserId> = ids.into_iter().collect();
        let bus = &self.inner.bus;
        let users = bus.call(GetUsers { ids }).await.unwrap_or_default().into_iter();
        let mut names: HashMap<UserId, String> =
            users.map(|user| (user.id, user.global_name.clone().unwrap_or(user.username))).collect();
        let Some(guild) = guild else { return names };
        // Recordings outlive guilds' answers: names are then those of everywhere.
        let members = bus.call(LoadGuild { guild }).await.ok().flatten().map(|found| found.members);
        for member in members.unwrap_or_default() {
            if let (Some(user), Some(nick)) = (member.user, member.nick)
                && let Some(name) = names.get_mut(&user.id)
            {
                *name = nick;
            }
        }
        names
    }
}
