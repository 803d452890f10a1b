//! Shows someone what they have read.

use std::collections::{BTreeSet, HashMap};

use voxlink_protocol::{ChannelId, ReadState, UserId};
use voxlink_service_kit::DbError;

use super::count::Places;
use crate::{
    Chat, Refusal,
    store::{notify, read_states},
};

impl Chat {
    /// How far someone has read in each channel that they see, and how often they were mentioned since: those channels
    /// of which there is something to say.
    ///
    /// # Errors
    /// [`Refusal::Db`].
    pub async fn read_states(&self, user: UserId) -> Result<Vec<ReadState>, Refusal> {
        let (places, visible) = {
            let world = self.world();
            let now = self.inner.env.now();
            let places = Places::all(&world, user, now);
            let visible: BTreeSet<ChannelId> = places.newest().into_keys().collect();
            (places, visible)
        };
        let states = self
            .inner
            .db
            .read(move |sql| {
                let read: HashMap<_, _> = read_states::of_user(sql, user)?.into_iter().collect();
                let counts = places.count(sql, user, &read, &notify::of_user(sql, user)?)?;
                let state = |channel_id: ChannelId| {
                    let last_message_id = read.get(&channel_id).copied();
                    let mention_count = counts.get(&channel_id).copied().unwrap_or(0);
                    let is_known = last_message_id.is_some() || mention_count > 0;
                    is_known.then_some(ReadState { channel_id, last_message_id, mention_count })
                };
                Ok::<_, DbError>(visible.into_iter().filter_map(state).collect())
            })
            .await?;
        Ok(states)
    }
}
