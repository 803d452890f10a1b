//! Answers: what they carry, and what they refuse.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "../../identity/tests/http/schema.rs"]
mod schema;

use common::{
    Folder, Stage, open,
    routes::{ask, done, refused},
    user,
};
use serde_json::{Value, json};
use voxlink_protocol::{ChannelId, UserId};

const ANNA: u64 = 1;
const BORIS: u64 = 2;

async fn harbour(stage: &Stage) -> (ChannelId, ChannelId) {
    let (_, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    (text, voice)
}

fn messages(channel: ChannelId) -> String {
    format!("/channels/{channel}/messages")
}

async fn say(stage: &Stage, user: u64, channel: ChannelId, content: &str) -> String {
    let sent = done(stage, user, "POST", &messages(channel), &json!({"content": content})).await;
    sent["id"].as_str().unwrap().to_owned()
}

async fn tell_a_story_of_answers(stage: &Stage, channel: ChannelId, guild: Option<String>) {
    let path = messages(channel);
    let first = say(stage, ANNA, channel, "Когда отходим? ⛵").await;
    let answer = json!({"content": "at six", "message_reference": {"message_id": first}});
    let sent = done(stage, BORIS, "POST", &path, &answer).await;
    schema::assert_is("MessageResponse", &sent);
    assert_eq!(
        (&sent["type"], &sent["referenced_message"]["content"]),
        (&json!(19), &json!("Когда отходим? ⛵"))
    );
    let reference = &sent["message_reference"];
    assert_eq!(reference["message_id"], json!(first));
    assert_eq!(reference["channel_id"], json!(channel));
    assert_eq!(reference.get("guild_id"), guild.map(Value::from).as_ref());
    assert_eq!(sent["mentions"][0]["id"], json!(ANNA.to_string()), "the one who is answered is named");
    let page = done(stage, ANNA, "GET", &path, &Value::Null).await;
    assert_eq!(page[0], sent, "history says the same");
    // An answer to the answer shows it without what that one answers.
    let id = sent["id"].as_str().unwrap();
    let next = json!({"content": "good", "message_reference": {"message_id": id}, "allowed_mentions": {"parse": []}});
    let next = done(stage, ANNA, "POST", &path, &next).await;
    assert_eq!(next["mentions"], json!([]));
    assert!(next["referenced_message"].get("referenced_message").is_none());
    done(stage, ANNA, "DELETE", &format!("{path}/{first}"), &Value::Null).await;
    let page = done(
        stage,
        ANNA,
        "GET",
        &format!("{path}?limit=1&before={}", next["id"].as_str().unwrap()),
        &Value::Null,
    )
    .await;
    assert_eq!(page[0].get("referenced_message"), Some(&Value::Null), "deleted: null, not absent");
    schema::assert_is("MessageResponse", &page[0]);
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn an_answer_carries_what_it_answers_until_that_is_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    tell_a_story_of_answers(&stage, text, Some(guild.to_string())).await;
    let pair = stage.chat.open_direct(&user(ANNA), [UserId::new(BORIS)]).await.unwrap().id;
    tell_a_story_of_answers(&stage, pair, None).await;
}

#[tokio::test]
async fn what_is_not_there_is_answered_only_by_those_who_say_so() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (text, voice) = harbour(&stage).await;
    let elsewhere = say(&stage, ANNA, voice, "in the lounge").await;
    for missing in [elsewhere.as_str(), "5", "18446744073709551615"] {
        let body = json!({"content": "hm", "message_reference": {"message_id": missing}});
        let (status, answer) = ask(&stage, ANNA, "POST", &messages(text), &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{missing}");
        assert_eq!(answer["errors"]["message_reference"]["_errors"][0]["code"], "REPLIES_UNKNOWN_MESSAGE");
        let reference = json!({"message_id": missing, "fail_if_not_exists": false});
        let body = json!({"content": "hm", "message_reference": reference});
        let sent = done(&stage, ANNA, "POST", &messages(text), &body).await;
        assert_eq!((&sent["type"], sent.get("message_reference")), (&json!(0), None));
    }
    let body = json!({"content": "x", "message_reference": {"message_id": elsewhere, "channel_id": voice}});
    refused(&stage, ANNA, "POST", &messages(text), &body, 400, 50035).await;
    let body = json!({"content": "x", "message_reference": {"message_id": elsewhere, "type": 1}});
    refused(&stage, ANNA, "POST", &messages(voice), &body, 400, 50035).await;
}

#[tokio::test]
async fn a_page_around_a_message_shows_it_with_its_neighbours() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (text, _) = harbour(&stage).await;
    let mut ids = Vec::new();
    for n in 0..9 {
        ids.push(say(&stage, ANNA, text, &format!("{n}")).await);
    }
    let path = format!("{}?around={}&limit=5", messages(text), ids[4]);
    let page = done(&stage, BORIS, "GET", &path, &Value::Null).await;
    let shown: Vec<_> = page.as_array().unwrap().iter().map(|one| one["content"].as_str().unwrap()).collect();
    assert_eq!(shown, ["6", "5", "4", "3", "2"]);
}

#[tokio::test]
async fn what_this_server_does_not_have_is_refused_by_name() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (text, _) = harbour(&stage).await;
    for (field, value) in [
        ("sticker_ids", json!(["5"])),
        ("components", json!([{"type": 1}])),
        ("poll", json!({"question": {"text": "x"}})),
    ] {
        let (status, answer) =
            ask(&stage, ANNA, "POST", &messages(text), &json!({"content": "x", field: value})).await;
        assert_eq!(status, 400);
        assert!(answer["errors"][field]["_errors"].is_array(), "{answer}");
    }
    let empty = json!({"content": "x", "sticker_ids": [], "components": [], "poll": null, "tts": true});
    let sent = done(&stage, ANNA, "POST", &messages(text), &empty).await;
    assert_eq!(sent["tts"], json!(false));
}
