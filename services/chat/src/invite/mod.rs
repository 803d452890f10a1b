//! Invites: making, showing, listing, deleting, joining by one.

pub mod create;
pub mod delete;
pub mod join;
pub mod read;
pub mod uses;

use voxlink_protocol::{
    GuildId, Invite, User,
    invite::{InviteChannel, InviteGuild, InviteGuildFixed, InviteMetadata},
};

use crate::{
    Refusal,
    audit::{Action, Actor, Entry},
    state::World,
    store::invites::StoredInvite,
};

/// v10: living invites of a guild.
pub const MAX_INVITES: usize = 1000;

/// Who looks at an invite, and so how much they see.
#[derive(Clone, Debug)]
enum Audience {
    /// Someone with the link, not logged in.
    Stranger,
    /// Someone with the link and an account; they see who made it.
    Person(User),
    /// Someone who may manage it.
    Manager(User),
}

/// An invite as it is shown.
fn present(world: &World, stored: &StoredInvite, audience: Audience) -> Result<Invite, Refusal> {
    let state = world.guild(stored.guild).ok_or(Refusal::UnknownInvite)?;
    let channel = state.channels.get(&stored.channel).ok_or(Refusal::UnknownInvite)?;
    let metadata = matches!(audience, Audience::Manager(_)).then(|| InviteMetadata {
        uses: stored.uses,
        max_uses: stored.max_uses,
        max_age: stored.max_age,
        temporary: false,
        created_at: stored.created_at,
    });
    Ok(Invite {
        kind: 0,
        code: stored.code.clone(),
        guild: InviteGuild {
            id: state.guild.id,
            name: state.guild.name.clone(),
            icon: state.guild.icon.clone(),
            description: state.guild.description.clone(),
            features: state.guild.fixed.features.clone(),
            fixed: InviteGuildFixed::default(),
        },
        guild_id: Some(state.guild.id),
        channel: InviteChannel { id: channel.id, name: channel.name.clone(), kind: channel.kind },
        inviter: match audience {
            Audience::Stranger => None,
            Audience::Person(inviter) | Audience::Manager(inviter) => Some(inviter),
        },
        expires_at: stored.expires_at,
        approximate_member_count: Some(state.members.len() as u64),
        approximate_presence_count: None,
        metadata,
    })
}

/// What the audit log tells of an invite that was made or deleted.
fn log(
    action: Action,
    actor: &Actor,
    guild: GuildId,
    old: Option<&StoredInvite>,
    new: Option<&StoredInvite>,
) -> Entry {
    let field = |of: fn(&StoredInvite) -> serde_json::Value| (old.map(of), new.map(of));
    let entry = Entry::new(action, actor, guild.0);
    let fields = [
        ("code", field(|invite| invite.code.0.clone().into())),
        ("channel_id", field(|invite| invite.channel.to_string().into())),
        ("inviter_id", field(|invite| invite.inviter.to_string().into())),
        ("uses", field(|invite| invite.uses.into())),
        ("max_uses", field(|invite| invite.max_uses.into())),
        ("max_age", field(|invite| invite.max_age.into())),
        ("temporary", field(|_| false.into())),
    ];
    fields.into_iter().fold(entry, |entry, (key, (old, new))| entry.change(key, old, new))
}
