//! Whoever is in a recording takes themselves out of it, and is gone from everything that was made of it; over the whole
//! server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::time::Duration;

use common::recorded::{Guest, decoded, details, fetch, loudness, pass, server};
use serde_json::json;
use voxlink_test_client::Person;

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_themselves_out_is_gone_from_tracks_mix_and_captions_and_the_rest_stays() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let carla = Person::register(server.address, "carla").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    let invite = anna.invite(&text).await;
    for person in [&boris, &carla] {
        person.join(&invite).await;
    }
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let mut boris = Guest::come(boris, &server, &guild, &voice, 880.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    boris.consent(&voice, true).await;
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(3)).await;
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let found = details(&boris.person, &id).await;
    let both = found["tracks"].as_array().unwrap();
    let own = |track: &&serde_json::Value| track["user_id"] == boris.person.id.as_str();
    assert!(both.iter().all(|track| track["may_delete"] == json!(own(&track))), "{found}");
    let mix = |found: &serde_json::Value| {
        found["outputs"].as_array().unwrap().iter().find(|one| one["kind"] == "mix").unwrap().clone()
    };
    let before = decoded(fetch(&boris.person, &mix(&found)).await);
    assert!(loudness(&before[48_000..96_000], 880.0) > 0.1);

    let address = format!("/api/v1/recordings/{id}");
    let his = format!("{address}/people/{}", boris.person.id);
    assert_eq!(carla.delete(&his).await.unwrap().status, 403, "it is not hers");
    let hers = format!("{address}/people/{}", anna.person.id);
    assert_eq!(boris.person.delete(&hers).await.unwrap().status, 403);
    assert_eq!(boris.person.delete(&format!("{address}/people/1")).await.unwrap().status, 404);
    assert_eq!(boris.person.delete(&his).await.unwrap().status, 204);
    let left = details(&boris.person, &id).await;
    assert_eq!(left["state"], "ready", "{left}");
    let tracks = left["tracks"].as_array().unwrap();
    assert!(!tracks.is_empty() && tracks.iter().all(|track| !own(&track)), "{left}");
    let after = decoded(fetch(&boris.person, &mix(&left)).await);
    assert!(loudness(&after[48_000..96_000], 440.0) > 0.1 && loudness(&after[48_000..96_000], 880.0) < 0.005);
    assert!(left["people"].as_array().unwrap().iter().all(|one| !own(&one)), "{left}");
    for gone in both.iter().filter(own) {
        assert_eq!(carla.get(gone["url"].as_str().unwrap()).await.unwrap().status, 404, "its file is gone");
    }
    let captions = left["outputs"].as_array().unwrap().iter().find(|one| one["kind"] == "captions").unwrap();
    let captions = String::from_utf8(fetch(&boris.person, captions).await).unwrap();
    assert!(captions.starts_with("WEBVTT") && !captions.contains("boris"), "{captions}");

    // Track by track, by whoever may record, which the log tells; the last one takes all of it along.
    let everyone = format!("/api/v10/guilds/{guild}/roles/{guild}");
    let role = anna.person.get(&everyone).await.unwrap().body;
    let rights = role["permissions"].as_str().unwrap().parse::<u64>().unwrap() | 1 << 58;
    let changed = anna.person.patch(&everyone, json!({"permissions": rights.to_string()})).await.unwrap();
    assert_eq!(changed.status, 200, "{}", changed.body);
    for track in tracks {
        details(&carla, &id).await;
        let one = format!("{address}/tracks/{}", track["name"].as_str().unwrap());
        assert_eq!(carla.delete(&one).await.unwrap().status, 204, "{track}");
    }
    let log =
        anna.person.get(&format!("/api/v10/guilds/{guild}/audit-logs?action_type=1006")).await.unwrap().body;
    let entries = log["audit_log_entries"].as_array().unwrap();
    assert_eq!(entries.len(), tracks.len(), "{log}");
    assert!(
        entries.iter().all(|one| one["user_id"] == carla.id.as_str() && one["target_id"] == voice),
        "{log}"
    );
    for round in 0.. {
        if anna.person.get(&address).await.unwrap().status == 404 {
            break;
        }
        assert!(round < 100, "nothing is left of it");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(!server.data_dir().join("recordings").join(&id).exists());
}
