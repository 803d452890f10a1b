//! Changes a channel.

use voxlink_protocol::{Channel, ChannelId, Permissions};

use super::{ChannelFields, LOGGED, overwrite::Overwritten};
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
};

impl Chat {
    /// Renames, describes, moves or opens a channel; needs MANAGE_CHANNELS in it. What changes nothing is told to
    /// nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::Forbidden`], [`Refusal::Form`] or [`Refusal::Db`].
    pub async fn update_channel(
        &self,
        actor: impl Into<Actor>,
        id: ChannelId,
        fields: ChannelFields,
    ) -> Result<Channel, Refusal> {
        let actor = actor.into();
        let (guild, turn) = self.turn_of_channel(id).await?;
        let (before, channel, moved) = {
            let world = self.world();
            let view = world.view_channel(id, actor.id, self.inner.env.now())?;
            view.require(Permissions::MANAGE_CHANNELS)?;
            let mut channel = view.channel.clone();
            fields.apply(&mut channel, &view)?;
            if channel == *view.channel {
                return Ok(channel);
            }
            (view.channel.clone(), channel.clone(), Overwritten::of(&view, channel))
        };
        self.commit(guild, Some(turn), move |change| {
            moved.commit(change, &actor)?;
            let entry = Entry::new(Action::ChannelUpdate, &actor, id.0);
            let entry = entry.fields(Some(&before), Some(&channel), LOGGED);
            if !entry.is_empty() {
                change.audit(entry)?;
            }
            Ok(channel)
        })
        .await
    }
}
