//! One RTP stream of a source: the only one, or one of its simulcast encodings (RFC 8853). Its packets, its reception
//! report, its gaps, its rate, who gets it.

use std::time::{Duration, Instant};

use crate::{
    codec::{FrameInfo, Point, dependency::Structure},
    nack::NackGenerator,
    protection::{Peak, Protection},
    rtcp::ReportBlock,
    rtp::ring::Ring,
    track::Seat,
    worker::{MediaKind, Rid},
};

/// About four seconds of video at 120 packets a second.
const VIDEO_RING: usize = 512;
/// An encoding of several has a share of that rate.
const SIMULCAST_RING: usize = 256;
/// Audio is only kept for the batch it came in.
const AUDIO_RING: usize = 64;
/// Key frames are expensive for everyone: at most two a second are asked for.
const KEYFRAME_INTERVAL: Duration = Duration::from_millis(500);
/// A stream without packets for this long is not sent now: a camera in the dark still makes seven frames a second.
const SILENCE: Duration = Duration::from_millis(600);
/// Timestamps that fall further behind time than this at once did not move: the source was off meanwhile. A way that was
/// held up for longer looks the same; what it held up receivers keep either way.
const STOOD_STILL: Duration = Duration::from_millis(500);
/// Between two measurements of the rate.
const RATE_INTERVAL: Duration = Duration::from_millis(500);
/// Weight of a new measurement in the rate, and of one that is higher: a key frame is no larger stream.
const RATE_GAIN: f32 = 0.3;
const RISE_GAIN: f32 = 0.15;
/// Bits a second under which a layer is not there.
const NOTHING: f32 = 500.0;
/// Layers of one stream that are measured apart.
const POINTS: usize = 32;

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

/// What a packet says of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct News {
    /// The stream begins or begins again, or changes its size.
    pub(crate) begins: bool,
    /// Its clock did not move while nothing came.
    pub(crate) stood_still: bool,
}

/// A stream of a source.
pub(crate) struct Encoding {
    /// Its name among several.
    pub(crate) rid: Option<Rid>,
    pub(crate) ssrc: Option<u32>,
    pub(crate) rtx_ssrc: Option<u32>,
    pub(crate) ring: Ring,
    /// Packets of the current batch, and those being written to subscribers.
    pub(crate) pending: Vec<u64>,
    pub(crate) pending_since: Option<Instant>,
    pub(crate) sending: Vec<u64>,
    /// The first of the newest packets that were kept and sent to nobody: what is sent next begins anew.
    pub(crate) unheard_from: Option<u64>,
    /// The last pending packet ends a frame.
    pub(crate) frame_ended: bool,
    /// Those who show it or wait for its key frame, in order.
    pub(crate) subscribers: Vec<Seat>,
    /// One of them may still wait for it.
    pub(crate) is_awaited: bool,
    pub(crate) reception: Reception,
    pub(crate) nacks: NackGenerator,
    pub(crate) report: Option<SeenReport>,
    /// What the way from the publisher needs.
    pub(crate) protection: Protection,
    /// What subscribers miss whatever their own way is like.
    pub(crate) gaps: Peak,
    /// From the dependency descriptor of its newest key frame.
    pub(crate) structure: Option<Box<Structure>>,
    /// Who gets a spatial layer has got all that the layers below it need.
    pub(crate) is_nested: bool,
    /// Width and height in pixels of the highest spatial layer, once a key frame said so.
    pub(crate) size: Option<(u16, u16)>,
    pub(crate) rates: Rates,
    /// The sender was told that this is wanted.
    pub(crate) told_wanted: bool,
    /// Since when nobody watches it.
    pub(crate) unwanted_since: Option<Instant>,
    /// When a packet last came, and its timestamp.
    last_packet: Option<(Instant, u32)>,
    keyframe_wanted: bool,
    keyframe_asked: Option<Instant>,
}

impl Encoding {
    pub(crate) fn new(kind: MediaKind, rid: Option<Rid>) -> Self {
        let capacity = match (kind, &rid) {
            (MediaKind::Audio, _) => AUDIO_RING,
            (MediaKind::Video, None) => VIDEO_RING,
            (MediaKind::Video, Some(_)) => SIMULCAST_RING,
        };
        Self {
            rid,
            ssrc: None,
            rtx_ssrc: None,
            ring: Ring::new(capacity),
            pending: Vec::new(),
            pending_since: None,
            sending: Vec::new(),
            unheard_from: None,
            frame_ended: false,
            subscribers: Vec::new(),
            is_awaited: false,
            reception: Reception::default(),
            nacks: NackGenerator::default(),
            report: None,
            protection: Protection::default(),
            gaps: Peak::default(),
            structure: None,
            is_nested: true,
            size: None,
            rates: Rates::default(),
            told_wanted: true,
            unwanted_since: None,
            last_packet: None,
            keyframe_wanted: false,
            keyframe_asked: None,
        }
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
        self.structure = None;
    }

    /// A packet came, whoever wants it: counts it.
    pub(crate) fn note(
        &mut self,
        frame: &FrameInfo,
        timestamp: u32,
        clock_rate: u32,
        bytes: usize,
        now: Instant,
    ) -> News {
        self.rates.add(frame.point, bytes);
        self.is_nested &= frame.present.is_nested();
        let was_alive = self.is_alive(now);
        let stood_still = self.last_packet.replace((now, timestamp)).is_some_and(|(at, before)| {
            let passed = now.saturating_duration_since(at);
            let moved = f64::from(timestamp.wrapping_sub(before).cast_signed()) / f64::from(clock_rate);
            passed > STOOD_STILL && (passed - STOOD_STILL).as_secs_f64() > moved
        });
        let resized = frame.size.is_some() && frame.size != self.size;
        if resized {
            self.size = frame.size;
        }
        News { begins: resized || !was_alive, stood_still }
    }

    /// Whether its sender is sending it now.
    pub(crate) fn is_alive(&self, now: Instant) -> bool {
        self.last_packet.is_some_and(|(last, _)| now.saturating_duration_since(last) < SILENCE)
    }

    /// A subscriber cannot draw without a key frame.
    pub(crate) fn want_keyframe(&mut self) {
        self.keyframe_wanted = true;
    }

    /// One came, or nobody needs one any more: whoever waited is served.
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
        (self.keyframe_wanted && waited).then(|| {
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
        let block = self.reception.block(ssrc, last_report, delay)?;
        self.protection.note(block.fraction_lost, now);
        self.gaps.note(self.reception.gaps, now);
        Some(block)
    }
}

/// How much of each layer arrives, averaged over about two seconds.
#[derive(Default)]
pub(crate) struct Rates {
    /// Payload bytes since the last measurement, and bits a second, each by the frames' own layer. Empty until
    /// something came.
    counted: Vec<(u32, f32)>,
    since: Option<Instant>,
    newest: u64,
}

impl Rates {
    fn add(&mut self, point: Point, bytes: usize) {
        if self.counted.is_empty() {
            self.counted.resize(POINTS, (0, 0.0));
        }
        if let Some((count, _)) = self.counted.get_mut(point.index()) {
            *count = count.saturating_add(u32::try_from(bytes).unwrap_or(u32::MAX));
        }
    }

    /// Takes the measurement when it is due; says whether it was.
    pub(crate) fn tick(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed < RATE_INTERVAL {
            return false;
        }
        self.since = Some(now);
        let is_sent = self.counted.iter().any(|(count, _)| *count > 0);
        for (count, rate) in &mut self.counted {
            let measured = *count as f32 * 8.0 / elapsed.as_secs_f32();
            // The first measurement counts whole.
            let gain = if measured > *rate { RISE_GAIN } else { RATE_GAIN };
            *rate += (measured - *rate) * if *rate == 0.0 { 1.0 } else { gain };
            if *rate < NOTHING {
                *rate = 0.0;
            }
            *count = 0;
        }
        if is_sent {
            self.newest = self.counted.iter().map(|(_, rate)| *rate).sum::<f32>() as u64;
        }
        true
    }

    /// Bits a second of the whole stream when it was last sent.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    /// Bits a second of a layer with all that it builds on.
    pub(crate) fn up_to(&self, point: Point) -> u64 {
        let parts =
            self.counted.iter().enumerate().filter(|(index, _)| Point::from_index(*index).is_within(point));
        parts.map(|(_, (_, rate))| *rate).sum::<f32>() as u64
    }

    /// The highest spatial and the highest temporal layer that arrive.
    pub(crate) fn top(&self) -> Point {
        let alive = || {
            let measured =
                self.counted.iter().enumerate().filter(|(_, (count, rate))| *count > 0 || *rate > 0.0);
            measured.map(|(index, _)| Point::from_index(index))
        };
        let spatial = alive().map(Point::spatial).max().unwrap_or_default();
        Point::new(spatial, alive().map(Point::temporal).max().unwrap_or_default())
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
    /// Lost, but found in redundancy, since the last report.
    recovered: u64,
    /// Share in 1/256 that neither came nor was found, between the last two reports.
    gaps: u8,
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

    /// A lost packet was found in the redundancy of a later one.
    pub(crate) fn recovered(&mut self) {
        self.recovered += 1;
    }

    /// Packets up to the newest, from the first that came.
    pub(crate) fn expected(&self) -> u64 {
        self.first.map_or(0, |first| self.highest - first + 1)
    }

    /// The highest number that came.
    pub(crate) fn highest(&self) -> Option<u64> {
        self.first.map(|_| self.highest)
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
        let share = |lost: u64| (lost * 256).checked_div(expected).unwrap_or(0).min(255) as u8;
        self.gaps = share(lost.saturating_sub(std::mem::take(&mut self.recovered)));
        Some(ReportBlock {
            ssrc,
            fraction_lost: share(lost),
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
        let mut encoding = Encoding::new(MediaKind::Video, None);
        let start = Instant::now();
        encoding.start_stream(7);
        let asked = (0..1_000)
            .filter(|milli| {
                encoding.want_keyframe();
                encoding.take_keyframe_request(start + Duration::from_millis(*milli)).is_some()
            })
            .count();
        assert_eq!(asked, 2);
    }

    #[test]
    fn the_rate_of_a_layer_holds_those_below_it() {
        let start = Instant::now();
        let mut rates = Rates::default();
        rates.tick(start);
        for half in 1..=4 {
            rates.add(Point::new(0, 0), 10_000);
            rates.add(Point::new(0, 1), 5_000);
            rates.tick(start + RATE_INTERVAL * half);
        }
        assert_eq!(rates.up_to(Point::new(0, 0)), 160_000);
        assert_eq!(rates.up_to(Point::MAX), 240_000);
        assert_eq!(rates.top(), Point::new(0, 1));
    }
}
