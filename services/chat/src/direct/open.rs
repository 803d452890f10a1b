//! Opens a conversation.

use std::collections::{BTreeMap, BTreeSet};

use voxlink_protocol::{ChannelId, DirectChannel, DirectKind, User, UserId, event::UserChange};

use super::MAX_PEOPLE;
use crate::{
    Chat, Refusal,
    state::{
        direct::{DirectChange, DirectState},
        place::Place,
    },
    store,
};

impl Chat {
    /// With one other person: the one conversation that the two have, made at first need and shown again if it was
    /// closed. With several: a new group of which `opener` is the owner.
    ///
    /// # Errors
    /// [`Refusal::InvalidRecipients`], [`Refusal::TooManyRecipients`], [`Refusal::BotsNotAllowed`] when a bot is to be
    /// in a group, [`Refusal::CannotMessage`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn open_direct(
        &self,
        opener: &User,
        recipients: impl IntoIterator<Item = UserId>,
    ) -> Result<DirectChannel, Refusal> {
        let mut others: BTreeSet<UserId> = recipients.into_iter().collect();
        let named_themselves = others.remove(&opener.id);
        match (others.first(), others.len()) {
            (None, _) => Err(Refusal::InvalidRecipients),
            (Some(other), 1) if !named_themselves => self.open_pair(opener, *other).await,
            (Some(_), count) if count < MAX_PEOPLE => self.make_group(opener, others).await,
            (Some(_), _) => Err(Refusal::TooManyRecipients),
        }
    }

    async fn open_pair(&self, opener: &User, other: UserId) -> Result<DirectChannel, Refusal> {
        let me = opener.id;
        let turn = self.inner.direct_turns.of_pair(me, other).await;
        let faces = self.faces([me, other]).await?;
        let fresh = DirectState {
            id: ChannelId(self.inner.ids.next(self.inner.env.now())),
            kind: DirectKind::Pair,
            owner: None,
            name: None,
            icon: None,
            last_message_id: None,
            last_pin_timestamp: None,
            // The other one sees it with the first message.
            people: BTreeMap::from([(me, true), (other, false)]),
        };
        let known = fresh.pair_key().and_then(|key| self.world().directs.pair(&key).cloned());
        let Some(known) = known else {
            self.may_contact(me, other).await?;
            return self
                .commit_in(Place::Direct, Some(turn), move |change| {
                    store::direct::insert(change.sql, &fresh)?;
                    let seen = faces.present(&fresh, me);
                    change.direct(DirectChange::Put(fresh));
                    change.tell(vec![me], UserChange::DirectChannelCreate(Box::new(seen.clone())));
                    Ok(seen)
                })
                .await;
        };
        let seen = faces.present(&known, me);
        if known.people.get(&me) == Some(&true) {
            return Ok(seen);
        }
        self.commit_in(Place::Direct, Some(turn), move |change| {
            store::direct::set_shown(change.sql, known.id, me, true)?;
            change.direct(DirectChange::Shown(known.id, me, true));
            change.tell(vec![me], UserChange::DirectChannelCreate(Box::new(seen.clone())));
            Ok(seen)
        })
        .await
    }

    async fn make_group(&self, opener: &User, others: BTreeSet<UserId>) -> Result<DirectChannel, Refusal> {
        let me = opener.id;
        for other in &others {
            self.may_contact(me, *other).await?;
        }
        let faces = self.faces(others.iter().copied().chain([me])).await?;
        if opener.bot || others.iter().any(|other| faces.of(*other).bot) {
            return Err(Refusal::BotsNotAllowed);
        }
        let group = DirectState {
            id: ChannelId(self.inner.ids.next(self.inner.env.now())),
            kind: DirectKind::Group,
            owner: Some(me),
            name: None,
            icon: None,
            last_message_id: None,
            last_pin_timestamp: None,
            people: others.into_iter().chain([me]).map(|person| (person, true)).collect(),
        };
        self.commit_in(Place::Direct, None, move |change| {
            store::direct::insert(change.sql, &group)?;
            for person in group.people.keys() {
                let seen = Box::new(faces.present(&group, *person));
                change.tell(vec![*person], UserChange::DirectChannelCreate(seen));
            }
            let seen = faces.present(&group, me);
            change.direct(DirectChange::Put(group));
            Ok(seen)
        })
        .await
    }
}
