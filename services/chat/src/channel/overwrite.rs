//! Exceptions of a channel for one role or member.

use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Overwrite, OverwriteKind, Permissions, Snowflake, event::GuildChange,
};

use super::form::check_overwrites;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    commit::Change,
    state::{ChannelView, GuildState},
    store,
};

impl Chat {
    /// Sets what a channel says of a role or member; needs MANAGE_ROLES in it, and nobody gives or takes by it what
    /// they do not have. Channels that say the same as their category go on doing so.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`] or [`Refusal::Db`].
    pub async fn put_overwrite(
        &self,
        actor: impl Into<Actor>,
        id: ChannelId,
        overwrite: Overwrite,
    ) -> Result<(), Refusal> {
        let change = |channel: &mut Channel| {
            channel.permission_overwrites.retain(|other| other.id != overwrite.id);
            channel.permission_overwrites.push(overwrite);
            Ok(())
        };
        self.change_overwrites(actor.into(), id, change).await
    }

    /// Makes a channel say nothing of a role or member, as [`Chat::put_overwrite`].
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::UnknownOverwrite`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn delete_overwrite(
        &self,
        actor: impl Into<Actor>,
        id: ChannelId,
        target: Snowflake,
    ) -> Result<(), Refusal> {
        let change = |channel: &mut Channel| {
            let before = channel.permission_overwrites.len();
            channel.permission_overwrites.retain(|other| other.id != target);
            if channel.permission_overwrites.len() < before { Ok(()) } else { Err(Refusal::UnknownOverwrite) }
        };
        self.change_overwrites(actor.into(), id, change).await
    }

    async fn change_overwrites(
        &self,
        actor: Actor,
        id: ChannelId,
        set: impl FnOnce(&mut Channel) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        let (guild, turn) = self.turn_of_channel(id).await?;
        let moved = {
            let world = self.world();
            let view = world.view_channel(id, actor.id, self.inner.env.now())?;
            view.require(Permissions::MANAGE_ROLES)?;
            let mut channel = view.channel.clone();
            set(&mut channel)?;
            check_overwrites(&view.channel.permission_overwrites, &channel.permission_overwrites, &view)?;
            Overwritten::of(&view, channel)
        };
        self.commit(guild, Some(turn), move |change| moved.commit(change, &actor)).await
    }
}

/// A channel whose exceptions changed, and with a category those of the channels that said the same as it.
#[derive(Debug)]
pub(super) struct Overwritten {
    before: Channel,
    after: Channel,
    followers: Vec<Channel>,
    /// What the roles named in exceptions are called, for the log.
    names: Vec<(Snowflake, String)>,
}

impl Overwritten {
    pub(super) fn of(view: &ChannelView<'_>, after: Channel) -> Self {
        let before = view.channel.clone();
        let followers = if before.kind == ChannelKind::Category {
            followers(view.state, &before, &after)
        } else {
            Vec::new()
        };
        let names = view.state.guild.roles.iter().map(|role| (role.id.0, role.name.clone())).collect();
        Self { before, after, followers, names }
    }

    pub(super) fn commit(self, change: &mut Change<'_>, actor: &Actor) -> Result<(), Refusal> {
        if self.before != self.after {
            store::channels::update(change.sql, &self.after)?;
            change.record(GuildChange::ChannelUpdate(Box::new(self.after.clone())))?;
        }
        for follower in self.followers {
            store::channels::update(change.sql, &follower)?;
            change.record(GuildChange::ChannelUpdate(Box::new(follower)))?;
        }
        let (old, new) = (&self.before.permission_overwrites, &self.after.permission_overwrites);
        for overwrite in new {
            let before = old.iter().find(|other| other.id == overwrite.id);
            let action = if before.is_some() { Action::OverwriteUpdate } else { Action::OverwriteCreate };
            if before != Some(overwrite) {
                change.audit(log(&self.names, action, actor, &self.after, before, Some(overwrite)))?;
            }
        }
        for gone in old.iter().filter(|gone| !new.iter().any(|other| other.id == gone.id)) {
            change.audit(log(&self.names, Action::OverwriteDelete, actor, &self.after, Some(gone), None))?;
        }
        Ok(())
    }
}

/// v10 names the exception by options, the channel as the target.
fn log(
    names: &[(Snowflake, String)],
    action: Action,
    actor: &Actor,
    channel: &Channel,
    old: Option<&Overwrite>,
    new: Option<&Overwrite>,
) -> Entry {
    let mut entry = Entry::new(action, actor, channel.id.0).fields(old, new, &["allow", "deny"]);
    if let Some(about) = new.or(old) {
        entry = entry.option("id", about.id).option("type", u8::from(about.kind));
        let name = names.iter().find(|(id, _)| about.kind == OverwriteKind::Role && *id == about.id);
        if let Some((_, name)) = name {
            entry = entry.option("role_name", name);
        }
    }
    entry
}

/// The channels of a category that said the same as it did, as they are when they go on doing so.
fn followers(state: &GuildState, before: &Channel, after: &Channel) -> Vec<Channel> {
    let follows = |child: &&Channel| {
        child.parent_id == Some(before.id)
            && says_the_same(&child.permission_overwrites, &before.permission_overwrites)
            && !says_the_same(&child.permission_overwrites, &after.permission_overwrites)
    };
    let moved = |child: &Channel| Channel {
        permission_overwrites: after.permission_overwrites.clone(),
        ..child.clone()
    };
    state.channels.values().filter(follows).map(moved).collect()
}

/// The same exceptions in whatever order.
fn says_the_same(one: &[Overwrite], other: &[Overwrite]) -> bool {
    one.len() == other.len() && one.iter().all(|overwrite| other.contains(overwrite))
}
