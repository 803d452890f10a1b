//! Calls of direct conversations through the whole server: who may be in one, who hears of it, what ends it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Options, Person, TestServer};

const SOON: Duration = Duration::from_secs(10);

/// With a bus that serialises: every word between services crosses as it would between machines.
fn server() -> TestServer {
    let environment = vec![("VOXLINK_BUS".into(), "serialising".into())];
    TestServer::start_with(&TestServer::binary(), Options { environment, ..Options::default() })
}

/// People of one guild, each with a device.
async fn neighbours<const N: usize>(server: &TestServer, names: [&str; N]) -> Vec<(Person, Gateway)> {
    let mut people = Vec::new();
    let mut invite = String::new();
    for name in names {
        let person = Person::register(server.address, name).await;
        if people.is_empty() {
            let (_, text, _) = person.create_guild("Boats").await;
            invite = person.invite(&text).await;
        } else {
            person.join(&invite).await;
        }
        let device = Gateway::identify(server.address, &person.token).await.unwrap();
        people.push((person, device));
    }
    people
}

async fn conversation(of: &Person, with: &[&Person]) -> String {
    let recipients: Vec<_> = with.iter().map(|person| &person.id).collect();
    let made = of.post("/api/v10/users/@me/channels", json!({"recipients": recipients})).await.unwrap();
    assert_eq!(made.status, 200, "{}", made.body);
    made.text("id")
}

/// Op 4 without a guild.
async fn sit(device: &mut Gateway, channel: Option<&str>) {
    let asked = json!({"guild_id": null, "channel_id": channel, "self_mute": false, "self_deaf": false});
    device.send(json!({"op": 4, "d": asked})).await.unwrap();
}

async fn state_of(device: &mut Gateway, user: &Person, channel: Option<&str>) -> Value {
    let told = device.next_where(SOON, |name, state| {
        name == "VOICE_STATE_UPDATE"
            && state["user_id"] == user.id.as_str()
            && state["channel_id"].as_str() == channel
    });
    told.await.unwrap().1
}

#[tokio::test(flavor = "multi_thread")]
async fn the_other_sees_a_call_and_joins_it_and_late_devices_know() {
    let server = server();
    let mut people = neighbours(&server, ["anna", "boris", "clara"]).await;
    let (clara, mut clara_hears) = people.pop().unwrap();
    let (boris, mut boris_hears) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let channel = conversation(&anna, &[&boris]).await;
    sit(&mut anna_hears, Some(&channel)).await;
    let state = state_of(&mut boris_hears, &anna, Some(&channel)).await;
    assert!(state.get("guild_id").is_none(), "{state}");
    let door = anna_hears.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
    assert_eq!((&door["guild_id"], &door["channel_id"]), (&Value::Null, &json!(channel)));
    sit(&mut boris_hears, Some(&channel)).await;
    state_of(&mut anna_hears, &boris, Some(&channel)).await;

    let late = Gateway::identify(server.address, &boris.token).await.unwrap();
    let call = &late.ready["calls"][0];
    assert_eq!((&call["channel_id"], call["voice_states"].as_array().unwrap().len()), (&json!(channel), 2));
    let outside = Gateway::identify(server.address, &clara.token).await.unwrap();
    assert_eq!(outside.ready["calls"], json!([]));
    sit(&mut clara_hears, Some(&channel)).await;
    let refused = state_of(&mut clara_hears, &clara, None).await;
    assert_eq!(refused["refused"]["reason"], "unknown", "who is not in it does not see it: {refused}");

    sit(&mut anna_hears, None).await;
    state_of(&mut boris_hears, &anna, None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_blocked_is_put_out_and_does_not_come_back() {
    let server = server();
    let mut people = neighbours(&server, ["anna", "boris"]).await;
    let (boris, mut boris_hears) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let channel = conversation(&anna, &[&boris]).await;
    sit(&mut anna_hears, Some(&channel)).await;
    state_of(&mut anna_hears, &anna, Some(&channel)).await;
    sit(&mut boris_hears, Some(&channel)).await;
    state_of(&mut anna_hears, &boris, Some(&channel)).await;
    let block = format!("/api/v1/relationships/{}", boris.id);
    let blocked = anna.rest.send(Method::PUT, &block, json!({"type": 2})).await.unwrap();
    assert!(blocked.status < 300, "{}", blocked.body);
    state_of(&mut anna_hears, &boris, None).await;
    state_of(&mut boris_hears, &anna, None).await;
    sit(&mut boris_hears, Some(&channel)).await;
    let (_, refused) = boris_hears.next_where(SOON, |_, told| told["refused"].is_object()).await.unwrap();
    assert_eq!(refused["refused"]["reason"], "forbidden");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_a_group_leaves_its_call() {
    let server = server();
    let mut people = neighbours(&server, ["anna", "boris", "clara"]).await;
    let (clara, _) = people.pop().unwrap();
    let (boris, mut boris_hears) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let group = conversation(&anna, &[&boris, &clara]).await;
    sit(&mut boris_hears, Some(&group)).await;
    state_of(&mut anna_hears, &boris, Some(&group)).await;
    let left = boris.delete(&format!("/api/v10/channels/{group}")).await.unwrap();
    assert_eq!(left.status, 200, "{}", left.body);
    state_of(&mut anna_hears, &boris, None).await;
}

async fn ring(by: &Person, channel: &str) {
    let rung = by.post(&format!("/api/v10/channels/{channel}/call/ring"), json!({"recipients": null})).await;
    let rung = rung.unwrap();
    assert_eq!(rung.status, 204, "{}", rung.body);
}

/// Waits until exactly these ring.
async fn ringing(device: &mut Gateway, whom: &[&Person]) {
    let whom: Vec<_> = whom.iter().map(|person| &person.id).collect();
    let told = device.next_where(SOON, |name, call| name == "CALL_UPDATE" && call["ringing"] == json!(whom));
    told.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_rings_on_all_devices_and_stops_where_it_is_answered_or_declined() {
    let server = server();
    let mut people = neighbours(&server, ["anna", "boris", "clara"]).await;
    let (clara, mut clara_hears) = people.pop().unwrap();
    let (boris, mut boris_hears) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let group = conversation(&anna, &[&boris, &clara]).await;
    sit(&mut anna_hears, Some(&group)).await;
    state_of(&mut anna_hears, &anna, Some(&group)).await;
    ring(&anna, &group).await;
    let told = boris_hears.next_of("MESSAGE_CREATE", SOON).await.unwrap();
    assert_eq!((&told["type"], &told["call"]["participants"]), (&json!(3), &json!([anna.id])));
    let created = boris_hears.next_of("CALL_CREATE", SOON).await.unwrap();
    assert_eq!(created["message_id"], told["id"]);
    ringing(&mut boris_hears, &[&boris, &clara]).await;

    // A device that comes late rings, too; an answer on it stops the first.
    let mut second = Gateway::identify(server.address, &boris.token).await.unwrap();
    assert_eq!(second.ready["calls"][0]["ringing"], json!([boris.id, clara.id]));
    sit(&mut second, Some(&group)).await;
    ringing(&mut boris_hears, &[&clara]).await;
    let decline = format!("/api/v10/channels/{group}/call/stop-ringing");
    assert_eq!(clara.post(&decline, json!({})).await.unwrap().status, 204);
    ringing(&mut clara_hears, &[]).await;
    sit(&mut anna_hears, None).await;
    sit(&mut second, None).await;
    let over = clara_hears.next_of("CALL_DELETE", SOON).await.unwrap();
    assert_eq!(over["channel_id"], json!(group));
    let (_, told) = clara_hears
        .next_where(SOON, |name, message| {
            name == "MESSAGE_UPDATE" && !message["call"]["ended_timestamp"].is_null()
        })
        .await
        .unwrap();
    assert_eq!(told["call"]["participants"], json!([anna.id, boris.id]), "Clara missed it");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_again_rings_nobody_and_has_closed_what_was_open() {
    let mut server = server();
    let mut people = neighbours(&server, ["anna", "boris"]).await;
    let (boris, _) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let channel = conversation(&anna, &[&boris]).await;
    sit(&mut anna_hears, Some(&channel)).await;
    state_of(&mut anna_hears, &anna, Some(&channel)).await;
    ring(&anna, &channel).await;
    server.kill();
    server.restart();
    let boris = Person::log_in(server.address, "boris").await;
    let hears = Gateway::identify(server.address, &boris.token).await.unwrap();
    assert_eq!(hears.ready["calls"], json!([]));
    assert_eq!(hears.ready["read_state"][0]["mention_count"], 1, "{}", hears.ready["read_state"]);
    let history = boris.whole_history(&channel).await;
    assert!(!history[0]["call"]["ended_timestamp"].is_null(), "{history:?}");
}
