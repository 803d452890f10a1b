//! Changing and deleting: by whom, together, and many at once.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "../../identity/tests/http/schema.rs"]
mod schema;

use std::time::{Duration, SystemTime};

use common::{
    Folder, Stage, open, open_with,
    routes::{ask, done, refused},
    user,
};
use serde_json::{Value, json};
use voxlink_chat::Edit;
use voxlink_protocol::{
    ChannelId, Message, MessageFlags, MessageId, Snowflake,
    event::{ChannelChange, GuildChange},
    text::MessageText,
};
use voxlink_service_kit::{Bus, Db, Env, Sql, env::ManualClock, params};

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

const ANNA: u64 = 1;
const BORIS: u64 = 2;

async fn say(stage: &Stage, user: u64, channel: ChannelId, body: &Value) -> String {
    let path = format!("/channels/{channel}/messages");
    let sent = done(stage, user, "POST", &path, body).await;
    schema::assert_is("MessageResponse", &sent);
    format!("{path}/{}", sent["id"].as_str().unwrap())
}

fn updates(stage: &Stage) -> Vec<Message> {
    let events = stage.events().into_iter();
    let updates = events.filter_map(|event| match event.change {
        GuildChange::Channel(ChannelChange::MessageUpdate(message)) => Some(*message),
        _ => None,
    });
    updates.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_edits_that_race_one_stands_and_both_are_told_in_order() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let message = say(&stage, ANNA, text, &json!({"content": "start"})).await;
    let id: MessageId = message.rsplit('/').next().unwrap().parse().unwrap();
    let edits: Vec<_> = (0..20)
        .map(|n| {
            let chat = stage.chat.clone();
            let words = MessageText::parse(&format!("edit {n} 🇱🇻 \u{202b}עברית\u{202c}")).unwrap();
            tokio::spawn(async move { chat.edit_message(&user(ANNA), text, id, Edit::text(words)).await })
        })
        .collect();
    for edit in edits {
        edit.await.unwrap().unwrap();
    }
    let stands = done(&stage, ANNA, "GET", &message, &Value::Null).await;
    let told = updates(&stage);
    assert_eq!(told.len(), 20);
    assert_eq!(stands["content"], json!(told.last().unwrap().content));
    assert!(stands["edited_timestamp"].is_string());
    let versions = stage.versions(guild);
    assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1), "{versions:?}");
}

#[tokio::test]
async fn embeds_are_kept_while_they_are_hidden_and_moderators_only_hide_them() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let embed = json!({"title": "Tide table", "description": "Прилив в шесть", "url": "https://sea.example/t", "color": 255,
        "timestamp": "2026-11-26T18:00:00Z", "fields": [{"name": "High", "value": "6:00"}],
        "footer": {"text": "harbour office"}, "author": {"name": "Anna"}, "image": {"url": "https://sea.example/p.png"}});
    let message = say(&stage, BORIS, text, &json!({"embeds": [embed]})).await;
    let shown = done(&stage, ANNA, "GET", &message, &Value::Null).await;
    assert_eq!(
        (&shown["embeds"][0]["type"], &shown["embeds"][0]["fields"][0]["inline"]),
        (&json!("rich"), &json!(false))
    );
    assert_eq!(shown["embeds"][0]["timestamp"], "2026-11-26T18:00:00.000000+00:00");
    let hide = json!({"flags": MessageFlags::SUPPRESS_EMBEDS.bits()});
    let hidden = done(&stage, ANNA, "PATCH", &message, &hide).await;
    assert_eq!(
        (&hidden["embeds"], &hidden["flags"], &hidden["edited_timestamp"]),
        (&json!([]), &json!(4), &Value::Null)
    );
    refused(&stage, ANNA, "PATCH", &message, &json!({"content": "hers"}), 403, 50005).await;
    refused(&stage, ANNA, "PATCH", &message, &json!({"flags": 0, "embeds": []}), 403, 50005).await;
    let again = done(&stage, BORIS, "PATCH", &message, &json!({"flags": 0})).await;
    assert_eq!(again["embeds"], shown["embeds"]);
    let hers = say(&stage, ANNA, text, &json!({"content": "x"})).await;
    refused(&stage, BORIS, "PATCH", &hers, &hide, 403, 50013).await;
    refused(&stage, BORIS, "PATCH", &message, &json!({"embeds": []}), 400, 50006).await;
    let words = done(&stage, BORIS, "PATCH", &message, &json!({"content": "instead", "embeds": null})).await;
    assert_eq!((&words["content"], &words["embeds"]), (&json!("instead"), &json!([])));
    refused(&stage, BORIS, "PATCH", &message, &json!({"content": null}), 400, 50006).await;
    let told = updates(&stage);
    let last = told.last().unwrap();
    assert_eq!(last.author.id.get(), BORIS);
    assert!(last.member.is_some() && last.guild_id.is_some());
}

#[tokio::test]
async fn embeds_have_bounds() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(ANNA).await;
    let path = format!("/channels/{text}/messages");
    let field = json!({"name": "n", "value": "v"});
    for (at, embeds) in [
        ("/0/title", json!([{"title": "x".repeat(257)}])),
        ("/0/description", json!([{"description": "я".repeat(4097)}])),
        ("/0/fields", json!([{"fields": vec![field; 26]}])),
        ("/0/fields/0/value", json!([{"fields": [{"name": "n", "value": " "}]}])),
        ("/0/footer/text", json!([{"footer": {"text": "x".repeat(2049)}}])),
        ("/0/url", json!([{"title": "x", "url": "javascript:alert(1)"}])),
        ("/0/image/url", json!([{"image": {"url": "file:///etc/passwd"}}])),
        ("/0/color", json!([{"title": "x", "color": 0x0100_0000}])),
        ("/0/description", json!([{"color": 5}])),
        ("", json!(vec![json!({"title": "x"}); 11])),
        ("", json!(vec![json!({"description": "x".repeat(2000)}); 4])),
    ] {
        let (status, answer) = ask(&stage, ANNA, "POST", &path, &json!({"embeds": embeds})).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50035)), "{at}: {answer}");
        let errors = answer["errors"].pointer(&format!("/embeds{at}/_errors"));
        assert!(errors.is_some(), "{at}: {answer}");
    }
    say(&stage, ANNA, text, &json!({"embeds": vec![json!({"description": "x".repeat(1500)}); 4]})).await;
}

#[tokio::test]
async fn many_messages_go_at_once_but_none_older_than_a_fortnight() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        let path = say(&stage, BORIS, text, &json!({"content": "x"})).await;
        ids.push(path.rsplit('/').next().unwrap().to_owned());
    }
    let elsewhere = say(&stage, BORIS, voice, &json!({"content": "x"})).await;
    let bulk = format!("/channels/{text}/messages/bulk-delete");
    refused(&stage, BORIS, "POST", &bulk, &json!({"messages": ids}), 403, 50013).await;
    refused(&stage, ANNA, "POST", &bulk, &json!({"messages": [ids[0]]}), 400, 50016).await;
    refused(&stage, ANNA, "POST", &bulk, &json!({"messages": [ids[0], ids[0]]}), 400, 50016).await;
    let many: Vec<String> =
        (0..101).map(|n| (MessageId(Snowflake::compose(stage_now(), 0, n)).get()).to_string()).collect();
    refused(&stage, ANNA, "POST", &bulk, &json!({"messages": many}), 400, 50016).await;
    refused(&stage, ANNA, "POST", &bulk, &json!({"messages": [ids[0], "5"]}), 400, 50034).await;
    let other = elsewhere.rsplit('/').next().unwrap();
    done(&stage, ANNA, "POST", &bulk, &json!({"messages": [ids[2], ids[0], ids[1], other]})).await;
    let page = done(&stage, ANNA, "GET", &format!("/channels/{text}/messages"), &Value::Null).await;
    assert_eq!((page.as_array().unwrap().len(), &page[0]["id"]), (1, &json!(ids[3])));
    done(&stage, ANNA, "GET", &elsewhere, &Value::Null).await;
    let bulks: Vec<_> = stage
        .events()
        .into_iter()
        .filter_map(|event| match event.change {
            GuildChange::Channel(ChannelChange::MessageDeleteBulk { ids, .. }) => Some(ids),
            _ => None,
        })
        .collect();
    assert_eq!(bulks.len(), 1);
    assert_eq!(bulks[0].iter().map(ToString::to_string).collect::<Vec<_>>(), ids[..3]);
    let log = done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs"), &Value::Null).await;
    assert_eq!(
        (&log["audit_log_entries"][0]["action_type"], &log["audit_log_entries"][0]["options"]["count"]),
        (&json!(73), &json!("3"))
    );
}

fn stage_now() -> u64 {
    Env::real().now().0
}

#[tokio::test]
async fn slow_mode_holds_people_also_over_a_restart_but_neither_moderators_nor_retries() {
    let folder = Folder::new();
    let clock = ManualClock::at(SystemTime::now());
    let env = || Env { clock: clock.clone(), ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env()).await;
    let (_, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    drop(stage);
    {
        let db = Db::open(folder.database(), voxlink_chat::store::MIGRATIONS).unwrap();
        let slow = move |sql: &Sql<'_>| {
            sql.execute("UPDATE channel SET rate_limit_per_user = $1 WHERE id = $2", params![10_u32, text])
        };
        db.write(slow).await.unwrap();
    }
    let stage = open_with(&folder.database(), Bus::in_process(), env()).await;
    let path = format!("/channels/{text}/messages");
    let first = done(&stage, BORIS, "POST", &path, &json!({"content": "one", "nonce": "n"})).await;
    let again = done(&stage, BORIS, "POST", &path, &json!({"content": "one", "nonce": "n"})).await;
    assert_eq!(first["id"], again["id"], "a retry is not a second message");
    let (status, answer) = ask(&stage, BORIS, "POST", &path, &json!({"content": "two", "nonce": "m"})).await;
    assert_eq!((status, &answer["code"], &answer["retry_after"]), (429, &json!(20016), &json!(10.0)));
    for _ in 0..2 {
        done(&stage, ANNA, "POST", &path, &json!({"content": "hers"})).await;
    }
    drop(stage);
    clock.advance(Duration::from_secs(4));
    let stage = open_with(&folder.database(), Bus::in_process(), env()).await;
    let (status, answer) = ask(&stage, BORIS, "POST", &path, &json!({"content": "two"})).await;
    assert_eq!((status, &answer["retry_after"]), (429, &json!(6.0)));
    clock.advance(Duration::from_secs(6));
    done(&stage, BORIS, "POST", &path, &json!({"content": "two", "nonce": "m"})).await;
}
