//! Names a group.

use voxlink_protocol::{ChannelId, DirectChannel, User, text::ChannelName};

use crate::{
    Chat, Refusal,
    state::{direct::DirectChange, place::Place},
    store,
};

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct GroupFields {
    /// `Some(None)`: the names of its people are its name.
    pub name: Option<Option<ChannelName>>,
}

impl Chat {
    /// Changes a group; everyone in it may. What changes nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NotOnDirect`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn update_group(
        &self,
        actor: &User,
        channel: ChannelId,
        fields: GroupFields,
    ) -> Result<DirectChannel, Refusal> {
        let turn = self.inner.direct_turns.of_group(channel).await;
        let known = self.group(actor.id, channel)?;
        let faces = self.faces(known.people.keys().copied()).await?;
        let mut group = known.clone();
        if let Some(name) = fields.name {
            group.name = name.map(ChannelName::into_string);
        }
        let seen = faces.present(&group, actor.id);
        if group == known {
            return Ok(seen);
        }
        self.commit_in(Place::Direct, Some(turn), move |change| {
            store::direct::update(change.sql, &group)?;
            faces.tell_update(change, &group);
            change.direct(DirectChange::Put(group));
            Ok(seen)
        })
        .await
    }
}
