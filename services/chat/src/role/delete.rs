//! Deletes a role.

use voxlink_protocol::{
    Channel, Emoji, GuildId, OverwriteKind, Permissions, Role, RoleId, event::GuildChange,
};

use super::LOGGED;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    commit::Change,
    state::GuildState,
    store,
};

impl Chat {
    /// Deletes a role below one's own, and with it what channels and emojis say of it; needs MANAGE_ROLES. Neither
    /// `@everyone` nor what belongs to an application can be deleted.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownRole`], [`Refusal::Forbidden`], [`Refusal::InvalidRole`] or
    /// [`Refusal::Db`].
    pub async fn delete_role(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: RoleId,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let ending = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            let role = view.role(id)?;
            view.require(Permissions::MANAGE_ROLES)?;
            if id == guild.everyone() || role.managed {
                return Err(Refusal::InvalidRole);
            }
            view.require_above_role(role.rank())?;
            RoleEnding::of(view.state, role)
        };
        self.commit(guild, Some(turn), move |change| {
            let entry = Entry::new(Action::RoleDelete, &actor, id.0);
            let entry = entry.fields(Some(&ending.role), None, LOGGED);
            ending.commit(change)?;
            change.audit(entry)
        })
        .await
    }
}

/// All that goes away with a role.
#[derive(Debug)]
pub(crate) struct RoleEnding {
    role: Role,
    channels: Vec<Channel>,
    /// All emojis as they are afterwards, if any was only for this role among others.
    emojis: Option<Vec<Emoji>>,
}

impl RoleEnding {
    /// What goes away with this role.
    pub(crate) fn of(state: &GuildState, role: &Role) -> Self {
        let names = |channel: &Channel| {
            let of_role = |one: &&voxlink_protocol::Overwrite| one.kind == OverwriteKind::Role;
            channel.permission_overwrites.iter().filter(of_role).any(|one| one.id == role.id.0)
        };
        let mut channels: Vec<Channel> = state.channels.values().filter(|one| names(one)).cloned().collect();
        for channel in &mut channels {
            let kept =
                |one: &voxlink_protocol::Overwrite| one.kind != OverwriteKind::Role || one.id != role.id.0;
            channel.permission_overwrites.retain(kept);
        }
        let mut emojis = state.guild.emojis.clone();
        emojis.iter_mut().for_each(|emoji| emoji.roles.retain(|other| *other != role.id));
        let emojis = (emojis != state.guild.emojis).then_some(emojis);
        Self { role: role.clone(), channels, emojis }
    }

    /// Deletes it all. The role goes first: without it nobody is let in or kept out by what channels still say of it.
    pub(crate) fn commit(self, change: &mut Change<'_>) -> Result<(), Refusal> {
        store::roles::delete(change.sql, self.role.id)?;
        change.record(GuildChange::RoleDelete(self.role.id))?;
        for channel in self.channels {
            change.record(GuildChange::ChannelUpdate(Box::new(channel)))?;
        }
        if let Some(emojis) = self.emojis {
            change.record(GuildChange::EmojisUpdate(emojis))?;
        }
        Ok(())
    }
}
