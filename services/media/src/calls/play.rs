//! Sounds that people play: who may now, and what of them others are told.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use voxlink_audio::{FRAME_DURATION, import::Frame};
use voxlink_protocol::{
    ChannelId, UserId,
    event::{GuildChange, GuildEvent},
    soundboard::VoiceEffect,
};
use voxlink_sfu::{PeerId, PersonId};

use super::{Calls, Output, room};
use crate::sounds::Order;

/// From one sound of a person to their next, which takes its place.
const BETWEEN: Duration = Duration::from_millis(500);
/// People whose sounds are heard in one call at the same time: more is noise.
const MOST_AT_ONCE: usize = 4;

/// Somebody plays a sound.
#[derive(Debug)]
pub(crate) struct Play {
    /// Who, where and what, as everybody in the call is told.
    pub(crate) effect: VoiceEffect,
    pub(crate) frames: Arc<[Frame]>,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlayRefused {
    /// They do not sit in this call.
    NotSeated,
    /// They are muted or deafened by a moderator, or have deafened themselves (v10).
    Silenced,
    /// So much is being played by them, or by others; this is when to try again.
    TooSoon(Duration),
    /// Somebody else plays a file there.
    Taken,
    /// So many files are played on this server already.
    Full,
}

/// Who plays what in all calls.
#[derive(Debug, Default)]
pub(super) struct Sounding {
    sources: HashMap<UserId, Sound>,
    people: HashMap<PeerId, UserId>,
}

/// The source of one person.
#[derive(Debug)]
struct Sound {
    channel: ChannelId,
    peer: PeerId,
    /// When they may play the next sound, and when this one ends.
    next: Instant,
    ends: Instant,
}

impl Sounding {
    /// Who plays what this source sends.
    pub(super) fn player(&self, peer: PeerId) -> Option<UserId> {
        self.people.get(&peer).copied()
    }
}

impl Calls {
    /// Whether this person may play a sound now.
    ///
    /// # Errors
    /// See [`PlayRefused`].
    pub(crate) fn may_play(&self, user: UserId, channel: ChannelId, now: Instant) -> Result<(), PlayRefused> {
        self.is_heard_in(user, channel)?;
        let sources = &self.sounding.sources;
        if let Some(own) = sources.get(&user).filter(|own| now < own.next) {
            return Err(PlayRefused::TooSoon(own.next.saturating_duration_since(now)));
        }
        let others = sources
            .iter()
            .filter(|(other, sound)| **other != user && sound.channel == channel && now < sound.ends);
        let ends: Vec<Instant> = others.map(|(_, sound)| sound.ends).collect();
        match ends.iter().min() {
            Some(first) if ends.len() >= MOST_AT_ONCE => {
                Err(PlayRefused::TooSoon(first.saturating_duration_since(now)))
            }
            _ => Ok(()),
        }
    }

    /// Whether what this person plays may be heard in this call.
    pub(super) fn is_heard_in(&self, user: UserId, channel: ChannelId) -> Result<(), PlayRefused> {
        let seat = self.seats.get(&user).filter(|seat| seat.channel == channel);
        let seat = seat.ok_or(PlayRefused::NotSeated)?;
        let gates = seat.gates();
        if gates.may_speak && !gates.deafened { Ok(()) } else { Err(PlayRefused::Silenced) }
    }

    /// The number of the source of what somebody plays in a call.
    pub(super) fn source_of(&mut self, user: UserId, channel: ChannelId, now: Instant) -> PeerId {
        if let Some(known) = self.sounding.sources.get(&user) {
            return known.peer;
        }
        let peer = self.fresh_peer();
        self.sounding.people.insert(peer, user);
        self.sounding.sources.insert(user, Sound { channel, peer, next: now, ends: now });
        peer
    }

    /// Plays it, and tells those in the call.
    ///
    /// # Errors
    /// See [`PlayRefused`].
    pub(crate) fn play(&mut self, play: Play, now: Instant) -> Result<(), PlayRefused> {
        let Play { effect, frames } = play;
        let (user, channel, guild_id) = (effect.user_id, effect.channel_id, effect.guild_id);
        self.may_play(user, channel, now)?;
        let length = FRAME_DURATION * u32::try_from(frames.len()).unwrap_or(u32::MAX);
        let peer = self.source_of(user, channel, now);
        if let Some(sound) = self.sounding.sources.get_mut(&user) {
            (sound.next, sound.ends) = (now + BETWEEN, now + length);
        }
        let person = PersonId(user.get());
        self.outputs.push_back(Output::Sounds(Order::Play { room: room(channel), peer, person, frames }));
        let change = GuildChange::VoiceEffect(Box::new(effect));
        self.outputs.push_back(Output::Publish(Box::new(GuildEvent { guild_id, version: None, change })));
        Ok(())
    }

    /// Whoever leaves, or is silenced by a moderator, is heard no more.
    pub(super) fn silence(&mut self, user: UserId) {
        let Some(sound) = self.sounding.sources.remove(&user) else { return };
        self.sounding.people.remove(&sound.peer);
        let order = Order::Silence { room: room(sound.channel), peer: sound.peer };
        self.outputs.push_back(Output::Sounds(order));
        self.file_over(sound.peer);
    }
}
