//! A guild's sounds over the whole server: brought, told, played in a call, recorded, and refused to whoever may not.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{fs, path::Path, time::Duration};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use common::recorded::{Guest, SOON, decoded, details, fetch, loudness, pass, server};
use hyper::Method;
use serde_json::{Value, json};
use voxlink_test_client::{Gateway, Person};

/// What the committed files sound.
const HORN_HZ: f32 = 660.0;

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/import").join(name);
    format!("data:application/octet-stream;base64,{}", BASE64_STANDARD.encode(fs::read(path).unwrap()))
}

/// `times` the 0.4 s of a committed file, as one WAV file.
fn long(times: usize) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/import/tone.wav");
    let bytes = fs::read(path).unwrap();
    let mut whole = bytes.clone();
    (1..times).for_each(|_| whole.extend_from_slice(&bytes[44..]));
    let length = u32::try_from(whole.len() - 44).unwrap();
    whole[40..44].copy_from_slice(&length.to_le_bytes());
    whole[4..8].copy_from_slice(&(length + 36).to_le_bytes());
    format!("data:audio/wav;base64,{}", BASE64_STANDARD.encode(whole))
}

#[tokio::test(flavor = "multi_thread")]
async fn sounds_of_every_format_are_brought_told_and_played_by_whoever_may() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let mut ears = Gateway::identify(server.address, &boris.token).await.unwrap();
    ears.next_of("GUILD_CREATE", SOON).await.unwrap();
    let sounds = format!("/api/v10/guilds/{guild}/soundboard-sounds");
    let mut horn = Value::Null;
    for name in ["tone.mp3", "tone_vorbis.ogg", "tone_opus.ogg", "tone.flac", "tone.wav", "tone.m4a"] {
        let body = json!({"name": name, "sound": file(name), "emoji_name": "📯", "volume": 0.5});
        let made = anna.post(&sounds, body).await.unwrap();
        assert_eq!(made.status, 201, "{name}: {}", made.body);
        let told = ears.next_of("GUILD_SOUNDBOARD_SOUND_CREATE", SOON).await.unwrap();
        assert_eq!((&told["name"], &told["volume"]), (&json!(name), &json!(0.5)));
        horn = made.body;
    }
    assert_eq!(anna.get(&sounds).await.unwrap().body["items"].as_array().unwrap().len(), 6);
    let sound = horn["sound_id"].as_str().unwrap();
    let kept = boris.get(&format!("/cdn/soundboard-sounds/{sound}")).await.unwrap();
    let heard = decoded(kept.bytes.to_vec());
    assert!(loudness(&heard[4_800..14_400], HORN_HZ) > 0.05);
    for (body, code) in [
        (json!({"name": "long", "sound": long(14)}), 50046),
        (json!({"name": "page", "sound": "data:audio/mpeg;base64,PGh0bWw+"}), 50046),
        (json!({"name": "a", "sound": file("tone.mp3")}), 50035),
    ] {
        assert_eq!(anna.post(&sounds, body).await.unwrap().body["code"], code);
    }
    assert_eq!(
        boris.post(&sounds, json!({"name": "mine", "sound": file("tone.mp3")})).await.unwrap().status,
        403
    );

    // Who does not sit there plays nothing; who does is seen to.
    let play = format!("/api/v10/channels/{voice}/send-soundboard-sound");
    let body = json!({"sound_id": sound, "source_guild_id": guild});
    assert_eq!(boris.post(&play, body.clone()).await.unwrap().body["code"], 40032);
    let wrong = format!("/api/v10/channels/{text}/send-soundboard-sound");
    assert_eq!(boris.post(&wrong, body.clone()).await.unwrap().body["code"], 50024);
    let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": true, "self_deaf": false});
    ears.send(json!({"op": 4, "d": sit})).await.unwrap();
    ears.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
    let played = boris.post(&play, body.clone()).await.unwrap();
    assert_eq!(played.status, 204, "{}", played.body);
    let told = ears.next_of("VOICE_CHANNEL_EFFECT_SEND", SOON).await.unwrap();
    assert_eq!(
        (&told["user_id"], &told["sound_id"], &told["sound_name"], &told["emoji"]["name"]),
        (&json!(boris.id), &json!(sound), &json!("tone.m4a"), &json!("📯"))
    );
    assert_eq!(boris.post(&play, body.clone()).await.unwrap().status, 429, "at once");
    // Without the right to it nothing is played, and it is taken at once.
    let everyone = anna.get(&format!("/api/v10/guilds/{guild}")).await.unwrap().body;
    let role =
        everyone["roles"].as_array().unwrap().iter().find(|role| role["id"] == guild.as_str()).unwrap();
    let bits: u64 = role["permissions"].as_str().unwrap().parse().unwrap();
    let left = json!({"permissions": (bits & !(1 << 42)).to_string()});
    anna.patch(&format!("/api/v10/guilds/{guild}/roles/{guild}"), left).await.unwrap();
    assert_eq!(boris.post(&play, body.clone()).await.unwrap().body["code"], 50013);
    // Deleted is gone, also for whoever has its address.
    assert_eq!(anna.delete(&format!("{sounds}/{sound}")).await.unwrap().status, 204);
    ears.next_of("GUILD_SOUNDBOARD_SOUND_DELETE", SOON).await.unwrap();
    let mut status = 200;
    for _ in 0..100 {
        status = boris.get(&format!("/cdn/soundboard-sounds/{sound}")).await.unwrap().status;
        if status == 404 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_played_is_on_a_track_of_its_own_and_in_the_mix_of_a_recording() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let sounds = format!("/api/v10/guilds/{guild}/soundboard-sounds");
    let made = anna.post(&sounds, json!({"name": "Horn", "sound": long(5)})).await.unwrap();
    assert_eq!(made.status, 201, "{}", made.body);
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    pass(&mut [&mut anna], Duration::from_secs(1)).await;
    let play = format!("/api/v10/channels/{voice}/send-soundboard-sound");
    let body = json!({"sound_id": made.body["sound_id"]});
    let played = anna.person.rest.send(Method::POST, &play, body).await.unwrap();
    assert_eq!(played.status, 204, "{}", played.body);
    pass(&mut [&mut anna], Duration::from_millis(3_500)).await;
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&anna.person, &id).await;
    let track = |source: &str| {
        let is = |track: &&Value| track["user_id"] == anna.person.id.as_str() && track["source"] == source;
        found["tracks"].as_array().unwrap().iter().find(is).cloned()
    };
    assert!(track("screen_audio").is_some() && track("sound").is_some(), "{found}");
    let mix = found["outputs"].as_array().unwrap().iter().find(|output| output["kind"] == "mix").unwrap();
    let sound = decoded(fetch(&anna.person, mix).await);
    // Two seconds of the horn, with the voice beside it.
    let windows = sound.chunks_exact(9_600);
    let loud =
        windows.filter(|window| loudness(window, HORN_HZ) > 0.03 && loudness(window, 440.0) > 0.05).count();
    assert!((7..=12).contains(&loud), "{loud} fifths of a second");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_file_of_a_message_is_played_by_whoever_may_read_it() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/import/tone.mp3");
    let upload = format!("/api/v1/attachments?channel_id={text}&filename=song.mp3");
    let uploaded = anna.rest.send_raw(Method::POST, &upload, fs::read(path).unwrap().into()).await.unwrap();
    assert_eq!(uploaded.status, 201, "{}", uploaded.body);
    let id = uploaded.text("id");
    let message = json!({"content": "listen", "attachments": [{"id": id}]});
    let message = anna.post(&format!("/api/v10/channels/{text}/messages"), message).await.unwrap().text("id");
    let mut device = Gateway::identify(server.address, &anna.token).await.unwrap();
    device.next_of("GUILD_CREATE", SOON).await.unwrap();
    let play = format!("/api/v1/channels/{voice}/play");
    let body = json!({"channel_id": text, "message_id": message, "attachment_id": id});
    assert_eq!(anna.post(&play, body.clone()).await.unwrap().body["code"], 40032);
    let sit = json!({"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false});
    device.send(json!({"op": 4, "d": sit})).await.unwrap();
    device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
    let wrong = json!({"channel_id": text, "message_id": message, "attachment_id": "5"});
    assert_eq!(anna.post(&play, wrong).await.unwrap().body["code"], 10008);
    let begun = anna.post(&play, body).await.unwrap();
    assert_eq!((begun.status, &begun.body["title"]), (201, &json!("song.mp3")), "{}", begun.body);
    assert_eq!(device.next_of("CALL_PLAYBACK_UPDATE", SOON).await.unwrap()["state"], "playing");
    assert_eq!(anna.delete(&play).await.unwrap().status, 204);
    assert_eq!(device.next_of("CALL_PLAYBACK_UPDATE", SOON).await.unwrap()["state"], "ended");
    assert_eq!(anna.get(&play).await.unwrap().status, 404);
}
