//! What moderators do to people in calls, and what is known of them there.

use voxlink_protocol::{
    ChannelId, GuildId, Permissions, UserId, VoiceState,
    bus::{EndSeat, VoiceStatesOf},
};

use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
};

impl Chat {
    /// Takes someone out of the call that they are in (`to` none); needs MOVE_MEMBERS there. Nobody is moved into
    /// another call: their client would not know.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownMember`], [`Refusal::NotInCall`], [`Refusal::Forbidden`],
    /// [`Refusal::Form`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn move_member(
        &self,
        actor: impl Into<Actor>,
        guild: GuildId,
        user: UserId,
        to: Option<ChannelId>,
    ) -> Result<(), Refusal> {
        let actor = actor.into();
        let now = self.inner.env.now();
        self.world().view_guild(guild, actor.id, now)?.other(user)?;
        if to.is_some() {
            let message = "People are not moved from call to call here; null takes them out.";
            return Err(Refusal::field("channel_id", "FIELD_INVALID", message));
        }
        let state = self.state_in_call(guild, user).await?.ok_or(Refusal::NotInCall)?;
        let channel = state.channel_id.ok_or(Refusal::NotInCall)?;
        self.world()
            .view_channel(channel, actor.id, now)
            .map_err(|_| Refusal::Forbidden)?
            .require(Permissions::MOVE_MEMBERS)?;
        if !self.inner.bus.call(EndSeat { user, guild }).await? {
            return Err(Refusal::NotInCall);
        }
        self.commit(guild, None, move |change| {
            change.audit(Entry::new(Action::MemberDisconnect, &actor, user.0).option("count", 1))
        })
        .await
    }

    /// How someone is in a call of the guild; who does not see the channel does not learn of it.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::UnknownVoiceState`] or [`Refusal::Call`].
    pub async fn voice_state(
        &self,
        asker: UserId,
        guild: GuildId,
        user: UserId,
    ) -> Result<VoiceState, Refusal> {
        let now = self.inner.env.now();
        self.world().view_guild(guild, asker, now)?;
        let state = self.state_in_call(guild, user).await?.ok_or(Refusal::UnknownVoiceState)?;
        let channel = state.channel_id.ok_or(Refusal::UnknownVoiceState)?;
        let member = {
            let world = self.world();
            let seen = user == asker || world.view_channel(channel, asker, now).is_ok();
            let member = world.guild(guild).and_then(|state| state.members.get(&user));
            member.filter(|_| seen).cloned().ok_or(Refusal::UnknownVoiceState)?
        };
        let person = self.inner.users.one(user).await?;
        let member = voxlink_protocol::Member { user: Some(person), ..member };
        Ok(VoiceState { member: Some(member), ..state })
    }

    async fn state_in_call(&self, guild: GuildId, user: UserId) -> Result<Option<VoiceState>, Refusal> {
        let states = self.inner.bus.call(VoiceStatesOf { guild }).await?;
        Ok(states.into_iter().find(|state| state.user_id == user))
    }
}
