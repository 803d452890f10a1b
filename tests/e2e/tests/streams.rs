//! A program streams into a room with a key, others watch it: over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Person, Reply, Rest, Stranger, TestServer, stranger::pump};

const SOON: Duration = Duration::from_secs(10);

async fn post(rest: &Rest, path: &str, offer: String) -> Reply {
    rest.send_with(Method::POST, path, offer.into(), &[("content-type", "application/sdp")]).await.unwrap()
}

fn accept(stranger: &mut Stranger, reply: &Reply) -> String {
    assert_eq!(reply.status, 201, "{}", reply.body);
    stranger.accept(std::str::from_utf8(&reply.bytes).unwrap());
    reply.header("location").unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_streams_into_its_room_until_it_is_revoked_and_members_watch() {
    let mut server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    Person::register(server.address, "carla").await;
    let (_, text, voice) = anna.create_guild("Harbour Workshop").await;
    boris.join(&anna.invite(&text).await).await;
    let (whip, whep) = (format!("/api/v1/channels/{voice}/whip"), format!("/api/v1/channels/{voice}/whep"));
    let keys = format!("/api/v1/channels/{voice}/stream-keys");
    let made = anna.post(&keys, json!({"name": "OBS", "may_view": true})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    // Keys are kept: the program need not be told a new one after a restart.
    server.kill();
    server.restart();
    let boris = Person::log_in(server.address, "boris").await;
    let carla = Person::log_in(server.address, "carla").await;
    let mut boris_hears = Gateway::identify(server.address, &boris.token).await.unwrap();

    let obs = Rest::with_token(server.address, &made.text("key"));
    let (mut stream, offer) = Stranger::publisher(7);
    let resource = accept(&mut stream, &post(&obs, &whip, offer).await);
    let (mut wall, offer) = Stranger::viewer();
    accept(&mut wall, &post(&boris.rest, &format!("{whep}?user_id={}", anna.id), offer).await);
    let (mut own, offer) = Stranger::viewer();
    accept(&mut own, &post(&obs, &whep, offer).await);
    pump(&mut [&mut stream, &mut wall, &mut own], "both walls show it", |all| {
        all[1].follows(7) && all[2].follows(7)
    })
    .await;
    let streams = |event: &str, state: &Value| {
        event == "VOICE_STATE_UPDATE" && state["user_id"] == anna.id.as_str() && state["self_stream"] == true
    };
    let (_, state) = boris_hears.next_where(SOON, streams).await.unwrap();
    assert_eq!(state["channel_id"], voice.as_str());

    let (_, offer) = Stranger::viewer();
    assert_eq!(post(&carla.rest, &whep, offer).await.status, 404, "no member");
    let anna = Person::log_in(server.address, "anna").await;
    assert_eq!(anna.delete(&format!("{keys}/{}", made.text("id"))).await.unwrap().status, 204);
    let left = |event: &str, state: &Value| event == "VOICE_STATE_UPDATE" && state["channel_id"].is_null();
    boris_hears.next_where(SOON, left).await.unwrap();
    assert_eq!(obs.send(Method::DELETE, &resource, Value::Null).await.unwrap().status, 401);
    assert_eq!(anna.delete(&resource).await.unwrap().status, 404);
}
