//! Calls of direct conversations through the whole server: who may be in one, who hears of it, what ends it.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::Method;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{
    Message,
    protocol::{CloseFrame, frame::coding::CloseCode},
};
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

/// The conversation of the two, and they in it: Anna has a seat, Boris' device rings.
async fn anna_calls_boris(server: &TestServer) -> (String, (Person, Gateway), (Person, Gateway)) {
    let mut people = neighbours(server, ["anna", "boris"]).await;
    let (boris, mut boris_hears) = people.pop().unwrap();
    let (anna, mut anna_hears) = people.pop().unwrap();
    let channel = conversation(&anna, &[&boris]).await;
    sit(&mut anna_hears, Some(&channel)).await;
    state_of(&mut boris_hears, &anna, Some(&channel)).await;
    ring(&anna, &channel).await;
    ringing(&mut boris_hears, &[&boris]).await;
    (channel, (anna, anna_hears), (boris, boris_hears))
}

/// Opens the voice socket of the seat that this device has just taken, and goes away as a browser does whose page is left.
async fn leave_page(server: &TestServer, person: &Person, mut device: Gateway, channel: &str) {
    let door = device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
    let address = format!("ws://{}/voice?v=8", server.address);
    let (mut voice, _) = tokio_tungstenite::connect_async(address).await.unwrap();
    let (id, session) = (&person.id, &device.session_id);
    let asked = json!({"server_id": channel, "user_id": id, "session_id": session, "token": door["token"]});
    voice.send(Message::text(json!({"op": 0, "d": asked}).to_string())).await.unwrap();
    while let Some(heard) = voice.next().await {
        let heard: Value = serde_json::from_str(heard.unwrap().to_text().unwrap()).unwrap();
        if heard["op"] == 2 {
            break;
        }
    }
    voice.close(Some(CloseFrame { code: CloseCode::Away, reason: "".into() })).await.unwrap();
    device.cut();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_reloads_their_page_comes_back_into_the_call_that_rings_on() {
    let server = server();
    let (channel, (anna, anna_hears), (boris, mut boris_hears)) = anna_calls_boris(&server).await;
    leave_page(&server, &anna, anna_hears, &channel).await;
    state_of(&mut boris_hears, &anna, None).await;
    let mut next_page = Gateway::identify(server.address, &anna.token).await.unwrap();
    let call = &next_page.ready["calls"][0];
    assert_eq!(call["ringing"], json!([boris.id]), "{call}");
    assert_eq!(call["voice_states"], json!([]), "nobody is there while the page loads");
    sit(&mut next_page, Some(&channel)).await;
    state_of(&mut boris_hears, &anna, Some(&channel)).await;

    // Answered, it is the call that rang; and the last who hangs up ends it.
    sit(&mut boris_hears, Some(&channel)).await;
    ringing(&mut next_page, &[]).await;
    sit(&mut boris_hears, None).await;
    sit(&mut next_page, None).await;
    next_page.next_of("CALL_DELETE", SOON).await.unwrap();
    let history = boris.whole_history(&channel).await;
    assert_eq!(history.len(), 1, "one call, one message: {history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_who_closes_the_page_is_waited_for_and_has_then_called_in_vain() {
    let server = server();
    let (channel, (anna, anna_hears), (_, mut boris_hears)) = anna_calls_boris(&server).await;
    leave_page(&server, &anna, anna_hears, &channel).await;
    boris_hears.next_of("CALL_DELETE", Duration::from_secs(60)).await.unwrap();
    let (_, told) = boris_hears
        .next_where(SOON, |name, message| {
            name == "MESSAGE_UPDATE" && !message["call"]["ended_timestamp"].is_null()
        })
        .await
        .unwrap();
    assert_eq!(told["call"]["participants"], json!([anna.id]), "Boris missed it");
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
