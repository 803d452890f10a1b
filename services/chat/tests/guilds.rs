//! A guild's looks and owner, its channels' exceptions, and what the audit log keeps of it all.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use common::{
    Folder, Stage, open, open_with,
    routes::{ask_because, done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, GuildId, Permissions,
    event::{ChannelChange, GuildChange},
    files::{FilesNews, StoreImage, StoredImage},
};
use voxlink_service_kit::{Bus, Env, env::ManualClock};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

async fn harbour(stage: &Stage) -> (GuildId, ChannelId) {
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    (guild, text)
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_guild_is_described_pictured_and_given_away() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    stage.bus.serve(|request: StoreImage| async move {
        Ok(StoredImage { hash: format!("hash{}", request.data_uri.len()), animated: false })
    });
    let news: Arc<std::sync::Mutex<Vec<FilesNews>>> = Arc::default();
    let ears = news.clone();
    stage.bus.serve(move |told: FilesNews| {
        ears.lock().unwrap().push(told);
        async {}
    });
    let (guild, text) = harbour(&stage).await;
    let path = format!("/guilds/{guild}");
    let body = json!({"name": "Порт", "description": "boats", "system_channel_id": text, "preferred_locale": "ru", "icon": "data:image/png;base64,AA"});
    let changed = done(&stage, ANNA, "PATCH", &path, &body).await;
    assert_eq!((&changed["description"], &changed["preferred_locale"]), (&json!("boats"), &json!("ru")));
    assert!(changed["icon"].as_str().unwrap().starts_with("hash"));
    for wrong in [
        json!({"name": "a"}),
        json!({"description": "a".repeat(301)}),
        json!({"system_channel_id": "5"}),
        json!({"preferred_locale": "tlh"}),
    ] {
        refused(&stage, ANNA, "PATCH", &path, &wrong, 400, 50035).await;
    }
    refused(&stage, BORIS, "PATCH", &path, &json!({"name": "Mine"}), 403, 50013).await;
    // Who comes is told where the guild wants it.
    stage.join(ANNA, text, CLARA).await;
    let told = stage.events().into_iter().any(|event| {
        matches!(event.change, GuildChange::Channel(ChannelChange::MessageCreate(message)) if message.channel_id == text)
    });
    assert!(told);
    let cleared = done(&stage, ANNA, "PATCH", &path, &json!({"icon": null, "description": ""})).await;
    assert_eq!((&cleared["icon"], &cleared["description"]), (&Value::Null, &Value::Null));
    while news.lock().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    // Only the owner gives it away, and only to a member.
    role(&stage, ANNA, guild, Permissions::ADMINISTRATOR, 5, BORIS).await;
    refused(&stage, BORIS, "PATCH", &path, &json!({"owner_id": "2"}), 403, 50013).await;
    refused(&stage, ANNA, "PATCH", &path, &json!({"owner_id": "99"}), 404, 10007).await;
    assert_eq!(done(&stage, ANNA, "PATCH", &path, &json!({"owner_id": "2"})).await["owner_id"], "2");
    refused(&stage, ANNA, "DELETE", &path, &Value::Null, 403, 50013).await;
    done(&stage, ANNA, "DELETE", &format!("/users/@me/guilds/{guild}"), &Value::Null).await;
    drop(stage);
    let stage = open(&folder).await;
    let shown = done(&stage, BORIS, "GET", &format!("{path}?with_counts=true"), &Value::Null).await;
    assert_eq!(
        (&shown["name"], &shown["system_channel_id"], &shown["owner_id"]),
        (&json!("Порт"), &json!(text), &json!("2"))
    );
    assert_eq!(shown["approximate_member_count"], 2);
    // Without its channel nobody is announced any more.
    done(&stage, BORIS, "DELETE", &format!("/channels/{text}"), &Value::Null).await;
    assert_eq!(done(&stage, BORIS, "GET", &path, &Value::Null).await["system_channel_id"], Value::Null);
}

#[tokio::test]
async fn a_channel_follows_its_category_until_it_says_something_else() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    let channels = format!("/guilds/{guild}/channels");
    let hidden = json!([{"id": guild, "type": 0, "allow": "0", "deny": "1024"}]);
    let body = json!({"name": "Crew", "type": 4, "permission_overwrites": hidden});
    let category = done(&stage, ANNA, "POST", &channels, &body).await["id"].as_str().unwrap().to_owned();
    let child = done(&stage, ANNA, "POST", &channels, &json!({"name": "deck", "parent_id": category})).await;
    assert_eq!(child["permission_overwrites"], hidden);
    let child = format!("/channels/{}", child["id"].as_str().unwrap());
    refused(&stage, BORIS, "GET", &child, &Value::Null, 404, 10003).await;
    // A channel that is moved under it keeps what it says, unless it is locked to it.
    let to = |lock: bool| json!([{"id": text, "parent_id": category, "lock_permissions": lock}]);
    done(&stage, ANNA, "PATCH", &channels, &to(false)).await;
    done(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null).await;
    done(&stage, ANNA, "PATCH", &channels, &to(true)).await;
    refused(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null, 404, 10003).await;
    let own = format!("/channels/{text}/permissions/{BORIS}");
    done(&stage, ANNA, "PUT", &own, &json!({"type": 1, "allow": "1024"})).await;
    done(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null).await;
    // The category opens: who says the same goes along, who says something else does not.
    done(&stage, ANNA, "DELETE", &format!("/channels/{category}/permissions/{guild}"), &Value::Null).await;
    done(&stage, BORIS, "GET", &child, &Value::Null).await;
    let kept = done(&stage, ANNA, "GET", &format!("/channels/{text}"), &Value::Null).await;
    assert_eq!(kept["permission_overwrites"].as_array().unwrap().len(), 2);
    refused(
        &stage,
        ANNA,
        "DELETE",
        &format!("/channels/{category}/permissions/{guild}"),
        &Value::Null,
        404,
        10009,
    )
    .await;
    let log =
        done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs?action_type=13"), &Value::Null).await;
    let entry = &log["audit_log_entries"][0];
    assert_eq!(
        (&entry["target_id"], &entry["options"]["id"], &entry["options"]["type"]),
        (&json!(text), &json!("2"), &json!("1"))
    );
}

#[tokio::test]
async fn exceptions_are_made_by_those_who_may_for_those_who_are_there() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    stage.join(ANNA, text, CLARA).await;
    let at = |target: u64| format!("/channels/{text}/permissions/{target}");
    let deny = |bits: Permissions, kind: u8| json!({"type": kind, "deny": bits.bits().to_string()});
    refused(&stage, BORIS, "PUT", &at(CLARA), &deny(Permissions::SEND_MESSAGES, 1), 403, 50013).await;
    role(&stage, ANNA, guild, Permissions::MANAGE_ROLES, 3, BORIS).await;
    done(&stage, BORIS, "PUT", &at(CLARA), &deny(Permissions::SEND_MESSAGES, 1)).await;
    refused(
        &stage,
        CLARA,
        "POST",
        &format!("/channels/{text}/messages"),
        &json!({"content": "x"}),
        403,
        50013,
    )
    .await;
    refused(&stage, BORIS, "PUT", &at(CLARA), &deny(Permissions::BAN_MEMBERS, 1), 403, 50013).await;
    // The right to make exceptions is an administrator's to give.
    let grant = json!({"type": 1, "allow": Permissions::MANAGE_ROLES.bits().to_string()});
    refused(&stage, BORIS, "PUT", &at(BORIS), &grant, 403, 50013).await;
    done(&stage, ANNA, "PUT", &at(BORIS), &grant).await;
    for (target, kind) in [(99, 0), (99, 1), (CLARA, 0)] {
        refused(&stage, ANNA, "PUT", &at(target), &deny(Permissions::SPEAK, kind), 400, 50035).await;
    }
    refused(&stage, 9, "PUT", &at(CLARA), &deny(Permissions::SPEAK, 1), 404, 10003).await;
    for seconds in [json!(21_601), json!(-1)] {
        let slow = json!({"rate_limit_per_user": seconds});
        refused(&stage, ANNA, "PATCH", &format!("/channels/{text}"), &slow, 400, 50035).await;
    }
    let slow = done(
        &stage,
        ANNA,
        "PATCH",
        &format!("/channels/{text}"),
        &json!({"rate_limit_per_user": 21_600, "nsfw": true}),
    )
    .await;
    assert_eq!((&slow["rate_limit_per_user"], &slow["nsfw"]), (&json!(21_600), &json!(true)));
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(
        done(&stage, ANNA, "GET", &format!("/channels/{text}"), &Value::Null).await["rate_limit_per_user"],
        21_600
    );
}

#[tokio::test]
async fn the_log_is_paged_narrowed_and_kept_for_ninety_days() {
    let folder = Folder::new();
    let start = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let clock = ManualClock::at(start);
    let env = Env { clock: clock.clone(), ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env).await;
    let (guild, text) = harbour(&stage).await;
    let rename = |name: String| json!({ "name": name });
    for number in 0..5 {
        let path = format!("/channels/{text}");
        let (status, _) = ask_because(
            &stage,
            ANNA,
            &format!("try {number}"),
            "PATCH",
            &path,
            &rename(format!("n{number}")),
        )
        .await;
        assert_eq!(status, 200);
    }
    let log = async |query: &str| {
        let path = format!("/guilds/{guild}/audit-logs?{query}");
        let log = done(&stage, ANNA, "GET", &path, &Value::Null).await;
        log["audit_log_entries"].as_array().unwrap().clone()
    };
    let all = log("action_type=11").await;
    let reasons: Vec<_> = all.iter().map(|entry| entry["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["try 4", "try 3", "try 2", "try 1", "try 0"]);
    assert_eq!(all[0]["changes"], json!([{"key": "name", "old_value": "n3", "new_value": "n4"}]));
    let id = all[2]["id"].as_str().unwrap();
    let before = log(&format!("action_type=11&before={id}&limit=1")).await;
    assert_eq!(before[0]["reason"], "try 1");
    let after = log(&format!("action_type=11&after={id}")).await;
    assert_eq!(
        after.iter().map(|entry| entry["reason"].clone()).collect::<Vec<_>>(),
        [json!("try 3"), json!("try 4")]
    );
    assert!(log("user_id=2&action_type=11").await.is_empty());
    for wrong in ["limit=0", "limit=101", "before=x"] {
        refused(
            &stage,
            ANNA,
            "GET",
            &format!("/guilds/{guild}/audit-logs?{wrong}"),
            &Value::Null,
            400,
            50035,
        )
        .await;
    }
    // An invite is logged with its code; one's own message is not.
    assert_eq!(log("action_type=40&limit=1").await[0]["changes"][0]["key"], "code");
    clock.advance(Duration::from_secs(89 * 24 * 3600));
    stage.chat.sweep().await.unwrap();
    assert_eq!(log("action_type=11").await.len(), 5);
    clock.advance(Duration::from_secs(2 * 24 * 3600));
    stage.chat.sweep().await.unwrap();
    assert!(log("").await.is_empty());
}
