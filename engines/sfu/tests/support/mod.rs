//! A small world in virtual time: one worker, str0m clients, and a network with delay and loss between them.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs,
    dead_code,
    unreachable_pub
)]

pub mod raw;

use std::{
    collections::{HashMap, VecDeque},
    net::SocketAddr,
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event as ClientEvent, Input, Output as ClientOutput, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    format::Codec,
    media::{Direction, MediaKind as Kind, Mid as ClientMid, Simulcast, SimulcastLayer},
    net::{Protocol, Receive},
    rtp::{Extension, ExtensionSerializer, ExtensionValues, RtpWrite},
};
use voxlink_sfu::{
    Candidates, Event, Gates, Mid, Newcomer, OfferError, Output, PeerId, PersonId, Role, RoomId, Source,
    SourceSet, Wanted, Worker, WorkerConfig,
};

/// The payload types in str0m's offers.
pub const RED_TYPE: u8 = 63;
pub const OPUS_TYPE: u8 = 111;

pub const ROOM: RoomId = RoomId(1);
const DELAY: Duration = Duration::from_millis(5);
/// What would wait longer in front of a narrow link is dropped.
const QUEUE: Duration = Duration::from_millis(300);
const STEP: Duration = Duration::from_millis(1);
pub const SERVER: &str = "192.0.2.1:7882";

/// Where the worker is reached: one port, of UDP and TCP.
pub fn candidates() -> Candidates {
    let address = SERVER.parse().unwrap();
    Candidates { udp: vec![address], tcp: vec![address] }
}

/// What a client is able to do beyond the usual.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// Its camera has the encodings [`RIDS`].
    pub simulcast: bool,
    /// It sends and understands dependency descriptors.
    pub descriptor: bool,
    /// Its only video codec.
    pub codec: Codec,
}

impl Setup {
    pub const PLAIN: Self = Self { simulcast: false, descriptor: false, codec: Codec::Vp8 };
}

pub const RIDS: [&str; 3] = ["q", "h", "f"];
const DESCRIPTOR_ID: u8 = 13;
const DESCRIPTOR: &str =
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension";

/// The bytes of a dependency descriptor, as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor(pub Vec<u8>);

#[derive(Debug)]
struct RawDescriptor;

impl ExtensionSerializer for RawDescriptor {
    fn write_to(&self, buffer: &mut [u8], values: &ExtensionValues) -> usize {
        let Some(Descriptor(bytes)) = values.user_values.get::<Descriptor>() else { return 0 };
        buffer[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }

    fn parse_value(&self, buffer: &[u8], values: &mut ExtensionValues) -> bool {
        values.user_values.set(Descriptor(buffer.to_vec()));
        true
    }

    fn is_video(&self) -> bool {
        true
    }

    fn is_audio(&self) -> bool {
        false
    }

    fn requires_two_byte_form(&self, _: &ExtensionValues) -> bool {
        true
    }
}

/// One packet to send.
#[derive(Clone, Debug)]
pub struct Packet<'a> {
    pub source: Source,
    pub rid: Option<&'a str>,
    pub payload: &'a [u8],
    pub marker: bool,
    pub descriptor: Option<Vec<u8>>,
}

pub fn open_gates() -> Gates {
    Gates { may_speak: true, may_stream: true, deafened: false, muted: false }
}

/// A packet a client got out of a slot.
#[derive(Clone, Debug)]
pub struct Got {
    pub mid: String,
    pub payload: Vec<u8>,
    pub sequence: u64,
    pub timestamp: u32,
    pub marker: bool,
    pub payload_type: u8,
    pub descriptor: Option<Vec<u8>>,
    pub at: Instant,
}

pub struct Client {
    pub id: PeerId,
    pub rtc: Rtc,
    pub address: SocketAddr,
    pub sources: Vec<(Mid, Source)>,
    pub got: Vec<Got>,
    pub slots: Vec<voxlink_sfu::Slot>,
    pub wanted: Wanted,
    pub keyframe_requests: usize,
    /// For each rid, when key frames of it were asked for.
    pub keyframes_asked: HashMap<Option<String>, Vec<Instant>>,
    pub answer: String,
    /// For each SSRC, the NTP second at which its newest sender report puts timestamp zero.
    pub reports: HashMap<u32, f64>,
    slot_of_ssrc: HashMap<u32, String>,
    wake: Instant,
    next_sequence: HashMap<(Source, Option<String>), u64>,
    setup: Setup,
    /// What its microphone packets say of their level, in dBov (RFC 6464).
    pub level: i8,
    /// How long its clocks have stood still.
    pub stood: Duration,
}

struct Flying {
    at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    bytes: Vec<u8>,
}

pub struct World {
    pub worker: Worker,
    pub now: Instant,
    pub start: Instant,
    pub clients: Vec<Client>,
    pub events: Vec<Event>,
    /// Share of media datagrams lost, both ways.
    pub loss: f64,
    /// Whose link it is that loses; `None`: everyone's.
    pub lossy: Option<SocketAddr>,
    /// Every datagram that reached the worker, when asked to keep them.
    pub recorded: Option<Vec<(SocketAddr, Vec<u8>)>>,
    pub bursts: usize,
    /// Links that take only so many bits per second towards a client, and when each is free again.
    pub narrow: HashMap<SocketAddr, (u64, Instant)>,
    /// The same from a client.
    pub narrow_up: HashMap<SocketAddr, (u64, Instant)>,
    /// Clients whose link is cut, both ways.
    pub cut: Vec<SocketAddr>,
    /// What came for addresses that are no [`Client`]'s.
    pub mailboxes: HashMap<SocketAddr, Vec<Vec<u8>>>,
    /// Whether clients that are prepared from now on offer redundant audio (RFC 2198).
    pub offers_red: bool,
    /// What the worker says to other parts of its rooms.
    pub copies: Vec<voxlink_sfu::Copied>,
    /// The number of the first client.
    pub first_peer: u64,
    seed: u64,
    flying: VecDeque<Flying>,
}

impl World {
    pub fn new() -> Self {
        let now = Instant::now();
        let config = WorkerConfig { candidates: candidates(), seed: [3; 32] };
        Self {
            worker: Worker::new(config, now),
            now,
            start: now,
            clients: Vec::new(),
            events: Vec::new(),
            loss: 0.0,
            lossy: None,
            offers_red: false,
            recorded: None,
            bursts: 0,
            narrow: HashMap::new(),
            narrow_up: HashMap::new(),
            cut: Vec::new(),
            copies: Vec::new(),
            first_peer: 100,
            mailboxes: HashMap::new(),
            seed: 0x9E37_79B9_7F4A_7C15,
            flying: VecDeque::new(),
        }
    }

    pub fn random(&mut self) -> u64 {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        self.seed
    }

    /// A client with the four sending m-lines and `slots` slots of each kind, joined to [`ROOM`].
    pub fn join(&mut self, slots: usize) -> usize {
        self.join_as(slots, Setup::PLAIN)
    }

    pub fn join_as(&mut self, slots: usize, setup: Setup) -> usize {
        let index = self.prepare_as(setup);
        let (offer, pending) = self.offer(index, slots);
        self.enter(index, &offer, pending).unwrap();
        index
    }

    pub fn prepare(&mut self, _slots: usize) -> usize {
        self.prepare_as(Setup::PLAIN)
    }

    fn prepare_as(&mut self, setup: Setup) -> usize {
        let index = self.clients.len();
        let address: SocketAddr =
            format!("198.51.{}.{}:5000", 100 + index / 250, index % 250 + 1).parse().unwrap();
        let mut config = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, self.offers_red)
            .enable_vp8(setup.codec == Codec::Vp8)
            .enable_vp9(setup.codec == Codec::Vp9)
            .enable_h264(setup.codec == Codec::H264)
            .enable_av1(setup.codec == Codec::Av1)
            .set_rtp_mode(true);
        if setup.descriptor {
            config =
                config.set_extension(DESCRIPTOR_ID, Extension::with_serializer(DESCRIPTOR, RawDescriptor));
        }
        let mut rtc = config.build(self.now);
        rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
        self.clients.push(Client {
            id: PeerId(index as u64 + self.first_peer),
            rtc,
            address,
            sources: Vec::new(),
            got: Vec::new(),
            slots: Vec::new(),
            wanted: Wanted::default(),
            keyframe_requests: 0,
            keyframes_asked: HashMap::new(),
            answer: String::new(),
            reports: HashMap::new(),
            slot_of_ssrc: HashMap::new(),
            wake: self.now,
            next_sequence: HashMap::new(),
            setup,
            level: -20,
            stood: Duration::ZERO,
        });
        index
    }

    pub fn offer(&mut self, index: usize, slots: usize) -> (String, SdpPendingOffer) {
        let client = &mut self.clients[index];
        let mut change = client.rtc.sdp_api();
        let mut mids = Vec::new();
        for source in [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio] {
            let simulcast = (client.setup.simulcast && source == Source::Camera).then(|| {
                let mut simulcast = Simulcast::new();
                RIDS.into_iter().for_each(|rid| simulcast.add_send_layer(SimulcastLayer::new(rid)));
                simulcast
            });
            let mid = change.add_media(kind(source), Direction::SendOnly, None, None, simulcast);
            mids.push((Mid::from(&*mid), source));
        }
        for _ in 0..slots {
            change.add_media(Kind::Audio, Direction::RecvOnly, None, None, None);
            change.add_media(Kind::Video, Direction::RecvOnly, None, None, None);
        }
        client.sources = mids;
        let (offer, pending) = change.apply().unwrap();
        (offer.to_sdp_string(), pending)
    }

    /// Someone who publishes or watches without our signalling, with one m-line of each kind.
    pub fn admit(&mut self, person: PersonId, role: Role) -> usize {
        let index = self.prepare(0);
        let client = &mut self.clients[index];
        let mut change = client.rtc.sdp_api();
        let direction = match role {
            Role::Member { .. } | Role::Publisher => Direction::SendOnly,
            Role::Viewer(_) => Direction::RecvOnly,
        };
        for source in [Source::ScreenAudio, Source::Screen] {
            let mid = change.add_media(kind(source), direction, None, None, None);
            client.sources.push((Mid::from(&*mid), source));
        }
        let (offer, pending) = change.apply().unwrap();
        let (peer, offer) = (client.id, offer.to_sdp_string());
        let new = Newcomer { room: ROOM, peer, person, offer: &offer, role, gates: open_gates() };
        let answer = self.worker.admit(new, self.now).unwrap();
        self.accept(index, answer.sdp, pending);
        index
    }

    pub fn enter(&mut self, index: usize, offer: &str, pending: SdpPendingOffer) -> Result<(), OfferError> {
        let client = &self.clients[index];
        let answer = self.worker.join(ROOM, client.id, offer, &client.sources, open_gates(), self.now)?;
        self.accept(index, answer.sdp, pending);
        Ok(())
    }

    pub fn accept(&mut self, index: usize, answer: String, pending: SdpPendingOffer) {
        let client = &mut self.clients[index];
        let mut mid = String::new();
        for line in answer.lines() {
            if let Some(value) = line.strip_prefix("a=mid:") {
                mid = value.to_owned();
            } else if let Some(value) = line.strip_prefix("a=ssrc:") {
                let ssrc = value.split(' ').next().unwrap().parse().unwrap();
                client.slot_of_ssrc.insert(ssrc, mid.clone());
            }
        }
        let parsed = SdpAnswer::from_sdp_string(&answer).unwrap();
        client.answer = answer;
        client.rtc.sdp_api().accept_answer(pending, parsed).unwrap();
        client.wake = self.now;
    }

    pub fn set_sources(&mut self, index: usize, sources: &[Source]) {
        let has = |source| sources.contains(&source);
        let set = SourceSet {
            microphone: has(Source::Microphone),
            camera: has(Source::Camera),
            screen: has(Source::Screen),
            screen_audio: has(Source::ScreenAudio),
        };
        self.worker.set_sources(self.clients[index].id, set, self.now);
    }

    /// Sends one packet with this payload behind the codec's own first bytes.
    pub fn send(&mut self, index: usize, source: Source, payload: &[u8]) {
        self.send_marked(index, source, payload, true);
    }

    /// As [`World::send`]; `marker` says whether it ends a frame.
    pub fn send_marked(&mut self, index: usize, source: Source, payload: &[u8], marker: bool) {
        self.send_packet(index, &Packet { source, rid: None, payload, marker, descriptor: None });
    }

    /// Redundant audio from the microphone, see [`red`].
    pub fn send_red(&mut self, index: usize, payload: &[u8]) {
        let source = Source::Microphone;
        let packet = Packet { source, rid: None, payload, marker: false, descriptor: None };
        self.send_typed(index, &packet, Some(RED_TYPE));
    }

    /// The next packet of this source is lost before it is sent.
    pub fn lose(&mut self, index: usize, source: Source) {
        *self.clients[index].next_sequence.entry((source, None)).or_insert(65_500) += 1;
    }

    pub fn send_packet(&mut self, index: usize, packet: &Packet<'_>) {
        self.send_typed(index, packet, None);
    }

    fn send_typed(&mut self, index: usize, packet: &Packet<'_>, payload_type: Option<u8>) {
        let Packet { source, rid, payload, marker, .. } = packet.clone();
        let now = self.now;
        let client = &mut self.clients[index];
        let elapsed = now - self.start - client.stood;
        let mid: ClientMid = (&*client.sources.iter().find(|(_, s)| *s == source).unwrap().0).into();
        let codec = if kind(source) == Kind::Audio { Codec::Opus } else { client.setup.codec };
        let usual = client.rtc.codec_config().find(|p| p.spec().codec == codec).unwrap().pt();
        let pt = payload_type.map_or(usual, Into::into);
        let rate = if codec == Codec::Opus { 48_000 } else { 90_000 };
        let sequence = client.next_sequence.entry((source, rid.map(str::to_owned))).or_insert(65_500);
        *sequence += 1;
        let mut values = ExtensionValues {
            audio_level: (codec == Codec::Opus).then_some(client.level),
            voice_activity: (codec == Codec::Opus).then_some(true),
            ..Default::default()
        };
        if let Some(descriptor) = &packet.descriptor {
            values.user_values.set(Descriptor(descriptor.clone()));
        }
        // Each encoding has a clock of its own, as in browsers.
        let offset = rid.map_or(0, |rid| u32::from(rid.as_bytes()[0]).wrapping_mul(123_456_789));
        let time = ((elapsed.as_secs_f64() * f64::from(rate)) as u32).wrapping_add(offset);
        let write = RtpWrite::new(pt, (*sequence).into(), time, now, payload.to_vec())
            .marker(marker)
            .nackable(codec != Codec::Opus)
            .ext_vals(values);
        let mut direct = client.rtc.direct_api();
        direct.stream_tx_by_mid(mid, rid.map(Into::into)).unwrap().write_rtp(write);
        client.wake = now;
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.step();
        }
    }

    /// Runs until this holds, at most ten seconds.
    pub fn run_until(&mut self, holds: impl Fn(&World) -> bool) {
        let end = self.now + Duration::from_secs(10);
        while !holds(self) {
            assert!(self.now < end, "it never happened; events: {:?}", self.events);
            self.step();
        }
    }

    pub fn is_connected(&self, index: usize) -> bool {
        self.has_connected(self.clients[index].id)
    }

    pub fn has_connected(&self, peer: PeerId) -> bool {
        self.events.contains(&Event::Connected { peer })
    }

    pub fn connect_all(&mut self) {
        self.run_until(|world| {
            (0..world.clients.len())
                .all(|index| world.is_connected(index) && world.clients[index].rtc.is_connected())
        });
    }

    pub fn fly(&mut self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let is_media = bytes.first().is_some_and(|first| (128..192).contains(first));
        let roll = (self.random() >> 11) as f64 / (1u64 << 53) as f64;
        let is_cut = self.cut.contains(&from) || self.cut.contains(&to);
        let is_lossy = self.lossy.is_none_or(|address| from == address || to == address);
        if is_cut || (is_media && is_lossy && roll < self.loss) {
            return;
        }
        let mut at = self.now + DELAY;
        let narrow = self.narrow.get_mut(&to).or(self.narrow_up.get_mut(&from));
        if let Some((rate, free)) = narrow {
            let begin = self.now.max(*free);
            if begin > self.now + QUEUE {
                return;
            }
            *free = begin + Duration::from_micros(bytes.len() as u64 * 8_000_000 / *rate);
            at = *free + DELAY;
        }
        let place = self.flying.partition_point(|flying| flying.at <= at);
        self.flying.insert(place, Flying { at, from, to, bytes });
    }

    pub fn step(&mut self) {
        self.now += STEP;
        let server: SocketAddr = SERVER.parse().unwrap();
        while self.flying.front().is_some_and(|flying| flying.at <= self.now) {
            let mut flying = self.flying.pop_front().unwrap();
            if flying.to == server {
                if let Some(recorded) = &mut self.recorded {
                    recorded.push((flying.from, flying.bytes.clone()));
                }
                self.worker.handle_datagram(flying.from, &mut flying.bytes, self.now);
            } else if let Some(index) = self.clients.iter().position(|client| client.address == flying.to) {
                if let Ok(receive) = Receive::new(Protocol::Udp, flying.from, flying.to, &flying.bytes) {
                    let _ = self.clients[index].rtc.handle_input(Input::Receive(self.now, receive));
                }
                // str0m hands out one packet for each input: it must be drained in between.
                self.drain_client(index);
            } else if let Some(mailbox) = self.mailboxes.get_mut(&flying.to) {
                mailbox.push(flying.bytes);
            }
        }
        self.worker.end_batch(self.now);
        self.drain_worker();
        self.worker.handle_timeout(self.now);
        self.drain_worker();
        for index in 0..self.clients.len() {
            self.run_client(index);
        }
    }

    pub fn drain_worker(&mut self) {
        loop {
            match self.worker.poll() {
                Output::Transmit(transmit) => {
                    let size = transmit.segment.unwrap_or(transmit.bytes.len());
                    let to = transmit.to;
                    self.bursts += usize::from(transmit.segment.is_some());
                    let datagrams: Vec<Vec<u8>> = transmit.bytes.chunks(size).map(<[u8]>::to_vec).collect();
                    for datagram in datagrams {
                        self.fly(SERVER.parse().unwrap(), to, datagram);
                    }
                }
                Output::Event(event) => {
                    if let Event::Slots { peer, slots, wanted } = &event
                        && let Some(client) = self.clients.iter_mut().find(|client| client.id == *peer)
                    {
                        client.slots.clone_from(slots);
                        client.wanted = *wanted;
                    }
                    self.events.push(event);
                }
                Output::Copy(copy) => self.copies.push(copy),
                Output::WakeAt(_) => return,
            }
        }
    }

    fn run_client(&mut self, index: usize) {
        let client = &mut self.clients[index];
        if self.now >= client.wake && client.rtc.is_alive() {
            client.rtc.handle_input(Input::Timeout(self.now)).unwrap();
            self.drain_client(index);
        }
    }

    fn drain_client(&mut self, index: usize) {
        let mut flying = Vec::new();
        let client = &mut self.clients[index];
        if !client.rtc.is_alive() {
            return;
        }
        loop {
            match client.rtc.poll_output().unwrap() {
                ClientOutput::Timeout(at) => {
                    client.wake = at;
                    break;
                }
                ClientOutput::Transmit(transmit) => {
                    flying.push((client.address, transmit.destination, transmit.contents.to_vec()));
                }
                ClientOutput::Event(ClientEvent::RtpPacket(packet)) => {
                    let mid = client.slot_of_ssrc.get(&*packet.header.ssrc).cloned().unwrap_or_default();
                    if let Some(report) = &packet.last_sender_info {
                        let ntp =
                            report.ntp_time.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
                        let rate = if packet.payload.len() < 100 { 48_000.0 } else { 90_000.0 };
                        let zero = ntp - report.rtp_time.numer() as u32 as f64 / rate;
                        client.reports.insert(*packet.header.ssrc, zero);
                    }
                    client.got.push(Got {
                        mid,
                        payload: packet.payload.to_vec(),
                        sequence: *packet.seq_no,
                        timestamp: packet.header.timestamp,
                        marker: packet.header.marker,
                        payload_type: *packet.header.payload_type,
                        descriptor: (packet.header.ext_vals.user_values)
                            .get::<Descriptor>()
                            .map(|descriptor| descriptor.0.clone()),
                        at: self.now,
                    });
                }
                ClientOutput::Event(ClientEvent::KeyframeRequest(request)) => {
                    client.keyframe_requests += 1;
                    let rid = request.rid.map(|rid| rid.to_string());
                    client.keyframes_asked.entry(rid).or_default().push(self.now);
                }
                ClientOutput::Event(_) => {}
            }
        }
        for (from, to, bytes) in flying {
            self.fly(from, to, bytes);
        }
    }
}

fn kind(source: Source) -> Kind {
    match source {
        Source::Microphone | Source::ScreenAudio | Source::Sound | Source::Mixed => Kind::Audio,
        Source::Camera | Source::Screen => Kind::Video,
    }
}

/// A packet of redundant audio (RFC 2198): what was said this long ago, and now.
pub fn red(older: &[u8], age: Duration, payload: &[u8]) -> Vec<u8> {
    let age = (age.as_secs_f64() * 48_000.0) as u32;
    let header = u32::from(0x80 | OPUS_TYPE) << 24 | age << 10 | older.len() as u32;
    [&header.to_be_bytes()[..], &[OPUS_TYPE], older, payload].concat()
}

/// A VP8 payload whose number can be found again.
pub fn frame(is_key: bool, number: u32) -> Vec<u8> {
    let mut payload = vec![0x10, if is_key { 0 } else { 1 }, 0, 0];
    payload.extend(number.to_be_bytes());
    payload.resize(900, 0xAB);
    payload
}

/// The number of a [`frame`].
pub fn number(payload: &[u8]) -> u32 {
    u32::from_be_bytes(payload[4..8].try_into().unwrap())
}
