//! VP8, which no player of MP4 knows, to H.264: one ffmpeg beside the server, of low priority, for the picture that is
//! shown. Pictures go in as IVF, which ffmpeg reads a frame at a time, and come out as Matroska, both with their times.
//!
//! Nobody waits for it: what it does not take in time is left out up to the next key frame.

use std::{io, path::Path, sync::mpsc::SyncSender, time::Duration};

use voxlink_container::{
    Size, fmp4,
    matroska::{Codec, Reader},
};

use super::pipe::{Ended, Pipe};

/// Pictures that wait for it: four seconds.
const MOST_WAITING: usize = 120;
/// Larger pictures are made smaller: the encoder is to take a part of a core.
const SCALE: &str =
    "scale=w='min(1280,iw)':h='min(720,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2";
/// A key frame every four seconds, as segments want them.
const KEYS: &str = "expr:if(isnan(prev_forced_t),1,gte(t,prev_forced_t+4))";

/// A picture that came out.
pub(super) struct Made {
    pub(super) at: Duration,
    pub(super) is_key: bool,
    pub(super) payload: Vec<u8>,
    /// The same for all of one process.
    pub(super) codec: fmp4::Codec,
}

/// One process.
pub(super) struct Transcoder {
    pipe: Pipe<Made>,
    /// Of what goes in.
    size: Size,
    needs_key: bool,
    /// When the first and the newest picture that went in were taken.
    first_in: Option<Duration>,
    last_in: Duration,
}

impl Transcoder {
    /// Starts one, an ffmpeg, for pictures that begin with this size. It ends with the thread that starts it.
    ///
    /// # Errors
    /// When the system gives no process or thread.
    pub(super) fn start(program: &Path, size: Size) -> io::Result<Self> {
        let pipe = Pipe::start(program, ARGUMENTS, MOST_WAITING, read)?;
        // It takes more than this.
        let _fits = pipe.offer(head(size));
        let (needs_key, first_in, last_in) = (true, None, Duration::ZERO);
        Ok(Self { pipe, size, needs_key, first_in, last_in })
    }

    /// Whether pictures of this size may go on in the same process: they are brought to the size of the first, so that much
    /// larger ones are worth another.
    pub(super) fn fits(&self, size: Size) -> bool {
        let pixels = |size: Size| u32::from(size.width) * u32::from(size.height);
        let is_turned = |size: Size| size.height > size.width;
        pixels(size) <= pixels(self.size) * 3 / 2 && is_turned(size) == is_turned(self.size)
    }

    /// Hands a picture in; false when a key frame is needed to go on.
    pub(super) fn feed(&mut self, at: Duration, is_key: bool, payload: &[u8]) -> bool {
        if self.needs_key && !is_key {
            return false;
        }
        // It is told milliseconds, and wants each once.
        let earliest = self.last_in + Duration::from_millis(1);
        let at = if self.first_in.is_some() { at.max(earliest) } else { at };
        let mut piece = Vec::with_capacity(payload.len() + 12);
        piece.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
        piece.extend_from_slice(&u64::try_from(at.as_millis()).unwrap_or(u64::MAX).to_le_bytes());
        piece.extend_from_slice(payload);
        let sent = self.pipe.offer(piece).is_ok();
        self.needs_key = !sent;
        if sent {
            self.first_in.get_or_insert(at);
            self.last_in = at;
        }
        sent
    }

    /// How much it was given so far.
    pub(super) fn fed(&self) -> Duration {
        self.first_in.map_or(Duration::ZERO, |first| self.last_in.saturating_sub(first))
    }

    /// Nothing can be made of what comes until there is a key frame.
    pub(super) fn needs_key(&self) -> bool {
        self.needs_key
    }

    /// The next picture that came out.
    ///
    /// # Errors
    /// [`Ended`]: nothing comes any more.
    pub(super) fn poll(&mut self) -> Result<Option<Made>, Ended> {
        self.pipe.poll()
    }
}

#[rustfmt::skip]
const ARGUMENTS: &[&str] = &[
    "-nostdin", "-loglevel", "quiet", "-flags", "low_delay",
    // The head says it all: a probe would hold the first seconds back.
    "-probesize", "32", "-fpsprobesize", "0", "-f", "ivf", "-copyts", "-i", "pipe:0",
    "-an", "-fps_mode", "passthrough", "-vf", SCALE, "-pix_fmt", "yuv420p", "-threads", "2",
    "-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-profile:v", "baseline",
    "-crf", "26", "-maxrate", "2500k", "-bufsize", "2500k", "-g", "100000",
    "-force_key_frames", KEYS, "-copyts", "-f", "matroska", "-cluster_time_limit", "1",
    "-flush_packets", "1", "pipe:1",
];

/// IVF's 32 bytes before the frames: VP8, in thousandths of a second.
fn head(size: Size) -> Vec<u8> {
    let mut head = b"DKIF\0\0\x20\0VP80".to_vec();
    head.extend_from_slice(&size.width.to_le_bytes());
    head.extend_from_slice(&size.height.to_le_bytes());
    head.extend_from_slice(&1_000_u32.to_le_bytes());
    head.extend_from_slice(&1_u32.to_le_bytes());
    head.extend_from_slice(&[0; 8]);
    head
}

fn read(stdout: std::process::ChildStdout, made: &SyncSender<Made>) {
    let Ok(mut reader) = Reader::open(io::BufReader::new(stdout)) else { return };
    let first = reader.header().tracks.first().map(|track| track.codec.clone());
    let Some(Codec::H264 { size, config }) = first else { return };
    let codec = fmp4::Codec::H264 { size, config };
    let mut payload = Vec::new();
    while let Ok(Some(block)) = reader.next(&mut payload) {
        let (at, is_key, payload) = (block.at, block.is_key, std::mem::take(&mut payload));
        if made.send(Made { at, is_key, payload, codec: codec.clone() }).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use std::{process::Command, thread, time::Instant};

    use super::*;

    /// One second of VP8 at ten frames a second.
    fn frames() -> Vec<Vec<u8>> {
        let file = include_bytes!("../../../../engines/container/tests/media/vp8.ivf");
        let mut rest = &file[32..];
        let mut frames = Vec::new();
        while let Some(([l0, l1, l2, l3, ..], _)) = rest.split_first_chunk::<12>() {
            let length = u32::from_le_bytes([*l0, *l1, *l2, *l3]) as usize;
            frames.push(rest[12..12 + length].to_vec());
            rest = &rest[12 + length..];
        }
        frames
    }

    #[test]
    fn pictures_come_out_at_their_times_as_h264() {
        if Command::new("ffmpeg").arg("-version").output().is_err() {
            eprintln!("ffmpeg is not installed (apt-get install ffmpeg): left out");
            return;
        }
        let frames = frames();
        let mut transcoder =
            Transcoder::start(Path::new("ffmpeg"), Size { width: 320, height: 180 }).unwrap();
        assert!(!transcoder.feed(Duration::ZERO, false, &frames[1]), "nothing to build on yet");
        // As if it had gone on for an hour.
        let at = |index: usize| Duration::from_millis(3_600_000 + 100 * index as u64);
        let feed = |transcoder: &mut Transcoder, index: usize| {
            let frame = &frames[index % frames.len()];
            // The lowest bit of a frame's first byte says that it builds on others (RFC 6386 §9.1).
            assert!(transcoder.feed(at(index), frame[0] & 1 == 0, frame));
        };
        let (mut made, mut fed) = (Vec::new(), 0);
        let begun = Instant::now();
        while made.len() < 50 {
            assert!(begun.elapsed() < Duration::from_secs(30), "{} of {fed}", made.len());
            if fed < 60 {
                feed(&mut transcoder, fed);
                fed += 1;
            }
            while let Some(picture) = transcoder.poll().unwrap() {
                made.push(picture);
            }
            thread::sleep(Duration::from_millis(5));
        }
        let keys: Vec<usize> = (0..50).filter(|at| made[*at].is_key).collect();
        assert_eq!(keys, [0, 40], "every four seconds");
        for (index, picture) in made.iter().enumerate() {
            assert_eq!(picture.at, at(index));
            assert!(matches!(&picture.codec, fmp4::Codec::H264 { config, .. } if config.len() > 10));
        }
    }

    #[test]
    fn what_is_no_picture_ends_it_or_brings_nothing() {
        let size = Size { width: 640, height: 360 };
        let Ok(mut transcoder) = Transcoder::start(Path::new("ffmpeg"), size) else { return };
        for at in 0..20 {
            transcoder.feed(Duration::from_millis(20 * at), at == 0, &[1; 700]);
        }
        // The end of what comes in is the end of what comes out.
        transcoder.pipe.close();
        let begun = Instant::now();
        loop {
            match transcoder.poll() {
                Err(Ended) => return,
                Ok(made) => assert!(made.is_none() && begun.elapsed() < Duration::from_secs(30)),
            }
            thread::sleep(Duration::from_millis(10));
        }
    }
}
