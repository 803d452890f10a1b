//! AAC of what goes out as Opus, for players that know no Opus in MP4: one ffmpeg beside the server, of low priority, that
//! runs only while somebody asks for it: two hundredths of a core and 50 MB. It takes sound and gives ADTS, a frame of 1,024
//! samples after the other.
//!
//! Every frame has its number on the broadcast's line of time, whichever process made it. The Opus of the last minute is
//! kept, so that one that begins late, or after another that broke, makes what players need next and leaves no hole.

use std::{
    collections::VecDeque,
    io::{self, Read as _},
    ops::Range,
    path::Path,
    process::ChildStdout,
    sync::{Arc, mpsc::SyncSender},
    time::{Duration, Instant},
};

use voxlink_audio::{
    Channels, FRAME, SAMPLE_RATE,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::aac::{AacConfig, Adts, SAMPLES};

use super::pipe::{Ended, Pipe};

/// Bits a second.
pub(super) const BITRATE: u64 = 128_000;
/// Packets that are kept: a minute, which is more than the shelf has.
const KEPT: usize = 3_000;
/// Samples by which what libopus decodes is behind what it encoded (RFC 7845 §4.2).
const LOOKAHEAD: i64 = voxlink_container::DEFAULT_PRE_SKIP as i64;
/// Packets that a decoder hears before the first that counts (RFC 7845 §4.6).
const PRE_ROLL: i64 = 4;
/// Frames that an encoder makes before the first that counts: it begins with one of nothing, and needs one to warm up.
const WARM_UP: u64 = 3;
/// How much of what is fed comes out later, in samples: a frame that is built on the next, and what the program gathers.
const USUAL_LAG: u64 = SAMPLE_RATE as u64 * 2;
/// An encoder that is so late and says nothing for so long has hung.
const STUCK: Duration = Duration::from_secs(3);
/// Whatever ended sooner than this has failed; it is worth another attempt, but not at once.
const LASTS: Duration = Duration::from_secs(10);
const AGAIN: Duration = Duration::from_millis(500);
/// After so many failures there is no AAC …
const MOST_FAILURES: u32 = 3;
/// … for so long.
const REST: Duration = Duration::from_secs(60);
/// Pieces of 20 ms that wait for the program.
const MOST_WAITING: usize = 100;

/// One broadcast's.
pub(super) struct Aac {
    program: Arc<Path>,
    /// The newest packets of Opus, and the number of the first.
    packets: VecDeque<Vec<u8>>,
    first: i64,
    encoder: Option<Encoder>,
    /// Frames one behind the other, and the number of the first.
    made: VecDeque<Vec<u8>>,
    made_from: u64,
    failures: u32,
    /// Not before.
    again: Option<Instant>,
}

/// One process.
struct Encoder {
    pipe: Pipe<Vec<u8>>,
    decoder: Decoder,
    /// The packet that is decoded next, and how much of what comes of it is left out.
    next: i64,
    skip: usize,
    /// What did not fit.
    piece: Option<Vec<u8>>,
    /// The number of the first frame that counts.
    from: u64,
    /// Samples that went in, frames that came out.
    fed: u64,
    made: u64,
    begun: Instant,
    /// When a frame came out last.
    heard: Instant,
    room: Vec<f32>,
}

impl Aac {
    pub(super) fn new(program: Arc<Path>) -> Self {
        Self {
            program,
            packets: VecDeque::new(),
            first: 0,
            encoder: None,
            made: VecDeque::new(),
            made_from: 0,
            failures: 0,
            again: None,
        }
    }

    /// The next 20 ms of the broadcast.
    pub(super) fn take(&mut self, packet: &[u8]) {
        self.packets.push_back(packet.to_vec());
        if self.packets.len() > KEPT {
            self.packets.pop_front();
            self.first += 1;
        }
    }

    /// There is none for now: the program is not there, breaks or hangs.
    pub(super) fn is_failed(&self, now: Instant) -> bool {
        self.failures >= MOST_FAILURES && self.again.is_some_and(|again| now < again)
    }

    /// Goes on. `from`: the frame that is needed first; `None` while nobody asks.
    pub(super) fn turn(&mut self, from: Option<u64>, now: Instant) {
        let Some(from) = from else {
            self.encoder = None;
            self.made.clear();
            return;
        };
        while self.made_from < from && self.made.pop_front().is_some() {
            self.made_from += 1;
        }
        if self.encoder.is_none() && self.again.is_none_or(|again| now >= again) {
            if self.failures >= MOST_FAILURES {
                self.failures = 0;
            }
            if self.made.is_empty() {
                self.made_from = from;
            }
            match Encoder::start(&self.program, self.made_from + self.made.len() as u64, now) {
                Ok(encoder) => self.encoder = Some(encoder),
                Err(error) => {
                    tracing::info!(%error, "no AAC is made");
                    self.fail(now);
                }
            }
        }
        let Some(encoder) = &mut self.encoder else { return };
        encoder.feed(&self.packets, self.first);
        let gone = loop {
            match encoder.poll(now) {
                Ok(Some((number, frame))) => {
                    if number == self.made_from + self.made.len() as u64 {
                        self.made.push_back(frame);
                    }
                }
                Ok(None) => break encoder.is_stuck(now),
                Err(Ended) => break true,
            }
        };
        if gone {
            let lasted = now.saturating_duration_since(encoder.begun) >= LASTS && encoder.made > WARM_UP;
            if lasted {
                self.failures = 0;
            }
            self.fail(now);
        }
    }

    fn fail(&mut self, now: Instant) {
        self.encoder = None;
        self.failures += 1;
        let is_over = self.failures >= MOST_FAILURES;
        self.again = Some(now + if is_over { REST } else { AGAIN });
        tracing::info!(failures = self.failures, is_over, "an encoder of AAC has broken or hangs");
    }

    /// All frames of this range, once they are here.
    pub(super) fn frames(&mut self, range: Range<u64>) -> Option<Vec<Vec<u8>>> {
        let is_here = self.made_from <= range.start && range.end <= self.made_from + self.made.len() as u64;
        if !is_here {
            return None;
        }
        let skipped = usize::try_from(range.start - self.made_from).ok()?;
        let count = usize::try_from(range.end.checked_sub(range.start)?).ok()?;
        self.made.drain(..skipped);
        self.made_from = range.end;
        Some(self.made.drain(..count).collect())
    }

    /// The process, for tests that end it.
    #[cfg(test)]
    fn process(&self) -> Option<u32> {
        self.encoder.as_ref().map(|encoder| encoder.pipe.process())
    }
}

/// The frames that begin within a time.
pub(super) fn frames_in(begin: Duration, end: Duration) -> Range<u64> {
    let number = |at: Duration| {
        let per_second = u128::from(SAMPLES) * 1_000_000;
        u64::try_from((at.as_micros() * u128::from(SAMPLE_RATE)).div_ceil(per_second)).unwrap_or(u64::MAX)
    };
    number(begin)..number(end)
}

impl Encoder {
    /// Whose first frame that counts has this number.
    fn start(program: &Path, from: u64, now: Instant) -> io::Result<Self> {
        let pipe = Pipe::start(program, ARGUMENTS, MOST_WAITING, read)?;
        let decoder = Decoder::new(Channels::Stereo).map_err(io::Error::other)?;
        // Its first frame holds what comes before the first sample, so that frames that warm it up lie before `from`.
        let frame = |count: u64| i64::try_from(count * u64::from(SAMPLES)).unwrap_or(i64::MAX / 2);
        let sample = frame(from) - frame(WARM_UP - 1);
        let decoded = sample + LOOKAHEAD;
        let next = decoded.div_euclid(FRAME as i64) - PRE_ROLL;
        let skip = usize::try_from(decoded - next * FRAME as i64).unwrap_or_default();
        let room = vec![0.0; MAX_PACKET_SAMPLES * Channels::Stereo.count()];
        let (piece, fed, made) = (None, 0, 0);
        Ok(Self { pipe, decoder, next, skip, piece, from, fed, made, begun: now, heard: now, room })
    }

    /// Hands in as much as it takes of what there is.
    fn feed(&mut self, packets: &VecDeque<Vec<u8>>, first: i64) {
        loop {
            if let Some(piece) = self.piece.take() {
                let samples = piece.len() / (4 * Channels::Stereo.count());
                if let Err(piece) = self.pipe.offer(piece) {
                    self.piece = Some(piece);
                    return;
                }
                self.fed += samples as u64;
            }
            let packet = match usize::try_from(self.next - first) {
                // Before the beginning, or forgotten.
                Err(_) => None,
                Ok(at) => match packets.get(at) {
                    Some(packet) => Some(packet),
                    None => return,
                },
            };
            let room = self.room.get_mut(..FRAME * Channels::Stereo.count()).unwrap_or_default();
            room.fill(0.0);
            // Ours, so that it is one; if not, it is silence.
            if let Some(Ok(packet)) = packet.map(|packet| Packet::parse(packet)) {
                let _silence = self.decoder.decode(&packet, room);
            }
            self.next += 1;
            let left_out = self.skip.min(FRAME);
            self.skip -= left_out;
            let sound = room.get(left_out * Channels::Stereo.count()..).unwrap_or_default();
            let bytes: Vec<u8> = sound.iter().flat_map(|value| value.to_le_bytes()).collect();
            self.piece = Some(bytes).filter(|piece| !piece.is_empty());
        }
    }

    /// The next frame that counts, with its number.
    fn poll(&mut self, now: Instant) -> Result<Option<(u64, Vec<u8>)>, Ended> {
        while let Some(frame) = self.pipe.poll()? {
            self.heard = now;
            self.made += 1;
            if let Some(count) = self.made.checked_sub(WARM_UP + 1) {
                return Ok(Some((self.from + count, frame)));
            }
        }
        Ok(None)
    }

    fn is_stuck(&self, now: Instant) -> bool {
        let is_late = self.fed > self.made * u64::from(SAMPLES) + USUAL_LAG || self.piece.is_some();
        is_late && now.saturating_duration_since(self.heard) >= STUCK
    }
}

#[rustfmt::skip]
const ARGUMENTS: &[&str] = &[
    "-nostdin", "-loglevel", "quiet",
    // All is said: a probe would hold the first second back.
    "-probesize", "32", "-analyzeduration", "0", "-f", "f32le", "-ar", "48000", "-ac", "2", "-i", "pipe:0",
    "-vn", "-c:a", "aac", "-profile:a", "aac_low", "-aac_coder", "fast", "-b:a", "128k",
    "-f", "adts", "-flush_packets", "1", "pipe:1",
];

fn read(mut stdout: ChildStdout, made: &SyncSender<Vec<u8>>) {
    let (mut adts, mut piece) = (Adts::default(), [0; 4_096]);
    while let Ok(read) = stdout.read(&mut piece)
        && read > 0
    {
        adts.push(piece.get(..read).unwrap_or_default());
        loop {
            match adts.poll() {
                Ok(Some((AacConfig::STEREO, frame))) => {
                    if made.send(frame).is_err() {
                        return;
                    }
                }
                Ok(None) => break,
                // Not what was asked for.
                Ok(Some(_)) | Err(_) => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command, thread};

    use voxlink_audio::opus::{Encoder as OpusEncoder, EncoderConfig};
    use voxlink_container::fmp4::{Codec, Sample, Track, init};

    use super::{
        super::part::{Part, SOUND, Segment},
        *,
    };

    const BOUND: Duration = Duration::from_secs(30);

    fn is_installed() -> bool {
        let is_installed = Command::new("ffmpeg").arg("-version").output().is_ok();
        if !is_installed {
            eprintln!("ffmpeg is not installed (apt-get install ffmpeg): left out");
        }
        is_installed
    }

    /// Silence with a millisecond of noise at each full second, left, and half a second later, right.
    fn clicks(seconds: usize) -> Vec<Vec<u8>> {
        let mut encoder = OpusEncoder::new(EncoderConfig::mix(Channels::Stereo)).unwrap();
        let sample = |at: usize| {
            let click = |at: usize| if at % 48_000 < 48 { 0.9 * (at as f32 * 0.7).sin() } else { 0.0 };
            [click(at), click(at + 24_000)]
        };
        let sound: Vec<f32> = (0..48_000 * seconds).flat_map(sample).collect();
        let frames = sound.chunks(2 * FRAME).map(|frame| {
            let mut packet = Vec::new();
            encoder.encode(frame, &mut packet).unwrap();
            packet
        });
        frames.collect()
    }

    /// Goes on until so many frames from this one on are here.
    fn made(aac: &mut Aac, from: u64, count: u64) -> Vec<Vec<u8>> {
        let begun = Instant::now();
        loop {
            aac.turn(Some(from), Instant::now());
            if let Some(frames) = aac.frames(from..from + count) {
                return frames;
            }
            assert!(begun.elapsed() < BOUND && !aac.is_failed(Instant::now()), "no frames");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Where somebody else hears clicks, in samples of the broadcast: left, right.
    fn heard(from: u64, frames: Vec<Vec<u8>>) -> [Vec<usize>; 2] {
        let samples = frames.into_iter().map(|payload| Sample { duration: SAMPLES, is_key: true, payload });
        let part = Part::new(from * u64::from(SAMPLES), samples);
        let mut file = init(&[Track { id: SOUND, codec: Codec::Aac(AacConfig::STEREO) }]);
        file.extend(Segment::new(1, None, &part).whole());
        let path = std::env::temp_dir().join(format!("voxlink-aac-{}-{from}.mp4", std::process::id()));
        fs::write(&path, file).unwrap();
        let mut decoded = Command::new("ffmpeg");
        decoded.args(["-v", "error", "-copyts", "-i"]).arg(&path).args(["-f", "f32le", "-ac", "2", "-"]);
        let decoded = decoded.output().unwrap();
        fs::remove_file(&path).unwrap();
        assert!(decoded.status.success() && decoded.stderr.is_empty());
        let values = decoded.stdout.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        let values: Vec<f32> = values.collect();
        [0, 1].map(|side| {
            let mut found: Vec<usize> = Vec::new();
            for (at, value) in values.iter().skip(side).step_by(2).enumerate() {
                let at = at + from as usize * SAMPLES as usize;
                if value.abs() > 0.3 && found.last().is_none_or(|last| at > last + 4_800) {
                    found.push(at);
                }
            }
            found
        })
    }

    fn is_near(found: &[usize], wanted: &[usize]) -> bool {
        // A millisecond: what a lossy codec smears.
        found.len() == wanted.len()
            && found.iter().zip(wanted).all(|(found, wanted)| found.abs_diff(*wanted) <= 96)
    }

    #[test]
    fn what_is_heard_is_where_it_was_whichever_process_makes_it() {
        if !is_installed() {
            return;
        }
        let mut aac = Aac::new(Path::new("ffmpeg").into());
        let packets = clicks(8);
        packets[..250].iter().for_each(|packet| aac.take(packet));
        // From the beginning on.
        let frames = made(&mut aac, 0, 141);
        let [left, right] = heard(0, frames);
        assert!(is_near(&left, &[48_000, 96_000, 144_000]), "{left:?}");
        assert!(is_near(&right, &[24_000, 72_000, 120_000]), "{right:?}");
        // It is killed, and another one goes on where it was.
        let mut frames = made(&mut aac, 141, 40);
        let first = aac.process().unwrap();
        assert!(Command::new("kill").args(["-9", &first.to_string()]).status().unwrap().success());
        packets[250..].iter().for_each(|packet| aac.take(packet));
        frames.extend(made(&mut aac, 181, 141));
        assert!(aac.process().is_some_and(|second| second != first));
        let [left, right] = heard(141, frames);
        assert!(is_near(&left, &[192_000, 240_000, 288_000]), "{left:?}");
        assert!(is_near(&right, &[168_000, 216_000, 264_000, 312_000]), "{right:?}");
        // Nobody wants it: it ends. Whoever comes then has it from the middle of what is kept.
        aac.turn(None, Instant::now());
        assert_eq!(aac.process(), None);
        let [left, _] = heard(200, made(&mut aac, 200, 100));
        assert!(is_near(&left, &[240_000, 288_000]), "{left:?}");
    }

    fn script(name: &str, text: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("voxlink-{name}-{}", std::process::id()));
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    /// Until there is no AAC, with a clock of our own.
    fn fails(program: &Path) {
        let mut aac = Aac::new(program.into());
        (0..500).for_each(|_| aac.take(SILENT));
        let (mut now, begun) = (Instant::now(), Instant::now());
        while !aac.is_failed(now) {
            aac.turn(Some(0), now);
            now += Duration::from_millis(100);
            assert!(begun.elapsed() < BOUND);
            thread::sleep(Duration::from_millis(20));
        }
        assert_eq!((aac.failures, aac.process(), aac.frames(0..10)), (MOST_FAILURES, None, None));
        let rested = now + REST;
        assert!(!aac.is_failed(rested), "it is worth another attempt");
        aac.turn(Some(0), rested);
        assert!(!aac.is_failed(rested));
    }

    const SILENT: &[u8] = &[0xf8, 0xff, 0xfe];

    #[test]
    fn a_program_that_is_not_there_breaks_or_hangs_is_given_up_for_a_while() {
        fails(Path::new("/nowhere/ffmpeg"));
        let broken = script("broken", "head -c 100000 >/dev/null; echo no AAC at all");
        fails(&broken);
        let hanging = script("hanging", "exec sleep 600");
        fails(&hanging);
        for path in [broken, hanging] {
            fs::remove_file(path).unwrap();
        }
    }
}
