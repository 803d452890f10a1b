//! Sends a member away; they may come back by an invite.

use voxlink_protocol::{GuildId, Permissions, UserId};

use super::end::MemberEnding;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
};

impl Chat {
    /// Ends the membership of someone below oneself; needs KICK_MEMBERS.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownMember`], [`Refusal::Forbidden`] or [`Refusal::Db`].
    pub async fn kick(&self, actor: impl Into<Actor>, guild: GuildId, user: UserId) -> Result<(), Refusal> {
        let actor = actor.into();
        let turn = self.turn(guild).await?;
        let ending = {
            let world = self.world();
            let view = world.view_guild(guild, actor.id, self.inner.env.now())?;
            let member = view.other(user)?;
            view.require(Permissions::KICK_MEMBERS)?;
            view.require_above(user, member)?;
            MemberEnding::of(view.state, user)
        };
        self.commit(guild, Some(turn), move |change| {
            ending.commit(change)?;
            change.audit(Entry::new(Action::MemberKick, &actor, user.0))
        })
        .await
    }
}
