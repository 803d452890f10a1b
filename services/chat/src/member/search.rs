//! Finds members by how their names begin.

use voxlink_protocol::{GuildId, Member, User, UserId};

use crate::{Chat, Refusal};

impl Chat {
    /// At most `limit` members, by user id, whose nickname, display name or username begins with `query`, whatever the
    /// case of its letters.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] or [`Refusal::Call`].
    pub async fn search_members(
        &self,
        asker: UserId,
        guild: GuildId,
        query: &str,
        limit: usize,
    ) -> Result<Vec<Member>, Refusal> {
        let now = self.inner.env.now();
        let ids: Vec<UserId> = {
            let world = self.world();
            world.view_guild(guild, asker, now)?.state.members.keys().copied().collect()
        };
        let mut users = self.inner.users.get(ids).await?;
        let query = query.to_lowercase();
        let world = self.world();
        let view = world.view_guild(guild, asker, now)?;
        let found = view.state.members.iter().filter_map(|(id, member)| {
            let user = users.remove(id)?;
            is_called(&user, member, &query).then(|| Member { user: Some(user), ..member.clone() })
        });
        Ok(found.take(limit).collect())
    }
}

fn is_called(user: &User, member: &Member, query: &str) -> bool {
    let names = [member.nick.as_deref(), user.global_name.as_deref(), Some(user.username.as_str())];
    names.into_iter().flatten().any(|name| name.to_lowercase().starts_with(query))
}
