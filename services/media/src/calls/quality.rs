//! How well everyone in a call hears and is heard: the last ten minutes of each media session, kept while it lasts.

use std::{
    collections::{BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use voxlink_protocol::{ChannelId, GuildId, Timestamp, UserId};
use voxlink_sfu::{PeerId, Picture, Quality};

use super::{Calls, SocketId};
use crate::voice::frame::Experience;

/// How often shards say what they counted.
pub(crate) const INTERVAL: Duration = Duration::from_secs(2);
/// Ten minutes.
const MOST_SAMPLES: usize = 300;
/// What a client says about itself is true for this long.
const EXPERIENCE_LASTS: Duration = Duration::from_secs(10);

/// What was seen of one media session.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    last: Option<(Instant, Quality)>,
    experience: Option<(Instant, Experience)>,
    samples: VecDeque<(Instant, Sample)>,
}

/// One interval of one person's connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// From the person to the server.
    pub(crate) up: Direction,
    /// From the server to the person.
    pub(crate) down: Direction,
    /// There and back.
    pub(crate) round_trip: Option<Duration>,
    /// What the person's client says of what it plays.
    pub(crate) experience: Option<Experience>,
}

/// One way of a connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Direction {
    /// Media, without IP and UDP headers, in kbit/s.
    pub(crate) kbps: u32,
    /// Share of packets that did not come by themselves, 0 to 1; `None` when none were due.
    pub(crate) loss: Option<f32>,
    /// RFC 3550's, of the stream where it is worst; only where we receive.
    pub(crate) jitter: Option<Duration>,
    /// What is held to be right, kbit/s: of the microphone on the way up, as its client says; of video on the way down,
    /// while there is some.
    pub(crate) target_kbps: Option<u32>,
    /// How long packets wait on the way; only where we send.
    pub(crate) queue: Option<Duration>,
    /// The largest picture.
    pub(crate) picture: Option<Shown>,
}

/// A picture, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    pub(crate) user: UserId,
    pub(crate) picture: Picture,
}

/// A call as someone who may see it is told.
#[derive(Clone, Debug)]
pub(crate) struct CallQuality {
    pub(crate) guild: Option<GuildId>,
    pub(crate) people: Vec<(UserId, Vec<(Timestamp, Sample)>)>,
}

/// All calls of this node at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallCounts {
    /// Channels with somebody in their call.
    pub calls: u64,
    /// People in calls.
    pub members: u64,
    /// Share of packets lost from people to us in the last seconds, 0 to 1: the mean over people.
    pub loss_up: f64,
    /// The same from us to people.
    pub loss_down: f64,
}

impl Calls {
    /// For those who watch the server.
    pub(crate) fn counts(&self) -> CallCounts {
        let channels =
            self.rooms.iter().map(|(channel, _)| channel).collect::<std::collections::BTreeSet<_>>();
        let samples = self.seats.values().filter_map(|seat| seat.live.as_ref()?.timeline.samples.back());
        let losses: Vec<_> = samples.map(|(_, sample)| (sample.up.loss, sample.down.loss)).collect();
        CallCounts {
            calls: channels.len() as u64,
            members: self.seats.len() as u64,
            loss_up: mean(losses.iter().filter_map(|(up, _)| *up)),
            loss_down: mean(losses.iter().filter_map(|(_, down)| *down)),
        }
    }

    /// A shard counted.
    pub(super) fn measured(&mut self, measured: Vec<(PeerId, Quality)>, now: Instant) {
        let (mut channels, mut listeners) = (BTreeSet::new(), Vec::new());
        for (peer, quality) in measured {
            let shown = |picture: &Option<Picture>| {
                let picture = picture.clone()?;
                Some(Shown { user: self.person_behind(picture.peer)?, picture })
            };
            let pictures = (shown(&quality.picture_up), shown(&quality.picture_down));
            let Some(user) = self.peers.get(&peer) else { continue };
            let Some(seat) = self.seats.get_mut(user) else { continue };
            if let Some(live) = seat.live.as_mut().filter(|live| live.peer == peer) {
                live.strain.note(quality.sound_loss);
                live.timeline.note(quality, pictures, now);
                channels.insert(seat.channel);
                listeners.push(*user);
            }
        }
        self.relieve(&channels);
        listeners.into_iter().for_each(|user| self.judge_listening(user, now));
    }

    /// Voice op 24.
    pub(super) fn experienced(&mut self, socket: SocketId, experience: Experience, now: Instant) {
        if let Some(live) = self.live_of(socket) {
            live.timeline.experience = Some((now, experience));
        }
    }

    /// Everyone in a call, oldest sample first; `None` when nobody is in one there.
    pub(crate) fn quality_of(
        &self,
        channel: ChannelId,
        wall: Timestamp,
        now: Instant,
    ) -> Option<CallQuality> {
        let mut people = Vec::new();
        let mut guild = None;
        for user in self.people_in(channel) {
            let Some(seat) = self.seats.get(&user) else { continue };
            guild = Some(seat.guild);
            if let Some(live) = &seat.live {
                let samples = live.timeline.samples.iter();
                let dated = samples
                    .map(|(at, sample)| (wall.minus(now.saturating_duration_since(*at)), sample.clone()));
                people.push((user, dated.collect()));
            }
        }
        Some(CallQuality { guild: guild?, people })
    }
}

impl Timeline {
    /// The last interval.
    pub(super) fn newest(&self) -> Option<&Sample> {
        self.samples.back().map(|(_, sample)| sample)
    }

    /// Takes what was counted, and the largest pictures up and down.
    fn note(&mut self, quality: Quality, (up, down): (Option<Shown>, Option<Shown>), now: Instant) {
        let before = self.last.replace((now, quality.clone()));
        let Some((since, before)) = before else { return };
        let recent = |(at, experience): &(Instant, Experience)| {
            (now.saturating_duration_since(*at) < EXPERIENCE_LASTS).then_some(*experience)
        };
        let mut sample = between(&before, &quality, now.saturating_duration_since(since));
        sample.experience = self.experience.as_ref().and_then(recent);
        sample.up.target_kbps = sample.experience.and_then(|experience| experience.microphone_kbps);
        (sample.up.picture, sample.down.picture) = (up, down);
        // Only with a picture does feedback come that it is learnt from.
        sample.down.target_kbps.take_if(|_| sample.down.picture.is_none());
        if self.samples.len() == MOST_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((now, sample));
    }
}

/// What happened between two counts.
fn between(before: &Quality, after: &Quality, elapsed: Duration) -> Sample {
    let sum = |quality: &Quality| {
        quality.up.iter().fold((0, 0), |(due, lost), up| (due + up.expected, lost + up.lost))
    };
    let ((due_before, lost_before), (due, lost)) = (sum(before), sum(after));
    Sample {
        up: Direction {
            kbps: kbps(before.bytes_up, after.bytes_up, elapsed),
            loss: share(lost.saturating_sub(lost_before), due.saturating_sub(due_before)),
            jitter: after.up.iter().map(|up| up.jitter).max(),
            ..Direction::default()
        },
        down: Direction {
            kbps: kbps(before.bytes_down, after.bytes_down, elapsed),
            loss: share(
                after.reported_lost.saturating_sub(before.reported_lost),
                after.reported.saturating_sub(before.reported),
            )
            .or(after.sound_loss),
            target_kbps: Some(u32::try_from(after.target.as_bps() / 1_000).unwrap_or(u32::MAX)),
            queue: Some(after.queue_delay),
            ..Direction::default()
        },
        round_trip: after.round_trip,
        experience: None,
    }
}

/// 0 of nothing.
fn mean(shares: impl Iterator<Item = f32>) -> f64 {
    let (sum, count) = shares.fold((0.0, 0.0), |(sum, count), share| (sum + f64::from(share), count + 1.0));
    if count > 0.0 { sum / count } else { 0.0 }
}

fn kbps(before: u64, after: u64, elapsed: Duration) -> u32 {
    let bits = u128::from(after.saturating_sub(before)) * 8;
    let millis = elapsed.as_millis().max(1);
    u32::try_from(bits / millis).unwrap_or(u32::MAX)
}

#[allow(clippy::cast_precision_loss)]
fn share(lost: u64, due: u64) -> Option<f32> {
    (due > 0).then(|| (lost as f32 / due as f32).min(1.0))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use voxlink_sfu::{Bitrate, Source, Upstream};

    use super::*;

    impl Timeline {
        fn count(&mut self, quality: Quality, now: Instant) {
            self.note(quality, (None, None), now);
        }
    }

    fn counted(seconds: u64, lost: u64) -> Quality {
        let voice = Upstream {
            source: Source::Microphone,
            expected: 50 * seconds,
            lost,
            jitter: Duration::from_millis(7),
        };
        Quality {
            up: vec![voice],
            bytes_up: 5_000 * seconds,
            bytes_down: 125_000 * seconds,
            reported: 100 * seconds,
            target: Bitrate::kbps(800),
            queue_delay: Duration::from_millis(5),
            ..Quality::default()
        }
    }

    #[test]
    fn a_sample_says_what_happened_since_the_one_before() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        timeline.count(counted(10, 40), start);
        assert!(timeline.samples.is_empty());
        timeline.count(counted(12, 50), start + INTERVAL);
        let (_, sample) = &timeline.samples[0];
        assert_eq!(
            sample.up,
            Direction {
                kbps: 40,
                loss: Some(0.1),
                jitter: Some(Duration::from_millis(7)),
                ..Direction::default()
            }
        );
        let down = Direction {
            kbps: 1_000,
            loss: Some(0.0),
            queue: Some(Duration::from_millis(5)),
            ..Direction::default()
        };
        assert_eq!(sample.down, down);
    }

    #[test]
    fn who_sends_nothing_loses_nothing_and_a_stream_that_began_anew_is_no_flood() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        timeline.count(counted(1_000, 40), start);
        timeline.count(counted(1, 0), start + INTERVAL);
        let (_, sample) = &timeline.samples[0];
        assert_eq!((sample.up.kbps, sample.up.loss, sample.down.loss), (0, None, None));
        let heard = Quality { sound_loss: Some(0.5), ..counted(1, 0) };
        timeline.count(heard, start + INTERVAL * 2);
        assert_eq!(
            timeline.samples[1].1.down.loss,
            Some(0.5),
            "what reports about sound say, for want of better"
        );
    }

    #[test]
    fn ten_minutes_are_kept_and_what_a_client_says_grows_old() {
        let start = Instant::now();
        let mut timeline = Timeline::default();
        let at = |n: u32| start + INTERVAL * n;
        let experience =
            Experience { concealed: 0.2, frozen: Duration::from_millis(300), microphone_kbps: None };
        timeline.experience = Some((start, experience));
        (0..1_000u32).for_each(|n| timeline.count(counted(u64::from(n) * 2, 0), at(n)));
        assert_eq!(timeline.samples.len(), MOST_SAMPLES);
        assert_eq!(timeline.samples.back().unwrap().0, at(999));
        assert_eq!(timeline.samples.back().unwrap().1.experience, None);
        let mut fresh = Timeline { experience: Some((start, experience)), ..Timeline::default() };
        (0..2).for_each(|n| fresh.count(counted(2, 0), at(n)));
        assert_eq!(fresh.samples[0].1.experience, Some(experience));
    }
}
