//! What people may do in the calls they sit in has changed, or may have.

use std::collections::BTreeSet;

use voxlink_protocol::{
    ChannelId, GuildId, UserId,
    bus::CallRights,
    event::{GuildChange, GuildEvent},
};

use super::{Calls, Removal};
use crate::{shard::Command, voice::close::VoiceClose};

/// The guild in which people may do something else in calls after this event, if it can be that.
pub(crate) fn concerns_rights(event: &GuildEvent) -> Option<GuildId> {
    match &event.change {
        GuildChange::GuildUpdate(_)
        | GuildChange::RoleUpdate(_)
        | GuildChange::RoleDelete(_)
        | GuildChange::ChannelUpdate(_)
        | GuildChange::MemberUpdate(_) => Some(event.guild_id),
        _ => None,
    }
}

impl Calls {
    /// Who is where in the calls of a guild, by a seat or as a viewer.
    pub(crate) fn seats_in(&self, guild: GuildId) -> Vec<(UserId, ChannelId)> {
        let members = self.guilds.range((guild, UserId::new(0))..=(guild, UserId::new(u64::MAX)));
        let seated = members.filter_map(|(_, user)| Some((*user, self.seats.get(user)?.channel)));
        let all: BTreeSet<_> = seated.chain(self.strangers_of(guild)).collect();
        all.into_iter().collect()
    }

    /// Chat said what those who were asked about may do: whoever it does not name is taken out, if they still sit there.
    pub(crate) fn set_rights(&mut self, asked: &[(UserId, ChannelId)], rights: &[CallRights]) {
        for (user, channel) in asked {
            let found = rights.iter().find(|one| one.user == *user && one.channel == *channel);
            self.set_rights_of_strangers(*user, *channel, found);
            let Some(seat) = self.seats.get_mut(user).filter(|seat| seat.channel == *channel) else {
                continue;
            };
            let Some(right) = found else {
                self.end_seat(*user, Some(VoiceClose::Disconnected));
                continue;
            };
            let before = seat.state();
            let gates = seat.gates();
            (seat.may_speak, seat.may_stream) = (right.may_speak, right.may_stream);
            (seat.mute, seat.deaf) = (right.mute, right.deaf);
            let now = seat.gates();
            let is_told = before == seat.state();
            let is_silenced = !now.may_speak || seat.deaf;
            let peer = seat.live.as_ref().filter(|live| live.joined).map(|live| live.peer);
            if let Some(peer) = peer.filter(|_| now != gates) {
                self.tell_shard(*channel, Command::SetGates { peer, gates: now });
            }
            if !is_told {
                self.publish_state_of(*user);
            }
            if is_silenced {
                self.silence(*user);
            }
        }
    }

    /// A moderator takes someone out. False when they are in no call of this guild.
    pub(crate) fn put_out(&mut self, guild: GuildId, user: UserId) -> bool {
        let sits = self.seats.get(&user).is_some_and(|seat| seat.guild == Some(guild));
        if sits {
            self.end_seat(user, Some(VoiceClose::Disconnected));
        }
        self.remove_strangers(Removal::Member(guild, user));
        sits
    }
}
