//! Bots come into guilds with a role of their own, and go with it; accounts that are gone are nowhere.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{
    Folder, Stage, open,
    routes::{done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    ApplicationId, GuildId, Permissions, User, UserId,
    application::Application,
    people::{AccountDeleted, GetApplication, OwnedGuilds},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const BOT: u64 = 70;

/// Identity knows one application.
fn fake_applications(stage: &Stage) {
    stage.bus.serve(|request: GetApplication| async move {
        let bot = User { bot: true, ..User::new(UserId::new(BOT), "helper") };
        let known = Application {
            id: ApplicationId::new(BOT),
            name: "Helper".to_owned(),
            bot,
            owner: UserId::new(BORIS),
            flags: 0,
        };
        (request.id == known.id).then_some(known)
    });
}

/// `PUT` of ours, under `/api/v1`.
async fn add(
    stage: &Stage,
    user: u64,
    guild: GuildId,
    application: u64,
    permissions: Permissions,
) -> (u16, Value) {
    use http_body_util::BodyExt;
    use tower::ServiceExt;
    let request = axum::http::Request::builder()
        .method("PUT")
        .uri(format!("/api/v1/guilds/{guild}/applications/{application}"))
        .header("authorization", format!("Bearer t-{user}"))
        .body(axum::body::Body::from(json!({"permissions": permissions.bits().to_string()}).to_string()))
        .unwrap();
    let response = stage.chat.router().oneshot(request).await.unwrap();
    let status = response.status().as_u16();
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    (status, serde_json::from_slice(&bytes).unwrap_or(Value::Null))
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_bot_comes_with_a_managed_role_and_goes_with_it() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    fake_applications(&stage);
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let (status, answer) = add(&stage, BORIS, guild, BOT, Permissions::empty()).await;
    assert_eq!((status, &answer["code"]), (403, &json!(50013)));
    role(&stage, ANNA, guild, Permissions::MANAGE_GUILD | Permissions::KICK_MEMBERS, 3, BORIS).await;
    // One cannot give a bot what one does not have.
    assert_eq!(add(&stage, BORIS, guild, BOT, Permissions::BAN_MEMBERS).await.0, 403);
    assert_eq!(add(&stage, BORIS, guild, 71, Permissions::empty()).await.0, 404);
    assert_eq!(add(&stage, 9, guild, BOT, Permissions::empty()).await.0, 404);
    let (status, member) = add(&stage, BORIS, guild, BOT, Permissions::KICK_MEMBERS).await;
    assert_eq!((status, &member["user"]["id"]), (200, &json!("70")), "{member}");
    let own = member["roles"][0].as_str().unwrap().to_owned();
    let path = format!("/guilds/{guild}/roles/{own}");
    let shown = done(&stage, ANNA, "GET", &path, &Value::Null).await;
    assert_eq!(
        (&shown["managed"], &shown["tags"], &shown["name"]),
        (&json!(true), &json!({"bot_id": "70"}), &json!("Helper"))
    );
    assert_eq!(shown["permissions"], Permissions::KICK_MEMBERS.bits().to_string());
    // Again is as good as once; the role is the bot's for good.
    assert_eq!(add(&stage, BORIS, guild, BOT, Permissions::KICK_MEMBERS).await.1["roles"], json!([own]));
    refused(&stage, ANNA, "DELETE", &path, &Value::Null, 400, 50028).await;
    for user in [BOT, BORIS] {
        let held = format!("/guilds/{guild}/members/{user}/roles/{own}");
        refused(&stage, ANNA, "PUT", &held, &Value::Null, 400, 50028).await;
        refused(&stage, ANNA, "DELETE", &held, &Value::Null, 400, 50028).await;
    }
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(done(&stage, ANNA, "GET", &path, &Value::Null).await["tags"], json!({"bot_id": "70"}));
    done(&stage, BORIS, "DELETE", &format!("/guilds/{guild}/members/{BOT}"), &Value::Null).await;
    refused(&stage, ANNA, "GET", &path, &Value::Null, 404, 10011).await;
    let log =
        done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs?action_type=28"), &Value::Null).await;
    assert_eq!(log["audit_log_entries"][0]["target_id"], "70");
}

#[tokio::test]
async fn an_account_that_is_gone_is_in_no_guild() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let (alone, ..) = stage.guild(BORIS).await;
    stage.join(ANNA, text, BORIS).await;
    let owned = |user| stage.bus.call(OwnedGuilds { user: UserId::new(user) });
    assert_eq!((owned(ANNA).await, owned(BORIS).await), (Ok(1), Ok(0)));
    stage.bus.publish(AccountDeleted { user: UserId::new(BORIS) });
    while !stage.chat.guilds_of(UserId::new(BORIS)).is_empty() {
        tokio::task::yield_now().await;
    }
    refused(&stage, ANNA, "GET", &format!("/guilds/{guild}/members/{BORIS}"), &Value::Null, 404, 10007).await;
    refused(&stage, BORIS, "GET", &format!("/guilds/{alone}"), &Value::Null, 404, 10004).await;
    assert_eq!(owned(ANNA).await, Ok(0));
    // Told again, it changes nothing.
    stage.bus.publish(AccountDeleted { user: UserId::new(BORIS) });
}
