//! A client that loses its socket at any moment resumes with nothing missed and nothing twice.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use serde_json::{Value, json};
use voxlink_test_client::{Gateway, GatewayError, Person, TestServer};

const MESSAGES: usize = 400;

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cuts_lose_nothing() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (_, channel, _) = anna.create_guild("Cut test").await;
    let mut hears = Gateway::identify(server.address, &anna.token).await.unwrap();
    let writer = tokio::spawn({
        let (anna, channel) = (anna.another_connection(), channel.clone());
        async move {
            for number in 0..MESSAGES {
                let reply = anna.say(&channel, &format!("{number}"), &format!("n{number}")).await.unwrap();
                assert_eq!(reply.status, 200, "{:?}", reply.body);
            }
        }
    });
    // A committed seed decides after how many events each cut comes.
    let (mut seed, mut heard) = (0x0C07_5EED_u64, Vec::new());
    while heard.len() < MESSAGES {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        for _ in 0..(seed >> 33) % 8 {
            if heard.len() == MESSAGES {
                break;
            }
            // `next` checks that no sequence number is skipped or repeated.
            match hears.next(Duration::from_secs(20)).await {
                Ok((name, body)) if name == "MESSAGE_CREATE" => {
                    heard.push(body["content"].as_str().unwrap().parse::<usize>().unwrap());
                }
                Ok(_) => {}
                Err(error) => panic!("{error} after {} messages", heard.len()),
            }
        }
        hears.cut();
        hears.resume().await.unwrap();
    }
    writer.await.unwrap();
    assert_eq!(heard, (0..MESSAGES).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_session_is_invalid_and_history_fills_the_gap() {
    let mut server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (_, channel, _) = anna.create_guild("Restart test").await;
    let mut hears = Gateway::identify(server.address, &anna.token).await.unwrap();
    let first = anna.say(&channel, "before", "a").await.unwrap().text("id");
    hears.next_of("MESSAGE_CREATE", Duration::from_secs(5)).await.unwrap();
    server.restart();
    hears.resume().await.unwrap();
    assert_eq!(hears.next(Duration::from_secs(5)).await, Err(GatewayError::InvalidSession));
    assert_eq!(anna.say(&channel, "after", "b").await.unwrap().status, 200);
    Gateway::identify(server.address, &anna.token).await.unwrap();
    let gap = anna.get(&format!("/api/v10/channels/{channel}/messages?after={first}")).await.unwrap();
    assert_eq!(gap.body.as_array().unwrap().len(), 1);
    assert_eq!(gap.body[0]["content"], "after");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_resumed_only_by_its_owner_and_only_from_what_was_sent() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let mallory = Person::register(server.address, "mallory").await;
    let annas = Gateway::identify(server.address, &anna.token).await.unwrap();
    for (token, seq) in [(&mallory.token, annas.seq), (&anna.token, annas.seq + 1000)] {
        let mut thief = Gateway::identify(server.address, &mallory.token).await.unwrap();
        thief.cut();
        thief.session_id.clone_from(&annas.session_id);
        thief.seq = seq;
        let outcome = try_resume(server.address, token, &annas.session_id, seq).await;
        assert!(
            matches!(outcome, Err(GatewayError::InvalidSession | GatewayError::Closed(4007 | 4004))),
            "{outcome:?}"
        );
    }
}

async fn try_resume(
    address: std::net::SocketAddr,
    token: &str,
    session: &str,
    seq: u64,
) -> Result<Value, GatewayError> {
    use futures_util::{SinkExt, StreamExt};
    use tokio_tungstenite::tungstenite::Message;
    let (mut socket, _) =
        tokio_tungstenite::connect_async(format!("ws://{address}/gateway?v=10&encoding=json")).await.unwrap();
    let resume = json!({"op": 6, "d": {"token": token, "session_id": session, "seq": seq}});
    socket.send(Message::text(resume.to_string())).await.unwrap();
    loop {
        match tokio::time::timeout(Duration::from_secs(10), socket.next()).await.unwrap() {
            Some(Ok(Message::Text(text))) => {
                let frame: Value = serde_json::from_str(&text).unwrap();
                match frame["op"].as_u64() {
                    Some(9) => return Err(GatewayError::InvalidSession),
                    Some(0) => return Ok(frame),
                    _ => {}
                }
            }
            Some(Ok(Message::Close(Some(close)))) => return Err(GatewayError::Closed(close.code.into())),
            Some(Ok(_)) => {}
            _ => return Err(GatewayError::Lost("closed".to_owned())),
        }
    }
}
