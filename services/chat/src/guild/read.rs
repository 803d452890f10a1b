//! Shows guilds to their members.

use serde::Serialize;
use voxlink_protocol::{Guild, GuildId, Permissions, UserId};

use crate::{Chat, Refusal};

/// A guild in one's own list, in its v10 shape.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[allow(missing_docs)]
pub struct MyGuild {
    pub id: GuildId,
    pub name: String,
    pub icon: Option<String>,
    pub banner: Option<String>,
    /// The asker owns it.
    pub owner: bool,
    /// What the asker may do in it.
    pub permissions: Permissions,
    pub features: Vec<String>,
    /// When asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approximate_member_count: Option<usize>,
}

/// Which part of one's list.
#[derive(Clone, Copy, Debug)]
pub struct MyGuildsPage {
    /// Only those with a smaller id: the last of them.
    pub before: Option<GuildId>,
    /// Only those with a greater id.
    pub after: Option<GuildId>,
    /// At most so many.
    pub limit: usize,
    /// With numbers of members.
    pub with_counts: bool,
}

impl Chat {
    /// One's own guilds, by id.
    #[must_use]
    pub fn my_guilds(&self, user: UserId, page: MyGuildsPage) -> Vec<MyGuild> {
        let now = self.inner.env.now();
        let world = self.world();
        let mut ids: Vec<GuildId> = world
            .guilds_of(user)
            .map(|state| state.guild.id)
            .filter(|id| page.before.is_none_or(|before| *id < before))
            .filter(|id| page.after.is_none_or(|after| *id > after))
            .collect();
        if page.before.is_some() {
            ids.drain(..ids.len().saturating_sub(page.limit));
        }
        ids.truncate(page.limit);
        ids.into_iter()
            .filter_map(|id| {
                let view = world.view_guild(id, user, now).ok()?;
                let guild = &view.state.guild;
                Some(MyGuild {
                    id,
                    name: guild.name.clone(),
                    icon: guild.icon.clone(),
                    banner: guild.fixed.banner.clone(),
                    owner: guild.owner_id == user,
                    permissions: view.permissions,
                    features: guild.fixed.features.clone(),
                    approximate_member_count: page.with_counts.then_some(view.state.members.len()),
                })
            })
            .collect()
    }

    /// A guild and the number of its members.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`].
    pub fn guild(&self, user: UserId, id: GuildId) -> Result<(Guild, usize), Refusal> {
        let world = self.world();
        let view = world.view_guild(id, user, self.inner.env.now())?;
        Ok((view.state.guild.clone(), view.state.members.len()))
    }
}
