//! Lets devices ring, and lets them stop.

use std::collections::BTreeSet;

use voxlink_protocol::{
    ChannelId, UserId,
    direct::DirectCall,
    people::{Relation, RelationBetween},
};

use super::keeper::Inquiry;
use crate::{Chat, Refusal};

/// Whether someone may call in a conversation, and what goes on there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// v10: they may call.
    pub ringable: bool,
    /// The call that goes on.
    pub call: Option<DirectCall>,
}

impl Chat {
    /// Lets the devices of people in a conversation ring; without `whom`, of all of them. Whoever is in the call, is a
    /// bot, or is blocked on either side does not ring. Only from within the call.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::InvalidRecipients`] for people who are not in the conversation,
    /// [`Refusal::NotInCall`] or [`Refusal::Call`].
    pub async fn ring(
        &self,
        by: UserId,
        channel: ChannelId,
        whom: Option<Vec<UserId>>,
    ) -> Result<(), Refusal> {
        let others = self.others(by, channel)?;
        let asked: BTreeSet<UserId> = whom.unwrap_or_else(|| others.clone()).into_iter().collect();
        if asked.iter().any(|user| *user != by && !others.contains(user)) {
            return Err(Refusal::InvalidRecipients);
        }
        let mut reached = Vec::new();
        for user in asked {
            if user != by && self.may_disturb(by, user).await? {
                reached.push(user);
            }
        }
        let asked = self.inner.calls.ask(|reply| Inquiry::Ring { channel, by, whom: reached, reply });
        if asked.await == Some(true) { Ok(()) } else { Err(Refusal::NotInCall) }
    }

    /// Lets devices ring no more: one's own (a call is declined on all of them), or from within the call those of
    /// others.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] or [`Refusal::NotInCall`].
    pub async fn stop_ringing(
        &self,
        by: UserId,
        channel: ChannelId,
        whom: Option<Vec<UserId>>,
    ) -> Result<(), Refusal> {
        self.others(by, channel)?;
        let whom = whom.unwrap_or_else(|| vec![by]);
        let asked = self.inner.calls.ask(|reply| Inquiry::StopRinging { channel, by, whom, reply });
        if asked.await == Some(true) { Ok(()) } else { Err(Refusal::NotInCall) }
    }

    /// May this person call here, and does somebody?
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`] or [`Refusal::Call`].
    pub async fn call_standing(&self, user: UserId, channel: ChannelId) -> Result<Standing, Refusal> {
        let ringable = match self.may_call(user, channel).await {
            Ok(()) => true,
            Err(Refusal::CannotMessage | Refusal::BotsNotAllowed) => false,
            Err(other) => return Err(other),
        };
        let shown = self.inner.calls.ask(|reply| Inquiry::Shown(vec![channel], reply)).await;
        Ok(Standing { ringable, call: shown.into_iter().flatten().next() })
    }

    fn others(&self, user: UserId, channel: ChannelId) -> Result<Vec<UserId>, Refusal> {
        let world = self.world();
        let people = &world.directs.view(channel, user)?.state.people;
        Ok(people.keys().copied().filter(|other| *other != user).collect())
    }

    /// In a group people are together whom nobody asked: a telephone does not ring for somebody who is blocked.
    async fn may_disturb(&self, by: UserId, user: UserId) -> Result<bool, Refusal> {
        if self.inner.users.one(user).await?.bot {
            return Ok(false);
        }
        let relation = self.inner.bus.call(RelationBetween { a: by, b: user }).await?;
        let Relation { blocked_by_a, blocked_by_b, .. } = relation;
        Ok(!blocked_by_a && !blocked_by_b)
    }
}
