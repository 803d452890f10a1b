//! Two people, one guild, an evening.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{ffi::OsString, time::Duration};

use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Options, Person, TestServer};

const SOON: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread")]
async fn an_evening_over_the_bus_of_one_process() {
    evening(TestServer::start()).await;
}

/// The same over a bus that serialises everything: what passes here can be split over machines.
#[tokio::test(flavor = "multi_thread")]
async fn an_evening_over_a_bus_that_serialises() {
    let environment = vec![(OsString::from("VOXLINK_BUS"), OsString::from("serialising"))];
    evening(TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() }))
        .await;
}

async fn evening(server: TestServer) {
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let mut anna_hears = Gateway::identify(server.address, &anna.token).await.unwrap();
    let mut boris_hears = Gateway::identify(server.address, &boris.token).await.unwrap();
    assert_eq!(anna_hears.ready["user"]["username"], "anna");

    let (guild, text, voice) = anna.create_guild("Harbour Workshop").await;
    let created = anna_hears.next_of("GUILD_CREATE", SOON).await.unwrap();
    assert_eq!(created["name"], "Harbour Workshop");
    assert_eq!(created["channels"].as_array().unwrap().len(), 2);

    // Boris sees nothing of it until he is let in.
    assert_eq!(boris.get(&format!("/api/v10/guilds/{guild}")).await.unwrap().status, 404);
    assert_eq!(boris.get(&format!("/api/v10/channels/{text}")).await.unwrap().status, 404);
    let code = anna.invite(&text).await;
    boris.join(&code).await;
    let welcome = boris_hears.next_of("GUILD_CREATE", SOON).await.unwrap();
    assert_eq!(welcome["id"], guild.as_str());
    let arrival = anna_hears.next_of("GUILD_MEMBER_ADD", SOON).await.unwrap();
    assert_eq!(arrival["user"]["id"], boris.id.as_str());

    write_and_change(&anna, &boris, &mut anna_hears, &mut boris_hears, &text).await;
    take_seats(&anna_hears.session_id.clone(), &mut anna_hears, &mut boris_hears, &guild, &voice).await;
    move_channels(&anna, &boris, &mut boris_hears, &guild).await;

    let left = boris.delete(&format!("/api/v10/users/@me/guilds/{guild}")).await.unwrap();
    assert_eq!(left.status, 204);
    boris_hears.next_of("GUILD_DELETE", SOON).await.unwrap();
    let gone = anna_hears.next_of("GUILD_MEMBER_REMOVE", SOON).await.unwrap();
    assert_eq!(gone["user"]["id"], boris.id.as_str());

    // Logging out closes the login's sockets.
    let out = boris.post("/api/v1/auth/logout", Value::Null).await.unwrap();
    assert_eq!(out.status, 204);
    let end = loop {
        match boris_hears.next(SOON).await {
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(end, voxlink_test_client::GatewayError::Closed(4004));
    assert_eq!(boris.get("/api/v10/users/@me").await.unwrap().status, 401);
}

async fn write_and_change(
    anna: &Person,
    boris: &Person,
    anna_hears: &mut Gateway,
    boris_hears: &mut Gateway,
    text: &str,
) {
    let typing = boris.post(&format!("/api/v10/channels/{text}/typing"), Value::Null).await.unwrap();
    assert_eq!(typing.status, 204);
    assert_eq!(anna_hears.next_of("TYPING_START", SOON).await.unwrap()["user_id"], boris.id.as_str());

    let posted = anna.say(text, "The fuse panel is in.", "n1").await.unwrap();
    assert_eq!(posted.status, 200, "{:?}", posted.body);
    let id = posted.text("id");
    for hears in [&mut *anna_hears, &mut *boris_hears] {
        let event = hears.next_of("MESSAGE_CREATE", SOON).await.unwrap();
        assert_eq!((&event["id"], &event["nonce"]), (&json!(id), &json!("n1")));
        assert_eq!(event["author"]["username"], "anna");
    }
    let again = anna.say(text, "The fuse panel is in.", "n1").await.unwrap();
    assert_eq!(again.text("id"), id, "a retry brings the first message back");

    let path = format!("/api/v10/channels/{text}/messages/{id}");
    assert_eq!(boris.patch(&path, json!({"content": "No."})).await.unwrap().status, 403);
    assert_eq!(
        anna.patch(&path, json!({"content": "The fuse panel is almost in."})).await.unwrap().status,
        200
    );
    let edited = boris_hears.next_of("MESSAGE_UPDATE", SOON).await.unwrap();
    assert_eq!(edited["content"], "The fuse panel is almost in.");
    assert!(edited["edited_timestamp"].is_string());
    assert_eq!(boris.delete(&path).await.unwrap().status, 403);
    assert_eq!(anna.delete(&path).await.unwrap().status, 204);
    assert_eq!(boris_hears.next_of("MESSAGE_DELETE", SOON).await.unwrap()["id"], id.as_str());
    assert_eq!(anna.get(&path).await.unwrap().status, 404);
}

async fn take_seats(
    session: &str,
    anna_hears: &mut Gateway,
    boris_hears: &mut Gateway,
    guild: &str,
    voice: &str,
) {
    let join = json!({"op": 4, "d": {"guild_id": guild, "channel_id": voice, "self_mute": true, "self_deaf": false}});
    anna_hears.send(join).await.unwrap();
    let server = anna_hears.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
    assert!(server["endpoint"].as_str().unwrap().ends_with("/voice"), "{server}");
    assert!(server["token"].as_str().unwrap().len() > 40);
    let seat = boris_hears.next_of("VOICE_STATE_UPDATE", SOON).await.unwrap();
    assert_eq!((&seat["channel_id"], &seat["self_mute"]), (&json!(voice), &json!(true)));
    assert_eq!(seat["member"]["user"]["username"], "anna");
    let leave = json!({"op": 4, "d": {"guild_id": guild, "channel_id": null, "self_mute": false, "self_deaf": false}});
    anna_hears.send(leave).await.unwrap();
    let (_, left) = boris_hears
        .next_where(SOON, |name, body| name == "VOICE_STATE_UPDATE" && body["channel_id"].is_null())
        .await
        .unwrap();
    assert_eq!(left["session_id"], session);
}

async fn move_channels(anna: &Person, boris: &Person, boris_hears: &mut Gateway, guild: &str) {
    let path = format!("/api/v10/guilds/{guild}/channels");
    assert_eq!(boris.post(&path, json!({"name": "Mine", "type": 0})).await.unwrap().status, 403);
    let made = anna.post(&path, json!({"name": "Tea table", "type": 0})).await.unwrap();
    assert_eq!(made.status, 201, "{:?}", made.body);
    let channel = made.text("id");
    assert_eq!(boris_hears.next_of("CHANNEL_CREATE", SOON).await.unwrap()["name"], "Tea table");
    let one = format!("/api/v10/channels/{channel}");
    assert_eq!(anna.patch(&one, json!({"name": "Coffee table"})).await.unwrap().status, 200);
    assert_eq!(boris_hears.next_of("CHANNEL_UPDATE", SOON).await.unwrap()["name"], "Coffee table");
    let moved =
        anna.rest.send(hyper::Method::PATCH, &path, json!([{"id": channel, "position": 0}])).await.unwrap();
    assert_eq!(moved.status, 204, "{:?}", moved.body);
    assert_eq!(anna.delete(&one).await.unwrap().status, 200);
    assert_eq!(boris_hears.next_of("CHANNEL_DELETE", SOON).await.unwrap()["id"], channel.as_str());
}
