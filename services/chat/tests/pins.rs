//! Messages kept for everyone to find.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "../../identity/tests/http/schema.rs"]
mod schema;

use common::{
    Folder, Stage, open,
    routes::{done, refused},
    user,
};
use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, UserId,
    event::{ChannelChange, GuildChange},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;

async fn say(stage: &Stage, user: u64, channel: ChannelId, content: &str) -> String {
    let path = format!("/channels/{channel}/messages");
    let sent = done(stage, user, "POST", &path, &json!({"content": content})).await;
    sent["id"].as_str().unwrap().to_owned()
}

async fn pins(
    stage: &Stage,
    reader: u64,
    channel: ChannelId,
    query: &str,
) -> (Vec<String>, Option<String>, bool) {
    let page =
        done(stage, reader, "GET", &format!("/channels/{channel}/messages/pins{query}"), &Value::Null).await;
    schema::assert_is("PinnedMessagesResponse", &page);
    let items = page["items"].as_array().unwrap();
    let contents = items.iter().map(|one| one["message"]["content"].as_str().unwrap().to_owned()).collect();
    let last = items.last().map(|one| one["pinned_at"].as_str().unwrap().to_owned());
    (contents, last, page["has_more"].as_bool().unwrap())
}

async fn tell_a_story_of_pins(stage: &Stage, channel: ChannelId) {
    let mut ids = Vec::new();
    for content in ["one", "two", "three"] {
        ids.push(say(stage, BORIS, channel, content).await);
    }
    for id in [&ids[2], &ids[0], &ids[1], &ids[0]] {
        done(stage, ANNA, "PUT", &format!("/channels/{channel}/messages/pins/{id}"), &Value::Null).await;
    }
    assert_eq!(pins(stage, BORIS, channel, "").await.0, ["two", "one", "three"]);
    let (first, last, more) = pins(stage, BORIS, channel, "?limit=2").await;
    assert_eq!((first, more), (vec!["two".to_owned(), "one".to_owned()], true));
    let before = last.unwrap().replace('+', "%2B");
    let (rest, _, more) = pins(stage, BORIS, channel, &format!("?limit=2&before={before}")).await;
    assert_eq!((rest, more), (vec!["three".to_owned()], false));
    let all = done(stage, BORIS, "GET", &format!("/channels/{channel}/pins"), &Value::Null).await;
    assert_eq!((all.as_array().unwrap().len(), &all[0]["pinned"]), (3, &json!(true)));
    // The channel tells so, three times: pinning what is pinned changes nothing.
    let page = done(stage, BORIS, "GET", &format!("/channels/{channel}/messages"), &Value::Null).await;
    schema::assert_is("MessageResponse", &page[0]);
    let told: Vec<_> = page.as_array().unwrap().iter().filter(|one| one["type"] == json!(6)).collect();
    assert_eq!((told.len(), &told[2]["message_reference"]["message_id"]), (3, &json!(ids[2])));
    assert_eq!(told[0]["author"]["id"], json!(ANNA.to_string()));
    let told = told[0]["id"].as_str().unwrap();
    refused(stage, ANNA, "PUT", &format!("/channels/{channel}/pins/{told}"), &Value::Null, 400, 50021).await;
    refused(
        stage,
        ANNA,
        "PATCH",
        &format!("/channels/{channel}/messages/{told}"),
        &json!({"content": "x"}),
        400,
        50021,
    )
    .await;
    for _ in 0..2 {
        done(stage, ANNA, "DELETE", &format!("/channels/{channel}/pins/{}", ids[1]), &Value::Null).await;
    }
    done(stage, BORIS, "DELETE", &format!("/channels/{channel}/messages/{}", ids[0]), &Value::Null).await;
    assert_eq!(pins(stage, BORIS, channel, "").await.0, ["three"]);
    refused(stage, ANNA, "PUT", &format!("/channels/{channel}/messages/pins/5"), &Value::Null, 404, 10008)
        .await;
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn pins_are_listed_last_pinned_first_until_they_are_unpinned_or_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    tell_a_story_of_pins(&stage, text).await;
    let events = stage.events();
    let versions = stage.versions(guild);
    assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1), "{versions:?}");
    let updates: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.change {
            GuildChange::Channel(ChannelChange::PinsUpdate { last_pin_timestamp, .. }) => {
                Some(*last_pin_timestamp)
            }
            _ => None,
        })
        .collect();
    assert_eq!(updates.len(), 5, "three pins, one unpinned, one deleted");
    assert!(updates[0] < updates[1] && updates[1] < updates[2]);
    let channel = done(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null).await;
    assert_eq!(channel["last_pin_timestamp"], json!(updates[4]));
    drop(stage);
    let stage = open(&folder).await;
    let again = done(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null).await;
    assert_eq!(again, channel);
    assert_eq!((updates[3], updates[4]), (updates[1], updates[0]));
}

#[tokio::test]
async fn people_of_a_conversation_pin_too_and_others_need_the_permission() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let pair = stage.chat.open_direct(&user(ANNA), [UserId::new(BORIS)]).await.unwrap().id;
    tell_a_story_of_pins(&stage, pair).await;
    let channel = done(&stage, BORIS, "GET", &format!("/channels/{pair}"), &Value::Null).await;
    assert!(channel["last_pin_timestamp"].is_string());
    let id = say(&stage, BORIS, text, "x").await;
    for (method, path) in [
        ("PUT", format!("/channels/{text}/messages/pins/{id}")),
        ("DELETE", format!("/channels/{text}/messages/pins/{id}")),
        ("PUT", format!("/channels/{text}/pins/{id}")),
    ] {
        refused(&stage, BORIS, method, &path, &Value::Null, 403, 50013).await;
        refused(&stage, 99, method, &path, &Value::Null, 404, 10003).await;
    }
    let bad = format!("/channels/{text}/messages/pins?before=yesterday");
    refused(&stage, BORIS, "GET", &bad, &Value::Null, 400, 50035).await;
}

#[tokio::test]
async fn a_channel_has_at_most_two_hundred_and_fifty_pins() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    for n in 0..251 {
        let id = say(&stage, ANNA, text, "x").await;
        let path = format!("/channels/{text}/messages/pins/{id}");
        if n < 250 {
            done(&stage, ANNA, "PUT", &path, &Value::Null).await;
        } else {
            refused(&stage, ANNA, "PUT", &path, &Value::Null, 400, 30003).await;
        }
    }
    assert!(pins(&stage, ANNA, text, "").await.2);
}
