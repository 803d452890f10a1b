//! Roles: what moderators do with them, and what they may not.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{
    Folder, Stage, open,
    routes::{ask, ask_because, done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    GuildId, Permissions, RoleId, UserId,
    event::{ChannelChange, GuildChange},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

/// A guild of Anna's that Boris and Clara are in.
async fn harbour(stage: &Stage) -> (GuildId, voxlink_protocol::ChannelId) {
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.join(ANNA, text, CLARA).await;
    (guild, text)
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_role_is_made_changed_given_and_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    let roles = format!("/guilds/{guild}/roles");
    let made = done(&stage, ANNA, "POST", &roles, &json!({})).await;
    assert_eq!(
        (&made["name"], &made["position"], &made["color"]),
        (&json!("new role"), &json!(1), &json!(0))
    );
    assert_eq!(made["permissions"], json!(Permissions::new_everyone().bits().to_string()));
    let id = made["id"].as_str().unwrap();
    let path = format!("{roles}/{id}");
    let body = json!({"name": "Капитан 🚢", "color": 0x33_66_99, "hoist": true, "mentionable": true, "permissions": "8192"});
    let changed = done(&stage, ANNA, "PATCH", &path, &body).await;
    assert_eq!(changed["name"], "Капитан 🚢");
    assert_eq!(
        (&changed["color"], &changed["colors"]["primary_color"]),
        (&json!(0x33_66_99), &json!(0x33_66_99))
    );
    let again = done(&stage, ANNA, "PATCH", &path, &json!({"colors": {"primary_color": 5}})).await;
    assert_eq!((&again["color"], &again["hoist"]), (&json!(5), &json!(true)));
    let member = format!("/guilds/{guild}/members/{BORIS}");
    done(&stage, ANNA, "PUT", &format!("{member}/roles/{id}"), &Value::Null).await;
    assert_eq!(done(&stage, BORIS, "GET", &member, &Value::Null).await["roles"], json!([id]));
    let overwrite = json!({"permission_overwrites": [{"id": id, "type": 0, "allow": "0", "deny": "1024"}]});
    done(&stage, ANNA, "PATCH", &format!("/channels/{text}"), &overwrite).await;
    refused(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null, 404, 10003).await;
    done(&stage, ANNA, "DELETE", &path, &Value::Null).await;
    refused(&stage, ANNA, "GET", &path, &Value::Null, 404, 10011).await;
    assert_eq!(done(&stage, BORIS, "GET", &member, &Value::Null).await["roles"], json!([]));
    let channel = done(&stage, BORIS, "GET", &format!("/channels/{text}"), &Value::Null).await;
    assert_eq!(channel["permission_overwrites"], json!([]));
    // Nothing of it comes back with a restart.
    drop(stage);
    let stage = open(&folder).await;
    assert_eq!(done(&stage, BORIS, "GET", &roles, &Value::Null).await.as_array().unwrap().len(), 1);
    assert_eq!(done(&stage, BORIS, "GET", &member, &Value::Null).await["roles"], json!([]));
}

#[tokio::test]
async fn nobody_grants_what_they_lack_or_touches_a_role_at_or_above_theirs() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, _) = harbour(&stage).await;
    let roles = format!("/guilds/{guild}/roles");
    let mine =
        role(&stage, ANNA, guild, Permissions::MANAGE_ROLES | Permissions::KICK_MEMBERS, 5, BORIS).await;
    let above = role(&stage, ANNA, guild, Permissions::empty(), 6, CLARA).await;
    let beside = role(&stage, ANNA, guild, Permissions::BAN_MEMBERS, 5, ANNA).await;
    let below = role(&stage, ANNA, guild, Permissions::BAN_MEMBERS, 4, ANNA).await;
    let kick = json!({"permissions": Permissions::KICK_MEMBERS.bits().to_string()});
    let ban = json!({"permissions": Permissions::BAN_MEMBERS.bits().to_string()});
    // One may make what one has, and only that.
    done(&stage, BORIS, "POST", &roles, &kick).await;
    refused(&stage, BORIS, "POST", &roles, &ban, 403, 50013).await;
    refused(&stage, CLARA, "POST", &roles, &json!({}), 403, 50013).await;
    for role in [&mine, &above] {
        refused(&stage, BORIS, "PATCH", &format!("{roles}/{role}"), &json!({"name": "x"}), 403, 50013).await;
        refused(&stage, BORIS, "DELETE", &format!("{roles}/{role}"), &Value::Null, 403, 50013).await;
        let give = format!("/guilds/{guild}/members/{BORIS}/roles/{role}");
        refused(&stage, BORIS, "PUT", &give, &Value::Null, 403, 50013).await;
    }
    // Of two on one position the older one outranks.
    done(&stage, BORIS, "PATCH", &format!("{roles}/{beside}"), &json!({"name": "beside"})).await;
    done(&stage, BORIS, "PATCH", &format!("{roles}/{below}"), &json!({"name": "below", "permissions": "4"}))
        .await;
    // What one does not have one cannot take either.
    refused(&stage, BORIS, "PATCH", &format!("{roles}/{below}"), &json!({"permissions": "0"}), 403, 50013)
        .await;
    // Moving: below oneself before and after.
    for (id, position, may) in [(&below, 3, true), (&below, 6, false), (&above, 1, false), (&below, 0, false)]
    {
        let (status, _) =
            ask(&stage, BORIS, "PATCH", &roles, &json!([{"id": id, "position": position}])).await;
        assert_eq!(status == 200, may, "{id} to {position}: {status}");
    }
    // Giving needs rank over the role and over the member; oneself one may give what is below.
    done(&stage, BORIS, "PUT", &format!("/guilds/{guild}/members/{BORIS}/roles/{below}"), &Value::Null).await;
    refused(
        &stage,
        BORIS,
        "PUT",
        &format!("/guilds/{guild}/members/{CLARA}/roles/{below}"),
        &Value::Null,
        403,
        50013,
    )
    .await;
    let everyone = format!("/guilds/{guild}/members/{CLARA}/roles/{guild}");
    refused(&stage, ANNA, "PUT", &everyone, &Value::Null, 400, 50028).await;
    refused(&stage, ANNA, "DELETE", &format!("{roles}/{guild}"), &Value::Null, 400, 50028).await;
    refused(
        &stage,
        ANNA,
        "PUT",
        &format!("/guilds/{guild}/members/{CLARA}/roles/5"),
        &Value::Null,
        404,
        10011,
    )
    .await;
    refused(
        &stage,
        ANNA,
        "PUT",
        &format!("/guilds/{guild}/members/99/roles/{below}"),
        &Value::Null,
        404,
        10007,
    )
    .await;
    let everyone = format!("{roles}/{guild}");
    let renamed =
        done(&stage, ANNA, "PATCH", &everyone, &json!({"name": "all", "permissions": "1024"})).await;
    assert_eq!((&renamed["name"], &renamed["permissions"]), (&json!("@everyone"), &json!("1024")));
}

#[tokio::test]
async fn wrong_fields_and_too_many_roles_are_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, _) = harbour(&stage).await;
    let roles = format!("/guilds/{guild}/roles");
    for wrong in [
        json!({"name": ""}),
        json!({"name": "a".repeat(101)}),
        json!({"name": "a\nb"}),
        json!({"color": 0x0100_0000}),
        json!({"color": -1}),
        json!({"permissions": "x"}),
        json!([]),
    ] {
        refused(&stage, ANNA, "POST", &roles, &wrong, 400, 50035).await;
    }
    for position in [0, 10_001] {
        let made = done(&stage, ANNA, "POST", &roles, &json!({})).await;
        refused(
            &stage,
            ANNA,
            "PATCH",
            &roles,
            &json!([{"id": made["id"], "position": position}]),
            400,
            50035,
        )
        .await;
    }
    refused(&stage, ANNA, "PATCH", &roles, &json!([{"id": guild, "position": 3}]), 400, 50035).await;
    for _ in 3..250 {
        stage
            .chat
            .create_role(UserId::new(ANNA), guild, voxlink_chat::role::RoleFields::default())
            .await
            .unwrap();
    }
    refused(&stage, ANNA, "POST", &roles, &json!({}), 400, 30005).await;
}

#[tokio::test]
async fn what_is_done_to_a_role_is_told_in_order_and_logged_with_its_reason() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text) = harbour(&stage).await;
    let id = role(&stage, ANNA, guild, Permissions::empty(), 2, BORIS).await;
    let overwrite = json!({"permission_overwrites": [{"id": id, "type": 0, "allow": "0", "deny": "1024"}]});
    done(&stage, ANNA, "PATCH", &format!("/channels/{text}"), &overwrite).await;
    stage.heard.lock().unwrap().clear();
    let path = format!("/guilds/{guild}/roles/{id}");
    let (status, _) = ask_because(&stage, ANNA, "no%20longer%20needed", "DELETE", &path, &Value::Null).await;
    assert_eq!(status, 204);
    let events = stage.events();
    let role_id: RoleId = id.parse().unwrap();
    match events.iter().map(|event| &event.change).collect::<Vec<_>>()[..] {
        [
            GuildChange::RoleDelete(role),
            GuildChange::ChannelUpdate(channel),
            GuildChange::AuditLogEntryCreate(entry),
        ] => {
            assert_eq!((*role, channel.id, channel.permission_overwrites.len()), (role_id, text, 0));
            assert_eq!((entry.action_type, entry.target_id), (32, Some(role_id.0)));
            assert_eq!(entry.reason.as_deref(), Some("no longer needed"));
        }
        ref other => panic!("{other:?}"),
    }
    let versions = stage.versions(guild);
    assert!(versions.windows(2).all(|pair| pair[1] == pair[0] + 1));
    assert!(
        !events
            .iter()
            .any(|event| matches!(event.change, GuildChange::Channel(ChannelChange::MessageCreate(_))))
    );
    let log =
        done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs?action_type=32"), &Value::Null).await;
    let entry = &log["audit_log_entries"][0];
    assert_eq!(
        (&entry["user_id"], &entry["target_id"], &entry["reason"]),
        (&json!("1"), &json!(id), &json!("no longer needed"))
    );
    assert!(entry["changes"].as_array().unwrap().contains(&json!({"key": "name", "old_value": "Crew"})));
    assert_eq!(log["users"][0]["id"], "1");
    refused(&stage, BORIS, "GET", &format!("/guilds/{guild}/audit-logs"), &Value::Null, 403, 50013).await;
    refused(&stage, 9, "GET", &format!("/guilds/{guild}/audit-logs"), &Value::Null, 404, 10004).await;
    let long = "a".repeat(513);
    let (status, _) =
        ask_because(&stage, ANNA, &long, "POST", &format!("/guilds/{guild}/roles"), &json!({})).await;
    assert_eq!(status, 400);
}
