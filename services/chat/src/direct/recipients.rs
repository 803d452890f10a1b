//! Who is in a group: taking in, taking out, leaving.

use voxlink_protocol::{ChannelId, MessageKind, User, UserId, event::UserChange};

use super::MAX_PEOPLE;
use crate::{
    Chat, Refusal,
    message::system::Notice,
    state::{direct::DirectChange, place::Place},
    store,
};

impl Chat {
    /// Takes someone into a group; everyone in it may, if they may write to that person. Who is in it stays in it.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NotOnDirect`], [`Refusal::CannotMessage`],
    /// [`Refusal::TooManyRecipients`], [`Refusal::BotsNotAllowed`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn add_to_group(&self, actor: &User, channel: ChannelId, new: UserId) -> Result<(), Refusal> {
        let turn = self.inner.direct_turns.of_group(channel).await;
        let mut group = self.group(actor.id, channel)?;
        if group.people.contains_key(&new) {
            return Ok(());
        }
        self.may_contact(actor.id, new).await?;
        if group.people.len() >= MAX_PEOPLE {
            return Err(Refusal::TooManyRecipients);
        }
        let before: Vec<UserId> = group.people.keys().copied().collect();
        let faces = self.faces(before.iter().copied().chain([new])).await?;
        if faces.of(new).bot {
            return Err(Refusal::BotsNotAllowed);
        }
        group.people.insert(new, true);
        let (chat, actor) = (self.clone(), actor.clone());
        self.commit_in(Place::Direct, Some(turn), move |change| {
            store::direct::add_recipient(change.sql, channel, new)?;
            // First: the call of a group is told to whoever comes, who must know the group by then.
            let seen = Box::new(faces.present(&group, new));
            change.tell(vec![new], UserChange::DirectChannelCreate(seen));
            let user = Box::new(faces.of(new));
            change.tell(before, UserChange::RecipientAdd { channel_id: channel, user });
            change.direct(DirectChange::Put(group));
            let notice = Notice::new(channel, actor, MessageKind::RecipientAdd);
            chat.put_notice(change, Notice { mentions: vec![faces.of(new)], ..notice })
        })
        .await
    }

    /// Takes someone out of a group: its owner anyone, everyone themselves. When the owner goes, the group is the one
    /// with the least id's; when the last one goes, it is deleted.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NotOnDirect`], [`Refusal::Forbidden`], [`Refusal::UnknownMember`],
    /// [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn remove_from_group(
        &self,
        actor: UserId,
        gone: UserId,
        channel: ChannelId,
    ) -> Result<(), Refusal> {
        let turn = self.inner.direct_turns.of_group(channel).await;
        let mut group = self.group(actor, channel)?;
        if actor != gone && group.owner != Some(actor) {
            return Err(Refusal::Forbidden);
        }
        let faces = self.faces(group.people.keys().copied()).await?;
        let seen = Box::new(faces.present(&group, gone));
        group.people.remove(&gone).ok_or(Refusal::UnknownMember)?;
        let has_new_owner = group.owner == Some(gone);
        if has_new_owner {
            group.owner = group.people.keys().next().copied();
        }
        let chat = self.clone();
        self.commit_in(Place::Direct, Some(turn), move |change| {
            change.tell(vec![gone], UserChange::DirectChannelDelete(seen));
            let rest: Vec<UserId> = group.people.keys().copied().collect();
            let user = Box::new(faces.of(gone));
            // Also when nobody is left to hear it: a seat in the group's call ends with it.
            change.tell(rest, UserChange::RecipientRemove { channel_id: channel, user });
            if group.people.is_empty() {
                store::direct::delete(change.sql, channel)?;
                change.direct(DirectChange::Remove(channel));
                return Ok(());
            }
            store::direct::remove_recipient(change.sql, channel, gone)?;
            if has_new_owner {
                store::direct::update(change.sql, &group)?;
                faces.tell_update(change, &group);
            }
            change.direct(DirectChange::Put(group));
            let notice = Notice::new(channel, faces.of(actor), MessageKind::RecipientRemove);
            chat.put_notice(change, Notice { mentions: vec![faces.of(gone)], ..notice })
        })
        .await
    }
}
