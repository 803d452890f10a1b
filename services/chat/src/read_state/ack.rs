//! Marks as read, and by hand as unread.

use std::collections::{BTreeMap, HashMap};

use voxlink_protocol::{ChannelId, GuildId, MessageId, ReadState, User, event::UserChange};

use super::count::Places;
use crate::{
    Chat, Refusal,
    state::place::Place,
    store::{notify, read_states},
};

/// v10: channels that are marked as read at once.
pub const MAX_BULK: usize = 100;

/// How far someone has read in one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    /// At least to here.
    AtLeast(MessageId),
    /// To here, by hand.
    Exactly(MessageId),
}

impl Chat {
    /// Marks a channel as read up to a message, on all devices of the person. One who has read further stays there,
    /// unless `by_hand`: so one marks as unread.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::BotsNotAllowed`] or [`Refusal::Db`].
    pub async fn ack(
        &self,
        user: &User,
        channel: ChannelId,
        message: MessageId,
        by_hand: bool,
    ) -> Result<(), Refusal> {
        let places = {
            let world = self.world();
            let now = self.inner.env.now();
            world.view_place(channel, user.id, now)?.require_messages()?;
            Places::of_channel(&world, channel, user.id, now)
        };
        // What is not written yet cannot be read.
        let newest = places.newest();
        let mark = newest.get(&channel).map(|newest| (channel, message.min(*newest)));
        let mark =
            mark.map(|(channel, to)| (channel, if by_hand { Mark::Exactly(to) } else { Mark::AtLeast(to) }));
        self.mark(user, places, mark.into_iter().collect()).await
    }

    /// Marks several channels as read, each up to a message or to its end. Channels that one does not see are left out.
    ///
    /// # Errors
    /// [`Refusal::Form`] for more than [`MAX_BULK`], [`Refusal::BotsNotAllowed`] or [`Refusal::Db`].
    pub async fn ack_bulk(
        &self,
        user: &User,
        marks: Vec<(ChannelId, Option<MessageId>)>,
    ) -> Result<(), Refusal> {
        if marks.len() > MAX_BULK {
            return Err(Refusal::field("read_states", "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer."));
        }
        let places = Places::all(&self.world(), user.id, self.inner.env.now());
        let newest = places.newest();
        let marks = marks.into_iter().filter_map(|(channel, message)| {
            let end = *newest.get(&channel)?;
            Some((channel, Mark::AtLeast(message.unwrap_or(end).min(end))))
        });
        let marks = marks.collect();
        self.mark(user, places, marks).await
    }

    /// Marks all channels of a guild that one sees as read.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::BotsNotAllowed`] or [`Refusal::Db`].
    pub async fn ack_guild(&self, user: &User, guild: GuildId) -> Result<(), Refusal> {
        let places = {
            let world = self.world();
            let now = self.inner.env.now();
            world.view_guild(guild, user.id, now)?;
            Places::of_guild(&world, guild, user.id, now)
        };
        let marks = places.newest().into_iter().map(|(channel, end)| (channel, Mark::AtLeast(end)));
        let marks = marks.collect();
        self.mark(user, places, marks).await
    }

    async fn mark(
        &self,
        user: &User,
        places: Places,
        marks: BTreeMap<ChannelId, Mark>,
    ) -> Result<(), Refusal> {
        if user.bot {
            return Err(Refusal::BotsNotAllowed);
        }
        let user = user.id;
        // A place without versions: nobody but this person hears of it.
        self.commit_in(Place::Direct, None, move |change| {
            let mut moved = Vec::new();
            for (channel, mark) in marks {
                let has_moved = match mark {
                    Mark::AtLeast(to) => read_states::advance(change.sql, user, channel, to)?,
                    Mark::Exactly(to) => {
                        read_states::set(change.sql, user, channel, to)?;
                        true
                    }
                };
                if has_moved {
                    moved.push(channel);
                }
            }
            if moved.is_empty() {
                return Ok(());
            }
            let read: HashMap<_, _> = read_states::of_user(change.sql, user)?.into_iter().collect();
            let counts = places.count(change.sql, user, &read, &notify::of_user(change.sql, user)?)?;
            for channel_id in moved {
                let last_message_id = read.get(&channel_id).copied();
                let mention_count = counts.get(&channel_id).copied().unwrap_or(0);
                let state = ReadState { channel_id, last_message_id, mention_count };
                change.tell(vec![user], UserChange::ReadState(state));
            }
            Ok(())
        })
        .await
    }
}
