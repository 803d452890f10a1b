//! A guild's own emojis: who makes them, who changes them, how many there are.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::sync::{Arc, Mutex};

use common::{
    Folder, Stage, open,
    routes::{done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    GuildId, Permissions,
    event::GuildChange,
    files::{FilesNews, ImagePurpose, ImageRefused, StoreImage, StoredImage},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

/// A files service that keeps whatever is called a picture, and remembers what it may forget.
pub(crate) fn fake_files(stage: &Stage) -> Arc<Mutex<Vec<FilesNews>>> {
    stage.bus.serve(|request: StoreImage| async move {
        match request.data_uri.strip_prefix("data:image/") {
            None => Err(ImageRefused::NotAnImage),
            Some(rest) => {
                Ok(StoredImage { hash: format!("hash-{}", rest.len()), animated: rest.starts_with("gif") })
            }
        }
    });
    let news: Arc<Mutex<Vec<FilesNews>>> = Arc::default();
    let ears = news.clone();
    stage.bus.serve(move |told: FilesNews| {
        ears.lock().unwrap().push(told);
        async {}
    });
    news
}

async fn harbour(stage: &Stage) -> GuildId {
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.join(ANNA, text, CLARA).await;
    guild
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn an_emoji_is_made_renamed_kept_for_roles_and_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    fake_files(&stage);
    let guild = harbour(&stage).await;
    let crew = role(&stage, ANNA, guild, Permissions::CREATE_GUILD_EXPRESSIONS, 1, BORIS).await;
    let emojis = format!("/guilds/{guild}/emojis");
    let new = json!({"name": "parrot_1", "image": "data:image/png;base64,AAAA", "roles": [crew]});
    stage.heard.lock().unwrap().clear();
    let made = done(&stage, BORIS, "POST", &emojis, &new).await;
    assert_eq!(
        (&made["name"], &made["roles"], &made["user"]["id"]),
        (&json!("parrot_1"), &json!([crew]), &json!("2"))
    );
    assert_eq!(
        (&made["animated"], &made["available"], &made["managed"]),
        (&json!(false), &json!(true), &json!(false))
    );
    let kinds: Vec<_> = stage.events().into_iter().map(|event| event.change).collect();
    assert!(
        matches!(&kinds[..], [GuildChange::EmojisUpdate(all), GuildChange::AuditLogEntryCreate(entry)]
            if all.len() == 1 && entry.action_type == 60),
        "{kinds:?}"
    );
    let path = format!("{emojis}/{}", made["id"].as_str().unwrap());
    // Who made it is shown to those who make some.
    assert_eq!(done(&stage, BORIS, "GET", &path, &Value::Null).await["user"]["id"], "2");
    assert!(done(&stage, CLARA, "GET", &emojis, &Value::Null).await[0].get("user").is_none());
    let moving = json!({"name": "wave", "image": "data:image/gif;base64,AAAA"});
    let annas = done(&stage, ANNA, "POST", &emojis, &moving).await;
    assert_eq!((&annas["animated"], &annas["roles"]), (&json!(true), &json!([])));
    let annas = format!("{emojis}/{}", annas["id"].as_str().unwrap());
    let renamed = done(&stage, BORIS, "PATCH", &path, &json!({"name": "ara", "roles": null})).await;
    assert_eq!((&renamed["name"], &renamed["roles"]), (&json!("ara"), &json!([])));
    refused(&stage, BORIS, "PATCH", &annas, &json!({"name": "mine"}), 403, 50013).await;
    refused(&stage, BORIS, "DELETE", &annas, &Value::Null, 403, 50013).await;
    refused(&stage, CLARA, "POST", &emojis, &new, 403, 50013).await;
    refused(&stage, 9, "GET", &path, &Value::Null, 404, 10004).await;
    refused(&stage, ANNA, "GET", &format!("{emojis}/5"), &Value::Null, 404, 10014).await;
    done(&stage, ANNA, "PATCH", &path, &json!({"roles": [crew]})).await;
    drop(stage);
    let stage = open(&folder).await;
    let news = fake_files(&stage);
    let all = done(&stage, ANNA, "GET", &emojis, &Value::Null).await;
    assert_eq!(
        (&all[0]["name"], &all[0]["roles"], &all[1]["animated"]),
        (&json!("ara"), &json!([crew]), &json!(true))
    );
    let shown = done(&stage, ANNA, "GET", &format!("/guilds/{guild}"), &Value::Null).await;
    assert_eq!(shown["emojis"].as_array().unwrap().len(), 2);
    // A role that goes is not among those whom an emoji is for.
    done(&stage, ANNA, "DELETE", &format!("/guilds/{guild}/roles/{crew}"), &Value::Null).await;
    assert_eq!(done(&stage, ANNA, "GET", &path, &Value::Null).await["roles"], json!([]));
    done(&stage, ANNA, "DELETE", &path, &Value::Null).await;
    refused(&stage, ANNA, "DELETE", &path, &Value::Null, 404, 10014).await;
    done(&stage, ANNA, "DELETE", &format!("/guilds/{guild}"), &Value::Null).await;
    // Both pictures may be forgotten: one with its emoji, one with the guild.
    let released = || {
        let all = news.lock().unwrap();
        let is_emoji = |told: &&FilesNews| {
            matches!(told, FilesNews::ImageReleased { purpose: ImagePurpose::Emoji(_), .. })
        };
        all.iter().filter(is_emoji).count()
    };
    while released() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wrong_names_pictures_and_too_many_emojis_are_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let news = fake_files(&stage);
    let guild = harbour(&stage).await;
    let emojis = format!("/guilds/{guild}/emojis");
    let image = "data:image/png;base64,AAAA";
    for wrong in [
        json!({"name": "a", "image": image}),
        json!({"name": "a".repeat(33), "image": image}),
        json!({"name": "with space", "image": image}),
        json!({"name": "попугай", "image": image}),
        json!({"name": "parrot"}),
        json!({"name": "parrot", "image": "http://example.org/a.png"}),
    ] {
        refused(&stage, ANNA, "POST", &emojis, &wrong, 400, 50035).await;
    }
    refused(
        &stage,
        ANNA,
        "POST",
        &emojis,
        &json!({"name": "ab", "image": image, "roles": ["5"]}),
        404,
        10011,
    )
    .await;
    for number in 0..50 {
        done(&stage, ANNA, "POST", &emojis, &json!({"name": format!("e{number}"), "image": image})).await;
    }
    refused(&stage, ANNA, "POST", &emojis, &json!({"name": "more", "image": image}), 400, 30008).await;
    done(&stage, ANNA, "POST", &emojis, &json!({"name": "moves", "image": "data:image/gif;base64,AA"})).await;
    // The picture of the refused one may be forgotten.
    while news.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
}
