//! One person: `/voice` and a peer connection, moved on by [`pump`].

use std::time::{Duration, Instant};

use futures_util::{FutureExt, SinkExt, StreamExt};
use serde_json::{Value, json};
use str0m::{
    Event,
    format::Codec,
    media::{Direction, MediaKind, Mid},
    rtp::ExtensionValues,
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
use voxlink_test_client::wire::{Outgoing, Wire};

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
    /// Every packet of sound that arrived: SSRC, timestamp and payload.
    pub sounds: Vec<(u32, u32, Vec<u8>)>,
    /// What is said, packet by packet and over and over; without it the user's id.
    pub says: Vec<Vec<u8>>,
    began: Option<Instant>,
    said: u64,
    pub wire: Wire,
    web: Option<WebSocket>,
    microphone: Option<Mid>,
    sources: Value,
    revision: u64,
    sequence: u64,
}

impl Client {
    /// In the call, reached by this way only.
    pub async fn joined_by(server: &Server, user: u64, channel: ChannelId, wire: Wire) -> Self {
        Self { wire, ..Self::seated(server, user, channel).await }.join().await
    }

    /// Has a seat and a voice socket, and has said nothing yet.
    pub async fn seated(server: &Server, user: u64, channel: ChannelId) -> Self {
        let token = server.take_seat(user, channel).await;
        Self {
            user,
            token,
            frames: Vec::new(),
            seen: 0,
            closed: None,
            heard: Vec::new(),
            sounds: Vec::new(),
            says: Vec::new(),
            began: None,
            said: 0,
            wire: Wire::default(),
            web: Some(connect(server).await),
            microphone: None,
            sources: Value::Null,
            revision: 0,
            sequence: 0,
        }
    }

    /// In the call, with its media connected.
    pub async fn joined(server: &Server, user: u64, channel: ChannelId) -> Self {
        Self::seated(server, user, channel).await.join().await
    }

    async fn join(self) -> Self {
        let mut client = self;
        client.identify().await;
        client.offer().await;
        pump(&mut [&mut client], "connected", |clients| {
            clients[0].wire.is_connected() && clients[0].last(11).is_some()
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
        let mut sources = Vec::new();
        let (offer, microphone) = self.wire.offer(|change| {
            let sending = [
                ("microphone", MediaKind::Audio),
                ("camera", MediaKind::Video),
                ("screen", MediaKind::Video),
                ("screen_audio", MediaKind::Audio),
            ];
            let mids = sending.map(|(source, kind)| {
                let mid = change.add_media(kind, Direction::SendOnly, None, None, None);
                sources.push(json!({"mid": mid.to_string(), "source": source}));
                mid
            });
            for _ in 0..4 {
                change.add_media(MediaKind::Audio, Direction::RecvOnly, None, None, None);
                change.add_media(MediaKind::Video, Direction::RecvOnly, None, None, None);
            }
            mids[0]
        });
        self.microphone = Some(microphone);
        self.sources = json!(sources);
        self.send_offer(offer).await;
    }

    /// The network changed: another local address, and an offer with new ICE credentials.
    pub async fn restart_ice(&mut self) {
        let offer = self.wire.restart_ice();
        self.send_offer(offer).await;
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
        for event in self.wire.step() {
            if let Event::RtpPacket(packet) = event {
                self.heard.extend(packet.payload.first());
                self.sounds.push((*packet.header.ssrc, packet.header.timestamp, packet.payload.to_vec()));
            }
        }
        if self.says.is_empty() {
            if self.wire.may_send() {
                self.speak(vec![self.user as u8; 80]);
            }
            return;
        }
        // However busy this machine is, a second has fifty packets.
        let began = *self.began.get_or_insert_with(Instant::now);
        while u128::from(self.said) < began.elapsed().as_millis() / 20 {
            let payload = self.says[self.said as usize % self.says.len()].clone();
            self.said += 1;
            self.speak(payload);
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
            self.wire.accept(frame["d"]["sdp"].as_str().unwrap());
        }
        self.frames.push(frame);
    }

    fn speak(&mut self, payload: Vec<u8>) {
        let Some(mid) = self.microphone else { return };
        self.sequence += 1;
        let (sequence, time) = (self.sequence, self.sequence * 960);
        let extensions =
            ExtensionValues { audio_level: Some(-10), voice_activity: Some(true), ..Default::default() };
        let codec = Codec::Opus;
        self.wire.send(Outgoing { mid, codec, sequence, time, marker: false, extensions, payload });
    }
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
