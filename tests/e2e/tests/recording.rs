//! Calls are recorded: whose voice is kept, what becomes of it, what a kill costs; over the whole server.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::{
    io::Cursor,
    time::{Duration, Instant},
};

use common::recorded::{Guest, SOON, decoded, details, fetch, loudness, pass, server};
use hyper::Method;
use serde_json::{Value, json};
use voxlink_audio::{
    Channels, FRAME,
    opus::{Decoder, MAX_PACKET_SAMPLES, Packet},
};
use voxlink_container::matroska;
use voxlink_test_client::{Gateway, Options, Person, TestServer};

#[tokio::test(flavor = "multi_thread")]
async fn who_agreed_is_kept_on_a_track_of_their_own_and_heard_in_the_mix() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let carla = Person::register(server.address, "carla").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    let invite = anna.invite(&text).await;
    boris.join(&invite).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    assert_eq!(anna.post(&path, json!({})).await.unwrap().body["code"], 40032, "not in the call");
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let mut boris = Guest::come(boris, &server, &guild, &voice, 880.0).await;
    assert_eq!(boris.person.post(&path, json!({})).await.unwrap().body["code"], 50013);
    assert_eq!(carla.get(&path).await.unwrap().status, 404, "she does not see the channel");
    assert_eq!(anna.person.get(&path).await.unwrap().body["code"], 10127);

    let begun = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    let id = begun.text("id");
    assert_eq!((&begun.body["kept"], &begun.body["policy"]), (&json!([]), &json!("announce")));
    let again = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!((again.status, again.text("id")), (200, id.clone()), "twice is once");
    assert_eq!(boris.told(|_| true).await["started_by"], anna.person.id.as_str());
    assert_eq!(boris.person.get(&path).await.unwrap().text("id"), id);
    let unknown = format!("{path}/consent");
    let refused = carla.rest.send(Method::PUT, &unknown, json!({"accept": true})).await.unwrap();
    assert_eq!(refused.status, 404);

    // A second in which nobody has agreed, one of anna's, one of both.
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(1)).await;
    anna.consent(&voice, true).await;
    boris.told(|body| body["kept"] == json!([anna.person.id])).await;
    pass(&mut [&mut anna, &mut boris], Duration::from_millis(1_500)).await;
    boris.consent(&voice, true).await;
    pass(&mut [&mut anna, &mut boris], Duration::from_millis(1_500)).await;
    // A pause takes no time.
    let paused = anna.person.patch(&path, json!({"paused": true})).await.unwrap();
    assert_eq!(paused.body["state"], "paused");
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(1)).await;
    anna.person.patch(&path, json!({"paused": false})).await.unwrap();
    pass(&mut [&mut anna, &mut boris], Duration::from_secs(1)).await;
    assert_eq!(boris.person.delete(&path).await.unwrap().status, 403);
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    boris.told(|body| body["state"] == "ended").await;

    let found = details(&anna.person, &id).await;
    assert_eq!((&found["state"], &found["may_delete"]), (&json!("ready"), &json!(true)), "{found}");
    let length = found["duration_ms"].as_u64().unwrap();
    assert!((4_500..9_000).contains(&length), "five seconds and what asking took: {found}");
    let tracks = found["tracks"].as_array().unwrap();
    let track = |who: &Guest, source: &str| {
        let is = |track: &&Value| track["user_id"] == who.person.id.as_str() && track["source"] == source;
        tracks.iter().find(is).unwrap_or_else(|| panic!("{found}")).clone()
    };
    let (early, late) = (track(&anna, "screen_audio"), track(&boris, "screen_audio"));
    assert_eq!(track(&anna, "screen")["codec"], "vp8");
    // Each track holds its own person only, from when they agreed; the mix holds both.
    let mut begins = Vec::new();
    for (of, own) in [(&early, 440.0), (&late, 880.0)] {
        assert_eq!(of["starts_ms"], 0, "silence before: {found}");
        let bytes = fetch(&anna.person, of).await;
        let mut reader = matroska::Reader::open(Cursor::new(bytes)).unwrap();
        assert!(reader.header().info.duration.is_some(), "it was finished");
        let mut decoder = Decoder::new(Channels::Mono).unwrap();
        let (mut packet, mut frame, mut sound) = (Vec::new(), vec![0.0; MAX_PACKET_SAMPLES], Vec::new());
        while reader.next(&mut packet).unwrap().is_some() {
            let samples = decoder.decode(&Packet::parse(&packet).unwrap(), &mut frame).unwrap();
            sound.extend_from_slice(&frame[..samples]);
        }
        let end = &sound[sound.len() - 24_000..][..19_200];
        let other = 1_320.0 - own;
        assert!(loudness(end, own) > 0.2 && loudness(end, other) < 0.02, "{own}");
        let first = sound.chunks(FRAME).position(|frame| loudness(frame, own) > 0.1).unwrap();
        begins.push(20 * first as u64);
    }
    let (early, late) = (begins[0], begins[1]);
    assert!(early >= 900 && late >= early + 1_400, "{begins:?} {found}");
    let outputs = found["outputs"].as_array().unwrap();
    let mix = outputs.iter().find(|output| output["kind"] == "mix").unwrap();
    let sound = decoded(fetch(&anna.person, mix).await);
    let at = |ms: u64| &sound[ms as usize * 48..][..9_600];
    assert!(loudness(at(early - 400), 440.0) < 0.02, "before she agreed");
    let alone = at(late - 400);
    assert!(loudness(alone, 440.0) > 0.1 && loudness(alone, 880.0) < 0.02);
    let both = at(late + 600);
    assert!(loudness(both, 440.0) > 0.1 && loudness(both, 880.0) > 0.1);
    let whole = sound.len() as u64 / 48;
    assert!(whole.abs_diff(length) < 60, "{whole} of {length}");
    let link = mix["url"].as_str().unwrap();
    assert_eq!(anna.person.get(&link.replace("mix.opus", "speech.json")).await.unwrap().status, 403);
    let part = [("range", "bytes=0-3")];
    let part = boris.person.rest.send_with(Method::GET, link, Vec::new().into(), &part).await.unwrap();
    assert_eq!((part.status, &part.bytes[..]), (206, &b"OggS"[..]));

    // The message, the list, and that deleted is gone.
    let history = anna.person.whole_history(&voice).await;
    let url = history.last().unwrap()["embeds"][0]["url"].as_str().unwrap().to_owned();
    assert!(url.ends_with(&format!("/recordings/{id}")), "{url}");
    let listed = boris.person.get(&format!("/api/v1/channels/{voice}/recordings")).await.unwrap();
    assert_eq!(listed.body[0]["id"], id.as_str());
    let one = format!("/api/v1/recordings/{id}");
    assert_eq!(carla.get(&one).await.unwrap().status, 404);
    assert_eq!(boris.person.delete(&one).await.unwrap().status, 403);
    assert_eq!(anna.person.delete(&one).await.unwrap().status, 204);
    assert_eq!(anna.person.get(&one).await.unwrap().status, 404);
    assert_eq!(anna.person.get(link).await.unwrap().status, 404);
    assert!(!server.data_dir().join("recordings").join(&id).exists());
    assert!(anna.person.whole_history(&voice).await.iter().all(|message| message["embeds"] == json!([])));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_press_record_at_once_make_one_recording() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let other = Person::log_in(server.address, "anna").await;
    let anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let (one, two) = tokio::join!(anna.person.post(&path, json!({})), other.post(&path, json!({})));
    let (one, two) = (one.unwrap(), two.unwrap());
    let mut answers = [one.status, two.status];
    answers.sort_unstable();
    assert_eq!((answers, one.text("id")), ([200, 201], two.text("id")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_costs_less_than_a_second_and_nothing_is_listed_that_is_not_there() {
    kills(3).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_twenty_kills_cost_less_than_a_second_each() {
    kills(20).await;
}

async fn kills(count: u64) {
    let mut server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let mut kept = Vec::new();
    for kill in 0..count {
        let person = Person::log_in(server.address, "anna").await;
        let mut anna = Guest::come(person, &server, &guild, &voice, 440.0).await;
        let begun = anna.person.post(&path, json!({})).await.unwrap();
        assert_eq!(begun.status, 201, "{}", begun.body);
        anna.consent(&voice, true).await;
        // Connected and heard, then for a time that is no multiple of anything.
        let folder = server.data_dir().join("recordings").join(begun.text("id")).join("raw");
        let begun_at = Instant::now();
        while std::fs::read_dir(&folder).unwrap().count() < 2 {
            assert!(begun_at.elapsed() < SOON, "nothing is kept");
            pass(&mut [&mut anna], Duration::from_millis(20)).await;
        }
        let spoken = Duration::from_millis(1_700 + 613 * kill % 1_900);
        pass(&mut [&mut anna], spoken).await;
        server.kill();
        server.restart();
        kept.push((begun.text("id"), spoken));
    }
    let anna = Person::log_in(server.address, "anna").await;
    for (id, spoken) in kept {
        let found = details(&anna, &id).await;
        assert_eq!(found["state"], "ready", "{found}");
        let tracks = found["tracks"].as_array().unwrap();
        assert_eq!(tracks.len(), 2, "sound and picture: {found}");
        for track in tracks {
            let lasts = Duration::from_millis(track["duration_ms"].as_u64().unwrap());
            assert!(lasts + Duration::from_secs(1) > spoken, "{spoken:?} of {track}");
            let bytes = fetch(&anna, track).await;
            assert_eq!(bytes.len() as u64, track["bytes"].as_u64().unwrap());
            let mut reader = matroska::Reader::open(Cursor::new(bytes)).unwrap();
            let mut payload = Vec::new();
            while reader.next(&mut payload).unwrap().is_some() {}
            assert!(!reader.is_torn());
        }
        let mix = &found["outputs"].as_array().unwrap().iter().find(|one| one["kind"] == "mix").unwrap();
        // In tenths of a second: where a busy machine held the sender up, the tone's phase jumps.
        let sound = decoded(fetch(&anna, mix).await);
        let tenths = sound[24_000..].chunks_exact(4_800).map(|tenth| loudness(tenth, 440.0));
        let heard: Vec<f32> = tenths.filter(|loud| *loud > 0.1).collect();
        assert!(heard.len() >= 5, "{heard:?} of {} samples", sound.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guild_decides_who_is_asked_and_whether_anybody_records() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (guild, text, voice) = anna.create_guild("Radio").await;
    boris.join(&anna.invite(&text).await).await;
    let rule = format!("/api/v1/guilds/{guild}/recording-settings");
    assert_eq!(boris.get(&rule).await.unwrap().body, json!({"policy": "announce", "keep_days": 90}));
    assert_eq!(boris.patch(&rule, json!({"policy": "off"})).await.unwrap().status, 403);
    assert_eq!(anna.patch(&rule, json!({"keep_days": 0})).await.unwrap().body["code"], 50035);
    let changed = anna.patch(&rule, json!({"policy": "off", "keep_days": null})).await.unwrap();
    assert_eq!(changed.body, json!({"policy": "off", "keep_days": null}));
    let path = format!("/api/v1/channels/{voice}/recording");
    let anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().body["code"], 40180);
    anna.person.patch(&rule, json!({"policy": "ask"})).await.unwrap();
    let begun = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!((begun.status, &begun.body["policy"]), (201, &json!("ask")));
    // Nobody agreed: there is nothing to keep, and no message about it.
    assert_eq!(anna.person.delete(&path).await.unwrap().status, 204);
    let id = begun.text("id");
    for _ in 0..100 {
        if !server.data_dir().join("recordings").join(&id).exists() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(anna.person.get(&format!("/api/v1/recordings/{id}")).await.unwrap().body["code"], 10127);
    let history = anna.person.whole_history(&voice).await;
    assert!(history.iter().all(|message| message["embeds"] == json!([])), "{history:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_who_recorded_deleted_and_changed_the_rule() {
    let server = server();
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let rule = format!("/api/v1/guilds/{guild}/recording-settings");
    anna.patch(&rule, json!({"policy": "ask", "keep_days": 30})).await.unwrap();
    anna.patch(&rule, json!({"policy": "ask"})).await.unwrap();
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.person.post(&path, json!({})).await.unwrap();
    anna.consent(&voice, true).await;
    pass(&mut [&mut anna], Duration::from_secs(2)).await;
    anna.person.delete(&path).await.unwrap();
    details(&anna.person, &id).await;
    assert_eq!(anna.person.delete(&format!("/api/v1/recordings/{id}")).await.unwrap().status, 204);
    let log = anna.person.get(&format!("/api/v10/guilds/{guild}/audit-logs")).await.unwrap().body;
    let entries = log["audit_log_entries"].as_array().unwrap();
    let ours = entries.iter().filter(|entry| entry["action_type"].as_u64() >= Some(1000));
    let ours: Vec<_> = ours.map(|entry| (&entry["action_type"], &entry["target_id"])).collect();
    let (room, all) = (json!(voice), json!(guild));
    let newest_first = [(1002, &room), (1001, &room), (1000, &room), (1003, &all)];
    let numbers: Vec<Value> = newest_first.iter().map(|(number, _)| json!(number)).collect();
    let expected: Vec<_> = numbers.iter().zip(newest_first.iter().map(|(_, target)| *target)).collect();
    assert_eq!(ours, expected, "{log}");
    let changes = &entries.iter().find(|entry| entry["action_type"] == 1003).unwrap()["changes"];
    assert_eq!(
        changes,
        &json!([
            {"key": "recording_policy", "old_value": "announce", "new_value": "ask"},
            {"key": "recording_keep_days", "old_value": 90, "new_value": 30},
        ])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn in_a_conversation_anyone_may_record_and_everyone_is_asked() {
    let server = server();
    let mut people = Vec::new();
    for name in ["anna", "boris", "carla"] {
        people.push(Person::register(server.address, name).await);
    }
    let [anna, boris, carla] = people.try_into().unwrap_or_else(|_| panic!());
    let (_, text, _) = anna.create_guild("Radio").await;
    let invite = anna.invite(&text).await;
    boris.join(&invite).await;
    let made = anna.post("/api/v10/users/@me/channels", json!({"recipients": [boris.id]})).await.unwrap();
    let channel = made.text("id");
    let mut devices = Vec::new();
    for person in [&anna, &boris] {
        let mut device = Gateway::identify(server.address, &person.token).await.unwrap();
        let sit = json!({"guild_id": null, "channel_id": channel, "self_mute": false, "self_deaf": false});
        device.send(json!({"op": 4, "d": sit})).await.unwrap();
        device.next_of("VOICE_SERVER_UPDATE", SOON).await.unwrap();
        devices.push(device);
    }
    let path = format!("/api/v1/channels/{channel}/recording");
    assert_eq!(carla.post(&path, json!({})).await.unwrap().status, 404);
    let begun = boris.post(&path, json!({})).await.unwrap();
    assert_eq!(begun.status, 201, "{}", begun.body);
    assert_eq!((&begun.body["policy"], &begun.body["guild_id"]), (&json!("ask"), &Value::Null));
    let told = |holds: fn(&Value) -> bool| {
        move |name: &str, body: &Value| name == "CALL_RECORDING_UPDATE" && holds(body)
    };
    devices[0].next_where(SOON, told(|body| body["state"] == "recording")).await.unwrap();
    let agree = format!("{path}/consent");
    let agreed = anna.rest.send(Method::PUT, &agree, json!({"accept": true})).await.unwrap();
    assert_eq!(agreed.status, 204, "{}", agreed.body);
    let kept = devices[1].next_where(SOON, told(|body| body["kept"] != json!([]))).await.unwrap().1;
    assert_eq!(kept["kept"], json!([anna.id]));
    // Whoever goes is kept no more, and anybody inside may end it.
    let leave = json!({"guild_id": null, "channel_id": null, "self_mute": false, "self_deaf": false});
    devices[0].send(json!({"op": 4, "d": leave})).await.unwrap();
    devices[1].next_where(SOON, told(|body| body["kept"] == json!([]))).await.unwrap();
    assert_eq!(anna.delete(&path).await.unwrap().body["code"], 40032, "not inside");
    assert_eq!(boris.delete(&path).await.unwrap().status, 204);
    devices[0].next_where(SOON, told(|body| body["state"] == "ended")).await.unwrap();
    assert_eq!(boris.get(&path).await.unwrap().body["code"], 10127);
    let listed = boris.get(&format!("/api/v1/channels/{channel}/recordings")).await.unwrap();
    assert_eq!(listed.status, 200, "{}", listed.body);
}

#[tokio::test(flavor = "multi_thread")]
async fn recordings_that_have_all_their_room_end_and_say_so() {
    let arguments = ["--recording-quota", "60K"].map(Into::into).to_vec();
    let server = TestServer::start_with(&TestServer::binary(), Options { arguments, ..Options::default() });
    let anna = Person::register(server.address, "anna").await;
    let (guild, _, voice) = anna.create_guild("Radio").await;
    let mut anna = Guest::come(anna, &server, &guild, &voice, 440.0).await;
    let path = format!("/api/v1/channels/{voice}/recording");
    let id = anna.person.post(&path, json!({})).await.unwrap().text("id");
    anna.consent(&voice, true).await;
    let mut over = None;
    for _ in 0..30 {
        pass(&mut [&mut anna], Duration::from_secs(1)).await;
        let is_over = |name: &str, body: &Value| name == "CALL_RECORDING_UPDATE" && body["state"] == "ended";
        if let Ok((_, told)) = anna.device.next_where(Duration::from_millis(10), is_over).await {
            over = Some(told);
            break;
        }
    }
    assert_eq!(over.unwrap()["trouble"], "quota");
    let found = details(&anna.person, &id).await;
    assert_eq!(found["state"], "ready", "what was kept is safe: {found}");
    let refused = anna.person.post(&path, json!({})).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (507, &json!(150001)), "{}", refused.body);
    let sound = found["tracks"].as_array().unwrap().iter().find(|track| track["codec"] == "opus").unwrap();
    let more = json!({"kind": "wav", "track": sound["name"]});
    let refused = anna.person.post(&format!("/api/v1/recordings/{id}/outputs"), more).await.unwrap();
    assert_eq!((refused.status, &refused.body["code"]), (507, &json!(150001)), "{}", refused.body);
    assert_eq!(anna.person.delete(&format!("/api/v1/recordings/{id}")).await.unwrap().status, 204);
    assert_eq!(anna.person.post(&path, json!({})).await.unwrap().status, 201, "there is room again");
}
