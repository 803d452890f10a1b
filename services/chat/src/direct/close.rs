//! Closes a conversation: one between two is hidden until the next message, a group is left.

use voxlink_protocol::{ChannelId, DirectChannel, DirectKind, User, UserId, event::UserChange};

use crate::{
    Chat, Refusal,
    state::{direct::DirectChange, place::Place},
    store,
};

impl Chat {
    /// Closes it for one person, who sees it in the answer as it was.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn close_direct(&self, who: &User, channel: ChannelId) -> Result<DirectChannel, Refusal> {
        let state = self.direct_state(who.id, channel)?;
        let faces = self.faces(state.people.keys().copied()).await?;
        match state.kind {
            DirectKind::Group => {
                self.remove_from_group(who.id, who.id, channel).await?;
                Ok(faces.present(&state, who.id))
            }
            DirectKind::Pair => self.hide(who.id, channel).await,
        }
    }

    async fn hide(&self, who: UserId, channel: ChannelId) -> Result<DirectChannel, Refusal> {
        let state = self.direct_state(who, channel)?;
        let other = state.people.keys().copied().find(|person| *person != who).unwrap_or(who);
        let turn = self.inner.direct_turns.of_pair(who, other).await;
        let seen = self.faces([who, other]).await?.present(&state, who);
        self.commit_in(Place::Direct, Some(turn), move |change| {
            store::direct::set_shown(change.sql, channel, who, false)?;
            change.direct(DirectChange::Shown(channel, who, false));
            change.tell(vec![who], UserChange::DirectChannelDelete(Box::new(seen.clone())));
            Ok(seen)
        })
        .await
    }
}
