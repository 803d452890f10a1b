//! A guild's own sounds: who makes them, who changes them, how many there are, and who may play them.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::sync::{Arc, Mutex};

use common::{
    Folder, Stage, open,
    routes::{done, refused, role},
};
use serde_json::{Value, json};
use voxlink_protocol::{
    ChannelId, GuildId, Permissions, SoundId, UserId,
    event::GuildChange,
    files::{FilesNews, ImagePurpose},
    soundboard::{SoundNotTaken, SoundRefused, SoundToPlay, StoreSound},
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

/// A files service that keeps whatever is called a sound, and remembers what it may forget.
fn fake_files(stage: &Stage) -> Arc<Mutex<Vec<FilesNews>>> {
    stage.bus.serve(|request: StoreSound| async move {
        match request.data_uri.as_str() {
            "data:audio/long" => Err(SoundNotTaken::TooLong { most: 5_200 }),
            "data:audio/large" => Err(SoundNotTaken::TooLarge { most: 512 * 1024 }),
            uri if uri.starts_with("data:audio/") => Ok(format!("hash-{}", request.sound)),
            uri if uri.starts_with("data:") => Err(SoundNotTaken::NotASound),
            _ => Err(SoundNotTaken::NotADataUri),
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

async fn harbour(stage: &Stage) -> (GuildId, ChannelId, ChannelId) {
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    stage.join(ANNA, text, CLARA).await;
    (guild, text, voice)
}

fn horn() -> Value {
    json!({"name": "Air horn", "sound": "data:audio/mpeg;base64,AA", "volume": 0.35, "emoji_name": "📯"})
}

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

#[tokio::test]
async fn a_sound_is_made_changed_and_deleted() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    fake_files(&stage);
    let (guild, ..) = harbour(&stage).await;
    let crew = role(&stage, ANNA, guild, Permissions::CREATE_GUILD_EXPRESSIONS, 1, BORIS).await;
    let sounds = format!("/guilds/{guild}/soundboard-sounds");
    stage.heard.lock().unwrap().clear();
    let made = done(&stage, BORIS, "POST", &sounds, &horn()).await;
    assert_eq!(
        (&made["name"], &made["volume"], &made["emoji_name"], &made["emoji_id"], &made["user"]["id"]),
        (&json!("Air horn"), &json!(0.35), &json!("📯"), &Value::Null, &json!("2"))
    );
    let kinds: Vec<_> = stage.events().into_iter().map(|event| event.change).collect();
    assert!(
        matches!(&kinds[..], [GuildChange::SoundCreate(one), GuildChange::AuditLogEntryCreate(entry)]
            if one.name == "Air horn" && entry.action_type == 130),
        "{kinds:?}"
    );
    let path = format!("{sounds}/{}", made["sound_id"].as_str().unwrap());
    // Who made it is shown to those who make some.
    assert_eq!(done(&stage, BORIS, "GET", &path, &Value::Null).await["user"]["id"], "2");
    assert!(done(&stage, CLARA, "GET", &sounds, &Value::Null).await["items"][0].get("user").is_none());
    let annas =
        done(&stage, ANNA, "POST", &sounds, &json!({"name": "bell", "sound": "data:audio/ogg;base64,AA"}))
            .await;
    assert_eq!((&annas["volume"], &annas["emoji_name"]), (&json!(1.0), &Value::Null));
    let annas = format!("{sounds}/{}", annas["sound_id"].as_str().unwrap());
    let edit = json!({"name": "Fog horn", "volume": null, "emoji_id": "77"});
    let changed = done(&stage, BORIS, "PATCH", &path, &edit).await;
    assert_eq!(
        (&changed["name"], &changed["volume"], &changed["emoji_id"], &changed["emoji_name"]),
        (&json!("Fog horn"), &json!(1.0), &json!("77"), &Value::Null)
    );
    refused(&stage, BORIS, "PATCH", &annas, &json!({"name": "mine"}), 403, 50013).await;
    refused(&stage, BORIS, "DELETE", &annas, &Value::Null, 403, 50013).await;
    refused(&stage, CLARA, "POST", &sounds, &horn(), 403, 50013).await;
    refused(&stage, 9, "GET", &path, &Value::Null, 404, 10004).await;
    refused(&stage, ANNA, "GET", &format!("{sounds}/5"), &Value::Null, 404, 10097).await;
    assert_eq!(done(&stage, CLARA, "GET", "/soundboard-default-sounds", &Value::Null).await, json!([]));
    drop(stage);
    let stage = open(&folder).await;
    let news = fake_files(&stage);
    let all = done(&stage, ANNA, "GET", &sounds, &Value::Null).await;
    assert_eq!(
        (&all["items"][0]["name"], &all["items"][0]["emoji_id"], &all["items"][1]["name"]),
        (&json!("Fog horn"), &json!("77"), &json!("bell"))
    );
    done(&stage, ANNA, "DELETE", &format!("/guilds/{guild}/roles/{crew}"), &Value::Null).await;
    done(&stage, ANNA, "DELETE", &path, &Value::Null).await;
    refused(&stage, ANNA, "DELETE", &path, &Value::Null, 404, 10097).await;
    let log =
        done(&stage, ANNA, "GET", &format!("/guilds/{guild}/audit-logs?action_type=132"), &Value::Null).await;
    assert_eq!(log["audit_log_entries"][0]["changes"][0]["old_value"], "Fog horn");
    done(&stage, ANNA, "DELETE", &format!("/guilds/{guild}"), &Value::Null).await;
    // Both may be forgotten: one was deleted, one went with the guild.
    let released = || {
        let all = news.lock().unwrap();
        let is_sound = |told: &&FilesNews| {
            matches!(told, FilesNews::ImageReleased { purpose: ImagePurpose::Sound(_), .. })
        };
        all.iter().filter(is_sound).count()
    };
    while released() < 2 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn wrong_names_volumes_files_and_too_many_sounds_are_refused() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    fake_files(&stage);
    let (guild, ..) = harbour(&stage).await;
    let sounds = format!("/guilds/{guild}/soundboard-sounds");
    let sound = "data:audio/mpeg;base64,AA";
    for wrong in [
        json!({"name": "a", "sound": sound}),
        json!({"name": "a".repeat(33), "sound": sound}),
        json!({"name": "two\nlines", "sound": sound}),
        json!({"name": "horn"}),
        json!({"name": "horn", "sound": sound, "volume": 1.5}),
        json!({"name": "horn", "sound": sound, "volume": -0.1}),
        json!({"name": "horn", "sound": sound, "emoji_name": ""}),
        json!({"name": "horn", "sound": "http://example.org/a.mp3"}),
    ] {
        refused(&stage, ANNA, "POST", &sounds, &wrong, 400, 50035).await;
    }
    for (file, code) in [("data:audio/long", 50046), ("data:audio/large", 50045), ("data:text/html", 50046)] {
        refused(&stage, ANNA, "POST", &sounds, &json!({"name": "horn", "sound": file}), 400, code).await;
    }
    for number in 0..48 {
        done(&stage, ANNA, "POST", &sounds, &json!({"name": format!("s{number}"), "sound": sound})).await;
    }
    refused(&stage, ANNA, "POST", &sounds, &json!({"name": "more", "sound": sound}), 400, 30045).await;
}

#[tokio::test]
async fn who_may_play_a_sound_is_for_the_channel_and_for_the_guild_of_the_sound_to_say() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    fake_files(&stage);
    let (guild, text, voice) = harbour(&stage).await;
    let sounds = format!("/guilds/{guild}/soundboard-sounds");
    let made = done(&stage, ANNA, "POST", &sounds, &horn()).await;
    let sound: SoundId = made["sound_id"].as_str().unwrap().parse().unwrap();
    let (other, _, elsewhere) = stage.guild(BORIS).await;
    let ask = async |user: u64, channel, source_guild| {
        let user = UserId::new(user);
        stage.bus.call(SoundToPlay { user, channel, sound, source_guild }).await.unwrap()
    };
    let playable = ask(CLARA, voice, None).await.unwrap();
    assert_eq!((playable.guild, playable.sound.name.as_str()), (guild, "Air horn"));
    assert_eq!(playable.emoji.unwrap().name.as_deref(), Some("📯"));
    assert_eq!(ask(CLARA, text, None).await, Err(SoundRefused::NotVoice));
    assert_eq!(ask(CLARA, elsewhere, Some(guild)).await, Err(SoundRefused::UnknownChannel));
    assert_eq!(ask(9, voice, None).await, Err(SoundRefused::UnknownChannel));
    // The owner may do everything; the sound is in the other guild.
    assert!(ask(BORIS, elsewhere, Some(guild)).await.is_ok());
    assert_eq!(ask(BORIS, elsewhere, None).await, Err(SoundRefused::UnknownSound));
    assert_eq!(ask(CLARA, voice, Some(other)).await, Err(SoundRefused::Forbidden));
    let everyone = format!("/guilds/{guild}/roles/{guild}");
    for taken in [Permissions::SPEAK, Permissions::USE_SOUNDBOARD] {
        let left = (Permissions::new_everyone() - taken).bits().to_string();
        done(&stage, ANNA, "PATCH", &everyone, &json!({"permissions": left})).await;
        assert_eq!(ask(CLARA, voice, None).await, Err(SoundRefused::Forbidden));
    }
    let all = (Permissions::new_everyone() | Permissions::USE_EXTERNAL_SOUNDS).bits().to_string();
    done(&stage, ANNA, "PATCH", &everyone, &json!({"permissions": all})).await;
    // Clara is not in Boris' guild.
    assert_eq!(ask(CLARA, voice, Some(other)).await, Err(SoundRefused::UnknownSound));
}
