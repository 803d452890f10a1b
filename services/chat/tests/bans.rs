//! Bans: nobody comes back by an invite, and what they wrote goes.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{
    Folder, Stage, draft, open,
    routes::{ask_because, done, refused, role},
    user,
};
use serde_json::{Value, json};
use voxlink_chat::{Refusal, invite::create::NewInvite, store::messages::Position};
use voxlink_protocol::{
    ChannelId, GuildId, Permissions, UserId,
    event::{ChannelChange, GuildChange},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

async fn harbour(stage: &Stage) -> (GuildId, ChannelId) {
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.join(ANNA, text, CLARA).await;
    (guild, text)
}

fn ban(guild: GuildId, user: u64) -> String {
    format!("/guilds/{guild}/bans/{user}")
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn the_banned_are_out_cannot_come_back_and_can_be_forgiven() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    let new = NewInvite { max_age: 0, max_uses: 1, unique: true };
    let invite = stage.chat.create_invite(&user(ANNA), text, new).await.unwrap();
    stage.heard.lock().unwrap().clear();
    let (status, _) =
        ask_because(&stage, ANNA, "%F0%9F%A6%9C%20spam", "PUT", &ban(guild, CLARA), &Value::Null).await;
    assert_eq!(status, 204);
    let kinds: Vec<_> = stage.events().into_iter().map(|event| event.change).collect();
    assert!(
        matches!(&kinds[..], [GuildChange::MemberRemove(gone), GuildChange::BanAdd(who), GuildChange::AuditLogEntryCreate(entry)]
            if gone.get() == CLARA && who.id.get() == CLARA && entry.action_type == 22 && entry.reason.as_deref() == Some("🦜 spam")),
        "{kinds:?}"
    );
    assert_eq!(stage.chat.join(&user(CLARA), &invite.code.0).await, Err(Refusal::Banned));
    refused(&stage, CLARA, "GET", &format!("/guilds/{guild}"), &Value::Null, 404, 10004).await;
    let one = done(&stage, ANNA, "GET", &ban(guild, CLARA), &Value::Null).await;
    assert_eq!((&one["reason"], &one["user"]["id"]), (&json!("🦜 spam"), &json!("3")));
    // Someone who never was here can be banned too; again is as good as once.
    for _ in 0..2 {
        done(&stage, ANNA, "PUT", &ban(guild, 50), &Value::Null).await;
    }
    let list = |query: &str| format!("/guilds/{guild}/bans?{query}");
    let ids = |page: &Value| -> Vec<String> {
        page.as_array().unwrap().iter().map(|one| one["user"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&done(&stage, ANNA, "GET", &list(""), &Value::Null).await), ["3", "50"]);
    assert_eq!(ids(&done(&stage, ANNA, "GET", &list("after=3&limit=1"), &Value::Null).await), ["50"]);
    assert_eq!(ids(&done(&stage, ANNA, "GET", &list("before=50&limit=1"), &Value::Null).await), ["3"]);
    refused(&stage, ANNA, "GET", &list("limit=1001"), &Value::Null, 400, 50035).await;
    refused(&stage, BORIS, "GET", &list(""), &Value::Null, 403, 50013).await;
    refused(&stage, ANNA, "GET", &ban(guild, BORIS), &Value::Null, 404, 10026).await;
    refused(&stage, BORIS, "DELETE", &ban(guild, CLARA), &Value::Null, 403, 50013).await;
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(stage.chat.join(&user(CLARA), &invite.code.0).await, Err(Refusal::Banned));
    done(&stage, ANNA, "DELETE", &ban(guild, CLARA), &Value::Null).await;
    refused(&stage, ANNA, "DELETE", &ban(guild, CLARA), &Value::Null, 404, 10026).await;
    // The refused tries did not use up the invite.
    stage.chat.join(&user(CLARA), &invite.code.0).await.unwrap();
    let uses = stage.chat.invite_uses(UserId::new(ANNA), &invite.code.0).await.unwrap();
    assert_eq!(uses.iter().map(|used| used.user.id.get()).collect::<Vec<_>>(), [CLARA]);
    let own = stage.chat.invite_uses(UserId::new(CLARA), &invite.code.0).await;
    assert_eq!(own, Err(Refusal::Forbidden));
    assert_eq!(stage.chat.invite_uses(UserId::new(99), &invite.code.0).await, Err(Refusal::UnknownInvite));
}

#[tokio::test]
async fn only_those_above_ban_and_never_the_owner() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, _) = harbour(&stage).await;
    role(&stage, ANNA, guild, Permissions::BAN_MEMBERS, 2, BORIS).await;
    role(&stage, ANNA, guild, Permissions::BAN_MEMBERS, 3, CLARA).await;
    for above in [ANNA, BORIS, CLARA] {
        refused(&stage, BORIS, "PUT", &ban(guild, above), &Value::Null, 403, 50013).await;
    }
    for wrong in [
        json!({"delete_message_seconds": 604_801}),
        json!({"delete_message_days": 8}),
        json!({"delete_message_seconds": -1}),
    ] {
        refused(&stage, CLARA, "PUT", &ban(guild, BORIS), &wrong, 400, 50035).await;
    }
    refused(&stage, 9, "PUT", &ban(guild, BORIS), &Value::Null, 404, 10004).await;
    let bulk = format!("/guilds/{guild}/bulk-ban");
    refused(&stage, CLARA, "POST", &bulk, &json!({"user_ids": ["2"]}), 403, 50013).await;
    refused(&stage, ANNA, "POST", &bulk, &json!({"user_ids": ["1"]}), 400, 500_000).await;
    let many: Vec<String> = (0..201).map(|id| id.to_string()).collect();
    refused(&stage, ANNA, "POST", &bulk, &json!({"user_ids": many}), 400, 50035).await;
    let outcome = done(
        &stage,
        ANNA,
        "POST",
        &bulk,
        &json!({"user_ids": ["1", "2", "60"], "delete_message_seconds": 60}),
    )
    .await;
    assert_eq!(outcome, json!({"banned_users": ["2", "60"], "failed_users": ["1"]}));
}

#[tokio::test]
async fn what_the_banned_wrote_goes_from_all_channels_and_nothing_else() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    let body = json!({"name": "Second"});
    let made = done(&stage, ANNA, "POST", &format!("/guilds/{guild}/channels"), &body).await;
    let second: ChannelId = made["id"].as_str().unwrap().parse().unwrap();
    for round in 0..250 {
        stage.chat.send(&user(CLARA), text, draft(&format!("spam {round}"), None)).await.unwrap();
        if round % 50 == 0 {
            stage.chat.send(&user(BORIS), text, draft("stay", None)).await.unwrap();
            stage.chat.send(&user(CLARA), second, draft("here too", None)).await.unwrap();
        }
    }
    stage.heard.lock().unwrap().clear();
    done(&stage, ANNA, "PUT", &ban(guild, CLARA), &json!({"delete_message_days": 1})).await;
    // Whatever the task that the ban started has not done yet, the sweep does.
    stage.chat.sweep().await.unwrap();
    for channel in [text, second] {
        let left = stage.chat.messages(UserId::new(ANNA), channel, Position::Latest, 100).await.unwrap();
        assert!(left.iter().all(|message| message.author.id.get() == BORIS));
        assert_eq!(left.len(), if channel == text { 5 } else { 0 });
    }
    let mut told = 0;
    for event in stage.events() {
        if let GuildChange::Channel(ChannelChange::MessageDeleteBulk { ids, .. }) = event.change {
            assert!(ids.len() <= 100);
            told += ids.len();
        }
    }
    assert_eq!(told, 255, "each is told once");
    let versions = stage.versions(guild);
    assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1));
}
