//! Deletes many messages of a channel at once.

use std::time::Duration;

use voxlink_protocol::{ChannelId, MessageId, Permissions, event::ChannelChange};

use super::delete::erase;
use crate::{
    Chat, Refusal,
    audit::{Action, Actor, Entry},
    state::place::Place,
    store::messages,
};

/// v10: the fewest and the most messages at once.
pub const AT_ONCE: std::ops::RangeInclusive<usize> = 2..=100;
/// v10: older messages are deleted one by one.
const OLDEST: Duration = Duration::from_secs(14 * 24 * 3600);

impl Chat {
    /// Deletes messages of a guild's channel. Ids that are not there are passed over.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NotOnDirect`], [`Refusal::NoMessagesHere`], [`Refusal::Forbidden`] without
    /// MANAGE_MESSAGES, [`Refusal::TooFewOrMany`], [`Refusal::MessageTooOld`] or [`Refusal::Db`].
    pub async fn bulk_delete(
        &self,
        actor: impl Into<Actor>,
        channel: ChannelId,
        mut ids: Vec<MessageId>,
    ) -> Result<(), Refusal> {
        let (actor, now) = (actor.into(), self.inner.env.now());
        let guild = {
            let world = self.world();
            let view = world.view_place(channel, actor.id, now)?;
            view.require_messages()?;
            let Place::Guild(guild) = view.place() else { return Err(Refusal::NotOnDirect) };
            view.require(Permissions::MANAGE_MESSAGES)?;
            guild
        };
        ids.sort_unstable();
        ids.dedup();
        if !AT_ONCE.contains(&ids.len()) {
            return Err(Refusal::TooFewOrMany);
        }
        let oldest = now.0.saturating_sub(u64::try_from(OLDEST.as_millis()).unwrap_or(u64::MAX));
        if ids.iter().any(|id| id.0.unix_ms() < oldest) {
            return Err(Refusal::MessageTooOld);
        }
        self.commit_in(Place::Guild(guild), None, move |change| {
            let mut found = messages::find_many(change.sql, channel, &ids)?;
            found.sort_by_key(|stored| stored.id);
            if found.is_empty() {
                return Ok(());
            }
            let ids = found.iter().map(|stored| stored.id).collect();
            let count = found.len();
            change.audit(Entry::of_messages(Action::MessageBulkDelete, &actor, channel.0, channel, count))?;
            change.record_in_channel(ChannelChange::MessageDeleteBulk { ids, channel_id: channel })?;
            erase(change, channel, &found)
        })
        .await
    }
}
