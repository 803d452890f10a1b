//! The gateway on real sockets, with fake services on both kinds of bus.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, client_async, tungstenite::Message as Frame};
use voxlink_gateway::{Gateway, GatewayConfig};
use voxlink_protocol::{
    Channel, ChannelId, ChannelKind, Guild, GuildId, GuildSnapshot, LoginId, Member, Message, MessageId,
    Secret, Timestamp, User, UserId, VoiceState,
    bus::{
        GuildsOf, IssueCallPass, LeaveSeat, LoadGuild, ResolveToken, Seat, SessionRevoked, TakeSeat,
        TokenOwner, UpdateSeat, VoiceStatesOf,
    },
    event::{ChannelChange, GuildChange, GuildEvent},
};
use voxlink_service_kit::{Auth, Bus, Env};

const GUILD: GuildId = GuildId::new(10);
const VOICE: ChannelId = ChannelId::new(20);
const ANNA: UserId = UserId::new(1);

struct Server {
    bus: Bus,
    gateway: Gateway,
    address: SocketAddr,
}

fn snapshot() -> GuildSnapshot {
    let channel =
        json!({"id": VOICE, "type": 2, "guild_id": GUILD, "name": "talk", "position": 0, "parent_id": null});
    let channel: Channel = serde_json::from_value(channel).unwrap();
    assert_eq!(channel.kind, ChannelKind::Voice);
    let member =
        json!({"user": User::new(ANNA, "anna"), "nick": null, "roles": [], "joined_at": Timestamp(0)});
    let member: Member = serde_json::from_value(member).unwrap();
    GuildSnapshot {
        version: 1,
        guild: Guild::new(GUILD, "Home", ANNA),
        channels: vec![channel],
        members: vec![member],
    }
}

fn voice_state(channel: Option<ChannelId>, session_id: &str) -> VoiceState {
    serde_json::from_value(json!({
        "guild_id": GUILD, "channel_id": channel, "user_id": ANNA, "session_id": session_id, "deaf": false,
        "mute": false, "self_deaf": false, "self_mute": false, "self_video": false, "suppress": false,
        "request_to_speak_timestamp": null,
    }))
    .unwrap()
}

fn serve_fakes(bus: &Bus) {
    bus.serve(|request: ResolveToken| async move {
        let owner = TokenOwner { user: User::new(ANNA, "anna"), login: LoginId::new(7) };
        (request.token.expose() == "good").then_some(owner)
    });
    bus.serve(|_: GuildsOf| async { vec![GUILD] });
    bus.serve(|_: LoadGuild| async { Some(snapshot()) });
    bus.serve(|_: VoiceStatesOf| async { Vec::<VoiceState>::new() });
    bus.serve(|request: IssueCallPass| async move { Ok(Secret::new(request.session_id)) });
    bus.serve(|_: UpdateSeat| async { true });
    bus.serve(|_: LeaveSeat| async { true });
    let announcer = bus.clone();
    bus.serve(move |request: TakeSeat| {
        let bus = announcer.clone();
        async move {
            let state = voice_state(Some(VOICE), request.pass.expose());
            let change = GuildChange::VoiceStateUpdate(Box::new(state.clone()));
            bus.publish(GuildEvent { guild_id: GUILD, version: None, change });
            Ok(Seat { state, endpoint: String::new() })
        }
    });
}

async fn start(bus: Bus) -> Server {
    serve_fakes(&bus);
    let env = Env::real();
    let auth = Auth::new(bus.clone(), env.clone());
    let gateway = Gateway::start(GatewayConfig::default(), bus.clone(), env, auth);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = gateway.router();
    tokio::spawn(async move { axum::serve(listener, router).await });
    Server { bus, gateway, address }
}

impl Server {
    fn message(&self, version: u64) {
        let message = json!({
            "id": MessageId::new(version), "channel_id": VOICE, "author": User::new(ANNA, "anna"),
            "content": "x".repeat(300), "timestamp": Timestamp(0), "edited_timestamp": null, "guild_id": GUILD,
        });
        let message: Message = serde_json::from_value(message).unwrap();
        let change = GuildChange::Channel(ChannelChange::MessageCreate(Box::new(message)));
        self.bus.publish(GuildEvent { guild_id: GUILD, version: Some(version), change });
    }

    async fn connect(&self, query: &str) -> Line {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}/gateway{query}", self.address);
        Line { socket: client_async(url, stream).await.unwrap().0 }
    }
}

struct Line {
    socket: WebSocketStream<TcpStream>,
}

impl Line {
    async fn say(&mut self, op: u8, d: Value) {
        self.socket.send(Frame::text(json!({"op": op, "d": d}).to_string())).await.unwrap();
    }

    async fn frame(&mut self) -> Frame {
        timeout(Duration::from_secs(5), self.socket.next()).await.unwrap().unwrap().unwrap()
    }

    /// The next payload; a close becomes `{"close": code}`. Presence is not what these tests are about.
    async fn hear(&mut self) -> Value {
        loop {
            let value = match self.frame().await {
                Frame::Text(text) => serde_json::from_str(&text).unwrap(),
                Frame::Close(Some(close)) => json!({"close": u16::from(close.code)}),
                other => panic!("{other:?}"),
            };
            if value["t"] != "PRESENCE_UPDATE" {
                return value;
            }
        }
    }

    /// The next dispatch, whose name must be this.
    async fn expect(&mut self, name: &str) -> Value {
        let frame = self.hear().await;
        assert_eq!(frame["t"], name, "{frame}");
        frame
    }
}

async fn a_session_over(bus: Bus) {
    let server = start(bus).await;
    let mut line = server.connect("?v=10&encoding=json").await;
    assert_eq!(line.hear().await["op"], 10);
    line.say(2, json!({"token": "Bot good", "properties": {}, "intents": 0})).await;
    let ready = line.expect("READY").await;
    let session = ready["d"]["session_id"].clone();
    assert_eq!(ready["d"]["resume_gateway_url"], format!("ws://{}/gateway", server.address));
    line.expect("GUILD_CREATE").await;
    line.say(1, json!(2)).await;
    assert_eq!(line.hear().await["op"], 11);
    server.message(2);
    let last = line.expect("MESSAGE_CREATE").await["s"].clone();
    drop(line);
    server.message(3);
    server.message(4);

    let mut line = server.connect("").await;
    assert_eq!(line.hear().await["op"], 10);
    line.say(6, json!({"token": "good", "session_id": session, "seq": last})).await;
    assert_eq!(line.expect("MESSAGE_CREATE").await["d"]["id"], "3");
    assert_eq!(line.expect("MESSAGE_CREATE").await["d"]["id"], "4");
    line.expect("RESUMED").await;

    line.say(4, json!({"guild_id": "10", "channel_id": "20", "self_mute": false, "self_deaf": false})).await;
    assert_eq!(line.expect("VOICE_STATE_UPDATE").await["d"]["member"]["user"]["username"], "anna");
    let told = line.expect("VOICE_SERVER_UPDATE").await;
    assert_eq!(told["d"]["endpoint"], format!("{}/voice", server.address));
    server.bus.publish(SessionRevoked { user: ANNA, login: LoginId::new(7) });
    assert_eq!(line.hear().await, json!({"close": 4004}));
}

#[tokio::test]
async fn a_session_is_resumed_joins_a_call_and_is_revoked() {
    a_session_over(Bus::in_process()).await;
}

#[tokio::test]
async fn the_same_over_a_bus_that_serialises() {
    a_session_over(Bus::serialising()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_gets_everything_in_order_through_a_full_socket() {
    let server = start(Bus::in_process()).await;
    let mut line = server.connect("").await;
    line.say(2, json!({"token": "good"})).await;
    line.expect_hello().await;
    line.expect("READY").await;
    line.expect("GUILD_CREATE").await;
    // 1.5 MiB over time: more than the backlog allows at once, so the writer is waited for in steps.
    let mut version = 1;
    for _ in 0..10 {
        for _ in 0..400 {
            version += 1;
            server.message(version);
        }
        for expected in version - 399..=version {
            assert_eq!(line.expect("MESSAGE_CREATE").await["d"]["id"], expected.to_string());
        }
    }
}

impl Line {
    async fn expect_hello(&mut self) {
        assert_eq!(self.hear().await["op"], 10);
    }
}

#[tokio::test]
async fn what_breaks_the_rules_is_closed_with_its_code() {
    let server = start(Bus::in_process()).await;
    for (text, code) in [
        ("nonsense".to_owned(), 4002),
        (r#"{"op":77,"d":null}"#.to_owned(), 4001),
        (r#"{"op":4,"d":{"guild_id":"1","channel_id":null}}"#.to_owned(), 4003),
        (r#"{"op":2,"d":{"token":"bad"}}"#.to_owned(), 4004),
        ("x".repeat((64 << 10) + 1), 1009),
    ] {
        let mut line = server.connect("").await;
        line.expect_hello().await;
        line.socket.send(Frame::text(text)).await.unwrap();
        assert_eq!(line.hear().await, json!({"close": code}));
        assert!(!matches!(line.socket.next().await, Some(Ok(_))), "the connection ends");
    }
    let mut line = server.connect("?v=6").await;
    assert_eq!(line.hear().await, json!({"close": 4012}));
    let mut line = server.connect("").await;
    line.expect_hello().await;
    for _ in 0..120 {
        line.say(1, json!(null)).await;
        assert_eq!(line.hear().await["op"], 11);
    }
    line.say(1, json!(null)).await;
    assert_eq!(line.hear().await, json!({"close": 4008}));
}

#[tokio::test]
async fn pings_are_answered_and_closes_are_echoed() {
    let server = start(Bus::in_process()).await;
    let mut line = server.connect("/").await;
    line.expect_hello().await;
    line.socket.send(Frame::Ping(b"are you there"[..].into())).await.unwrap();
    assert_eq!(line.frame().await, Frame::Pong(b"are you there"[..].into()));
    line.socket.close(None).await.unwrap();
    assert!(matches!(line.frame().await, Frame::Close(_)));
    let end = timeout(Duration::from_secs(1), line.socket.next()).await.unwrap();
    assert!(!matches!(end, Some(Ok(_))));
}

#[tokio::test]
async fn a_client_that_asks_for_zlib_gets_one_stream() {
    let server = start(Bus::in_process()).await;
    let mut line = server.connect("?v=10&encoding=json&compress=zlib-stream").await;
    line.say(2, json!({"token": "good"})).await;
    let mut inflater = flate2::Decompress::new(true);
    for expected in ["hello", "READY", "GUILD_CREATE"] {
        let Frame::Binary(packed) = line.frame().await else { panic!("compressed frames are binary") };
        assert!(packed.ends_with(&[0, 0, 0xFF, 0xFF]), "each frame ends with a sync flush");
        let mut text = Vec::with_capacity(1 << 16);
        inflater.decompress_vec(&packed, &mut text, flate2::FlushDecompress::Sync).unwrap();
        let frame: Value = serde_json::from_slice(&text).unwrap();
        assert!(frame["t"] == expected || (expected == "hello" && frame["op"] == 10), "{frame}");
    }
}

/// Status line and body of a plain request.
async fn get(address: SocketAddr, path: &str, headers: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.lines().next().unwrap().to_owned(), body.to_owned())
}

#[tokio::test]
async fn the_address_is_told_as_the_client_can_reach_it() {
    let server = start(Bus::in_process()).await;
    let (_, body) = get(server.address, "/api/v10/gateway", "").await;
    assert_eq!(body, r#"{"url":"ws://chat.example/gateway"}"#);
    let (_, body) = get(server.address, "/api/v9/gateway", "X-Forwarded-Proto: https\r\n").await;
    assert_eq!(body, r#"{"url":"wss://chat.example/gateway"}"#);
    let (status, _) = get(server.address, "/api/v10/gateway/bot", "").await;
    assert_eq!(status, "HTTP/1.1 401 Unauthorized");
    let (_, body) = get(server.address, "/api/v10/gateway/bot", "Authorization: Bot good\r\n").await;
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["shards"], 1);
}

#[tokio::test]
async fn a_plain_request_or_a_page_of_another_site_is_turned_away() {
    let server = start(Bus::in_process()).await;
    let (status, _) = get(server.address, "/gateway", "").await;
    assert_eq!(status, "HTTP/1.1 426 Upgrade Required");
    let upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: https://evil.example\r\n";
    let (status, _) = get(server.address, "/gateway", upgrade).await;
    assert_eq!(status, "HTTP/1.1 403 Forbidden");
    let (status, body) = get(server.address, "/gateway?encoding=etf", "").await;
    assert_eq!(status, "HTTP/1.1 400 Bad Request");
    assert!(body.contains("encoding"));
}

#[tokio::test]
async fn draining_asks_clients_to_come_back_and_then_lets_go() {
    let server = start(Bus::in_process()).await;
    let mut line = server.connect("").await;
    line.expect_hello().await;
    let drain = server.gateway.drain(Duration::from_millis(500));
    let watch = async {
        assert_eq!(line.hear().await["op"], 7);
        assert_eq!(line.hear().await, json!({"close": 1001}));
    };
    tokio::join!(drain, watch);
    let (status, _) = get(server.address, "/gateway", "").await;
    assert_eq!(status, "HTTP/1.1 503 Service Unavailable");
}
