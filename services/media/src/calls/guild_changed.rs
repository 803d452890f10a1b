//! The guild, or the conversation, took someone's place away.

use voxlink_protocol::{
    ChannelId, GuildId, UserId,
    bus::EndDirectSeats,
    event::{GuildChange, GuildEvent},
};

use super::Calls;
use crate::voice::close::VoiceClose;

/// The guild events that end calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    Member(GuildId, UserId),
    Channel(ChannelId),
    Guild(GuildId),
}

impl Removal {
    /// What this event ends, if anything.
    pub(crate) fn of(event: &GuildEvent) -> Option<Self> {
        match &event.change {
            GuildChange::MemberRemove(user) => Some(Self::Member(event.guild_id, *user)),
            GuildChange::ChannelDelete(channel) => Some(Self::Channel(channel.id)),
            GuildChange::GuildDelete => Some(Self::Guild(event.guild_id)),
            _ => None,
        }
    }
}

impl Calls {
    /// Ends the seats that a conversation has no place for any more.
    pub(crate) fn end_direct_seats(&mut self, request: &EndDirectSeats) {
        let gone: Vec<UserId> = self
            .people_in(request.channel)
            .filter(|user| request.user.is_none_or(|only| only == *user))
            .filter(|user| self.seats.get(user).is_some_and(|seat| seat.guild.is_none()))
            .collect();
        for user in gone {
            self.end_seat(user, Some(VoiceClose::Disconnected));
        }
    }

    /// Ends the seats that are no longer theirs.
    pub(crate) fn remove(&mut self, removal: Removal) {
        let gone: Vec<UserId> = match removal {
            Removal::Member(guild, user) => self
                .seats
                .get(&user)
                .filter(|seat| seat.guild == Some(guild))
                .map(|seat| seat.user)
                .into_iter()
                .collect(),
            Removal::Channel(channel) => self.people_in(channel).collect(),
            Removal::Guild(guild) => {
                let members = self.guilds.range((guild, UserId::new(0))..=(guild, UserId::new(u64::MAX)));
                members.map(|(_, user)| *user).collect()
            }
        };
        for user in gone {
            self.end_seat(user, Some(VoiceClose::Disconnected));
        }
        self.remove_strangers(removal);
    }
}
