//! Recordings that go on: who is in the call, who is kept, and when it is over. Pure: what is to be done is returned.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::{Duration, Instant},
};

use voxlink_protocol::{
    CallRecording, ChannelId, GuildId, RecordingId, RecordingPolicy, Timestamp, UserId,
    recording::{CallRecordingState, RecordingTrouble},
};

/// Nobody but bots is left for so long: it is over.
pub(crate) const DESERTED: Duration = Duration::from_secs(60);
/// No call is recorded for longer in one piece.
pub(crate) const LONGEST: Duration = Duration::from_secs(12 * 3600);

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// This person is kept from now on, or no more.
    Admit(RecordingId, UserId, bool),
    Pause(RecordingId, bool),
    /// Everyone hears how it stands.
    Tell(Box<CallRecording>),
    /// It is over.
    End(RecordingId),
}

/// Why something is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No such recording.
    Nothing,
    /// They are not in the call.
    NotInCall,
}

/// What begins.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Beginning {
    pub(crate) id: RecordingId,
    /// `None` in a conversation.
    pub(crate) guild: Option<GuildId>,
    pub(crate) channel: ChannelId,
    pub(crate) policy: RecordingPolicy,
    pub(crate) started_by: UserId,
    pub(crate) started_at: Timestamp,
}

/// All that go on, by channel.
#[derive(Debug, Default)]
pub(crate) struct Live {
    going: HashMap<ChannelId, Going>,
}

#[derive(Debug)]
struct Going {
    beginning: Beginning,
    started: Instant,
    /// Everyone in the call; true for bots.
    here: BTreeMap<UserId, bool>,
    kept: BTreeSet<UserId>,
    paused_since: Option<Instant>,
    paused: Duration,
    deserted_since: Option<Instant>,
    trouble: Option<RecordingTrouble>,
}

impl Going {
    fn shown(&self, now: Instant) -> CallRecording {
        let pausing = self.paused_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let Beginning { id, guild, channel, policy, started_by, started_at } = self.beginning;
        CallRecording {
            id,
            channel_id: channel,
            guild_id: guild,
            state: match self.paused_since {
                Some(_) => CallRecordingState::Paused,
                None => CallRecordingState::Recording,
            },
            policy,
            started_by,
            started_at,
            paused_ms: u64::try_from((self.paused + pausing).as_millis()).unwrap_or(u64::MAX),
            kept: self.kept.iter().copied().collect(),
            trouble: self.trouble,
        }
    }

    fn keep(&mut self, user: UserId, yes: bool, effects: &mut Vec<Effect>) -> bool {
        let changed = if yes { self.kept.insert(user) } else { self.kept.remove(&user) };
        if changed {
            effects.push(Effect::Admit(self.beginning.id, user, yes));
        }
        changed
    }

    fn look_around(&mut self, now: Instant) {
        let has_people = self.here.values().any(|is_bot| !is_bot);
        match has_people {
            true => self.deserted_since = None,
            false => _ = self.deserted_since.get_or_insert(now),
        }
    }
}

impl Live {
    /// The recording of a call.
    pub(crate) fn shown(&self, channel: ChannelId, now: Instant) -> Option<CallRecording> {
        self.going.get(&channel).map(|going| going.shown(now))
    }

    /// Begins, with those who are in the call (true for bots, who are kept at once).
    pub(crate) fn begin(
        &mut self,
        beginning: Beginning,
        people: impl IntoIterator<Item = (UserId, bool)>,
        now: Instant,
    ) -> Vec<Effect> {
        let mut going = Going {
            beginning,
            started: now,
            here: people.into_iter().collect(),
            kept: BTreeSet::new(),
            paused_since: None,
            paused: Duration::ZERO,
            deserted_since: None,
            trouble: None,
        };
        let mut effects = Vec::new();
        let bots: Vec<UserId> =
            going.here.iter().filter(|(_, is_bot)| **is_bot).map(|(user, _)| *user).collect();
        for bot in bots {
            going.keep(bot, true, &mut effects);
        }
        going.look_around(now);
        effects.push(Effect::Tell(Box::new(going.shown(now))));
        self.going.insert(beginning.channel, going);
        effects
    }

    /// Someone has seen the mark or agreed, or does not want to be kept (any more).
    pub(crate) fn consent(
        &mut self,
        channel: ChannelId,
        user: UserId,
        accept: bool,
        now: Instant,
    ) -> Result<Vec<Effect>, Refused> {
        let going = self.going.get_mut(&channel).ok_or(Refused::Nothing)?;
        if !going.here.contains_key(&user) {
            return Err(Refused::NotInCall);
        }
        let mut effects = Vec::new();
        if going.keep(user, accept, &mut effects) {
            effects.push(Effect::Tell(Box::new(going.shown(now))));
        }
        Ok(effects)
    }

    /// Stops keeping for a while, or goes on.
    pub(crate) fn pause(
        &mut self,
        channel: ChannelId,
        user: UserId,
        paused: bool,
        now: Instant,
    ) -> Result<Vec<Effect>, Refused> {
        let going = self.going.get_mut(&channel).ok_or(Refused::Nothing)?;
        if !going.here.contains_key(&user) {
            return Err(Refused::NotInCall);
        }
        match (going.paused_since, paused) {
            (None, true) => going.paused_since = Some(now),
            (Some(since), false) => {
                going.paused += now.saturating_duration_since(since);
                going.paused_since = None;
            }
            (None, false) | (Some(_), true) => return Ok(Vec::new()),
        }
        let tell = Effect::Tell(Box::new(going.shown(now)));
        Ok(vec![Effect::Pause(going.beginning.id, paused), tell])
    }

    /// Someone in the call ends it.
    pub(crate) fn stop(
        &mut self,
        channel: ChannelId,
        user: UserId,
        now: Instant,
    ) -> Result<Vec<Effect>, Refused> {
        let going = self.going.get(&channel).ok_or(Refused::Nothing)?;
        if !going.here.contains_key(&user) {
            return Err(Refused::NotInCall);
        }
        Ok(self.end(channel, now))
    }

    /// It is over, whatever the reason.
    pub(crate) fn end(&mut self, channel: ChannelId, now: Instant) -> Vec<Effect> {
        let Some(going) = self.going.remove(&channel) else { return Vec::new() };
        let over = CallRecording { state: CallRecordingState::Ended, ..going.shown(now) };
        vec![Effect::Tell(Box::new(over)), Effect::End(going.beginning.id)]
    }

    /// All of a guild's are over.
    pub(crate) fn end_of_guild(&mut self, guild: GuildId, now: Instant) -> Vec<Effect> {
        let all = self.going.values().map(|going| going.beginning);
        let channels: Vec<ChannelId> =
            all.filter(|one| one.guild == Some(guild)).map(|one| one.channel).collect();
        channels.into_iter().flat_map(|channel| self.end(channel, now)).collect()
    }

    /// Whether coming and going in this channel, or of this person, is to be told.
    pub(crate) fn concerns(&self, channel: Option<ChannelId>, user: UserId) -> bool {
        let is_here = |going: &Going| going.here.contains_key(&user);
        channel.is_some_and(|channel| self.going.contains_key(&channel)) || self.going.values().any(is_here)
    }

    /// Someone sits in this channel's call now, or in none.
    pub(crate) fn moved(
        &mut self,
        user: UserId,
        is_bot: bool,
        to: Option<ChannelId>,
        now: Instant,
    ) -> Vec<Effect> {
        let mut effects = Vec::new();
        for (channel, going) in &mut self.going {
            let changed = match to == Some(*channel) {
                true => {
                    going.here.insert(user, is_bot).is_none()
                        && is_bot
                        && going.keep(user, true, &mut effects)
                }
                // Whoever comes back is asked again.
                false => going.here.remove(&user).is_some() && going.keep(user, false, &mut effects),
            };
            going.look_around(now);
            if changed {
                effects.push(Effect::Tell(Box::new(going.shown(now))));
            }
        }
        effects
    }

    /// The disk does not take what there is, or does again.
    pub(crate) fn trouble(
        &mut self,
        id: RecordingId,
        trouble: Option<RecordingTrouble>,
        now: Instant,
    ) -> Vec<Effect> {
        let found = self.going.values_mut().find(|going| going.beginning.id == id);
        let Some(going) = found.filter(|going| going.trouble != trouble) else { return Vec::new() };
        going.trouble = trouble;
        vec![Effect::Tell(Box::new(going.shown(now)))]
    }

    /// Ends what nobody is in, and what has become too long.
    pub(crate) fn sweep(&mut self, now: Instant) -> Vec<Effect> {
        let is_over = |going: &Going| {
            let deserted = going.deserted_since.map(|since| now.saturating_duration_since(since));
            deserted.is_some_and(|time| time >= DESERTED)
                || now.saturating_duration_since(going.started) >= LONGEST
        };
        let over = self.going.iter().filter(|(_, going)| is_over(going)).map(|(channel, _)| *channel);
        let over: Vec<ChannelId> = over.collect();
        over.into_iter().flat_map(|channel| self.end(channel, now)).collect()
    }

    /// Where each is that goes on.
    pub(crate) fn places(&self) -> Vec<(RecordingId, Option<GuildId>, ChannelId)> {
        let all = self.going.values().map(|going| going.beginning);
        all.map(|one| (one.id, one.guild, one.channel)).collect()
    }

    /// Everything that goes on: for the end of the server.
    pub(crate) fn all(&self) -> Vec<RecordingId> {
        self.going.values().map(|going| going.beginning.id).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;

    const CALL: ChannelId = ChannelId::new(10);
    const ANNA: UserId = UserId::new(1);
    const BEN: UserId = UserId::new(2);
    const BOT: UserId = UserId::new(3);
    const ID: RecordingId = RecordingId::new(100);

    fn begun(now: Instant) -> (Live, Vec<Effect>) {
        let mut live = Live::default();
        let beginning = Beginning {
            id: ID,
            guild: Some(GuildId::new(5)),
            channel: CALL,
            policy: RecordingPolicy::Announce,
            started_by: ANNA,
            started_at: Timestamp(1_000),
        };
        let effects = live.begin(beginning, [(ANNA, false), (BOT, true)], now);
        (live, effects)
    }

    fn told(effects: &[Effect]) -> CallRecording {
        match effects.iter().rev().find(|effect| matches!(effect, Effect::Tell(_))) {
            Some(Effect::Tell(shown)) => (**shown).clone(),
            _ => panic!("{effects:?}"),
        }
    }

    #[test]
    fn nobody_is_kept_before_they_say_so_and_whoever_comes_back_is_asked_again() {
        let now = Instant::now();
        let (mut live, effects) = begun(now);
        assert_eq!(effects[0], Effect::Admit(ID, BOT, true));
        assert_eq!(told(&effects).kept, [BOT]);
        let effects = live.consent(CALL, ANNA, true, now).unwrap();
        assert_eq!(effects[0], Effect::Admit(ID, ANNA, true));
        assert_eq!(told(&effects).kept, [ANNA, BOT]);
        assert_eq!(live.consent(CALL, ANNA, true, now), Ok(Vec::new()));
        assert_eq!(live.consent(CALL, BEN, true, now), Err(Refused::NotInCall));
        assert_eq!(live.consent(ChannelId::new(11), ANNA, true, now), Err(Refused::Nothing));
        // He comes late: nothing of him is kept until he has seen it.
        assert_eq!(live.moved(BEN, false, Some(CALL), now), []);
        let effects = live.consent(CALL, BEN, true, now).unwrap();
        assert_eq!(told(&effects).kept, [ANNA, BEN, BOT]);
        let effects = live.consent(CALL, BEN, false, now).unwrap();
        assert_eq!(effects[0], Effect::Admit(ID, BEN, false));
        let effects = live.moved(ANNA, false, Some(ChannelId::new(12)), now);
        assert_eq!((effects[0].clone(), told(&effects).kept), (Effect::Admit(ID, ANNA, false), vec![BOT]));
        assert_eq!(live.moved(ANNA, false, Some(CALL), now), []);
        assert_eq!(live.shown(CALL, now).unwrap().kept, [BOT]);
    }

    #[test]
    fn it_pauses_and_ends_by_hand_or_when_only_bots_are_left_for_a_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut live, _) = begun(start);
        assert_eq!(live.pause(CALL, BEN, true, at(1)), Err(Refused::NotInCall));
        let effects = live.pause(CALL, ANNA, true, at(1)).unwrap();
        assert_eq!(
            (effects[0].clone(), told(&effects).state),
            (Effect::Pause(ID, true), CallRecordingState::Paused)
        );
        assert_eq!(live.pause(CALL, ANNA, true, at(2)), Ok(Vec::new()));
        assert_eq!(live.shown(CALL, at(4)).unwrap().paused_ms, 3_000);
        let effects = live.pause(CALL, ANNA, false, at(5)).unwrap();
        assert_eq!((told(&effects).paused_ms, told(&effects).state), (4_000, CallRecordingState::Recording));

        live.moved(ANNA, false, None, at(10));
        assert_eq!(live.sweep(at(69)), []);
        let effects = live.sweep(at(70));
        assert_eq!((told(&effects).state, effects[1].clone()), (CallRecordingState::Ended, Effect::End(ID)));
        assert_eq!(live.shown(CALL, at(70)), None);
        let (mut live, _) = begun(start);
        live.moved(ANNA, false, None, at(10));
        live.moved(BEN, false, Some(CALL), at(60));
        assert_eq!(live.sweep(at(100)), [], "somebody came back");
        assert_eq!(live.stop(CALL, ANNA, at(101)), Err(Refused::NotInCall));
        assert_eq!(live.stop(CALL, BEN, at(101)).unwrap()[1], Effect::End(ID));
        assert_eq!(live.stop(CALL, BEN, at(102)), Err(Refused::Nothing));
        let (mut live, _) = begun(start);
        assert_eq!(live.sweep(at(12 * 3600 - 1)), []);
        assert_eq!(live.sweep(at(12 * 3600)).len(), 2);
        let (mut live, _) = begun(start);
        assert_eq!(live.end_of_guild(GuildId::new(6), start), []);
        assert_eq!(live.end_of_guild(GuildId::new(5), start).len(), 2);
    }

    #[test]
    fn trouble_is_told_once_when_it_comes_and_goes() {
        let now = Instant::now();
        let (mut live, _) = begun(now);
        let full = Some(RecordingTrouble::FullDisk);
        assert_eq!(told(&live.trouble(ID, full, now)).trouble, full);
        assert_eq!(live.trouble(ID, full, now), []);
        assert_eq!(told(&live.trouble(ID, None, now)).trouble, None);
        assert_eq!(live.trouble(RecordingId::new(9), full, now), []);
        assert!(live.concerns(Some(CALL), BEN) && live.concerns(None, ANNA) && !live.concerns(None, BEN));
    }
}
