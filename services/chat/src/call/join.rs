//! A pass to the call of a conversation.

use voxlink_protocol::{ChannelId, DirectKind, Secret, Timestamp, UserId, bus::PassRefused, voice::CallPass};

use crate::{Chat, Refusal, serve::PASS_LIFE};

impl Chat {
    /// A signed pass. Whoever may write in a conversation may call there; calls with bots there are none.
    ///
    /// # Errors
    /// [`PassRefused::Forbidden`] when the two may not write to each other; as unknown when another service does not
    /// answer: nobody is let in unasked.
    pub(crate) async fn direct_call_pass(
        &self,
        user: UserId,
        channel: ChannelId,
        session_id: String,
    ) -> Result<Secret, PassRefused> {
        self.may_call(user, channel).await.map_err(|refusal| match refusal {
            Refusal::CannotMessage | Refusal::BotsNotAllowed => PassRefused::Forbidden,
            _ => PassRefused::Unknown,
        })?;
        let now: Timestamp = self.inner.env.now();
        Ok(self.inner.pass_key.sign(&CallPass {
            user_id: user,
            guild_id: None,
            channel_id: channel,
            session_id,
            may_speak: true,
            may_stream: true,
            e2ee: false,
            user_limit: 0,
            expires: now.plus(PASS_LIFE),
        }))
    }

    /// May this person be in the call of this conversation?
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::CannotMessage`], [`Refusal::BotsNotAllowed`] or [`Refusal::Call`].
    pub(crate) async fn may_call(&self, user: UserId, channel: ChannelId) -> Result<(), Refusal> {
        let (kind, people) = {
            let world = self.world();
            let state = world.directs.view(channel, user)?.state;
            (state.kind, state.people.keys().copied().collect::<Vec<_>>())
        };
        if kind == DirectKind::Pair && self.inner.users.get(people).await?.values().any(|one| one.bot) {
            return Err(Refusal::BotsNotAllowed);
        }
        self.may_write(user, channel).await
    }
}
