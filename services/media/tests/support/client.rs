//! One person: `/voice` and a peer connection, moved on by [`pump`].

use std::{
    io,
    net::UdpSocket,
    time::{Duration, Instant},
};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use str0m::{
    Candidate, Event, Input, Output, Rtc, RtcConfig,
    change::{SdpAnswer, SdpPendingOffer},
    format::Codec,
    media::{Direction, MediaKind, Mid},
    net::{Protocol, Receive},
    rtp::{ExtensionValues, RtpWrite},
};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{
        Message,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};
use voxlink_protocol::{ChannelId, Secret};

use super::{GUILD, Server, session};

type WebSocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub struct Client {
    pub user: u64,
    pub token: Secret,
    /// All that came over `/voice`.
    pub frames: Vec<Value>,
    pub seen: u64,
    /// The close code, 1006 when there was none.
    pub closed: Option<u16>,
    /// Whose microphone packets arrived: their first byte is the user's id.
    pub heard: Vec<u8>,
    pub rtc: Box<Rtc>,
    web: Option<WebSocket>,
    udp: UdpSocket,
    microphone: Option<Mid>,
    sources: Value,
    revision: u64,
    pending: Option<SdpPendingOffer>,
    wake: Instant,
    next_packet: Instant,
    sequence: u64,
}

impl Client {
    /// Has a seat and a voice socket, and has said nothing yet.
    pub async fn seated(server: &Server, user: u64, channel: ChannelId) -> Self {
        let token = server.take_seat(user, channel).await;
        let now = Instant::now();
        let rtc = RtcConfig::new()
            .clear_codecs()
            .enable_opus(true, false)
            .enable_vp8(true)
            .set_rtp_mode(true)
            .build(now);
        Self {
            user,
            token,
            frames: Vec::new(),
            seen: 0,
            closed: None,
            heard: Vec::new(),
            rtc: Box::new(rtc),
            web: Some(connect(server).await),
            udp: bind(),
            microphone: None,
            sources: Value::Null,
            revision: 0,
            pending: None,
            wake: now,
            next_packet: now,
            sequence: 0,
        }
    }

    /// In the call, with its media connected.
    pub async fn joined(server: &Server, user: u64, channel: ChannelId) -> Self {
        let mut client = Self::seated(server, user, channel).await;
        client.identify().await;
        client.offer().await;
        pump(&mut [&mut client], "connected", |clients| {
            clients[0].rtc.is_connected() && clients[0].last(11).is_some()
        })
        .await;
        let sources = json!({"microphone": true, "camera": false, "screen": false, "screen_audio": false});
        client.say(json!({"op": 20, "d": sources})).await;
        client
    }

    pub async fn identify(&mut self) {
        let d = json!({"server_id": GUILD, "user_id": self.user.to_string(), "session_id": session(self.user),
            "token": self.token, "video": true});
        self.say(json!({"op": 0, "d": d})).await;
    }

    /// Op 1 with four sources and eight slots.
    pub async fn offer(&mut self) {
        let mut change = self.rtc.sdp_api();
        let audio = change.add_media(MediaKind::Audio, Direction::SendOnly, None, None, None);
        let mut sources = vec![json!({"mid": audio.to_string(), "source": "microphone"})];
        for (source, kind) in
            [("camera", MediaKind::Video), ("screen", MediaKind::Video), ("screen_audio", MediaKind::Audio)]
        {
            let mid = change.add_media(kind, Direction::SendOnly, None, None, None);
            sources.push(json!({"mid": mid.to_string(), "source": source}));
        }
        for _ in 0..4 {
            change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
            change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
        }
        let (offer, pending) = change.apply().unwrap();
        self.microphone = Some(audio);
        self.pending = Some(pending);
        self.sources = json!(sources);
        self.send_offer(offer.to_sdp_string()).await;
    }

    /// The network changed: another local address, and an offer with new ICE credentials.
    pub async fn restart_ice(&mut self) {
        let mut change = self.rtc.sdp_api();
        change.ice_restart(false);
        let (offer, pending) = change.apply().unwrap();
        self.pending = Some(pending);
        self.udp = bind();
        self.send_offer(offer.to_sdp_string()).await;
    }

    async fn send_offer(&mut self, sdp: String) {
        self.revision += 1;
        let data = json!({"revision": self.revision, "sdp": sdp, "sources": self.sources});
        self.say(json!({"op": 1, "d": {"protocol": "sdp", "data": data}})).await;
    }

    /// The socket vanishes without a word.
    pub fn lose_web(&mut self) {
        self.web = None;
    }

    /// The tab is closed: the browser says so to the server.
    pub async fn leave_page(&mut self) {
        let frame = CloseFrame { code: CloseCode::Away, reason: "".into() };
        self.web.as_mut().unwrap().close(Some(frame)).await.unwrap();
    }

    pub async fn resume(&mut self, server: &Server) {
        self.closed = None;
        self.web = Some(connect(server).await);
        let d = json!({"server_id": GUILD, "session_id": session(self.user), "token": self.token,
            "seq_ack": self.seen});
        self.say(json!({"op": 7, "d": d})).await;
    }

    pub async fn say(&mut self, frame: Value) {
        self.say_raw(&frame.to_string()).await;
    }

    pub async fn say_raw(&mut self, text: &str) {
        // The server may have closed already: the test will see the code.
        let _closed = self.web.as_mut().unwrap().send(Message::text(text)).await;
    }

    /// The last frame of this op.
    pub fn last(&self, op: u64) -> Option<&Value> {
        self.frames.iter().rev().find(|frame| frame["op"] == op).map(|frame| &frame["d"])
    }

    pub fn hears(&self, user: u64) -> bool {
        self.heard.iter().filter(|first| u64::from(**first) == user).count() >= 10
    }

    fn step(&mut self) {
        self.read_web();
        self.read_udp();
        let now = Instant::now();
        if now >= self.wake && self.rtc.is_alive() {
            self.rtc.handle_input(Input::Timeout(now)).unwrap();
            self.drain();
        }
        if now >= self.next_packet && self.rtc.is_connected() {
            self.next_packet = now + Duration::from_millis(20);
            self.speak(now);
        }
    }

    fn read_web(&mut self) {
        while let Some(message) = self.web.as_mut().and_then(|web| web.next().now_or_never()) {
            match message {
                Some(Ok(Message::Text(text))) => self.take(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => {
                    self.closed = Some(frame.map_or(1005, |frame| frame.code.into()));
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => {
                    self.closed = self.closed.or(Some(1006));
                    self.web = None;
                }
            }
        }
    }

    fn take(&mut self, frame: Value) {
        if let Some(seq) = frame["seq"].as_u64() {
            assert_eq!(seq, self.seen + 1, "a frame is missing or came twice");
            self.seen = seq;
        }
        if frame["op"] == 4 && frame["d"]["revision"] == self.revision {
            let answer = SdpAnswer::from_sdp_string(frame["d"]["sdp"].as_str().unwrap()).unwrap();
            self.rtc.sdp_api().accept_answer(self.pending.take().unwrap(), answer).unwrap();
            // After an ICE restart str0m has forgotten its candidates, so it gets them here and not before.
            let address = self.udp.local_addr().unwrap();
            self.rtc.add_local_candidate(Candidate::host(address, "udp").unwrap());
            self.drain();
        }
        self.frames.push(frame);
    }

    fn read_udp(&mut self) {
        let mut buffer = [0; 2048];
        loop {
            let (length, from) = match self.udp.recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => panic!("{error}"),
            };
            let to = self.udp.local_addr().unwrap();
            if let Ok(receive) = Receive::new(Protocol::Udp, from, to, &buffer[..length]) {
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
                    // A full buffer is a lost packet.
                    let _lost = self.udp.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(Event::RtpPacket(packet)) => self.heard.extend(packet.payload.first()),
                Output::Event(_) => {}
            }
        }
    }

    fn speak(&mut self, now: Instant) {
        let Some(mid) = self.microphone else { return };
        let pt = self.rtc.codec_config().find(|pt| pt.spec().codec == Codec::Opus).unwrap().pt();
        self.sequence += 1;
        let time = (self.sequence * 960) as u32;
        let values =
            ExtensionValues { audio_level: Some(-10), voice_activity: Some(true), ..Default::default() };
        let write =
            RtpWrite::new(pt, self.sequence.into(), time, now, vec![self.user as u8; 80]).ext_vals(values);
        if let Some(stream) = self.rtc.direct_api().stream_tx_by_mid(mid, None) {
            stream.write_rtp(write);
        }
        self.rtc.handle_input(Input::Timeout(now)).unwrap();
        self.drain();
    }
}

fn bind() -> UdpSocket {
    let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
    udp.set_nonblocking(true).unwrap();
    udp
}

async fn connect(server: &Server) -> WebSocket {
    let url = format!("ws://{}/voice?v=8", server.http);
    let mut web = tokio_tungstenite::connect_async(url).await.unwrap().0;
    let hello: Value = serde_json::from_str(web.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert_eq!(hello, json!({"op": 8, "d": {"v": 8, "heartbeat_interval": 13750}}));
    web
}

/// Lets these people live until something is so, at most fifteen seconds.
pub async fn pump(clients: &mut [&mut Client], what: &str, holds: impl Fn(&[&mut Client]) -> bool) {
    let end = Instant::now() + Duration::from_secs(15);
    while !holds(clients) {
        assert!(
            Instant::now() < end,
            "never happened: {what}; {:?}",
            clients
                .iter()
                .map(|client| (client.user, client.closed, client.frames.last()))
                .collect::<Vec<_>>()
        );
        for client in clients.iter_mut() {
            client.step();
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Lets these people live for a while.
pub async fn pump_for(clients: &mut [&mut Client], time: Duration) {
    let end = Instant::now() + time;
    pump(clients, "time passes", |_| Instant::now() >= end).await;
}
