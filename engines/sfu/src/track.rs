//! One stream that a peer sends: its packets, its reception report, its gaps, who gets it.

use std::time::{Duration, Instant};

use crate::{
    nack::NackGenerator,
    rtcp::ReportBlock,
    rtp::ring::Ring,
    sdp::codecs::Chosen,
    worker::{MediaKind, Mid, Source},
};

/// About four seconds of video at 120 packets a second.
const VIDEO_RING: usize = 512;
/// Audio is only kept for the batch it came in.
const AUDIO_RING: usize = 64;
/// Key frames are expensive for everyone: at most two a second are asked for.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);

/// A sender report as it arrived, moved onto the server's clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeenReport {
    /// NTP time on the sender's clock; the middle of it goes back in our reports.
    pub(crate) sender_ntp: u64,
    /// The same instant on the server's clock.
    pub(crate) ntp: u64,
    pub(crate) timestamp: u32,
    pub(crate) at: Instant,
}

/// A source of a peer.
pub(crate) struct Track {
    pub(crate) owner: usize,
    pub(crate) source: Source,
    pub(crate) mid: Mid,
    pub(crate) codec: Chosen,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    /// Announced, allowed and not muted: subscribers get it.
    pub(crate) live: bool,
    pub(crate) ring: Ring,
    /// Packets of the current batch, and those being written to subscribers.
    pub(crate) pending: Vec<u64>,
    pub(crate) pending_since: Option<Instant>,
    pub(crate) sending: Vec<u64>,
    /// The last pending packet ends a frame.
    pub(crate) frame_ended: bool,
    /// Peer and slot.
    pub(crate) subscribers: Vec<(usize, usize)>,
    pub(crate) reception: Reception,
    pub(crate) nacks: NackGenerator,
    pub(crate) report: Option<SeenReport>,
    keyframe_wanted: bool,
    keyframe_asked: Option<Instant>,
}

impl Track {
    pub(crate) fn new(owner: usize, source: Source, mid: Mid, codec: Chosen) -> Self {
        let capacity = match source.kind() {
            MediaKind::Audio => AUDIO_RING,
            MediaKind::Video => VIDEO_RING,
        };
        Self {
            owner,
            source,
            mid,
            codec,
            ssrc: None,
            rtx_ssrc: None,
            live: false,
            ring: Ring::new(capacity),
            pending: Vec::new(),
            pending_since: None,
            sending: Vec::new(),
            frame_ended: false,
            subscribers: Vec::new(),
            reception: Reception::default(),
            nacks: NackGenerator::default(),
            report: None,
            keyframe_wanted: false,
            keyframe_asked: None,
        }
    }

    pub(crate) fn kind(&self) -> MediaKind {
        self.source.kind()
    }

    /// Another SSRC: packets of the old one have nothing to do with what comes.
    pub(crate) fn start_stream(&mut self, ssrc: u32) {
        if self.ssrc == Some(ssrc) {
            return;
        }
        self.ssrc = Some(ssrc);
        self.ring.clear();
        self.pending.clear();
        self.reception = Reception::default();
        self.nacks.reset();
        self.report = None;
    }

    /// A subscriber cannot draw without a key frame.
    pub(crate) fn want_keyframe(&mut self) {
        self.keyframe_wanted = self.kind() == MediaKind::Video;
    }

    /// One came: whoever waited is served.
    pub(crate) fn keyframe_arrived(&mut self) {
        self.keyframe_wanted = false;
    }

    pub(crate) fn wants_keyframe(&self) -> bool {
        self.keyframe_wanted
    }

    /// The SSRC to ask now, at most once in [`KEYFRAME_INTERVAL`].
    pub(crate) fn take_keyframe_request(&mut self, now: Instant) -> Option<u32> {
        let waited =
            self.keyframe_asked.is_none_or(|asked| now.saturating_duration_since(asked) >= KEYFRAME_INTERVAL);
        let ssrc = self.ssrc?;
        (self.keyframe_wanted && self.live && waited).then(|| {
            self.keyframe_wanted = false;
            self.keyframe_asked = Some(now);
            ssrc
        })
    }

    /// The report block for this stream (RFC 3550 §6.4.1), `None` before the first packet.
    pub(crate) fn report_block(&mut self, now: Instant) -> Option<ReportBlock> {
        let ssrc = self.ssrc?;
        let (last_report, delay) = self.report.map_or((0, 0), |report| {
            let delay = now.saturating_duration_since(report.at).as_secs_f64() * 65_536.0;
            ((report.sender_ntp >> 16) as u32, delay as u32)
        });
        self.reception.block(ssrc, last_report, delay)
    }
}

impl Source {
    /// Which kind of m-line carries it.
    pub fn kind(self) -> MediaKind {
        match self {
            Self::Microphone | Self::ScreenAudio => MediaKind::Audio,
            Self::Camera | Self::Screen => MediaKind::Video,
        }
    }
}

/// Loss and jitter of one stream (RFC 3550 appendices A.3 and A.8).
#[derive(Default)]
pub(crate) struct Reception {
    first: Option<u64>,
    highest: u64,
    received: u64,
    expected_before: u64,
    received_before: u64,
    /// 16 times the jitter, in timestamp units.
    jitter: i64,
    transit: Option<i64>,
}

impl Reception {
    /// A packet of the stream itself, not of its RTX.
    pub(crate) fn received(&mut self, extended: u64, timestamp: u32, clock_rate: u32, since_start: Duration) {
        self.first = Some(self.first.map_or(extended, |first| first.min(extended)));
        self.highest = self.highest.max(extended);
        self.received += 1;
        let arrival = (since_start.as_secs_f64() * f64::from(clock_rate)) as i64;
        let transit = i64::from((arrival as u32).wrapping_sub(timestamp) as i32);
        if let Some(before) = self.transit.replace(transit) {
            let difference = (transit - before).abs();
            // A new capture may restart the timestamps: that is no jitter.
            if difference < i64::from(clock_rate) {
                self.jitter += difference - ((self.jitter + 8) >> 4);
            }
        }
    }

    /// Packets up to the newest, from the first that came.
    pub(crate) fn expected(&self) -> u64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// Packets that never came by themselves.
    pub(crate) fn lost(&self) -> u64 {
        self.expected().saturating_sub(self.received)
    }

    /// Of a stream whose timestamps count this many a second.
    pub(crate) fn jitter(&self, clock_rate: u32) -> Duration {
        let ticks = (self.jitter >> 4).max(0) as f64;
        Duration::from_secs_f64(ticks / f64::from(clock_rate.max(1)))
    }

    fn block(&mut self, ssrc: u32, last_report: u32, delay: u32) -> Option<ReportBlock> {
        self.first?;
        let expected = self.expected() - self.expected_before;
        let received = self.received - self.received_before;
        self.expected_before = self.expected();
        self.received_before = self.received;
        let lost = expected.saturating_sub(received);
        Some(ReportBlock {
            ssrc,
            fraction_lost: (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8,
            lost: self.lost().min(0x7f_ffff) as u32,
            highest: self.highest as u32,
            jitter: (self.jitter >> 4) as u32,
            last_report,
            delay,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_tells_the_loss_since_the_last_one_and_in_all() {
        let mut reception = Reception::default();
        for extended in (0..100u64).filter(|n| n % 4 != 3) {
            reception.received(extended, extended as u32 * 960, 48_000, Duration::from_millis(20 * extended));
        }
        let block = reception.block(1, 0, 0).expect("packets came");
        // 99 was the last and is lost: 99 expected, 75 received.
        assert_eq!((block.fraction_lost, block.lost, block.highest), ((24 * 256 / 99) as u8, 24, 98));
        assert_eq!(block.jitter, 0);
        let quiet = reception.block(1, 0, 0).expect("as before");
        assert_eq!((quiet.fraction_lost, quiet.lost), (0, 24));
    }

    #[test]
    fn key_frames_are_asked_for_twice_a_second_at_most() {
        let codec = Chosen { payload_type: 96, rtx_payload_type: None, clock_rate: 90_000 };
        let mut track = Track::new(0, Source::Camera, "1".into(), codec);
        let start = Instant::now();
        track.live = true;
        track.start_stream(7);
        let asked = (0..1_000)
            .filter(|milli| {
                track.want_keyframe();
                track.take_keyframe_request(start + Duration::from_millis(*milli)).is_some()
            })
            .count();
        assert_eq!(asked, 2);
    }
}
