//! A participant of a call without a browser: str0m, the voice gateway, one UDP socket.

use std::{
    collections::HashMap,
    net::SocketAddr,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc,
    change::SdpAnswer,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::RtpWrite,
};
use tokio::net::UdpSocket;
use tokio_tungstenite::tungstenite::Message;
use voxlink_test_client::TurnPath;

use crate::stamped;

/// What op 0 needs, from the main gateway.
#[derive(Clone, Debug)]
pub(crate) struct Ticket {
    /// `host/voice`.
    pub endpoint: String,
    /// The guild.
    pub guild: String,
    /// Oneself.
    pub user: String,
    /// The gateway session.
    pub session: String,
    /// The call pass.
    pub token: String,
}

/// What a publisher sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load {
    pub kind: MediaKind,
    /// Frames a second.
    pub frames: u32,
    /// Packets a frame.
    pub packets: u32,
    /// Bytes of RTP payload in each.
    pub payload: usize,
}

/// Counters of one participant.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// 1 once ICE and DTLS are done.
    pub connected: AtomicU64,
    /// 1 when a receiver asked for a key frame.
    pub key_frame_wanted: AtomicU64,
    /// RTP packets received.
    pub received: AtomicU64,
    /// RTP packets sent.
    pub sent: AtomicU64,
    /// From the offer to media that may flow.
    pub joined: Mutex<Option<Duration>>,
    /// From one client's sending to the kernel having it for the other, in microseconds, while
    /// [`Counters::measuring`] is 1.
    pub latencies: Mutex<Vec<u32>>,
    pub measuring: AtomicU64,
    /// While 1, nothing is sent.
    pub silent: AtomicU64,
}

/// Where a made-up packet says when it was sent ([`stamped::clock`]).
const SENT_AT: Range<usize> = 12..20;
/// RFC 6386 §9.1: the start code of a key frame and its size, 640 × 360.
const KEY_FRAME: [u8; 7] = [0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01];

/// A TURN server and what to show it.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub server: SocketAddr,
    pub username: String,
    pub password: String,
}

/// RFC 8656 §12.
const FIRST_CHANNEL: u16 = 0x4000;

/// What a participant sends and receives through.
pub(crate) struct Way {
    pub udp: UdpSocket,
    /// Where peers see it.
    pub local: SocketAddr,
    /// Behind a relay: it, and who is on which channel.
    relay: Option<(SocketAddr, TurnPath, Vec<SocketAddr>)>,
    wrapped: Vec<u8>,
}

impl Way {
    async fn open(server: &str, turn: Option<Turn>) -> std::io::Result<Self> {
        let host: SocketAddr =
            server.split('/').next().unwrap_or_default().parse().map_err(std::io::Error::other)?;
        // From where the server is reached.
        let probe = std::net::UdpSocket::bind("0.0.0.0:0")?;
        probe.connect(host)?;
        let here = SocketAddr::new(probe.local_addr()?.ip(), 0);
        let Some(turn) = turn else {
            let udp = UdpSocket::bind(here).await?;
            return Self::direct(udp);
        };
        let at = turn.server;
        let path = tokio::task::spawn_blocking(move || {
            TurnPath::allocate(here, turn.server, &turn.username, &turn.password)
        });
        let path = path.await.map_err(std::io::Error::other)??;
        let socket = path.socket.try_clone()?;
        socket.set_nonblocking(true)?;
        let (local, udp) = (path.relayed, UdpSocket::from_std(socket)?);
        stamped::ask_for_stamps(&udp)?;
        Ok(Self { udp, local, relay: Some((at, path, Vec::new())), wrapped: Vec::new() })
    }

    /// Without a relay.
    pub(crate) fn direct(udp: UdpSocket) -> std::io::Result<Self> {
        stamped::ask_for_stamps(&udp)?;
        Ok(Self { local: udp.local_addr()?, udp, relay: None, wrapped: Vec::new() })
    }

    /// Makes the peers of an answer reachable.
    fn bind_candidates(&mut self, sdp: &str) -> std::io::Result<()> {
        let Some((_, path, peers)) = &mut self.relay else { return Ok(()) };
        for line in sdp.lines().filter_map(|line| line.trim().strip_prefix("a=candidate:")) {
            let words: Vec<&str> = line.split(' ').collect();
            let (Some(ip), Some(port)) = (words.get(4), words.get(5)) else { continue };
            let Ok(peer) = format!("{ip}:{port}").parse::<SocketAddr>() else { continue };
            if !peers.contains(&peer) {
                path.bind_channel(FIRST_CHANNEL + u16::try_from(peers.len()).unwrap_or(0), peer)?;
                peers.push(peer);
            }
        }
        path.socket.set_nonblocking(true)
    }

    fn send(&mut self, to: SocketAddr, bytes: &[u8]) {
        let _lost = match &self.relay {
            None => self.udp.try_send_to(bytes, to),
            Some((server, _, peers)) => {
                let Some(index) = peers.iter().position(|peer| *peer == to) else { return };
                let channel = FIRST_CHANNEL + u16::try_from(index).unwrap_or(0);
                TurnPath::wrap(channel, bytes, &mut self.wrapped);
                self.udp.try_send_to(&self.wrapped, *server)
            }
        };
    }

    /// From whom a datagram is, and what it says.
    fn unwrap<'a>(&self, from: SocketAddr, bytes: &'a [u8]) -> Option<(SocketAddr, &'a [u8])> {
        let Some((_, _, peers)) = &self.relay else { return Some((from, bytes)) };
        let (channel, payload) = TurnPath::unwrap(bytes)?;
        Some((*peers.get(usize::from(channel - FIRST_CHANNEL))?, payload))
    }
}

/// Joins and stays until `until`, by a relay if there is one. Counts what arrives.
pub(crate) async fn take_part(
    ticket: Ticket,
    turn: Option<Turn>,
    loads: Vec<Load>,
    counters: Arc<Counters>,
    until: Instant,
) -> Result<(), String> {
    let url = format!("ws://{}?v=8", ticket.endpoint);
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.map_err(|error| error.to_string())?;
    let mut way = Way::open(&ticket.endpoint, turn).await.map_err(|error| error.to_string())?;
    let local = way.local;
    let mut rtc = Rtc::builder()
        .set_rtp_mode(true)
        .clear_codecs()
        .enable_opus(true, false)
        .enable_vp8(true)
        .build(Instant::now());
    rtc.add_local_candidate(Candidate::host(local, "udp").map_err(|error| error.to_string())?);

    let mut api = rtc.sdp_api();
    let kinds = [
        ("microphone", MediaKind::Audio),
        ("camera", MediaKind::Video),
        ("screen", MediaKind::Video),
        ("screen_audio", MediaKind::Audio),
    ];
    let sources: Vec<(&str, Mid)> = kinds
        .iter()
        .map(|(name, kind)| {
            (
                *name,
                api.add_media(
                    *kind,
                    Direction::SendOnly,
                    Some("me".to_owned()),
                    Some((*name).to_owned()),
                    None,
                ),
            )
        })
        .collect();
    for kind in [MediaKind::Audio, MediaKind::Video] {
        for _ in 0..8 {
            api.add_media(kind, Direction::RecvOnly, None, None, None);
        }
    }
    let (offer, pending) = api.apply().ok_or("no offer")?;
    let mut pending = Some(pending);
    let (microphone, camera) = (sources[0].1, sources[1].1);
    let mut asked_at = None;
    let named: Vec<Value> =
        sources.iter().map(|(name, mid)| json!({"mid": mid.to_string(), "source": name})).collect();
    let identify = json!({"op": 0, "d": {"server_id": ticket.guild, "user_id": ticket.user, "session_id": ticket.session, "token": ticket.token, "video": true}});
    let select = json!({"op": 1, "d": {"protocol": "sdp", "data": {"revision": 1, "sdp": offer.to_sdp_string(), "sources": named}}});
    let say = |value: &Value| Message::text(value.to_string());
    socket.send(say(&identify)).await.map_err(|error| error.to_string())?;

    let mut buffer = vec![0; 2048];
    let mut frame_at: Option<Instant> = None;
    // Each with its numbers and when it is its turn.
    let mut streams: Vec<(Load, Frames, Instant)> =
        loads.iter().map(|load| (*load, Frames::default(), until)).collect();
    // What the server keeps for a resume goes once it is acknowledged.
    let mut seen = -1;
    let mut beat_every = Duration::from_secs(5);
    // The first comes early, so that what the answer took is given back before memory is looked at.
    let mut heartbeat = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let wake = drain(&mut rtc, &mut way, &counters, 0)?;
        if let Some(at) = asked_at.filter(|_| counters.connected.load(Ordering::Relaxed) == 1) {
            asked_at = None;
            *counters.joined.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::elapsed(&at));
        }
        let key = counters.key_frame_wanted.swap(0, Ordering::Relaxed) == 1;
        streams.iter_mut().for_each(|(_, frames, _)| frames.key |= key);
        let connected = counters.connected.load(Ordering::Relaxed) == 1;
        if !loads.is_empty() && frame_at.is_none() && connected {
            let is_sent = |kind| loads.iter().any(|load| load.kind == kind);
            let (voice, picture) = (is_sent(MediaKind::Audio), is_sent(MediaKind::Video));
            let on = json!({"op": 20, "d": {"microphone": voice, "camera": picture, "screen": false, "screen_audio": false}});
            socket.send(say(&on)).await.map_err(|error| error.to_string())?;
            let first = Instant::now() + Duration::from_millis(500);
            streams.iter_mut().for_each(|(_, _, at)| *at = first);
            frame_at = Some(first);
        }
        let wake =
            [Some(wake), frame_at, Some(until), Some(heartbeat)].into_iter().flatten().min().unwrap_or(until);
        tokio::select! {
            biased;
            _ = way.udp.readable() => take_all(&mut rtc, &mut way, &mut buffer, &counters)?,
            message = socket.next() => {
                let Some(Ok(message)) = message else { return Err("the voice socket closed".to_owned()) };
                let Message::Text(text) = message else { continue };
                let frame: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
                seen = frame["seq"].as_i64().unwrap_or(seen);
                match frame["op"].as_u64() {
                    Some(8) => {
                        let said = frame["d"]["heartbeat_interval"].as_f64().unwrap_or(5_000.0);
                        beat_every = Duration::from_secs_f64(said / 1e3);
                    }
                    Some(2) => {
                        socket.send(say(&select)).await.map_err(|error| error.to_string())?;
                        asked_at = Some(Instant::now());
                    }
                    Some(4) => if let Some(pending) = pending.take() {
                        let sdp = frame["d"]["sdp"].as_str().unwrap_or_default();
                        way.bind_candidates(sdp).map_err(|error| error.to_string())?;
                        let answer = SdpAnswer::from_sdp_string(sdp).map_err(|error| error.to_string())?;
                        rtc.sdp_api().accept_answer(pending, answer).map_err(|error| error.to_string())?;
                    },
                    _ => {}
                }
            }
            () = tokio::time::sleep_until(wake.into()) => {
                let now = Instant::now();
                rtc.handle_input(Input::Timeout(now)).map_err(|error| error.to_string())?;
                if now >= heartbeat {
                    heartbeat = now + beat_every;
                    let beat = json!({"op": 3, "d": {"t": 1, "seq_ack": seen}});
                    socket.send(say(&beat)).await.map_err(|error| error.to_string())?;
                }
                for (load, frames, at) in streams.iter_mut().filter(|(_, _, at)| now >= *at) {
                    let mid = if load.kind == MediaKind::Audio { microphone } else { camera };
                    if counters.silent.load(Ordering::Relaxed) == 0 {
                        frames.write(&mut rtc, mid, *load, now, &counters);
                    }
                    *at += Duration::from_secs(1) / load.frames;
                }
                frame_at = frame_at.and(streams.iter().map(|(_, _, at)| *at).min());
            }
        }
    }
    let _closed = socket.close(None).await;
    Ok(())
}

/// Whatever waits in the socket. str0m hands out one packet an input: it is drained each time.
pub(crate) fn take_all(
    rtc: &mut Rtc,
    way: &mut Way,
    buffer: &mut [u8],
    counters: &Counters,
) -> Result<(), String> {
    while let Ok((length, from, at)) = stamped::receive(&way.udp, buffer) {
        feed(rtc, way, from, &buffer[..length]);
        drain(rtc, way, counters, at)?;
    }
    Ok(())
}

/// Sends and counts all that str0m has to say; returns when it wants to be woken. `arrived` is the stamp of what it
/// was fed last.
pub(crate) fn drain(
    rtc: &mut Rtc,
    way: &mut Way,
    counters: &Counters,
    arrived: u64,
) -> Result<Instant, String> {
    loop {
        match rtc.poll_output().map_err(|error| error.to_string())? {
            Output::Timeout(at) => return Ok(at),
            Output::Transmit(packet) => {
                way.send(packet.destination, &packet.contents);
            }
            Output::Event(Event::Connected) => counters.connected.store(1, Ordering::Relaxed),
            Output::Event(Event::KeyframeRequest(_)) => counters.key_frame_wanted.store(1, Ordering::Relaxed),
            Output::Event(Event::RtpPacket(packet)) => {
                counters.received.fetch_add(1, Ordering::Relaxed);
                if counters.measuring.load(Ordering::Relaxed) == 1
                    && let Some(sent) = packet.payload.get(SENT_AT).and_then(|bytes| bytes.try_into().ok())
                {
                    let micros = arrived.saturating_sub(u64::from_be_bytes(sent)) / 1_000;
                    let micros = u32::try_from(micros).unwrap_or(u32::MAX);
                    counters.latencies.lock().unwrap_or_else(PoisonError::into_inner).push(micros);
                }
            }
            Output::Event(_) => {}
        }
    }
}

fn feed(rtc: &mut Rtc, way: &Way, from: SocketAddr, bytes: &[u8]) {
    let now = Instant::now();
    let Some((from, bytes)) = way.unwrap(from, bytes) else { return };
    if let Ok(contents) = bytes.try_into() {
        let receive = Receive { proto: Protocol::Udp, source: from, destination: way.local, contents };
        let _refused = rtc.handle_input(Input::Receive(now, receive));
    }
}

/// Numbers of a made-up VP8 or Opus stream: a key frame when one is asked for, inter frames otherwise.
#[derive(Default)]
pub(crate) struct Frames {
    sequence: u64,
    time: u32,
    /// The next frame is to be a key frame.
    pub(crate) key: bool,
    types: HashMap<Mid, str0m::media::Pt>,
}

impl Frames {
    pub(crate) fn write(&mut self, rtc: &mut Rtc, mid: Mid, load: Load, now: Instant, counters: &Counters) {
        let (codec, rate) = match load.kind {
            MediaKind::Audio => (str0m::format::Codec::Opus, 48_000),
            MediaKind::Video => (str0m::format::Codec::Vp8, 90_000),
        };
        let pt = match self.types.get(&mid) {
            Some(pt) => *pt,
            None => {
                let found =
                    rtc.codec_config().params().iter().find(|p| p.spec().codec == codec).map(|p| p.pt());
                let Some(pt) = found else { return };
                *self.types.entry(mid).or_insert(pt)
            }
        };
        let mut api = rtc.direct_api();
        let Some(stream) = api.stream_tx_by_mid(mid, None) else { return };
        self.time = self.time.wrapping_add(rate / load.frames);
        let key = std::mem::take(&mut self.key) || self.sequence == 0;
        for index in 0..load.packets {
            let mut payload = vec![0_u8; load.payload];
            // RFC 7741: S bit on the first packet; then the frame tag, whose lowest bit is 0 in a key frame.
            payload[0] = if index == 0 { 0x10 } else { 0 };
            payload[1] = u8::from(!key);
            if key && index == 0 && load.kind == MediaKind::Video {
                payload[4..11].copy_from_slice(&KEY_FRAME);
            }
            payload[SENT_AT].copy_from_slice(&stamped::clock().to_be_bytes());
            let packet = RtpWrite::new(pt, self.sequence.into(), self.time, now, payload)
                .marker(index + 1 == load.packets)
                .nackable(load.kind == MediaKind::Video);
            stream.write_rtp(packet);
            self.sequence += 1;
            counters.sent.fetch_add(1, Ordering::Relaxed);
        }
    }
}
