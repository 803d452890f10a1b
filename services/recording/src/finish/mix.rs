//! All voices in one file; who spoke when; the waveform.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, BufWriter, Write as _},
    path::Path,
    time::Duration,
};

use voxlink_audio::{
    Channels, FRAME, FRAME_DURATION, SAMPLE_RATE,
    level::Meter,
    mix::{Mixer, SpeakerId},
    opus::{CodecError, Encoder, EncoderConfig},
    timeline::Timeline,
};
use voxlink_container::{
    OpusHead,
    matroska::{ReadError, Reader},
    ogg,
};
use voxlink_protocol::UserId;
use voxlink_sfu::{MediaKind, Source};

use super::{
    products::{self, MIX, Peaks, Speech},
    tracks::Found,
};
use crate::capture::names::TrackName;

/// As many are heard at once.
const MOST_AT_ONCE: usize = 16;
/// A pause within what somebody says that is not worth a new entry.
const BREATH: u64 = 800;
/// A peak for so many frames.
const FRAMES_A_PEAK: usize = 5;
/// How often the caller hears how far it is.
const FRAMES_A_REPORT: u64 = 500;

/// Why there is no mix.
#[derive(Debug, thiserror::Error)]
pub(super) enum MixError {
    #[error("a track cannot be read: {0}")]
    Read(#[from] ReadError),
    #[error("libopus: {0}")]
    Codec(#[from] CodecError),
    #[error("the mix cannot be written: {0}")]
    Io(#[from] io::Error),
    #[error("a packet of our own is none: {0}")]
    Ogg(#[from] ogg::WriteError),
}

/// One track, read and decoded as the mix comes to it.
struct Voice {
    user: UserId,
    is_microphone: bool,
    reader: Reader<BufReader<File>>,
    /// The packet that is read next, and when it sounds.
    next: Option<Duration>,
    packet: Vec<u8>,
    sound: Timeline,
    meter: Meter,
}

impl Voice {
    fn open(path: &Path, name: TrackName) -> Result<Self, MixError> {
        let mut voice = Self {
            user: UserId::new(name.person.0),
            is_microphone: name.source == Source::Microphone,
            reader: Reader::open(BufReader::new(File::open(path)?))?,
            next: None,
            packet: Vec::new(),
            sound: Timeline::new(Channels::Stereo)?,
            meter: Meter::default(),
        };
        voice.read()?;
        Ok(voice)
    }

    fn read(&mut self) -> Result<(), MixError> {
        self.next = self.reader.next(&mut self.packet)?.map(|block| block.at);
        Ok(())
    }

    /// The next frame.
    fn frame(&mut self, out: &mut [f32]) -> Result<(), MixError> {
        while self.sound.wants(FRAME)
            && let Some(next) = self.next
        {
            // What is no packet is a gap.
            let _broken = self.sound.push(samples(next), &self.packet);
            self.read()?;
        }
        self.sound.pull(out);
        self.meter.hear(out, FRAME);
        Ok(())
    }
}

/// Writes the mix, who spoke when and the waveform into `folder`. `heard` is told how much is done, 0 to 1.
///
/// # Errors
/// When a track cannot be read or the disk refuses.
pub(super) fn mix(
    folder: &Path,
    tracks: &[Found],
    length: Duration,
    mut heard: impl FnMut(f32),
) -> Result<Vec<Speech>, MixError> {
    let mut voices = Vec::new();
    for track in tracks.iter().filter(|track| track.name.source.kind() == MediaKind::Audio) {
        voices.push(Voice::open(&track.path, track.name)?);
    }
    let config = EncoderConfig::mix(Channels::Stereo);
    let mut encoder = Encoder::new(config)?;
    let mut head = OpusHead::of(2);
    head.pre_skip = u16::try_from(encoder.lookahead()?).unwrap_or(head.pre_skip);
    let arriving = folder.join(format!("{MIX}.tmp"));
    let mut file = BufWriter::new(File::create(&arriving)?);
    let mut bytes = Vec::new();
    let mut ogg = ogg::Writer::begin(head, &[], 1, &mut bytes);
    let mut mixer = Mixer::new(Channels::Stereo, MOST_AT_ONCE, FRAME);
    let (mut frame, mut sum, mut packet) = (vec![0.0; FRAME * 2], vec![0.0; FRAME * 2], Vec::new());
    let mut lanes: BTreeMap<UserId, Vec<(u64, u64)>> = BTreeMap::new();
    let (mut peaks, mut peak) = (Vec::new(), 0.0_f32);
    let frames = u64::try_from(length.as_millis().div_ceil(FRAME_DURATION.as_millis())).unwrap_or(u64::MAX);
    // One more: the encoder lags behind.
    for count in 0..=frames {
        let at_ms = count * FRAME_DURATION.as_millis() as u64;
        mixer.begin();
        for (index, voice) in voices.iter_mut().enumerate() {
            voice.frame(&mut frame)?;
            mixer.add(SpeakerId(index as u64), &frame, Channels::Stereo, 1.0);
            if voice.is_microphone && voice.meter.is_speech() {
                spoke(lanes.entry(voice.user).or_default(), at_ms);
            }
        }
        mixer.full(&mut sum);
        peak = sum.iter().fold(peak, |peak, value| peak.max(value.abs()));
        if (count + 1) % FRAMES_A_PEAK as u64 == 0 {
            peaks.push((peak * 255.0).ceil().clamp(0.0, 255.0) as u8);
            peak = 0.0;
        }
        packet.clear();
        encoder.encode(&sum, &mut packet)?;
        ogg.write(&packet, &mut bytes)?;
        file.write_all(&bytes)?;
        bytes.clear();
        if count % FRAMES_A_REPORT == 0 {
            heard(count as f32 / frames.max(1) as f32);
        }
    }
    ogg.finish(Some(frames * FRAME as u64), &mut bytes);
    file.write_all(&bytes)?;
    file.flush()?;
    file.get_ref().sync_data()?;
    std::fs::rename(arriving, folder.join(MIX))?;
    let speech: Vec<Speech> = lanes.into_iter().map(|(user_id, spoke)| Speech { user_id, spoke }).collect();
    products::keep(folder, &speech, &Peaks(peaks))?;
    Ok(speech)
}

fn samples(time: Duration) -> u64 {
    u64::try_from(time.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000).unwrap_or(u64::MAX)
}

/// Somebody speaks in the frame that begins here.
fn spoke(lane: &mut Vec<(u64, u64)>, at: u64) {
    let end = at + FRAME_DURATION.as_millis() as u64;
    match lane.last_mut() {
        Some((_, to)) if at <= *to + BREATH => *to = end,
        _ => lane.push((at, end)),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::f32::consts::TAU;

    use voxlink_audio::opus::{Decoder, MAX_PACKET_SAMPLES, Packet};
    use voxlink_container::matroska::{Block, Codec, Info, Track, TrackNumber, Writer};

    use super::*;

    #[test]
    fn what_is_on_one_side_stays_there() {
        let folder = std::env::temp_dir().join(format!("voxlink-sides-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, number) = (folder.join("1.screen-audio.0.mkv"), TrackNumber::new(1).unwrap());
        let track = Track { number, name: String::new(), codec: Codec::Opus(OpusHead::of(2)) };
        let (mut bytes, mut packet) = (Vec::new(), Vec::new());
        let mut writer = Writer::begin(&Info::default(), &[track], &mut bytes);
        let mut encoder = Encoder::new(EncoderConfig::mix(Channels::Stereo)).unwrap();
        for frame in 0..100_u32 {
            let sample = |at: usize| ((frame as usize * FRAME + at) as f32 * 440.0 * TAU / 48_000.0).sin();
            let sound: Vec<f32> = (0..FRAME).flat_map(|at| [0.0, 0.3 * sample(at)]).collect();
            encoder.encode(&sound, &mut packet).unwrap();
            let at = FRAME_DURATION * frame;
            writer.write(&Block { track: number, at, is_key: true, payload: &packet }, &mut bytes).unwrap();
        }
        std::fs::write(&path, &bytes).unwrap();
        let (person, source) = (voxlink_sfu::PersonId(1), Source::ScreenAudio);
        let end = Duration::from_secs(2);
        let found = Found { name: TrackName { person, source, number: 0 }, path, end };
        mix(&folder, &[found], end, |_| {}).unwrap();
        let mut reader = ogg::Reader::open(File::open(folder.join(MIX)).unwrap()).unwrap();
        let mut decoder = Decoder::new(Channels::Stereo).unwrap();
        let (mut room, mut sides) = (vec![0.0; 2 * MAX_PACKET_SAMPLES], [0.0_f32; 2]);
        while let Some(packet) = reader.next(&mut packet).unwrap().map(|_| packet.clone()) {
            let samples = decoder.decode(&Packet::parse(&packet).unwrap(), &mut room).unwrap();
            for [left, right] in room[..2 * samples].as_chunks::<2>().0 {
                sides = [sides[0] + left.abs(), sides[1] + right.abs()];
            }
        }
        assert!(sides[1] > 1_000.0 && sides[1] > 20.0 * sides[0], "{sides:?}");
        std::fs::remove_dir_all(folder).unwrap();
    }
}
