//! What takes people's place in a call away: leaving the group, and no longer being allowed to write to each other.

use voxlink_protocol::{
    ChannelId, UserId,
    bus::EndDirectSeats,
    event::{UserChange, UserEvent},
};

use crate::{Chat, Refusal};

/// A place that may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// This person is in this group no more.
    Left(ChannelId, UserId),
    /// These two stand to each other in another way.
    Between(UserId, UserId),
}

impl Doubt {
    /// What this event makes doubtful.
    pub(crate) fn of(event: &UserEvent) -> Option<Self> {
        match &event.change {
            UserChange::RecipientRemove { channel_id, user } => Some(Self::Left(*channel_id, user.id)),
            UserChange::RelationshipAdd(one) | UserChange::RelationshipUpdate(one) => {
                event.to.first().map(|me| Self::Between(*me, one.id))
            }
            UserChange::RelationshipRemove { id, .. } => event.to.first().map(|me| Self::Between(*me, *id)),
            UserChange::DirectChannelCreate(_)
            | UserChange::DirectChannelUpdate(_)
            | UserChange::DirectChannelDelete(_)
            | UserChange::RecipientAdd { .. }
            | UserChange::Channel(_)
            | UserChange::VoiceState { .. }
            | UserChange::ReadState(_)
            | UserChange::GuildSettings(_)
            | UserChange::Settings(_) => None,
        }
    }
}

impl Chat {
    /// Ends what is not allowed any more.
    pub(crate) async fn settle_doubt(&self, doubt: Doubt) {
        let (channel, user) = match doubt {
            Doubt::Left(channel, user) => (channel, Some(user)),
            Doubt::Between(one, other) => {
                let key = if one < other { format!("{one}:{other}") } else { format!("{other}:{one}") };
                let Some(pair) = self.world().directs.pair(&key).map(|pair| pair.id) else { return };
                if !matches!(self.may_call(one, pair).await, Err(Refusal::CannotMessage)) {
                    return;
                }
                (pair, None)
            }
        };
        if let Err(error) = self.inner.bus.call(EndDirectSeats { channel, user }).await {
            tracing::warn!(%error, "someone may still be in a call that is not theirs any more");
        }
    }
}
