//! Shows roles to members.

use voxlink_protocol::{GuildId, Role, RoleId, UserId};

use crate::{Chat, Refusal};

impl Chat {
    /// All roles of a guild.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`].
    pub fn roles(&self, asker: UserId, guild: GuildId) -> Result<Vec<Role>, Refusal> {
        Ok(self.world().view_guild(guild, asker, self.inner.env.now())?.state.guild.roles.clone())
    }

    /// One role.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`] or [`Refusal::UnknownRole`].
    pub fn role(&self, asker: UserId, guild: GuildId, id: RoleId) -> Result<Role, Refusal> {
        let world = self.world();
        world.view_guild(guild, asker, self.inner.env.now())?.role(id).cloned()
    }
}
