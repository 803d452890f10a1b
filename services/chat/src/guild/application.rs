//! Brings an application's bot into a guild.

use voxlink_protocol::{
    ApplicationId, GuildId, Member, Permissions, Role, RoleId, event::GuildChange, guild::RoleTags,
    people::GetApplication,
};

use super::MAX_GUILDS;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    role::MAX_ROLES,
    state::new_member,
    store::{bans, members, roles},
};

/// A bot's own role stands where a new role does: just above `@everyone`.
const FIRST_POSITION: u32 = 1;

impl Chat {
    /// Makes an application's bot a member, with a role of its own that grants it `grants` and goes when it does; needs
    /// MANAGE_GUILD, and grants only what the one who brings it has. A bot that is in the guild already stays as it is.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownApplication`], [`Refusal::Forbidden`], [`Refusal::Banned`],
    /// [`Refusal::TooManyRoles`], [`Refusal::TooManyGuilds`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn add_application(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        id: ApplicationId,
        grants: Permissions,
    ) -> Result<Member, Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        let grants = grants & Permissions::every_named();
        let turn = self.turn(guild).await?;
        let known = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, now)?;
            view.require(Permissions::MANAGE_GUILD | grants)?;
            if view.state.guild.roles.len() >= MAX_ROLES {
                return Err(Refusal::TooManyRoles);
            }
            view.state.members.get(&voxlink_protocol::UserId(id.0)).cloned()
        };
        let application =
            self.inner.bus.call(GetApplication { id }).await?.ok_or(Refusal::UnknownApplication)?;
        let bot = application.bot;
        if let Some(known) = known {
            return Ok(Member { user: Some(bot), ..known });
        }
        let role = Role {
            id: RoleId(self.inner.ids.next(now)),
            name: application.name,
            position: FIRST_POSITION,
            permissions: grants,
            managed: true,
            tags: Some(RoleTags { bot_id: Some(bot.id) }),
            ..Role::everyone(guild)
        };
        // The role that gives a bot nothing is still what it is known by.
        let member = Member { user: Some(bot.clone()), roles: vec![role.id], ..new_member(now) };
        self.commit(guild, Some(turn), move |change| {
            if bans::find(change.sql, guild, bot.id)?.is_some() {
                return Err(Refusal::Banned);
            }
            if members::count_guilds_of(change.sql, bot.id)? >= MAX_GUILDS {
                return Err(Refusal::TooManyGuilds);
            }
            roles::insert(change.sql, guild, &role)?;
            members::insert(change.sql, guild, bot.id, now)?;
            roles::give(change.sql, guild, bot.id, role.id)?;
            change.record(GuildChange::RoleCreate(role))?;
            change.record(GuildChange::MemberAdd(Box::new(member.clone())))?;
            change.audit(Entry::new(Action::BotAdd, &actor, bot.id.0))?;
            Ok(member)
        })
        .await
    }
}
