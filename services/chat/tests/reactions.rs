//! Emojis under messages.
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
use voxlink_protocol::{
    ChannelId, Permissions, UserId,
    event::{ChannelChange, GuildChange, ReactionChange, UserChange},
    files::{StoreImage, StoredImage},
};

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;
const THUMB: &str = "%F0%9F%91%8D";
const BOAT: &str = "%F0%9F%9A%A4";

async fn say(stage: &Stage, user: u64, channel: ChannelId) -> String {
    let path = format!("/channels/{channel}/messages");
    let sent = done(stage, user, "POST", &path, &json!({"content": "x"})).await;
    format!("{path}/{}", sent["id"].as_str().unwrap())
}

async fn reactions(stage: &Stage, reader: u64, message: &str) -> Vec<(String, u64, bool)> {
    let message = done(stage, reader, "GET", message, &Value::Null).await;
    schema::assert_is("MessageResponse", &message);
    let list = message["reactions"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|one| {
            schema::assert_is("MessageReactionResponse", one);
            let name = one["emoji"]["name"].as_str().unwrap().to_owned();
            (name, one["count"].as_u64().unwrap(), one["me"].as_bool().unwrap())
        })
        .collect()
}

fn seen(list: &[(&str, u64, bool)]) -> Vec<(String, u64, bool)> {
    list.iter().map(|(name, count, me)| ((*name).to_owned(), *count, *me)).collect()
}

fn added(stage: &Stage) -> Vec<ReactionChange> {
    let events = stage.events().into_iter();
    let added = events.filter_map(|event| match event.change {
        GuildChange::Channel(ChannelChange::ReactionAdd(change)) => Some(*change),
        _ => None,
    });
    added.collect()
}

#[tokio::test]
async fn everyone_puts_an_emoji_once_and_takes_it_away_once() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let message = say(&stage, ANNA, text).await;
    let (thumb, boat) = (format!("{message}/reactions/{THUMB}"), format!("{message}/reactions/{BOAT}"));
    done(&stage, BORIS, "PUT", &format!("{boat}/@me"), &Value::Null).await;
    done(&stage, BORIS, "PUT", &format!("{thumb}/@me"), &Value::Null).await;
    done(&stage, BORIS, "PUT", &format!("{thumb}/@me"), &Value::Null).await;
    done(&stage, ANNA, "PUT", &format!("{thumb}/@me"), &Value::Null).await;
    assert_eq!(reactions(&stage, ANNA, &message).await, seen(&[("🚤", 1, false), ("👍", 2, true)]));
    let told = added(&stage);
    assert_eq!(told.len(), 3, "what was there already is not told");
    assert_eq!(told[0].message_author_id, Some(UserId::new(ANNA)));
    let member = told[0].member.as_ref().and_then(|member| member.user.as_ref());
    assert_eq!(member.map(|user| user.id), Some(UserId::new(BORIS)));
    let people = done(&stage, ANNA, "GET", &thumb, &Value::Null).await;
    schema::assert_is("UserResponse", &people[0]);
    assert_eq!((&people[0]["id"], &people[1]["id"]), (&json!("1"), &json!("2")));
    let after = done(&stage, ANNA, "GET", &format!("{thumb}?after=1&limit=1"), &Value::Null).await;
    assert_eq!((after.as_array().unwrap().len(), &after[0]["id"]), (1, &json!("2")));
    assert_eq!(done(&stage, ANNA, "GET", &format!("{thumb}?type=1"), &Value::Null).await, json!([]));
    for _ in 0..2 {
        done(&stage, BORIS, "DELETE", &format!("{thumb}/@me"), &Value::Null).await;
        done(&stage, BORIS, "DELETE", &format!("{boat}/@me"), &Value::Null).await;
    }
    assert_eq!(reactions(&stage, BORIS, &message).await, seen(&[("👍", 1, false)]));
    let edited = done(&stage, ANNA, "PATCH", &message, &json!({"content": "y"})).await;
    assert_eq!(edited["reactions"][0]["me"], json!(true));
    done(&stage, ANNA, "DELETE", &message, &Value::Null).await;
    refused(&stage, BORIS, "PUT", &format!("{boat}/@me"), &Value::Null, 404, 10008).await;
}

#[tokio::test]
async fn a_new_emoji_needs_a_permission_and_one_that_is_there_does_not() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let message = say(&stage, ANNA, text).await;
    let without = |bits: Permissions| {
        let path = format!("/guilds/{guild}/roles/{guild}");
        let body = json!({"permissions": (Permissions::new_everyone() - bits).bits().to_string()});
        (path, body)
    };
    let (path, body) = without(Permissions::ADD_REACTIONS);
    done(&stage, ANNA, "PATCH", &path, &body).await;
    let thumb = format!("{message}/reactions/{THUMB}/@me");
    refused(&stage, BORIS, "PUT", &thumb, &Value::Null, 403, 50013).await;
    done(&stage, ANNA, "PUT", &thumb, &Value::Null).await;
    done(&stage, BORIS, "PUT", &thumb, &Value::Null).await;
    refused(
        &stage,
        BORIS,
        "DELETE",
        &format!("{message}/reactions/{THUMB}/{ANNA}"),
        &Value::Null,
        403,
        50013,
    )
    .await;
    refused(&stage, BORIS, "DELETE", &format!("{message}/reactions/{THUMB}"), &Value::Null, 403, 50013).await;
    refused(&stage, BORIS, "DELETE", &format!("{message}/reactions"), &Value::Null, 403, 50013).await;
    let (path, body) = without(Permissions::READ_MESSAGE_HISTORY);
    done(&stage, ANNA, "PATCH", &path, &body).await;
    refused(&stage, BORIS, "PUT", &thumb, &Value::Null, 403, 50013).await;
    let list = format!("{message}/reactions/{THUMB}");
    refused(&stage, BORIS, "GET", &list, &Value::Null, 403, 50013).await;
    refused(&stage, CLARA, "GET", &list, &Value::Null, 404, 10003).await;
    refused(&stage, CLARA, "PUT", &thumb, &Value::Null, 404, 10003).await;
    refused(&stage, CLARA, "PUT", &format!("{message}/reactions/nonsense/@me"), &Value::Null, 404, 10003)
        .await;
}

#[tokio::test]
async fn moderators_clear_and_a_message_has_twenty_different_emojis() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let message = say(&stage, BORIS, text).await;
    // U+1F600 and on: twenty-one faces.
    let face = |n: u8| format!("{message}/reactions/%F0%9F%98%{:02X}/@me", 0x80 + n);
    for n in 0..20 {
        done(&stage, BORIS, "PUT", &face(n), &Value::Null).await;
    }
    refused(&stage, ANNA, "PUT", &face(20), &Value::Null, 400, 30010).await;
    done(&stage, ANNA, "PUT", &face(0), &Value::Null).await;
    done(&stage, ANNA, "DELETE", &face(0).replace("@me", &BORIS.to_string()), &Value::Null).await;
    assert_eq!(reactions(&stage, ANNA, &message).await[0], ("😀".to_owned(), 1, true));
    done(&stage, ANNA, "DELETE", &face(1).replace("/@me", ""), &Value::Null).await;
    assert_eq!(reactions(&stage, ANNA, &message).await.len(), 19);
    done(&stage, ANNA, "DELETE", &format!("{message}/reactions"), &Value::Null).await;
    done(&stage, ANNA, "DELETE", &format!("{message}/reactions"), &Value::Null).await;
    assert_eq!(reactions(&stage, ANNA, &message).await, []);
    let cleared = |wanted: fn(&ChannelChange) -> bool| {
        let events = stage.events();
        events
            .iter()
            .filter(|event| matches!(&event.change, GuildChange::Channel(change) if wanted(change)))
            .count()
    };
    assert_eq!(cleared(|change| matches!(change, ChannelChange::ReactionRemove(_))), 1);
    assert_eq!(cleared(|change| matches!(change, ChannelChange::ReactionRemoveEmoji { .. })), 1);
    assert_eq!(cleared(|change| matches!(change, ChannelChange::ReactionRemoveAll { .. })), 1);
    for wrong in ["x", "%F0%9F%91%8D%F0%9F%91%8D", "boat:77", "boat:x", "%00"] {
        let (status, answer) =
            ask(&stage, ANNA, "PUT", &format!("{message}/reactions/{wrong}/@me"), &Value::Null).await;
        assert_eq!((status, &answer["code"]), (404, &json!(10014)), "{wrong}");
    }
}

#[tokio::test]
async fn in_a_conversation_both_hear_of_it() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let pair = stage.chat.open_direct(&user(ANNA), [UserId::new(BORIS)]).await.unwrap().id;
    let message = say(&stage, ANNA, pair).await;
    done(&stage, BORIS, "PUT", &format!("{message}/reactions/{THUMB}/@me"), &Value::Null).await;
    for person in [ANNA, BORIS] {
        let told = stage.told_to(person);
        let reaction = told.iter().find_map(|change| match change {
            UserChange::Channel(ChannelChange::ReactionAdd(change)) => Some(change),
            _ => None,
        });
        assert_eq!(
            reaction.map(|change| (change.user_id, change.member.is_some())),
            Some((UserId::new(BORIS), false))
        );
    }
    refused(&stage, ANNA, "DELETE", &format!("{message}/reactions"), &Value::Null, 403, 50013).await;
}

#[tokio::test]
async fn a_guilds_own_emoji_is_for_those_who_know_of_it_and_for_those_who_join_in() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    stage.bus.serve(|_: StoreImage| async { Ok(StoredImage { hash: "a_boat".to_owned(), animated: true }) });
    let (harbour, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let (fleet, elsewhere, _) = stage.guild(CLARA).await;
    stage.join(CLARA, elsewhere, ANNA).await;
    let body = json!({"name": "boat", "image": "data:image/gif;base64,R0lGODlhAQABAAAAACw="});
    let emoji = done(&stage, CLARA, "POST", &format!("/guilds/{fleet}/emojis"), &body).await;
    let path = format!("reactions/whatever:{}", emoji["id"].as_str().unwrap());
    let (first, second) = (say(&stage, ANNA, text).await, say(&stage, ANNA, text).await);
    let put = |message: &str| format!("{message}/{path}/@me");
    refused(&stage, BORIS, "PUT", &put(&first), &Value::Null, 404, 10014).await;
    done(&stage, ANNA, "PUT", &put(&first), &Value::Null).await;
    done(&stage, BORIS, "PUT", &put(&first), &Value::Null).await;
    refused(&stage, BORIS, "PUT", &put(&second), &Value::Null, 404, 10014).await;
    assert_eq!(reactions(&stage, BORIS, &first).await, seen(&[("boat", 2, true)]));
    let shown = done(&stage, BORIS, "GET", &first, &Value::Null).await;
    assert_eq!(shown["reactions"][0]["emoji"], json!({"id": emoji["id"], "name": "boat", "animated": true}));
    stage.join(CLARA, elsewhere, BORIS).await;
    let rest = Permissions::new_everyone() - Permissions::USE_EXTERNAL_EMOJIS;
    let body = json!({"permissions": rest.bits().to_string()});
    done(&stage, ANNA, "PATCH", &format!("/guilds/{harbour}/roles/{harbour}"), &body).await;
    refused(&stage, BORIS, "PUT", &put(&second), &Value::Null, 403, 50013).await;
    let home = say(&stage, CLARA, elsewhere).await;
    done(&stage, BORIS, "PUT", &put(&home), &Value::Null).await;
    done(&stage, BORIS, "DELETE", &put(&first), &Value::Null).await;
    assert_eq!(reactions(&stage, BORIS, &first).await, seen(&[("boat", 1, false)]));
}
