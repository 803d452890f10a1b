//! Names a group and gives it a picture.

use voxlink_protocol::{
    ChannelId, DirectChannel, MessageKind, User,
    files::{FilesNews, ImagePurpose, StoreImage},
    text::ChannelName,
};
use voxlink_service_kit::{Sql, courier};

use super::Faces;
use crate::{
    Chat, Refusal,
    message::system::Notice,
    state::{
        direct::{DirectChange, DirectState},
        place::Place,
    },
    store,
};

/// The fields to set; `None` leaves one as it is.
#[derive(Clone, Debug, Default)]
pub struct GroupFields {
    /// `Some(None)`: the names of its people are its name.
    pub name: Option<Option<ChannelName>>,
    /// A picture as a data URI; `Some(None)` takes it away.
    pub icon: Option<Option<String>>,
}

impl Chat {
    /// Changes a group; everyone in it may. What changes nothing is told to nobody.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NotOnDirect`], [`Refusal::Form`] for a wrong picture, [`Refusal::Db`] or
    /// [`Refusal::Call`].
    pub async fn update_group(
        &self,
        actor: &User,
        channel: ChannelId,
        fields: GroupFields,
    ) -> Result<DirectChannel, Refusal> {
        self.group(actor.id, channel)?;
        let GroupFields { name, icon } = fields;
        let icon = match icon {
            Some(Some(data_uri)) => Some(Some(self.keep_group_icon(channel, data_uri).await?)),
            Some(None) => Some(None),
            None => None,
        };
        let kept = icon.clone().flatten();
        let done = self.store_group(actor, channel, name, icon).await;
        if let (Err(_), Some(hash)) = (&done, kept) {
            let news = FilesNews::ImageReleased { purpose: ImagePurpose::ChannelIcon(channel), hash };
            match self.inner.db.write(move |sql: &Sql<'_>| courier::put(sql, &news)).await {
                Ok(()) => self.inner.courier.wake(),
                Err(error) => tracing::warn!(%error, "a picture that no group has stays"),
            }
        }
        done
    }

    async fn keep_group_icon(&self, channel: ChannelId, data_uri: String) -> Result<String, Refusal> {
        let purpose = ImagePurpose::ChannelIcon(channel);
        let stored = self.inner.bus.call(StoreImage { purpose, data_uri }).await?;
        let stored = stored.map_err(|refused| Refusal::field("icon", refused.code(), refused.words()))?;
        Ok(stored.hash)
    }

    async fn store_group(
        &self,
        actor: &User,
        channel: ChannelId,
        name: Option<Option<ChannelName>>,
        icon: Option<Option<String>>,
    ) -> Result<DirectChannel, Refusal> {
        let turn = self.inner.direct_turns.of_group(channel).await;
        let known = self.group(actor.id, channel)?;
        let faces: Faces = self.faces(known.people.keys().copied()).await?;
        let mut group: DirectState = known.clone();
        if let Some(name) = name {
            group.name = name.map(ChannelName::into_string);
        }
        group.icon = icon.unwrap_or(group.icon);
        let seen = faces.present(&group, actor.id);
        if group.name == known.name && group.icon == known.icon {
            return Ok(seen);
        }
        let (chat, actor) = (self.clone(), actor.clone());
        self.commit_in(Place::Direct, Some(turn), move |change| {
            store::direct::update(change.sql, &group)?;
            faces.tell_update(change, &group);
            let (name, icon) = (group.name.clone(), group.icon.clone());
            change.direct(DirectChange::Put(group));
            if name != known.name {
                let notice = Notice::new(channel, actor.clone(), MessageKind::ChannelNameChange);
                chat.put_notice(change, Notice { content: name.unwrap_or_default(), ..notice })?;
            }
            if icon != known.icon {
                if let Some(hash) = known.icon {
                    let purpose = ImagePurpose::ChannelIcon(channel);
                    change.tell_files(&FilesNews::ImageReleased { purpose, hash })?;
                }
                chat.put_notice(change, Notice::new(channel, actor, MessageKind::ChannelIconChange))?;
            }
            Ok(seen)
        })
        .await
    }
}
