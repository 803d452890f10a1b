//! The routes of guild life answer as the v10 schemas say; skipped, saying so, where those are absent.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;
#[path = "../../identity/tests/http/schema.rs"]
mod schema;

use common::{
    Folder, Stage, open,
    routes::{done, role},
};
use schema::assert_is;
use serde_json::{Value, json};
use voxlink_protocol::{
    Permissions, UserId, VoiceState,
    bus::VoiceStatesOf,
    files::{FilesNews, StoreImage, StoredImage},
    soundboard::StoreSound,
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;

async fn each_is(stage: &Stage, path: &str, name: &str) {
    let all = done(stage, ANNA, "GET", path, &Value::Null).await;
    assert!(!all.as_array().unwrap().is_empty(), "{path}");
    all.as_array().unwrap().iter().for_each(|one| assert_is(name, one));
}

#[tokio::test]
async fn what_a_guild_answers_is_what_v10_says() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    stage.bus.serve(|_: StoreImage| async { Ok(StoredImage { hash: "abc".to_owned(), animated: false }) });
    stage.bus.serve(|_: StoreSound| async { Ok("abc".to_owned()) });
    stage.bus.serve(|_: FilesNews| async {});
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let seated = VoiceState {
        guild_id: Some(guild),
        channel_id: Some(voice),
        user_id: UserId::new(BORIS),
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
    stage.bus.serve(move |_: VoiceStatesOf| {
        let seated = seated.clone();
        async move { vec![seated] }
    });
    let path = format!("/guilds/{guild}");
    let body = json!({"description": "boats", "icon": "data:image/png;base64,AA", "system_channel_id": text});
    assert_is("GuildResponse", &done(&stage, ANNA, "PATCH", &path, &body).await);
    let counted = done(&stage, ANNA, "GET", &format!("{path}?with_counts=true"), &Value::Null).await;
    assert_is("GuildWithCountsResponse", &counted);

    let crew = role(&stage, ANNA, guild, Permissions::every_named(), 3, BORIS).await;
    each_is(&stage, &format!("{path}/roles"), "GuildRoleResponse").await;
    let crew = format!("{path}/roles/{crew}");
    assert_is("GuildRoleResponse", &done(&stage, ANNA, "GET", &crew, &Value::Null).await);
    assert_is("GuildRoleResponse", &done(&stage, ANNA, "PATCH", &crew, &json!({"hoist": true})).await);

    let member = format!("{path}/members/{BORIS}");
    let body = json!({"nick": "Bo", "mute": true});
    assert_is("GuildMemberResponse", &done(&stage, ANNA, "PATCH", &member, &body).await);
    assert_is("GuildMemberResponse", &done(&stage, ANNA, "GET", &member, &Value::Null).await);
    each_is(&stage, &format!("{path}/members?limit=10"), "GuildMemberResponse").await;
    each_is(&stage, &format!("{path}/members/search?query=user"), "GuildMemberResponse").await;
    let own = format!("/users/@me/guilds/{guild}/member");
    assert_is("PrivateGuildMemberResponse", &done(&stage, ANNA, "GET", &own, &Value::Null).await);

    let state = done(&stage, ANNA, "GET", &format!("{path}/voice-states/{BORIS}"), &Value::Null).await;
    assert_is("VoiceStateResponse", &state);
    each_is(&stage, "/voice/regions", "VoiceRegionResponse").await;
    each_is(&stage, &format!("{path}/regions"), "VoiceRegionResponse").await;

    each_is(&stage, &format!("{path}/channels"), "GuildChannelResponse").await;
    let body = json!({"name": "Crew", "type": 4, "permission_overwrites": [{"id": guild, "type": 0, "deny": "1024"}]});
    let made = done(&stage, ANNA, "POST", &format!("{path}/channels"), &body).await;
    assert_is("GuildChannelResponse", &made);
    let channel = format!("/channels/{text}");
    let changed =
        done(&stage, ANNA, "PATCH", &channel, &json!({"topic": "x", "rate_limit_per_user": 5})).await;
    assert_is("GuildChannelResponse", &changed);

    let invite = done(&stage, ANNA, "POST", &format!("{channel}/invites"), &json!({"max_uses": 3})).await;
    assert_is("GuildInviteResponse", &invite);
    each_is(&stage, &format!("{path}/invites"), "GuildInviteResponse").await;
    each_is(&stage, &format!("{channel}/invites"), "GuildInviteResponse").await;
    let invite = format!("/invites/{}", invite["code"].as_str().unwrap());
    assert_is("GuildInviteResponse", &done(&stage, ANNA, "GET", &invite, &Value::Null).await);
    assert_is("GuildInviteResponse", &done(&stage, ANNA, "DELETE", &invite, &Value::Null).await);

    let body = json!({"name": "ara", "image": "data:image/png;base64,AA"});
    let emoji = done(&stage, ANNA, "POST", &format!("{path}/emojis"), &body).await;
    assert_is("EmojiResponse", &emoji);
    each_is(&stage, &format!("{path}/emojis"), "EmojiResponse").await;
    let emoji = format!("{path}/emojis/{}", emoji["id"].as_str().unwrap());
    assert_is("EmojiResponse", &done(&stage, ANNA, "PATCH", &emoji, &json!({"name": "kea"})).await);
    assert_is("GuildResponse", &done(&stage, ANNA, "GET", &path, &Value::Null).await);

    let body =
        json!({"name": "horn", "sound": "data:audio/ogg;base64,AA", "volume": 0.5, "emoji_name": "📯"});
    let sound = done(&stage, ANNA, "POST", &format!("{path}/soundboard-sounds"), &body).await;
    assert_is("SoundboardSoundResponse", &sound);
    let all = done(&stage, ANNA, "GET", &format!("{path}/soundboard-sounds"), &Value::Null).await;
    assert_eq!(all["items"].as_array().map(Vec::len), Some(1));
    assert_is("ListGuildSoundboardSoundsResponse", &all);
    let sound = format!("{path}/soundboard-sounds/{}", sound["sound_id"].as_str().unwrap());
    assert_is("SoundboardSoundResponse", &done(&stage, ANNA, "GET", &sound, &Value::Null).await);
    let edit = json!({"name": "bell", "emoji_name": null});
    assert_is("SoundboardSoundResponse", &done(&stage, ANNA, "PATCH", &sound, &edit).await);

    let bulk = json!({"user_ids": ["50"]});
    assert_is("BulkBanUsersResponse", &done(&stage, ANNA, "POST", &format!("{path}/bulk-ban"), &bulk).await);
    done(&stage, ANNA, "PUT", &format!("{path}/bans/{BORIS}"), &Value::Null).await;
    each_is(&stage, &format!("{path}/bans"), "GuildBanResponse").await;
    let ban = done(&stage, ANNA, "GET", &format!("{path}/bans/{BORIS}"), &Value::Null).await;
    assert_is("GuildBanResponse", &ban);
    let log = done(&stage, ANNA, "GET", &format!("{path}/audit-logs?limit=100"), &Value::Null).await;
    assert!(log["audit_log_entries"].as_array().unwrap().len() > 10);
    assert_is("GuildAuditLogResponse", &log);
}
