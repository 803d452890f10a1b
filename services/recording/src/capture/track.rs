//! One source of one person, written as it comes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    sync::mpsc::SyncSender,
    time::{Duration, Instant},
};

use voxlink_audio::clock::SenderClock;
use voxlink_container::{
    OpusHead,
    matroska::{Block, Codec as Kept, Info, Track, TrackNumber, Writer},
    rtp::{Assembled, Assembler, Format, Frame, Packet},
};
use voxlink_sfu::{Codec, MediaKind, PeerId, PersonId, Source, TapPacket};

use super::{names::TrackName, timeline::Timeline};

/// How long something that is missing is waited for: redundancy comes within a few packets of sound, a retransmission
/// within two round trips.
const SOUND_PATIENCE: Duration = Duration::from_millis(250);
const PICTURE_PATIENCE: Duration = Duration::from_millis(600);
/// A second transport of a person with the same source takes over when the first is silent for so long.
const TAKES_OVER: Duration = Duration::from_secs(1);
/// A picture that can be begun with is asked for when the last one is this old, so that whoever plays the track, or makes a
/// video of it, need not decode all of it to get to its end.
const SEEKABLE: Duration = Duration::from_secs(20);
/// The only track of its file.
const ONLY: u8 = 1;

/// Writes one source of one person, into one file after the other where its codec changes.
pub(super) struct TrackWriter {
    person: PersonId,
    source: Source,
    /// The transport and run that packets are taken from, and when one came last.
    from: Option<(PeerId, u32, Instant)>,
    codec: Codec,
    assembler: Assembler,
    clock: SenderClock,
    open: Option<Open>,
    files: u32,
    /// Not handed to the system yet.
    pending: Vec<u8>,
    last: Duration,
    last_key: Duration,
}

/// A file that is being written.
struct Open {
    file: File,
    writer: Writer,
    codec: Codec,
    config: Option<Vec<u8>>,
    /// Written since it was last synced.
    is_dirty: bool,
}

impl TrackWriter {
    pub(super) fn new(person: PersonId, source: Source, codec: Codec) -> Self {
        Self {
            person,
            source,
            from: None,
            codec,
            assembler: assembler(codec),
            clock: SenderClock::new(codec.clock_rate()),
            open: None,
            files: 0,
            pending: Vec::new(),
            last: Duration::ZERO,
            last_key: Duration::ZERO,
        }
    }

    /// Takes a packet in.
    pub(super) fn take(&mut self, packet: &TapPacket, now: Instant) {
        let arrived = packet.arrived().unwrap_or(now);
        let run = (packet.peer, packet.run);
        match self.from {
            Some((peer, known, _)) if (peer, known) == run && self.codec == packet.codec => {}
            Some((peer, _, heard)) if peer != packet.peer && arrived < heard + TAKES_OVER => return,
            _ => self.restart(packet.codec),
        }
        self.from = Some((packet.peer, packet.run, arrived));
        if !packet.is_repair() {
            self.clock.observe(packet.timestamp(), arrived);
        }
        let packet = Packet {
            sequence: (packet.sequence() & 0xffff) as u16,
            timestamp: packet.timestamp(),
            marker: packet.marker(),
            payload: packet.payload(),
        };
        self.assembler.handle(packet, arrived);
    }

    /// What comes next has nothing to do with what came before: another encoding, another transport, a pause.
    pub(super) fn restart(&mut self, codec: Codec) {
        self.codec = codec;
        self.assembler = assembler(codec);
        self.clock = SenderClock::new(codec.clock_rate());
        self.from = None;
    }

    /// Which transport needs to send a key frame, if pictures cannot be put together or the last one is long past.
    pub(super) fn needs_keyframe(&mut self) -> Option<PeerId> {
        let is_old = self.last.saturating_sub(self.last_key) >= SEEKABLE;
        if is_old {
            // Asked for once: a source that has ended since would be asked for ever.
            self.last_key = self.last;
        }
        let wants = self.source.kind() == MediaKind::Video && (is_old || self.assembler.wants_key_frame());
        self.from.filter(|_| wants).map(|(peer, ..)| peer)
    }

    /// Writes what has become whole by `now`; true when something of it was lost on the way.
    ///
    /// # Errors
    /// When the disk refuses; what was to be written is gone then.
    pub(super) fn drain(&mut self, now: Instant, folder: &Path, time: &Timeline) -> io::Result<bool> {
        let mut has_lost = false;
        while let Some(assembled) = self.assembler.poll(now) {
            match assembled {
                Assembled::Lost { .. } => has_lost = true,
                Assembled::Frame(frame) => self.keep(frame, folder, time)?,
            }
        }
        self.flush()?;
        Ok(has_lost)
    }

    fn keep(&mut self, frame: Frame, folder: &Path, time: &Timeline) -> io::Result<()> {
        let at = self.clock.time_of(frame.timestamp).and_then(|at| time.place(at));
        // A little early is the beginning; what lies in a pause is not kept.
        let at = match at {
            Some(at) => at,
            None if self.files == 0 && time.place(frame.arrival).is_some() => Duration::ZERO,
            None => return Ok(()),
        };
        let at = at.max(self.last);
        let fits = self.open.as_ref().is_some_and(|open| {
            open.codec == self.codec && (frame.config.is_none() || frame.config == open.config)
        });
        if !fits && !self.begin(&frame, folder)? {
            return Ok(());
        }
        let (Some(open), Some(track)) = (&mut self.open, TrackNumber::new(ONLY)) else { return Ok(()) };
        let block = Block { track, at, is_key: frame.is_key, payload: &frame.payload };
        match open.writer.write(&block, &mut self.pending) {
            Ok(()) => {
                self.last = at;
                if frame.is_key {
                    self.last_key = at;
                }
            }
            Err(error) => tracing::debug!(%error, "a frame is not kept"),
        }
        Ok(())
    }

    /// Begins a file with this frame; false when that is none to begin with.
    fn begin(&mut self, frame: &Frame, folder: &Path) -> io::Result<bool> {
        let size = frame.size.unwrap_or_default();
        let config = frame.config.clone();
        let kept = match (self.codec, config.clone()) {
            (Codec::Opus, _) => Kept::Opus(OpusHead::of(2)),
            (Codec::Vp8, _) => Kept::Vp8 { size },
            (Codec::Vp9, _) => Kept::Vp9 { size },
            (Codec::H264, Some(config)) => Kept::H264 { size, config },
            (Codec::Av1, Some(config)) => Kept::Av1 { size, config },
            (Codec::H264 | Codec::Av1, None) => return Ok(false),
        };
        if !frame.is_key {
            return Ok(false);
        }
        self.flush()?;
        let name = TrackName { person: self.person, source: self.source, number: self.files };
        let file = OpenOptions::new().append(true).create_new(true).open(folder.join(name.to_string()))?;
        self.files += 1;
        let Some(number) = TrackNumber::new(ONLY) else { return Ok(false) };
        let track = Track { number, name: name.source_name().to_owned(), codec: kept };
        let writer = Writer::begin(&Info::default(), &[track], &mut self.pending);
        self.open = Some(Open { file, writer, codec: self.codec, config, is_dirty: false });
        Ok(true)
    }

    /// Hands what waits to the system: from here on it survives the process.
    fn flush(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.is_dirty = true;
        let written = open.file.write_all(&self.pending);
        self.pending.clear();
        if written.is_err() {
            // A block may be torn in the middle: what follows goes into another file.
            self.open = None;
        }
        written
    }

    /// Lets the disk have it, on another thread: from then on it survives the machine.
    pub(super) fn sync(&mut self, syncer: &SyncSender<File>) {
        if let Some(open) = self.open.as_mut().filter(|open| open.is_dirty)
            && let Ok(file) = open.file.try_clone()
            && syncer.try_send(file).is_ok()
        {
            open.is_dirty = false;
        }
    }

    /// A pause begins or ends: what is on its way is written now or never.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn interrupt(&mut self, now: Instant, folder: &Path, time: &Timeline) -> io::Result<()> {
        let drained = self.drain(now + PICTURE_PATIENCE + SOUND_PATIENCE, folder, time);
        self.restart(self.codec);
        drained.map(|_| ())
    }

    /// The last of it, synced.
    ///
    /// # Errors
    /// When the disk refuses.
    pub(super) fn finish(mut self, now: Instant, folder: &Path, time: &Timeline) -> io::Result<()> {
        // Nothing more comes: gaps are given up.
        self.drain(now + PICTURE_PATIENCE + SOUND_PATIENCE, folder, time)?;
        match self.open {
            Some(open) => open.file.sync_data(),
            None => Ok(()),
        }
    }
}

fn assembler(codec: Codec) -> Assembler {
    let (format, patience) = match codec {
        Codec::Opus => (Format::Opus, SOUND_PATIENCE),
        Codec::Vp8 => (Format::Vp8, PICTURE_PATIENCE),
        Codec::Vp9 => (Format::Vp9, PICTURE_PATIENCE),
        Codec::H264 => (Format::H264, PICTURE_PATIENCE),
        Codec::Av1 => (Format::Av1, PICTURE_PATIENCE),
    };
    Assembler::new(format, patience)
}
