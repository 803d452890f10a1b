//! A whole WebRTC stack that is not ours (str0m) on a real socket: what every media client of the tests is made of.
// Only tests use it, and they want to know at once.
#![allow(clippy::missing_panics_doc, clippy::unwrap_used, clippy::panic)]

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpApi, SdpPendingOffer},
    format::Codec,
    media::Mid,
    net::{Protocol, Receive, TcpType},
    rtp::{ExtensionValues, RtpWrite},
};

use crate::{Framed, turn::TurnPath};

/// RFC 8656 §12.
const FIRST_CHANNEL: u16 = 0x4000;
/// A packet of sound lasts this long.
const PACKET: Duration = Duration::from_millis(20);
/// A sender that was held up for longer goes on from there.
const MOST_BEHIND: Duration = Duration::from_millis(500);

/// One peer connection with Opus and VP8 (or VP9). Whoever uses it carries offers and answers, and calls [`Wire::step`] often.
pub struct Wire {
    rtc: Box<Rtc>,
    way: Way,
    pending: Option<SdpPendingOffer>,
    wake: Instant,
    next_packet: Instant,
    keeps_pace: bool,
    events: Vec<Event>,
}

/// How peers are reached.
enum Way {
    Udp(UdpSocket),
    /// All goes through a relay, a channel for each peer.
    Relay(TurnPath, Vec<SocketAddr>),
    /// A connection to the first passive candidate of the answer, once there is one.
    Tcp(Option<Framed>),
}

/// What to send next on an m-line.
#[derive(Debug)]
pub struct Outgoing {
    /// The m-line.
    pub mid: Mid,
    /// Which of its codecs.
    pub codec: Codec,
    /// The packet's number, and its moment in units of the codec's clock.
    pub sequence: u64,
    /// See above.
    pub time: u64,
    /// It ends a picture.
    pub marker: bool,
    /// Level, speech and the like.
    pub extensions: ExtensionValues,
    /// What comes behind the header.
    pub payload: Vec<u8>,
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wire({:?}, connected: {})", self.address(), self.rtc.is_connected())
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self::of(Codec::Vp8)
    }
}

impl Wire {
    /// With Opus and this codec of pictures, VP8 or VP9.
    #[must_use]
    pub fn of(pictures: Codec) -> Self {
        let now = Instant::now();
        let rtc = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(pictures == Codec::Vp8)
            .enable_vp9(pictures == Codec::Vp9)
            .set_rtp_mode(true)
            .build(now);
        let rtc = Box::new(rtc);
        let way = Way::Udp(bind());
        Self { rtc, way, pending: None, wake: now, next_packet: now, keeps_pace: false, events: Vec::new() }
    }

    /// Whose only way is through a relay.
    #[must_use]
    pub fn behind(path: TurnPath) -> Self {
        Self { way: Way::Relay(path, Vec::new()), ..Self::default() }
    }

    /// Whose only way is a TCP connection (RFC 6544).
    #[must_use]
    pub fn over_tcp() -> Self {
        Self { way: Way::Tcp(None), ..Self::default() }
    }

    /// An offer with what `add` adds to it, and what that returned.
    pub fn offer<T>(&mut self, add: impl FnOnce(&mut SdpApi<'_>) -> T) -> (String, T) {
        let mut change = self.rtc.sdp_api();
        let added = add(&mut change);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        (offer.to_sdp_string(), added)
    }

    /// Another network, and an offer with new ICE credentials.
    pub fn restart_ice(&mut self) -> String {
        match &mut self.way {
            Way::Udp(udp) => *udp = bind(),
            Way::Tcp(stream) => *stream = None,
            Way::Relay(..) => {}
        }
        self.offer(|change| _ = change.ice_restart(false)).0
    }

    /// Takes the answer to its last offer.
    pub fn accept(&mut self, answer: &str) {
        if let Way::Tcp(stream) = &mut self.way
            && stream.is_none()
        {
            *stream = Some(Framed::connect(passive_candidate(answer).unwrap()).unwrap());
        }
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        // After an ICE restart str0m has forgotten its candidates, so it gets them here and not before.
        let address = self.address().unwrap();
        let candidate = match &self.way {
            Way::Tcp(_) => Candidate::builder().tcp().tcptype(TcpType::Active).host(address).build(),
            Way::Udp(_) | Way::Relay(..) => Candidate::host(address, "udp"),
        };
        self.rtc.add_local_candidate(candidate.unwrap());
        self.drain();
    }

    /// Whether media may flow.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.rtc.is_connected()
    }

    /// Reads what came and does what is due; what happened since the last time.
    pub fn step(&mut self) -> Vec<Event> {
        self.read();
        let now = Instant::now();
        if now >= self.wake && self.rtc.is_alive() {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
        std::mem::take(&mut self.events)
    }

    /// What a busy machine makes late is made up for from now on: live listeners take a clock that only loses time for a
    /// crystal that is off.
    pub const fn keep_pace(&mut self) {
        self.keeps_pace = true;
    }

    /// Every 20 ms, once connected: time for another packet.
    pub fn may_send(&mut self) -> bool {
        let now = Instant::now();
        if !self.rtc.is_connected() {
            self.next_packet = now;
            return false;
        }
        let is_time = now >= self.next_packet;
        if is_time {
            let due = self.next_packet + PACKET;
            let keeps = self.keeps_pace && due + MOST_BEHIND >= now;
            self.next_packet = if keeps { due } else { now + PACKET };
        }
        is_time
    }

    /// Sends a packet.
    pub fn send(&mut self, packet: Outgoing) {
        let now = Instant::now();
        let pt = self.rtc.codec_config().find(|pt| pt.spec().codec == packet.codec).unwrap().pt();
        // RTP time wraps.
        #[allow(clippy::cast_possible_truncation)]
        let time = packet.time as u32;
        let write = RtpWrite::new(pt, packet.sequence.into(), time, now, packet.payload)
            .marker(packet.marker)
            .ext_vals(packet.extensions);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(packet.mid, None) {
            stream.write_rtp(write);
        }
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain();
    }

    /// Where peers see it.
    fn address(&self) -> Option<SocketAddr> {
        match &self.way {
            Way::Udp(udp) => udp.local_addr().ok(),
            Way::Relay(path, _) => Some(path.relayed),
            Way::Tcp(stream) => stream.as_ref()?.local().ok(),
        }
    }

    fn read(&mut self) {
        while let Some((protocol, from, bytes)) = self.way.receive() {
            let Some(to) = self.address() else { return };
            if let Ok(receive) = Receive::new(protocol, from, to, &bytes) {
                self.rtc.handle_input(Input::Receive(Instant::now(), receive)).unwrap();
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        loop {
            match self.rtc.poll_output().unwrap() {
                Output::Timeout(at) => {
                    self.wake = at;
                    return;
                }
                Output::Transmit(transmit) => self.way.send(transmit.destination, &transmit.contents),
                Output::Event(event) => self.events.push(event),
            }
        }
    }
}

impl Way {
    /// What came, and from where.
    fn receive(&mut self) -> Option<(Protocol, SocketAddr, Vec<u8>)> {
        let mut buffer = [0; 2048];
        loop {
            let socket = match self {
                Self::Udp(udp) => &*udp,
                Self::Relay(path, _) => &path.socket,
                Self::Tcp(stream) => {
                    let stream = stream.as_mut()?;
                    // A connection that is over brings nothing more.
                    let bytes = stream.receive().ok()??;
                    return Some((Protocol::Tcp, stream.peer().ok()?, bytes));
                }
            };
            let (length, from) = match socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                Err(error) => panic!("{error}"),
            };
            match self {
                Self::Relay(_, peers) => {
                    let Some((channel, bytes)) = TurnPath::unwrap(&buffer[..length]) else { continue };
                    let from = peers[usize::from(channel - FIRST_CHANNEL)];
                    return Some((Protocol::Udp, from, bytes.to_vec()));
                }
                Self::Udp(_) | Self::Tcp(_) => {
                    return Some((Protocol::Udp, from, buffer[..length].to_vec()));
                }
            }
        }
    }

    /// A full buffer is a lost packet.
    fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        match self {
            Self::Udp(udp) => _ = udp.send_to(bytes, to),
            Self::Relay(path, peers) => send_through(path, peers, to, bytes),
            Self::Tcp(stream) => {
                if let Some(stream) = stream {
                    let _over = stream.send(bytes);
                }
            }
        }
    }
}

/// Of an answer's candidates the first that one connects to.
fn passive_candidate(answer: &str) -> Option<SocketAddr> {
    let line =
        answer.lines().find(|line| line.starts_with("a=candidate:") && line.contains("tcptype passive"))?;
    let words: Vec<&str> = line.split(' ').collect();
    Some(SocketAddr::new(words.get(4)?.parse().ok()?, words.get(5)?.parse().ok()?))
}

fn send_through(path: &mut TurnPath, peers: &mut Vec<SocketAddr>, to: SocketAddr, bytes: &[u8]) {
    let known = peers.iter().position(|peer| *peer == to);
    let channel = |index: usize| FIRST_CHANNEL + u16::try_from(index).unwrap();
    let index = known.unwrap_or_else(|| {
        peers.push(to);
        path.bind_channel(channel(peers.len() - 1), to).unwrap();
        path.socket.set_nonblocking(true).unwrap();
        peers.len() - 1
    });
    let mut wrapped = Vec::new();
    TurnPath::wrap(channel(index), bytes, &mut wrapped);
    path.send(&wrapped);
}

fn bind() -> UdpSocket {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    udp
}
