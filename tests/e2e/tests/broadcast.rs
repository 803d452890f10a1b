//! Calls are broadcast: what players get, who may have it, and what is left afterwards; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{collections::HashMap, time::Duration};

use common::watched::{Guest, Player, SOON, loudness, opened, probed, server};
use hyper::Method;
use serde_json::{Value, json};
use tokio::time::sleep;
use voxlink_container::fmp4;
use voxlink_test_client::{Gateway, Person};

#[tokio::test(flavor = "multi_thread")]
async fn players_get_the_mix_and_what_is_shown_and_nothing_of_who_did_not_agree() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let carla = Person::register(server.address, "carla").await;
    let dora = Person::register(server.address, "dora").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    let invite = anna.invite(&text).await;
    boris.join(&invite).await;
    carla.join(&invite).await;
    let path = format!("/api/v1/channels/{voice}/broadcast");
    assert_eq!(anna.post(&path, json!({})).await.unwrap().body["code"], 40032, "not in the call");
    let at = (guild.as_str(), voice.as_str());
    let anna = Guest::come(anna, &server, at, 440.0, "wide.ivf").await;
    let mut boris = Guest::come(boris, &server, at, 880.0, "tall.ivf").await;
    assert_eq!(boris.person.post(&path, json!({})).await.unwrap().body["code"], 50013);
    assert_eq!(dora.get(&path).await.unwrap().status, 404, "she does not see the channel");
    assert_eq!(carla.get(&path).await.unwrap().body["code"], 10128);
    let begun = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    assert_eq!((&begun.body["state"], &begun.body["kept"]), (&json!("live"), &json!([])));
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().status, 200, "twice is once");
    boris.told(|body| body["started_by"] == anna.person.id.as_str()).await;

    // Nobody has agreed: silence. Then anna alone, then both.
    let mut early = opened(&carla, &voice, "sound").await;
    assert_eq!(early.follow(&dora, "sound").await, 200, "an address is enough");
    let silence = early.heard();
    assert!(loudness(&silence, 440.0) < 0.001 && loudness(&silence, 880.0) < 0.001);
    anna.consent(&voice, true).await;
    let mut player = opened(&carla, &voice, "both").await;
    let codecs: Vec<&str> = player.streams.iter().map(|(_, codecs)| codecs.as_str()).collect();
    assert!(codecs.contains(&"vp09.00.10.08,opus") && codecs.ends_with(&["opus"]), "{codecs:?}");
    sleep(Duration::from_secs(5)).await;
    player.follow(&carla, "both").await;
    let told = carla.get(&path).await.unwrap().body;
    assert_eq!((&told["viewers"], &told["picture"]["source"]), (&json!(1), &json!("screen")), "{told}");
    assert_eq!(told["picture"]["user_id"], anna.person.id.as_str());
    let first = player.heard();
    assert!(loudness(&first[first.len() - 48_000..], 440.0) > 0.1);
    assert!(loudness(&first, 880.0) < 0.005, "he has not agreed");

    boris.consent(&voice, true).await;
    for _ in 0..12 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(player.follow(&carla, "both").await, 200);
    }
    let sound = player.heard();
    let last = &sound[sound.len() - 48_000..];
    let levels = [loudness(last, 440.0), loudness(last, 880.0)];
    assert!(levels.iter().all(|level| *level > 0.1), "{levels:?}");
    // Pictures begin where there were none; then the newest screen is shown: another discontinuity, and an initialisation
    // segment of another size.
    let first = player.pieces.iter().map(|(name, _)| name).find(|name| name.ends_with(".m4s"));
    assert_eq!(player.discontinuous.len(), 2, "{:?}", player.discontinuous);
    assert_eq!(player.discontinuous.first(), first);
    let heads = player.pieces.iter().filter(|(name, _)| name.ends_with(".mp4"));
    let sizes: Vec<_> = heads.map(|(_, head)| fmp4::tracks(head).unwrap()[1].size.unwrap().width).collect();
    assert_eq!(sizes, [160, 120]);
    let mut due: HashMap<u32, u64> = HashMap::new();
    for (name, bytes) in player.pieces.iter().filter(|(name, _)| name.ends_with(".m4s")) {
        for fragment in fmp4::fragments(bytes).unwrap() {
            let begins = *due.entry(fragment.track).or_insert(fragment.time);
            assert_eq!(begins, fragment.time, "track {} of {name}", fragment.track);
            assert!(fragment.samples[0].is_key, "{name} can be the first");
            let length: u64 = fragment.samples.iter().map(|sample| u64::from(sample.duration)).sum();
            due.insert(fragment.track, begins + length);
        }
    }
    assert!(due[&2].abs_diff(due[&1] * 90 / 48) < 9_000, "sound and pictures end together: {due:?}");
    probed(&player);

    // Nothing lies on the disk.
    assert!(std::fs::read_dir(server.data_dir().join("recordings")).unwrap().next().is_none());
    assert_eq!(boris.person.delete(&path).await.unwrap().status, 403);
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    boris.told(|body| body["state"] == "ended").await;
    assert_eq!(carla.get(&path).await.unwrap().body["code"], 10128);
    for _ in 0..40 {
        player.follow(&carla, "both").await;
        if player.ended {
            break;
        }
        sleep(Duration::from_millis(50)).await;
    }
    assert!(player.ended, "players are told to stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_no_longer_enter_the_room_sees_no_more_of_it() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let path = format!("/api/v1/channels/{voice}/broadcast");
    let rule = format!("/api/v1/guilds/{guild}/recording-settings");
    let anna = Guest::come(anna, &server, (&guild, &voice), 440.0, "vp8").await;
    anna.person.patch(&rule, json!({"policy": "off"})).await.unwrap();
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().body["code"], 40180);
    anna.person.patch(&rule, json!({"policy": "announce"})).await.unwrap();
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().status, 201);
    anna.consent(&voice, true).await;
    let mut player = opened(&boris, &voice, "sound").await;
    assert_eq!(player.follow(&boris, "sound").await, 200);
    // What it shows is no picture at all, so that there is nothing to see and a reason is given.
    let stuck = |body: &Value| body["trouble"] == "no_transcoder" && body["picture"].is_null();
    let device = Gateway::identify(server.address, &boris.token).await;
    let mut device = device.unwrap();
    for round in 0.. {
        sleep(Duration::from_millis(300)).await;
        if stuck(&boris.get(&path).await.unwrap().body) {
            break;
        }
        assert!(round < 60, "{}", boris.get(&path).await.unwrap().body);
    }
    let told = device.next_where(SOON, |name, body| name == "CALL_BROADCAST_UPDATE" && stuck(body)).await;
    assert!(told.is_ok() || boris.get(&path).await.unwrap().body["trouble"] == "no_transcoder");

    let name = player.pieces.last().unwrap().0.clone();
    assert_eq!(boris.get(&name).await.unwrap().status, 403, "without its seal");
    let everyone = format!("/api/v10/channels/{voice}/permissions/{guild}");
    let closed = json!({"type": 0, "allow": "0", "deny": (1_u64 << 20).to_string()});
    assert_eq!(anna.person.rest.send(Method::PUT, &everyone, closed).await.unwrap().status, 204);
    assert_eq!(Player::open(&boris, &voice).await.err().map(|reply| reply.status), Some(403));
    let mut status = 200;
    for _ in 0..30 {
        sleep(Duration::from_millis(500)).await;
        status = player.follow(&boris, "sound").await;
        if status != 200 {
            break;
        }
    }
    assert_eq!(status, 403, "the playlist is closed to him");
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let log = anna.person.get(&format!("/api/v10/guilds/{guild}/audit-logs")).await.unwrap().body;
    let entries = log["audit_log_entries"].as_array().unwrap().iter();
    let ours =
        entries.filter(|entry| entry["target_id"] == voice.as_str()).map(|entry| &entry["action_type"]);
    let ours: Vec<_> = ours.filter(|kind| kind.as_u64() >= Some(1000)).collect();
    assert_eq!(ours, [1005, 1004], "{log}");
}
