//! A subscriber's estimator, pacer and allocator over a simulated link, in virtual time: the world of the timelines.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use voxlink_netemu::Rng;

use super::{
    Bitrate, Downlink, Micros,
    allocate::{Attention, Demand, LayerChoice, Share},
    link::{Link, Shape},
    pacer::{Held, TICK},
};
use crate::rtcp::twcc::{Feedback, Recorder};

const STEP: Micros = 1_000;
const PACKET: usize = 1_200;
const SMALL: usize = 300;
const AUDIO: usize = 120;
const FEEDBACK: Micros = 100_000;
const SOUND_REPORT: Micros = 1_000_000;

/// What is sent.
#[derive(Clone)]
pub(super) enum Content {
    /// An encoder that follows the target up to this rate.
    Adaptive(Bitrate),
    /// Simulcast layers between which the allocator chooses.
    Layers(Vec<LayerChoice>),
}

pub(super) fn camera() -> Content {
    Content::Layers(
        [150, 500, 1_500].map(|kilobits| LayerChoice { bitrate: Bitrate::kbps(kilobits) }).to_vec(),
    )
}

pub(super) enum Packet {
    Video { flow: usize, sequence: u16, size: usize },
    Audio { flow: usize },
}

/// One sender and its receiver.
pub(super) struct Flow {
    pub(super) downlink: Downlink,
    content: Content,
    sequence: u16,
    next_frame: Micros,
    recorder: Recorder,
    pub(super) back: Link<Vec<u8>>,
    pub(super) received: u64,
    pub(super) audio_sent: u32,
    pub(super) audio_received: u32,
    /// Audio sent and received at the last receiver report.
    reported: (u32, u32),
    pub(super) longest_hold: Micros,
    held_at: VecDeque<Micros>,
    pub(super) layers: Vec<(i64, Share)>,
}

pub(super) struct World {
    start: Instant,
    now: Micros,
    pub(super) link: Link<Packet>,
    pub(super) flows: Vec<Flow>,
    random: Rng,
    /// Longest wait in the link's queue since it was last reset.
    pub(super) longest_queue: Micros,
}

impl World {
    pub(super) fn new(shape: Shape, contents: &[Content], seed: u64) -> Self {
        let start = Instant::now();
        let flows = contents.iter().enumerate().map(|(at, content)| {
            let mut downlink = Downlink::new(start);
            downlink.is_measured = true;
            Flow {
                downlink,
                content: content.clone(),
                sequence: 65_500,
                next_frame: at as Micros * 7_000,
                recorder: Recorder::new(start),
                back: Link::new(Shape::of(10_000), seed ^ at as u64),
                received: 0,
                audio_sent: 0,
                audio_received: 0,
                reported: (0, 0),
                longest_hold: 0,
                held_at: VecDeque::new(),
                layers: Vec::new(),
            }
        });
        Self {
            start,
            now: 0,
            link: Link::new(shape, seed),
            flows: flows.collect(),
            random: Rng::new(!seed),
            longest_queue: 0,
        }
    }

    pub(super) fn instant(&self) -> Instant {
        self.start + Duration::from_micros(self.now.unsigned_abs())
    }

    pub(super) fn run(&mut self, millis: i64) {
        let end = self.now + millis * 1_000;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until this holds; how many milliseconds that took. At most a minute.
    pub(super) fn until(&mut self, holds: impl Fn(&Self) -> bool) -> i64 {
        let start = self.now;
        while !holds(self) && self.now - start < 60_000_000 {
            self.step();
        }
        (self.now - start) / 1_000
    }

    /// Bits per second that arrived while running for so long.
    pub(super) fn measure(&mut self, flow: usize, millis: i64) -> u64 {
        let before = self.flows[flow].received;
        self.run(millis);
        (self.flows[flow].received - before) * 8_000 / millis.unsigned_abs()
    }

    pub(super) fn target(&self, flow: usize) -> u64 {
        self.flows[flow].downlink.target().as_bps() / 1_000
    }

    fn step(&mut self) {
        self.now += STEP;
        let now = self.instant();
        for flow in 0..self.flows.len() {
            self.answers(flow, now);
            if self.now % 20_000 == 0 {
                self.flows[flow].audio_sent += 1;
                self.link.send(self.now, AUDIO, Packet::Audio { flow });
            }
            if self.now >= self.flows[flow].next_frame {
                self.frame(flow, now);
            }
            if self.now % TICK.as_micros() as Micros == 0 {
                self.tick(flow, now);
            }
        }
        self.arrivals(now);
        self.longest_queue = self.longest_queue.max(self.link.waiting(self.now));
    }

    fn frame(&mut self, flow: usize, now: Instant) {
        let one = &mut self.flows[flow];
        one.next_frame += 33_333;
        let rate = match &one.content {
            Content::Adaptive(most) => one.downlink.target().times(0.9).min(*most),
            Content::Layers(layers) => {
                let demands = [Demand { key: (0, 0), attention: Attention::Other, priority: 0, layers }];
                one.downlink.allocate(&demands, now);
                let share = one.downlink.allocator.share((0, 0));
                if one.layers.last().is_none_or(|(_, before)| *before != share) {
                    one.layers.push((self.now / 1_000, share));
                }
                share.and_then(|share| layers.get(share)).map_or(Bitrate::ZERO, |layer| layer.bitrate)
            }
        };
        if let Content::Adaptive(most) = &one.content {
            let layers = [LayerChoice { bitrate: *most }];
            one.downlink.allocate(
                &[Demand { key: (0, 0), attention: Attention::Other, priority: 0, layers: &layers }],
                now,
            );
        }
        let spread = 0.7 + 0.6 * self.random.fraction();
        let mut left = (rate.as_bps() as f64 / 8.0 / 30.0 * spread) as usize;
        while left > 0 {
            let size = left.min(PACKET);
            left -= size;
            let one = &mut self.flows[flow];
            if one.downlink.admits(now) {
                self.video(flow, size, false, now);
            } else {
                one.held_at.push_back(self.now);
                let held = Held { slot: 0, encoding: 0, size: size as u16, track: 0, extended: 0 };
                if let Some(evicted) = one.downlink.pacer.hold(held) {
                    one.held_at.pop_front();
                    self.video(flow, usize::from(evicted.size), false, now);
                }
            }
        }
    }

    fn video(&mut self, flow: usize, size: usize, is_padding: bool, now: Instant) {
        let one = &mut self.flows[flow];
        let sequence = one.sequence;
        one.sequence = sequence.wrapping_add(1);
        match is_padding {
            true => one.downlink.padded(Some(sequence), size, now),
            false => one.downlink.sent(Some(sequence), size, now),
        }
        self.link.send(self.now, size, Packet::Video { flow, sequence, size });
    }

    fn tick(&mut self, flow: usize, now: Instant) {
        let one = &mut self.flows[flow];
        one.downlink.tick(now);
        let target = one.downlink.target();
        while let Some(held) = self.flows[flow].downlink.pacer.next(target, now) {
            let one = &mut self.flows[flow];
            let since = one.held_at.pop_front().unwrap_or(self.now);
            one.longest_hold = one.longest_hold.max(self.now - since);
            self.video(flow, usize::from(held.size), false, now);
        }
        while self.flows[flow].downlink.pacer.probe_lacks(now) > 0
            || self.flows[flow].downlink.estimator.wants_keep_alive(now)
        {
            let size = self.flows[flow].downlink.pacer.padding_size();
            // Padding alone, or a packet of the ring again: as the room does.
            self.video(flow, if size <= SMALL { SMALL } else { PACKET }, true, now);
        }
    }

    fn arrivals(&mut self, now: Instant) {
        if self.now % SOUND_REPORT == 0 {
            for one in &mut self.flows {
                let (sent, received) = (one.audio_sent, one.audio_received);
                let lost = (sent - one.reported.0).saturating_sub(received - one.reported.1);
                let share = f64::from(lost) / f64::from((sent - one.reported.0).max(1));
                one.downlink.estimator.sound_report(share, now);
                one.reported = (sent, received);
            }
        }
        while let Some(packet) = self.link.receive(self.now) {
            match packet {
                Packet::Audio { flow } => self.flows[flow].audio_received += 1,
                Packet::Video { flow, sequence, size } => {
                    let one = &mut self.flows[flow];
                    one.received += size as u64;
                    one.recorder.record(sequence, now);
                }
            }
        }
        if self.now % FEEDBACK == 0 {
            for one in &mut self.flows {
                let mut body = Vec::new();
                while one.recorder.next_body(&mut body).is_some() {
                    one.back.send(self.now, body.len(), body.clone());
                }
            }
        }
    }

    fn answers(&mut self, flow: usize, now: Instant) {
        let one = &mut self.flows[flow];
        while let Some(body) = one.back.receive(self.now) {
            let feedback = Feedback::parse(&body).expect("our own");
            one.downlink.feedback(&feedback, now);
        }
    }
}
