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
    net::{Protocol, Receive},
    rtp::{ExtensionValues, RtpWrite},
};

use crate::turn::TurnPath;

/// RFC 8656 §12.
const FIRST_CHANNEL: u16 = 0x4000;
/// A packet of sound lasts this long.
const PACKET: Duration = Duration::from_millis(20);

/// One peer connection with Opus and VP8. Whoever uses it carries offers and answers, and calls [`Wire::step`] often.
pub struct Wire {
    rtc: Box<Rtc>,
    udp: UdpSocket,
    /// All goes through a relay, a channel for each peer.
    relay: Option<(TurnPath, Vec<SocketAddr>)>,
    pending: Option<SdpPendingOffer>,
    wake: Instant,
    next_packet: Instant,
    events: Vec<Event>,
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
        write!(f, "Wire({:?}, connected: {})", self.udp.local_addr(), self.rtc.is_connected())
    }
}

impl Default for Wire {
    fn default() -> Self {
        let now = Instant::now();
        let rtc = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_rtp_mode(true)
            .build(now);
        let rtc = Box::new(rtc);
        Self { rtc, udp: bind(), relay: None, pending: None, wake: now, next_packet: now, events: Vec::new() }
    }
}

impl Wire {
    /// Whose only way is through a relay.
    #[must_use]
    pub fn behind(path: TurnPath) -> Self {
        Self { relay: Some((path, Vec::new())), ..Self::default() }
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
        self.udp = bind();
        self.offer(|change| _ = change.ice_restart(false)).0
    }

    /// Takes the answer to its last offer.
    pub fn accept(&mut self, answer: &str) {
        let answer = SdpAnswer::from_sdp_string(answer).unwrap();
        self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
        // After an ICE restart str0m has forgotten its candidates, so it gets them here and not before.
        let address = self.address();
        self.rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
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

    /// Every 20 ms, once connected: time for another packet.
    pub fn may_send(&mut self) -> bool {
        let now = Instant::now();
        let is_time = now >= self.next_packet && self.rtc.is_connected();
        if is_time {
            self.next_packet = now + PACKET;
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
    fn address(&self) -> SocketAddr {
        self.relay.as_ref().map_or_else(|| self.udp.local_addr().unwrap(), |(path, _)| path.relayed)
    }

    fn read(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            let socket = self.relay.as_ref().map_or(&self.udp, |(path, _)| &path.socket);
            let (length, from) = match socket.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let to = self.address();
            let (from, bytes) = match &self.relay {
                None => (from, &buffer[..length]),
                Some((_, peers)) => {
                    let Some((channel, bytes)) = TurnPath::unwrap(&buffer[..length]) else { continue };
                    (peers[usize::from(channel - FIRST_CHANNEL)], bytes)
                }
            };
            if let Ok(receive) = Receive::new(Protocol::Udp, from, to, bytes) {
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
                Output::Transmit(transmit) => {
                    let (to, bytes) = (transmit.destination, &transmit.contents[..]);
                    // A full buffer is a lost packet.
                    match &mut self.relay {
                        None => _ = self.udp.send_to(bytes, to),
                        Some((path, peers)) => send_through(path, peers, to, bytes),
                    }
                }
                Output::Event(event) => self.events.push(event),
            }
        }
    }
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
