//! What nobody should send: each gets the v10-shaped error or close code, never a 500, and nobody else notices.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::{Method, body::Bytes};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use voxlink_test_client::{Gateway, Person, Rest, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_request_is_refused_in_the_v10_shape() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Harbour").await;
    let messages = format!("/api/v10/channels/{text}/messages");
    let channels = format!("/api/v10/guilds/{guild}/channels");
    let long = "x".repeat(2001);
    let huge = format!("{{\"content\":\"{}\"}}", "x".repeat(1 << 20));
    let cases: Vec<(Method, &str, String, u16, u64)> = vec![
        (Method::POST, &messages, "{".into(), 400, 50109),
        (Method::POST, &messages, "{\"content\":5}".into(), 400, 50035),
        (Method::POST, &messages, "[]".into(), 400, 50035),
        (Method::POST, &messages, "\u{0}\u{1}\u{2}".into(), 400, 50109),
        (Method::POST, &messages, json!({"content": long}).to_string(), 400, 50035),
        (Method::POST, &messages, json!({"content": "   "}).to_string(), 400, 50006),
        (Method::POST, &messages, json!({"content": "hi", "nonce": "n".repeat(26)}).to_string(), 400, 50035),
        (Method::POST, &messages, huge, 413, 40005),
        (Method::GET, "/api/v10/channels/1/messages", String::new(), 404, 10003),
        (Method::GET, "/api/v10/channels/abc/messages", String::new(), 400, 50035),
        (Method::GET, "/api/v10/channels/99999999999999999999999/messages", String::new(), 400, 50035),
        (Method::GET, "/api/v10/guilds/1", String::new(), 404, 10004),
        (Method::POST, &channels, json!({"name": "x".repeat(101), "type": 0}).to_string(), 400, 50035),
        (Method::POST, &channels, json!({"name": "ok", "type": 77}).to_string(), 400, 50035),
        (Method::POST, "/api/v1/guilds", json!({"name": "x"}).to_string(), 400, 50035),
        (Method::POST, "/api/v1/guilds", "{}".into(), 400, 50035),
        (Method::GET, "/api/v10/invites/nosuchcode", String::new(), 404, 10006),
        (Method::POST, "/api/v1/invites/nosuchcode", String::new(), 404, 10006),
        (Method::GET, "/api/v10/users/1", String::new(), 404, 10013),
        (Method::GET, "/api/v10/no/such/route", String::new(), 404, 0),
        (
            Method::POST,
            "/api/v1/auth/register",
            json!({"username": "a b", "password": "12345678"}).to_string(),
            400,
            50035,
        ),
        (
            Method::POST,
            "/api/v1/auth/register",
            json!({"username": "anna", "password": "long enough pass"}).to_string(),
            400,
            50035,
        ),
        (
            Method::POST,
            "/api/v1/auth/register",
            json!({"username": "carol", "password": "x"}).to_string(),
            400,
            50035,
        ),
    ];
    for (method, path, body, status, code) in cases {
        let shown: String = body.chars().take(60).collect();
        let reply = anna.rest.send_raw(method.clone(), path, Bytes::from(body)).await.unwrap();
        assert_eq!(
            (reply.status, reply.body["code"].as_u64()),
            (status, Some(code)),
            "{method} {path} {shown}: {:?}",
            reply.body
        );
        assert!(reply.body["message"].is_string(), "{path}");
    }
    // Without a token, with a wrong one, and from someone who is not a member.
    for path in [messages.as_str(), "/api/v10/users/@me", &channels] {
        for rest in [Rest::new(server.address), Rest::with_token(server.address, "wrong")] {
            let reply = rest.send(Method::GET, path, Value::Null).await.unwrap();
            assert_eq!((reply.status, &reply.body["code"]), (401, &json!(0)), "{path}");
        }
    }
    for (method, path) in [
        (Method::GET, messages.clone()),
        (Method::POST, messages.clone()),
        (Method::GET, format!("/api/v10/channels/{voice}")),
        (Method::PATCH, format!("/api/v10/channels/{voice}")),
        (Method::DELETE, format!("/api/v10/channels/{voice}")),
        (Method::GET, channels.clone()),
        (Method::PATCH, format!("/api/v10/guilds/{guild}")),
        (Method::DELETE, format!("/api/v10/guilds/{guild}")),
        (Method::POST, format!("/api/v10/channels/{text}/typing")),
        (Method::POST, format!("/api/v10/channels/{text}/invites")),
        (Method::GET, format!("/api/v10/guilds/{guild}/members")),
    ] {
        let body = if method == Method::GET { Value::Null } else { json!({"name": "abc", "content": "abc"}) };
        let reply = boris.rest.send(method.clone(), &path, body).await.unwrap();
        assert_eq!(reply.status, 404, "{method} {path}: {:?}", reply.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_and_wrong_passwords_answer_alike() {
    let server = TestServer::start();
    Person::register(server.address, "anna").await;
    let rest = Rest::new(server.address);
    let mut answers = Vec::new();
    for name in ["anna", "nobody"] {
        let body = json!({"username": name, "password": "not the password"});
        let reply = rest.send(Method::POST, "/api/v1/auth/login", body).await.unwrap();
        answers.push((reply.status, reply.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].0 == 400 || answers[0].0 == 401, "{answers:?}");
}

/// Opens a socket, says these things, returns the close code.
async fn close_code(url: &str, say: &[Message]) -> Option<u16> {
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    for message in say {
        // The server may close while we still talk.
        let _closed = socket.send(message.clone()).await;
    }
    loop {
        match tokio::time::timeout(Duration::from_secs(20), socket.next()).await {
            Ok(Some(Ok(Message::Close(frame)))) => return frame.map(|frame| frame.code.into()),
            Ok(Some(Ok(_))) => {}
            Ok(Some(Err(_)) | None) => return None,
            Err(_) => panic!("the server did not close"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_bad_frame_closes_its_own_socket_and_no_other() {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (_, text, _) = anna.create_guild("Harbour").await;
    let mut bystander = Gateway::identify(server.address, &anna.token).await.unwrap();
    let gateway = format!("ws://{}/gateway?v=10&encoding=json", server.address);
    let voice = format!("ws://{}/voice?v=8", server.address);
    let identify = |token: &str| {
        Message::text(json!({"op": 2, "d": {"token": token, "properties": {}, "intents": 1}}).to_string())
    };
    let text_frame = |text: &str| Message::text(text.to_owned());
    let good = identify(&anna.token);
    let cases: Vec<(&str, Vec<Message>, u16)> = vec![
        (&gateway, vec![text_frame("{")], 4002),
        (&gateway, vec![text_frame("{\"op\":\"x\"}")], 4002),
        (&gateway, vec![text_frame("{\"op\":99,\"d\":null}")], 4001),
        (&gateway, vec![text_frame("{\"op\":4,\"d\":{}}")], 4003),
        (&gateway, vec![identify("wrong")], 4004),
        (&gateway, vec![good.clone(), good.clone()], 4005),
        (&gateway, vec![good.clone(), text_frame("{\"op\":4,\"d\":{\"guild_id\":{}}}")], 4002),
        (&gateway, vec![text_frame(&"x".repeat(65_537))], 1009),
        (
            &gateway,
            std::iter::once(good.clone())
                .chain((0..200).map(|_| text_frame("{\"op\":1,\"d\":null}")))
                .collect(),
            4008,
        ),
        (&voice, vec![text_frame("nonsense")], 4002),
        (&voice, vec![text_frame("{\"op\":1,\"d\":{}}")], 4003),
        (
            &voice,
            vec![text_frame(
                "{\"op\":0,\"d\":{\"server_id\":\"1\",\"user_id\":\"1\",\"session_id\":\"x\",\"token\":\"forged\"}}",
            )],
            4004,
        ),
        (&voice, vec![text_frame(&"x".repeat((1 << 20) + 1))], 1009),
    ];
    for (url, say, code) in cases {
        let first: String = say[0].to_string().chars().take(80).collect();
        assert_eq!(close_code(url, &say).await, Some(code), "{url} {first}");
    }
    // A socket that never identifies.
    assert_eq!(close_code(&gateway, &[]).await, Some(4003));
    // Nobody else noticed.
    anna.say(&text, "still here", "n").await.unwrap();
    bystander.next_of("MESSAGE_CREATE", Duration::from_secs(5)).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_sites_page_may_not_open_a_socket() {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest;
    let server = TestServer::start();
    for path in ["gateway?v=10&encoding=json", "voice?v=8"] {
        let mut request = format!("ws://{}/{path}", server.address).into_client_request().unwrap();
        request.headers_mut().insert("origin", "https://evil.example".parse().unwrap());
        let error = tokio_tungstenite::connect_async(request).await.unwrap_err();
        assert!(error.to_string().contains("403"), "{path}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_from_strangers_are_ignored() {
    let server = TestServer::start();
    let socket = tokio::net::UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut seed = 0x5EED_u64;
    for length in 1..1400_usize {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bytes: Vec<u8> = (0..length).map(|i| (seed >> (i % 56)) as u8).collect();
        socket.send_to(&bytes, server.media).await.unwrap();
    }
    let mut buffer = [0; 2048];
    let reply = tokio::time::timeout(Duration::from_millis(500), socket.recv_from(&mut buffer)).await;
    assert!(reply.is_err(), "a stranger got an answer: {reply:?}");
    Person::register(server.address, "anna").await;
}
