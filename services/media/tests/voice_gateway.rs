//! What `/voice` and its HTTP neighbours answer to those who do it wrong.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use serde_json::json;
use support::{
    Forbidden, GUILD, LOUNGE, Server,
    client::{Client, pump},
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use voxlink_protocol::{Secret, bus::VoiceStatesOf};

async fn closes_with(client: &mut Client, code: u16, what: &str) {
    pump(&mut [&mut *client], what, |all| all[0].closed.is_some()).await;
    assert_eq!(client.closed, Some(code), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_has_its_close_code() {
    let server = Server::start(1).await;
    let sources = r#"{"op":20,"d":{"microphone":true,"camera":false,"screen":false,"screen_audio":false}}"#;
    for (text, code) in [
        ("not json", 4002),
        (r#"{"op":0,"d":7}"#, 4002),
        (r#"{"op":1,"d":7}"#, 4003),
        (r#"{"op":99,"d":null}"#, 4001),
        (sources, 4003),
        (r#"{"op":7,"d":{"server_id":"900","session_id":"nobody","token":"t","seq_ack":0}}"#, 4006),
        (r#"{"op":0,"d":{"server_id":"900","user_id":"1","session_id":"s","token":"t"}}"#, 4004),
    ] {
        let mut client = Client::seated(&server, 1, LOUNGE).await;
        client.say_raw(text).await;
        closes_with(&mut client, code, text).await;
    }
    let mut client = Client::seated(&server, 1, LOUNGE).await;
    client.say_raw(&"x".repeat(1024 * 1024 + 1)).await;
    closes_with(&mut client, 1009, "a frame over 1 MiB").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_after_identifying_have_theirs() {
    let server = Server::start(1).await;
    let offer = |protocol: &str, sdp: &str| {
        let data = json!({"revision": 1, "sdp": sdp, "sources": [{"mid": "0", "source": "microphone"}]});
        json!({"op": 1, "d": {"protocol": protocol, "data": data}})
    };
    let long = "v=0\r\n".repeat(100_000);
    for (frame, code) in [
        (offer("udp", "v=0"), 4012),
        (offer("sdp", "nonsense"), 4020),
        (offer("sdp", ""), 4020),
        (offer("sdp", &long), 4020),
        (offer("sdp", "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n"), 4020),
    ] {
        let mut client = Client::seated(&server, 1, LOUNGE).await;
        client.identify().await;
        client.say(frame).await;
        closes_with(&mut client, code, "after identifying").await;
    }
    let mut client = Client::seated(&server, 1, LOUNGE).await;
    client.identify().await;
    client.identify().await;
    closes_with(&mut client, 4005, "identifying twice").await;
    let mut client = Client::seated(&server, 1, LOUNGE).await;
    client.token = Secret::new("forged");
    client.identify().await;
    closes_with(&mut client, 4004, "a forged pass").await;
    let mut client = Client::seated(&server, 1, LOUNGE).await;
    for _ in 0..=120 {
        client.say(json!({"op": 3, "d": {"t": 1, "seq_ack": 0}})).await;
    }
    closes_with(&mut client, 4008, "too many ops").await;
    assert_eq!(server.media.counters().panics, 0);
}

async fn get(server: &Server, path: &str, headers: &str) -> String {
    let mut stream = tokio::net::TcpStream::connect(server.http).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn ice_servers_are_told_to_those_who_are_logged_in() {
    let server = Server::start(1).await;
    let answer = get(&server, "/api/v1/ice-servers", "Authorization: Bearer annas-token\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with(r#"{"ice_servers":[],"ttl":3600}"#), "{answer}");
    let answer = get(&server, "/api/v1/ice-servers", "Authorization: Bearer x\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    let answer = get(&server, "/voice/", "").await;
    assert!(answer.starts_with("HTTP/1.1 426"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_in_a_sentence() {
    let server = Server::start(1).await;
    let config = voxlink_media::MediaConfig {
        listen: server.media.addresses()[0],
        public_addresses: Vec::new(),
        shards: 1,
        part: 250,
        loopback_first: true,
        turn: None,
        turn_over_tls: None,
        external_turn: None,
        database: server.database(),
    };
    let env = voxlink_service_kit::Env::real();
    let key = voxlink_service_kit::call_pass::PassKey::new(&[1; 32]);
    let bus = voxlink_service_kit::Bus::in_process();
    let auth = voxlink_service_kit::Auth::new(bus.clone(), env.clone());
    let error = voxlink_media::Media::start(config, &bus, env, key, auth).await.unwrap_err();
    assert!(error.to_string().contains("already in use"), "{error}");
    assert!(error.to_string().contains("--media-listen"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_be_in_a_call_any_more_is_taken_out_at_once() {
    let server = Server::start(1).await;
    server.take_seat(1, LOUNGE).await;
    // Whatever may change rights makes media ask again.
    server.forbid(1, LOUNGE, Forbidden::Connect);
    while !server.bus.call(VoiceStatesOf { guild: GUILD }).await.unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    let told = server.states.lock().unwrap().last().cloned().unwrap();
    assert_eq!((told.user_id.get(), told.channel_id), (1, None));
}
