//! What takes people's place in a call away: leaving the group, and no longer being allowed to write to each other.

use tokio::runtime::Handle;
use voxlink_protocol::{
    ChannelId, UserId,
    bus::EndDirectSeats,
    event::{UserChange, UserEvent},
};

use super::keeper::Inquiry;
use crate::{Chat, Refusal};

/// A place that may be lost, or was won.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// This person is new in this group.
    Came(ChannelId, UserId),
    /// This person is in this group no more.
    Left(ChannelId, UserId),
    /// These two stand to each other in another way.
    Between(UserId, UserId),
}

impl Doubt {
    /// What this event makes doubtful.
    pub(crate) fn of(event: &UserEvent) -> Option<Self> {
        match &event.change {
            UserChange::RecipientAdd { channel_id, user } => Some(Self::Came(*channel_id, user.id)),
            UserChange::RecipientRemove { channel_id, user } => Some(Self::Left(*channel_id, user.id)),
            UserChange::RelationshipAdd(one) | UserChange::RelationshipUpdate(one) => {
                event.to.first().map(|me| Self::Between(*me, one.id))
            }
            UserChange::RelationshipRemove { id, .. } => event.to.first().map(|me| Self::Between(*me, *id)),
            UserChange::DirectChannelCreate(_)
            | UserChange::DirectChannelUpdate(_)
            | UserChange::DirectChannelDelete(_)
            | UserChange::Channel(_)
            | UserChange::VoiceState { .. }
            | UserChange::CallCreate(_)
            | UserChange::CallUpdate(_)
            | UserChange::CallRecordingUpdate(_)
            | UserChange::RecordingUpdate(_)
            | UserChange::CallDelete { .. }
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
            Doubt::Came(channel, user) => {
                let runtime = Handle::current();
                return self.inner.calls.certainly(Inquiry::Came(channel, user), &runtime);
            }
            Doubt::Left(channel, user) => {
                self.inner.calls.certainly(Inquiry::Left(channel, user), &Handle::current());
                (channel, Some(user))
            }
            Doubt::Between(one, other) => {
                let key = if one < other { format!("{one}:{other}") } else { format!("{other}:{one}") };
                let Some(pair) = self.world().directs.pair(&key).map(|pair| pair.id) else { return };
                if !matches!(self.may_call(one, pair).await, Err(Refusal::CannotMessage)) {
                    return;
                }
                (pair, None)
            }
        };
        self.end_seats(channel, user).await;
    }

    /// Someone sat down with a pass that may be a minute old: what it said may not be so any more.
    pub(crate) async fn check_seat(&self, channel: ChannelId, user: UserId) {
        match self.may_call(user, channel).await {
            Ok(()) => {}
            Err(Refusal::UnknownChannel | Refusal::CannotMessage | Refusal::BotsNotAllowed) => {
                self.end_seats(channel, Some(user)).await;
            }
            Err(error) => tracing::warn!(%error, "whether someone may be in a call could not be asked"),
        }
    }

    async fn end_seats(&self, channel: ChannelId, user: Option<UserId>) {
        if let Err(error) = self.inner.bus.call(EndDirectSeats { channel, user }).await {
            tracing::warn!(%error, "someone may still be in a call that is not theirs any more");
        }
    }
}
