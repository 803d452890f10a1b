//! Members: names, timeouts, kicks, and who may do that to whom.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{sync::Arc, time::Duration};

use common::{
    Folder, Stage, open, open_with,
    routes::{ask, ask_because, done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, GuildId, Permissions, Timestamp, UserId, VoiceState,
    bus::{CallRightsOf, EndSeat, VoiceStatesOf},
    event::GuildChange,
};
use voxlink_service_kit::{Bus, Env, env::ManualClock};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;
const NIKITA: u64 = 4;

async fn harbour(stage: &Stage) -> (GuildId, ChannelId, ChannelId) {
    let (guild, text, voice) = stage.guild(ANNA).await;
    for user in [BORIS, CLARA, NIKITA] {
        stage.join(ANNA, text, user).await;
    }
    (guild, text, voice)
}

fn member(guild: GuildId, user: u64) -> String {
    format!("/guilds/{guild}/members/{user}")
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_nickname_is_ones_own_or_a_moderators_to_change() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, ..) = harbour(&stage).await;
    role(&stage, ANNA, guild, Permissions::MANAGE_NICKNAMES, 2, BORIS).await;
    let own = format!("/guilds/{guild}/members/@me");
    let changed = done(&stage, CLARA, "PATCH", &own, &json!({"nick": "  Кларa 🦜 "})).await;
    assert_eq!((&changed["nick"], &changed["user"]["id"]), (&json!("Кларa 🦜"), &json!("3")));
    done(&stage, BORIS, "PATCH", &member(guild, CLARA), &json!({"nick": "Parrot"})).await;
    refused(&stage, CLARA, "PATCH", &member(guild, NIKITA), &json!({"nick": "x"}), 403, 50013).await;
    refused(&stage, BORIS, "PATCH", &member(guild, ANNA), &json!({"nick": "x"}), 403, 50013).await;
    refused(&stage, CLARA, "PATCH", &own, &json!({"nick": "a".repeat(33)}), 400, 50035).await;
    let cleared = done(&stage, CLARA, "PATCH", &own, &json!({"nick": ""})).await;
    assert_eq!(cleared["nick"], Value::Null);
    let everyone = format!("/guilds/{guild}/roles/{guild}");
    done(&stage, ANNA, "PATCH", &everyone, &json!({"permissions": "1024"})).await;
    refused(&stage, CLARA, "PATCH", &own, &json!({"nick": "x"}), 403, 50013).await;
    done(&stage, BORIS, "PATCH", &own, &json!({"nick": "Bo"})).await;
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(done(&stage, CLARA, "GET", &member(guild, BORIS), &Value::Null).await["nick"], "Bo");
    let mine = done(&stage, BORIS, "GET", &format!("/users/@me/guilds/{guild}/member"), &Value::Null).await;
    assert_eq!((&mine["nick"], &mine["user"]["id"]), (&json!("Bo"), &json!("2")));
    assert!(mine["permissions"].is_string());
}

#[tokio::test]
async fn members_are_found_by_how_their_names_begin() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, ..) = harbour(&stage).await;
    done(&stage, CLARA, "PATCH", &format!("/guilds/{guild}/members/@me"), &json!({"nick": "Юнга"})).await;
    let find = |query: &str| format!("/guilds/{guild}/members/search?{query}");
    let found = done(&stage, BORIS, "GET", &find("query=%D1%8E%D0%BD"), &Value::Null).await;
    assert_eq!((found.as_array().unwrap().len(), &found[0]["user"]["id"]), (1, &json!("3")));
    let found = done(&stage, BORIS, "GET", &find("query=USER&limit=3"), &Value::Null).await;
    assert_eq!(found.as_array().unwrap().len(), 3);
    assert_eq!(done(&stage, BORIS, "GET", &find("query=ser"), &Value::Null).await, json!([]));
    refused(&stage, BORIS, "GET", &find("query="), &Value::Null, 400, 50035).await;
    refused(&stage, BORIS, "GET", &find("query=a&limit=1001"), &Value::Null, 400, 50035).await;
    refused(&stage, 9, "GET", &find("query=a"), &Value::Null, 404, 10004).await;
}

#[tokio::test]
async fn a_timeout_takes_all_but_reading_and_ends_by_itself() {
    let folder = Folder::new();
    let start = std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_000_000);
    let clock = ManualClock::at(start);
    let env = Env { clock: clock.clone(), ..Env::real() };
    let stage = open_with(&folder.database(), Bus::in_process(), env).await;
    let (guild, text, voice) = harbour(&stage).await;
    let keeper = role(&stage, ANNA, guild, Permissions::MODERATE_MEMBERS, 2, BORIS).await;
    role(&stage, ANNA, guild, Permissions::ADMINISTRATOR, 1, NIKITA).await;
    let until = |seconds: u64| {
        let at = Timestamp::from(start).plus(Duration::from_secs(seconds));
        json!({"communication_disabled_until": at.to_string()})
    };
    let path = member(guild, CLARA);
    let (status, answer) = ask_because(&stage, BORIS, "shouting", "PATCH", &path, &until(60)).await;
    assert_eq!(status, 200, "{answer}");
    let say = format!("/channels/{text}/messages");
    refused(&stage, CLARA, "POST", &say, &json!({"content": "hi"}), 403, 50013).await;
    done(&stage, CLARA, "GET", &say, &Value::Null).await;
    // Nor do they stay in a call.
    let seats = vec![(UserId::new(CLARA), voice), (UserId::new(BORIS), voice)];
    let rights = stage.bus.call(CallRightsOf { guild, seats }).await.unwrap();
    assert_eq!(rights.iter().map(|right| right.user.get()).collect::<Vec<_>>(), [BORIS]);
    clock.advance(Duration::from_secs(61));
    done(&stage, CLARA, "POST", &say, &json!({"content": "hi"})).await;
    // Not for longer than 28 days, not those above or beside, not administrators, not the owner, not oneself.
    refused(&stage, BORIS, "PATCH", &path, &until(29 * 24 * 3600), 400, 50035).await;
    for other in [NIKITA, ANNA, BORIS] {
        refused(&stage, BORIS, "PATCH", &member(guild, other), &until(600), 403, 50013).await;
    }
    refused(&stage, CLARA, "PATCH", &member(guild, BORIS), &until(600), 403, 50013).await;
    done(&stage, ANNA, "DELETE", &format!("{}/roles/{keeper}", member(guild, BORIS)), &Value::Null).await;
    refused(&stage, BORIS, "PATCH", &path, &until(600), 403, 50013).await;
    done(&stage, ANNA, "PATCH", &path, &until(600)).await;
    let freed = done(&stage, ANNA, "PATCH", &path, &json!({"communication_disabled_until": null})).await;
    assert_eq!(freed["communication_disabled_until"], Value::Null);
    let log = done(
        &stage,
        ANNA,
        "GET",
        &format!("/guilds/{guild}/audit-logs?user_id=2&action_type=24"),
        &Value::Null,
    )
    .await;
    let entry = &log["audit_log_entries"][0];
    assert_eq!((&entry["reason"], &entry["target_id"]), (&json!("shouting"), &json!("3")));
    assert_eq!(entry["changes"][0]["key"], "communication_disabled_until");
}

#[tokio::test]
async fn roles_are_set_as_a_whole_and_only_what_differs_counts() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, ..) = harbour(&stage).await;
    let keeper = role(&stage, ANNA, guild, Permissions::MANAGE_ROLES, 5, BORIS).await;
    let low = role(&stage, ANNA, guild, Permissions::empty(), 2, CLARA).await;
    let lower = role(&stage, ANNA, guild, Permissions::empty(), 1, NIKITA).await;
    let path = member(guild, CLARA);
    stage.heard.lock().unwrap().clear();
    let changed = done(&stage, BORIS, "PATCH", &path, &json!({"roles": [lower]})).await;
    assert_eq!(changed["roles"], json!([lower]));
    let events = stage.events();
    match events.iter().map(|event| &event.change).collect::<Vec<_>>()[..] {
        [GuildChange::MemberUpdate(member), GuildChange::AuditLogEntryCreate(entry)] => {
            assert_eq!(member.user.as_ref().unwrap().id, UserId::new(CLARA));
            assert_eq!(entry.action_type, 25);
            let changes = serde_json::to_value(&entry.changes).unwrap();
            let named = |key: &str, id: &str| json!({"key": key, "new_value": [{"id": id, "name": "Crew"}]});
            assert_eq!(changes, json!([named("$add", &lower), named("$remove", &low)]));
        }
        ref other => panic!("{other:?}"),
    }
    done(&stage, BORIS, "PATCH", &path, &json!({"roles": [lower, lower]})).await;
    assert_eq!(stage.events().len(), 2, "the same again is told to nobody");
    refused(&stage, BORIS, "PATCH", &path, &json!({"roles": [keeper]}), 403, 50013).await;
    refused(&stage, BORIS, "PATCH", &path, &json!({"roles": ["77"]}), 404, 10011).await;
    refused(&stage, BORIS, "PATCH", &path, &json!({"roles": [guild]}), 400, 50028).await;
    refused(&stage, NIKITA, "PATCH", &path, &json!({"roles": []}), 403, 50013).await;
    done(&stage, ANNA, "PATCH", &path, &json!({"roles": [keeper, low]})).await;
    drop(stage);
    let stage = open(&folder).await;
    let mut roles =
        done(&stage, CLARA, "GET", &path, &Value::Null).await["roles"].as_array().unwrap().clone();
    roles.sort_by_key(ToString::to_string);
    let mut wanted = vec![json!(keeper), json!(low)];
    wanted.sort_by_key(ToString::to_string);
    assert_eq!(roles, wanted);
}

#[tokio::test]
async fn a_member_is_kicked_by_those_above_and_may_come_back() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = harbour(&stage).await;
    role(&stage, ANNA, guild, Permissions::KICK_MEMBERS, 2, BORIS).await;
    role(&stage, ANNA, guild, Permissions::KICK_MEMBERS, 3, NIKITA).await;
    for above in [ANNA, NIKITA, BORIS] {
        refused(&stage, BORIS, "DELETE", &member(guild, above), &Value::Null, 403, 50013).await;
    }
    refused(&stage, CLARA, "DELETE", &member(guild, BORIS), &Value::Null, 403, 50013).await;
    refused(&stage, BORIS, "DELETE", &member(guild, 77), &Value::Null, 404, 10007).await;
    refused(&stage, BORIS, "PUT", &member(guild, 77), &json!({"access_token": "x"}), 403, 50013).await;
    done(&stage, BORIS, "DELETE", &member(guild, CLARA), &Value::Null).await;
    refused(&stage, CLARA, "GET", &format!("/guilds/{guild}"), &Value::Null, 404, 10004).await;
    let log = done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs?limit=1"), &Value::Null).await;
    assert_eq!(log["audit_log_entries"][0]["action_type"], 20);
    let people: Vec<_> = log["users"].as_array().unwrap().iter().map(|user| user["id"].clone()).collect();
    assert_eq!(people, [json!("2"), json!("3")]);
    stage.join(ANNA, text, CLARA).await;
    done(&stage, CLARA, "GET", &format!("/guilds/{guild}"), &Value::Null).await;
}

#[tokio::test]
async fn a_moderator_silences_people_in_calls_and_takes_them_out() {
    let folder = Folder::new();
    let bus = Bus::in_process();
    let stage = open_with(&folder.database(), bus.clone(), Env::real()).await;
    let (guild, text, voice) = harbour(&stage).await;
    role(&stage, ANNA, guild, Permissions::MUTE_MEMBERS | Permissions::MOVE_MEMBERS, 2, BORIS).await;
    let seated = VoiceState {
        guild_id: Some(guild),
        channel_id: Some(voice),
        user_id: UserId::new(CLARA),
        member: None,
        session_id: "s".to_owned(),
        deaf: false,
        mute: false,
        self_deaf: false,
        self_mute: false,
        self_stream: false,
        self_video: false,
        suppress: false,
        request_to_speak_timestamp: None,
    };
    bus.serve(move |_: VoiceStatesOf| {
        let seated = seated.clone();
        async move { vec![seated] }
    });
    let ended: Arc<std::sync::Mutex<Vec<u64>>> = Arc::default();
    let ears = ended.clone();
    bus.serve(move |request: EndSeat| {
        ears.lock().unwrap().push(request.user.get());
        async { true }
    });
    let path = member(guild, CLARA);
    let muted = done(&stage, BORIS, "PATCH", &path, &json!({"mute": true})).await;
    assert_eq!((&muted["mute"], &muted["deaf"]), (&json!(true), &json!(false)));
    refused(&stage, BORIS, "PATCH", &path, &json!({"deaf": true}), 403, 50013).await;
    let rights = bus.call(CallRightsOf { guild, seats: vec![(UserId::new(CLARA), voice)] }).await.unwrap();
    assert!(rights[0].mute && rights[0].may_speak && !rights[0].deaf);
    let state =
        done(&stage, BORIS, "GET", &format!("/guilds/{guild}/voice-states/{CLARA}"), &Value::Null).await;
    assert_eq!((&state["channel_id"], &state["member"]["mute"]), (&json!(voice), &json!(true)));
    done(&stage, CLARA, "GET", &format!("/guilds/{guild}/voice-states/@me"), &Value::Null).await;
    refused(&stage, BORIS, "GET", &format!("/guilds/{guild}/voice-states/@me"), &Value::Null, 404, 10065)
        .await;
    refused(&stage, CLARA, "PATCH", &path, &json!({"channel_id": null}), 403, 50013).await;
    refused(&stage, BORIS, "PATCH", &path, &json!({"channel_id": voice}), 400, 50035).await;
    refused(&stage, BORIS, "PATCH", &member(guild, NIKITA), &json!({"channel_id": null}), 400, 40032).await;
    done(&stage, BORIS, "PATCH", &path, &json!({"channel_id": null})).await;
    assert_eq!(*ended.lock().unwrap(), [CLARA]);
    // Who does not see the channel does not learn who is in it; who may not enter it does not stay.
    let deny = |bit: Permissions| json!({"type": 0, "deny": bit.bits().to_string()});
    let overwrite = format!("/channels/{voice}/permissions/{guild}");
    done(&stage, ANNA, "PUT", &overwrite, &deny(Permissions::CONNECT)).await;
    let seats = vec![(UserId::new(CLARA), voice), (UserId::new(CLARA), text), (UserId::new(ANNA), voice)];
    let rights = bus.call(CallRightsOf { guild, seats }).await.unwrap();
    let stay: Vec<_> = rights.iter().map(|right| (right.user.get(), right.channel)).collect();
    assert_eq!(stay, [(CLARA, text), (ANNA, voice)]);
    done(&stage, ANNA, "PUT", &overwrite, &deny(Permissions::VIEW_CHANNEL)).await;
    refused(&stage, BORIS, "GET", &format!("/guilds/{guild}/voice-states/{CLARA}"), &Value::Null, 404, 10065)
        .await;
    let (_, regions) = ask(&stage, BORIS, "GET", "/voice/regions", &Value::Null).await;
    assert_eq!((regions.as_array().unwrap().len(), &regions[0]["id"]), (1, &json!("self-hosted")));
    assert_eq!(done(&stage, BORIS, "GET", &format!("/guilds/{guild}/regions"), &Value::Null).await, regions);
}
