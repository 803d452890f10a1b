//! Sound and pictures of one line of time, cut into segments. Pure.
//!
//! Sound comes without gaps, a frame after the other, and drives everything; pictures come with their times, a little later
//! or earlier. A segment ends where a key frame begins, so that each can be the first that somebody sees; where the
//! picture becomes another one, a discontinuity says so and a new initialisation segment comes before it.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use voxlink_audio::{FRAME, FRAME_DURATION, SAMPLE_RATE};
use voxlink_container::{
    OpusHead,
    aac::AacConfig,
    fmp4::{Codec, Sample, Track, init},
};

use super::{
    blank,
    part::{PICTURE, Part, SOUND},
};

/// A key frame from here on ends a segment.
const LEAST: Duration = Duration::from_millis(3_600);
/// When one is asked for.
const ASK: Duration = Duration::from_millis(3_500);
/// Without pictures a segment is this long.
const USUAL: Duration = Duration::from_secs(4);
/// A sender that makes no key frames is cut here all the same.
pub(super) const LONGEST: Duration = Duration::from_secs(6);
/// Pictures come later than sound by as much: what is turned into another codec takes a while.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two black pictures.
const BLANK_EVERY: Duration = Duration::from_secs(1);
/// Pictures of one segment; beyond it they are left out until the next one: 40 Mbit/s for four seconds.
const MOST_BYTES: usize = 20 * 1024 * 1024;
const PICTURE_RATE: u128 = 90_000;

/// A picture.
#[derive(Clone, Debug)]
pub(super) struct Picture {
    /// On the line of time.
    pub(super) at: Duration,
    pub(super) is_key: bool,
    pub(super) payload: Vec<u8>,
    /// With key frames: how this and what follows is coded.
    pub(super) codec: Option<Codec>,
    /// It is somebody else's than the one before, or of another source.
    pub(super) is_switch: bool,
}

/// A segment.
#[derive(Clone, Debug)]
pub(super) struct Cut {
    /// Counts up from one to the next.
    pub(super) sequence: u32,
    /// Where it begins on the line of time.
    pub(super) begin: Duration,
    /// How long it is.
    pub(super) length: Duration,
    /// What comes has nothing to do with what was.
    pub(super) is_discontinuous: bool,
    /// Other initialisation segments, for pictures with Opus and with AAC, are needed from here on.
    pub(super) init: Option<[Bytes; 2]>,
    /// `None` before there ever was a picture.
    pub(super) pictures: Option<Part>,
    /// Opus.
    pub(super) sound: Part,
    /// How its pictures are coded, as playlists name it.
    pub(super) codec: Option<String>,
}

#[derive(Debug)]
enum Mode {
    /// There never was a picture.
    SoundOnly,
    Showing(Codec),
    /// Black, in the codec of what was there before.
    Blank(Codec),
}

/// Cuts one broadcast.
#[derive(Debug)]
pub(super) struct Cutter {
    /// Where the open segment begins.
    begin: Duration,
    /// Of sound: the packets of the open segment, and what lies behind them.
    sounds: VecDeque<Vec<u8>>,
    /// Frames of sound that left with segments.
    sent: u64,
    pictures: VecDeque<Picture>,
    mode: Mode,
    /// How the pictures of the open segment are coded, if there are any.
    codec: Option<Codec>,
    /// The open segment begins with a discontinuity, or with another initialisation segment.
    is_discontinuous: bool,
    is_new: bool,
    last: Duration,
    is_full: bool,
    sequence: u32,
}

/// Opus and AAC.
fn sound_codecs() -> [Codec; 2] {
    [Codec::Opus(OpusHead::of(2)), Codec::Aac(AacConfig::STEREO)]
}

/// Of streams without pictures, as Opus and as AAC.
pub(super) fn sound_inits() -> [Bytes; 2] {
    sound_codecs().map(|codec| init(&[Track { id: SOUND, codec }]).into())
}

impl Default for Cutter {
    fn default() -> Self {
        Self {
            begin: Duration::ZERO,
            sounds: VecDeque::new(),
            sent: 0,
            pictures: VecDeque::new(),
            mode: Mode::SoundOnly,
            codec: None,
            is_discontinuous: false,
            is_new: false,
            last: Duration::ZERO,
            is_full: false,
            sequence: 0,
        }
    }
}

impl Cutter {
    /// The next 20 ms.
    pub(super) fn sound(&mut self, packet: Vec<u8>) {
        self.sounds.push_back(packet);
        let end = self.sound_end();
        while let Mode::Blank(codec) = &self.mode
            && self.last + BLANK_EVERY <= end
        {
            let Some((_, payload)) = blank::picture(codec) else { break };
            let at = self.last + BLANK_EVERY;
            self.push(Picture { at, is_key: true, payload: payload.to_vec(), codec: None, is_switch: false });
        }
    }

    /// A picture. Ones that build on what nobody has are left out.
    pub(super) fn picture(&mut self, mut picture: Picture) {
        let begins = matches!(self.mode, Mode::SoundOnly | Mode::Blank(_)) || picture.is_switch;
        match (&picture.codec, begins) {
            // The pictures go on with the same codec, and so does a key frame that tells nothing of itself.
            (None, false) => {}
            (None, true) => return,
            (Some(codec), _) => {
                let is_same = matches!(&self.mode, Mode::Showing(shown) if shown == codec);
                picture.is_switch = begins || !is_same;
                self.mode = Mode::Showing(codec.clone());
            }
        }
        if self.is_full && !picture.is_key {
            return;
        }
        self.is_full = false;
        if self.pictures.iter().map(|one| one.payload.len()).sum::<usize>() > MOST_BYTES {
            self.is_full = true;
            return;
        }
        self.push(picture);
    }

    /// There is nothing to see any more.
    pub(super) fn nothing(&mut self) {
        let Mode::Showing(codec) = &self.mode else { return };
        let Some((codec, payload)) = blank::picture(codec) else { return };
        self.mode = Mode::Blank(codec.clone());
        let at = self.last + Duration::from_millis(40);
        let at = at.max(self.sound_end());
        self.push(Picture {
            at,
            is_key: true,
            payload: payload.to_vec(),
            codec: Some(codec),
            is_switch: true,
        });
    }

    /// How what is to be seen is coded; `None` while there is nothing.
    pub(super) fn showing(&self) -> Option<&Codec> {
        match &self.mode {
            Mode::Showing(codec) => Some(codec),
            Mode::SoundOnly | Mode::Blank(_) => None,
        }
    }

    /// Whether the one who is shown is to be asked for a key frame.
    pub(super) fn wants_key(&self) -> bool {
        matches!(self.mode, Mode::Showing(_)) && self.sound_end() >= self.begin + ASK
    }

    /// Where the open segment begins on the line of time.
    pub(super) fn begin(&self) -> Duration {
        self.begin
    }

    /// How much of the line of time there is sound of.
    pub(super) fn sound_end(&self) -> Duration {
        FRAME_DURATION * u32::try_from(self.sent + self.sounds.len() as u64).unwrap_or(u32::MAX)
    }

    /// The next segment, once it is whole.
    pub(super) fn poll(&mut self) -> Option<Cut> {
        self.begin_anew();
        let at = self.next_cut()?;
        let cut = self.cut(at);
        self.begin_anew();
        Some(cut)
    }

    /// What there is, at the end of everything.
    pub(super) fn finish(&mut self) -> Option<Cut> {
        let end = self.sound_end();
        self.pictures.retain(|one| one.at < end);
        (end > self.begin).then(|| self.cut(end))
    }

    fn push(&mut self, mut picture: Picture) {
        if picture.is_switch {
            // What the one before still had to show comes too late.
            self.pictures.retain(|one| one.at < picture.at);
            self.last = self.pictures.back().map_or(self.begin, |one| one.at);
        }
        let earliest = self.last.max(self.begin);
        picture.at = picture.at.max(match self.pictures.is_empty() {
            true => earliest,
            false => earliest + Duration::from_millis(1),
        });
        self.last = picture.at;
        self.pictures.push_back(picture);
    }

    /// Takes up another codec where the open segment begins with it.
    fn begin_anew(&mut self) {
        let Some(first) = self.pictures.front_mut().filter(|one| one.is_switch && one.at <= self.begin)
        else {
            return;
        };
        first.is_switch = false;
        (self.is_discontinuous, self.is_new) = (self.sequence > 0, true);
        self.codec = first.codec.take();
    }

    /// Where the open segment ends, once there is sound up to there.
    fn next_cut(&self) -> Option<Duration> {
        let end = |picture: &&Picture| {
            let age = picture.at.saturating_sub(self.begin);
            picture.is_switch || (picture.is_key && age >= LEAST) || age >= LONGEST
        };
        let sound_end = self.sound_end();
        if let Some(found) = self.pictures.iter().find(end) {
            return Some(found.at).filter(|at| sound_end >= *at);
        }
        // Sound alone is cut by itself; pictures that do not come are not waited for.
        let (most, patience) = match self.codec {
            None => (USUAL, Duration::ZERO),
            Some(_) => (LONGEST, PATIENCE),
        };
        (sound_end >= self.begin + most + patience).then(|| self.begin + most)
    }

    fn cut(&mut self, at: Duration) -> Cut {
        let first = self.sent;
        let frames = at.as_micros().div_ceil(FRAME_DURATION.as_micros());
        let count = usize::try_from(frames.saturating_sub(u128::from(first))).unwrap_or(usize::MAX);
        let count = count.min(self.sounds.len());
        let sounds = self.sounds.drain(..count);
        let sounds = sounds.map(|payload| Sample { duration: FRAME as u32, is_key: true, payload });
        let sound = Part::new(first * FRAME as u64, sounds);
        self.sent += count as u64;
        let shown = self.pictures.iter().take_while(|one| one.at < at).count();
        let mut pictures: Vec<Picture> = self.pictures.drain(..shown).collect();
        let after = self.pictures.front().map_or(at, |next| next.at);
        let starts: Vec<Duration> = pictures.iter().map(|one| one.at).chain([after]).collect();
        let samples = pictures.iter_mut().zip(starts.windows(2)).map(|(picture, times)| Sample {
            duration: match times {
                [from, to] => u32::try_from(ticks(*to).saturating_sub(ticks(*from))).unwrap_or_default(),
                _ => 0,
            },
            is_key: picture.is_key,
            payload: std::mem::take(&mut picture.payload),
        });
        self.sequence += 1;
        let is_new = std::mem::take(&mut self.is_new);
        let codec = self.codec.as_ref();
        let inits = |codec: &Codec| {
            let with = |sound| {
                init(&[Track { id: SOUND, codec: sound }, Track { id: PICTURE, codec: codec.clone() }])
            };
            sound_codecs().map(|sound| with(sound).into())
        };
        let cut = Cut {
            sequence: self.sequence,
            begin: self.begin,
            length: at.saturating_sub(self.begin),
            is_discontinuous: std::mem::take(&mut self.is_discontinuous),
            init: codec.filter(|_| is_new).map(inits),
            pictures: codec.map(|_| Part::new(starts.first().map_or(0, |time| ticks(*time)), samples)),
            sound,
            codec: codec.map(Codec::name),
        };
        self.begin = at;
        cut
    }
}

/// Of a track of pictures.
fn ticks(at: Duration) -> u64 {
    u64::try_from(at.as_micros() * PICTURE_RATE / 1_000_000).unwrap_or(u64::MAX)
}

const _: () = assert!(SAMPLE_RATE as usize == FRAME * 50, "a frame is 20 ms");

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::{super::part::Segment, *};
    use voxlink_container::fmp4::{Fragment, Vp9Config, fragments, tracks};

    const KEY: [u8; 9] = [0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70];

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn vp9() -> Codec {
        let (size, config) = Vp9Config::parse(&KEY).unwrap();
        Codec::Vp9 { size, config }
    }

    /// Sound up to `until`, with a picture each 100 ms from `from` on, every `key`th of them a key frame.
    fn play(cutter: &mut Cutter, pictures: std::ops::Range<u64>, key: u64, is_switch: bool) -> Vec<Cut> {
        let mut cuts = Vec::new();
        let mut first = is_switch;
        for at in pictures.clone().step_by(20) {
            while cutter.sound_end() <= ms(at) {
                cutter.sound(vec![0xfc, 1]);
            }
            if at.is_multiple_of(100) {
                let is_key = (at - pictures.start).is_multiple_of(key * 100);
                let codec = is_key.then(vp9);
                let is_switch = is_key && std::mem::take(&mut first);
                cutter.picture(Picture { at: ms(at), is_key, payload: KEY.to_vec(), codec, is_switch });
            }
            cuts.extend(std::iter::from_fn(|| cutter.poll()));
        }
        cuts
    }

    /// As one with pictures is laid out, if there are any.
    fn both(cut: &Cut) -> Vec<u8> {
        Segment::new(cut.sequence, cut.pictures.as_ref(), &cut.sound).whole()
    }

    fn of(track: u32, segment: &[u8]) -> Fragment {
        fragments(segment).unwrap().into_iter().find(|one| one.track == track).unwrap()
    }

    fn silence(cutter: &mut Cutter, until: u64) -> Vec<Cut> {
        let mut cuts = Vec::new();
        while cutter.sound_end() < ms(until) {
            cutter.sound(vec![0xfc, 1]);
            cuts.extend(std::iter::from_fn(|| cutter.poll()));
        }
        cuts
    }

    #[test]
    fn segments_end_at_key_frames_and_tracks_go_on_without_gaps() {
        let mut cutter = Cutter::default();
        let cuts = play(&mut cutter, 0..20_000, 10, false);
        assert_eq!(cuts.iter().map(|cut| cut.length).collect::<Vec<_>>(), [ms(4_000); 4]);
        assert!(cuts[0].init.is_some() && cuts[1..].iter().all(|cut| cut.init.is_none()));
        assert!(cuts.iter().all(|cut| !cut.is_discontinuous));
        let named = cuts[0].init.as_ref().unwrap().each_ref().map(|init| tracks(init).unwrap());
        let named = named.map(|two| two.iter().map(|track| track.coded).collect::<Vec<_>>());
        assert_eq!(named, [[*b"Opus", *b"vp09"], [*b"mp4a", *b"vp09"]]);
        for (at, cut) in cuts.iter().enumerate() {
            let (at, both) = (at as u64, both(cut));
            let (pictures, sound) = (of(2, &both), of(1, &both));
            assert_eq!((pictures.time, pictures.samples.len()), (at * 360_000, 40));
            assert!(pictures.samples[0].is_key && pictures.samples.iter().all(|one| one.duration == 9_000));
            assert_eq!((sound.time, sound.samples.len()), (at * 192_000, 200));
            assert_eq!(of(1, &Segment::new(1, None, &cut.sound).whole()), sound);
            assert_eq!(cut.begin, ms(4_000 * at));
        }
    }

    #[test]
    fn sound_alone_is_cut_by_itself_until_there_is_something_to_see() {
        let mut cutter = Cutter::default();
        let cuts = silence(&mut cutter, 9_000);
        assert_eq!(cuts.len(), 2);
        assert!(cuts.iter().all(|cut| cut.pictures.is_none() && cut.length == ms(4_000)));
        assert_eq!(cutter.showing(), None);
        let cuts = play(&mut cutter, 9_000..18_000, 10, true);
        assert_eq!(
            (cuts[0].length, cuts[0].pictures.is_none()),
            (ms(1_000), true),
            "what was open ends there"
        );
        assert!(cuts[1].is_discontinuous && cuts[1].init.is_some() && cuts[1].pictures.is_some());
        assert_eq!(cuts[1].codec.as_deref(), Some("vp09.00.21.08"));
        assert_eq!(cutter.showing(), Some(&vp9()));
    }

    #[test]
    fn where_the_picture_ends_a_black_one_begins_in_the_same_codec() {
        let mut cutter = Cutter::default();
        let before = play(&mut cutter, 0..5_000, 10, true);
        assert_eq!(before.len(), 1);
        cutter.nothing();
        cutter.nothing();
        let cuts = silence(&mut cutter, 15_000);
        assert!(!cuts[0].is_discontinuous && cuts[1].is_discontinuous && cuts[1].init.is_some());
        assert!(cuts[2..].iter().all(|cut| !cut.is_discontinuous));
        let black = of(2, &both(&cuts[1]));
        assert!(black.samples.iter().all(|one| one.is_key && one.payload != KEY));
        assert_eq!(cutter.showing(), None);
        // What builds on pictures that nobody has is left out; then somebody else shows theirs.
        let picture =
            Picture { at: ms(15_000), is_key: false, payload: vec![1], codec: None, is_switch: false };
        cutter.picture(picture);
        let cuts = play(&mut cutter, 15_100..20_000, 10, true);
        assert!(cuts.iter().filter(|cut| cut.is_discontinuous).count() == 1, "{}", cuts.len());
        let ends = |cut: &Cut| {
            let pictures = of(2, &both(cut));
            pictures.time + pictures.samples.iter().map(|one| u64::from(one.duration)).sum::<u64>()
        };
        let begins = |cut: &Cut| of(2, &both(cut)).time;
        assert!(cuts.windows(2).all(|two| ends(&two[0]) == begins(&two[1])));
    }

    #[test]
    fn a_sender_without_key_frames_or_pictures_stops_nothing() {
        let mut cutter = Cutter::default();
        let cuts = play(&mut cutter, 0..20_000, 1_000, true);
        assert_eq!(cuts.iter().map(|cut| cut.length).collect::<Vec<_>>(), [LONGEST; 3]);
        let cuts = silence(&mut cutter, 40_000);
        assert!(cuts.len() >= 2 && cuts.iter().all(|cut| cut.length <= LONGEST + BLANK_EVERY));
    }

    #[test]
    fn what_comes_late_or_out_of_order_takes_the_next_place() {
        let mut cutter = Cutter::default();
        let cuts = silence(&mut cutter, 4_000);
        assert_eq!(cuts.len(), 1);
        for at in [3_900, 3_950, 3_940] {
            let codec = (at == 3_900).then(vp9);
            let is_key = codec.is_some();
            cutter.picture(Picture { at: ms(at), is_key, payload: vec![1], codec, is_switch: false });
        }
        assert!(silence(&mut cutter, 6_000).is_empty());
        let last = cutter.finish().unwrap();
        let pictures = of(2, &both(&last));
        assert_eq!(pictures.time, 360_000, "not before what has gone out");
        assert_eq!(pictures.samples.iter().map(|one| one.duration).collect::<Vec<_>>(), [90, 90, 179_820]);
        assert!(cutter.finish().is_none());
    }
}
