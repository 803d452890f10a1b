//! What recording a call costs beside forwarding it: ten people with pictures and voices, now recorded, now not.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use hyper::Method;
use serde_json::json;
use str0m::media::MediaKind;
use voxlink_test_client::{Person, TestServer};

use crate::{
    call::{Counters, Load, take_part},
    report,
    sfu::seat,
};

const PEOPLE: usize = 10;
/// About 1.1 Mbit/s each.
const PICTURE: Load = Load { kind: MediaKind::Video, frames: 30, packets: 4, payload: 1_150 };
const VOICE: Load = Load { kind: MediaKind::Audio, frames: 50, packets: 1, payload: 80 };
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(8);
/// Each way so many times, in turns: what else the machine does falls on both.
const TURNS: usize = 3;

/// Server time of one way, over all turns.
#[derive(Default)]
struct Spent {
    forwarding: Duration,
    recording: Duration,
    all: Duration,
    packets: u64,
}

pub(crate) async fn run() {
    let server = TestServer::start();
    let mut people = vec![Person::register(server.address, "person0").await];
    let (guild, text, voice) = people[0].create_guild("Bench").await;
    let code = people[0].invite(&text).await;
    for number in 1..PEOPLE {
        let person = Person::register(server.address, &format!("person{number}")).await;
        person.join(&code).await;
        people.push(person);
    }
    let everybody: Vec<_> = people.iter().map(|_| Arc::new(Counters::default())).collect();
    let until = Instant::now() + (WARM_UP + MEASURED) * (2 * TURNS as u32 + 4);
    let (mut tasks, mut gateways) = (Vec::new(), Vec::new());
    for (person, counters) in people.iter().zip(&everybody) {
        let (ticket, gateway) = seat(person, &guild, &voice).await;
        gateways.push(gateway);
        tasks.push(tokio::spawn(take_part(ticket, None, vec![PICTURE, VOICE], counters.clone(), until)));
    }
    let path = format!("/api/v1/channels/{voice}/recording");
    let (mut plain, mut recorded) = (Spent::default(), Spent::default());
    let mut kept = Vec::new();
    tokio::time::sleep(WARM_UP).await;
    for _ in 0..TURNS {
        measure(&server, &everybody, &mut plain).await;
        let begun = people[0].post(&path, json!({})).await.expect("recording begins");
        kept.push(begun.text("id"));
        for person in &people {
            let consent = format!("{path}/consent");
            person.rest.send(Method::PUT, &consent, json!({"accept": true})).await.expect("they agree");
        }
        measure(&server, &everybody, &mut recorded).await;
        people[0].delete(&path).await.expect("recording ends");
        // Until it is mixed: that is another work, at another priority.
        made_ready(&people[0], kept.last().map_or("", String::as_str)).await;
    }
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    let seconds = MEASURED.as_secs_f64() * TURNS as f64;
    let share = |time: Duration| 100.0 * time.as_secs_f64() / seconds;
    let each = |spent: &Spent| spent.forwarding.as_secs_f64() * 1e6 / spent.packets.max(1) as f64;
    let bytes: u64 = kept.iter().map(|id| size_of(&server.data_dir().join("recordings").join(id))).sum();
    report(
        "recording a room of 10 with pictures and voices",
        "% of a core",
        &json!({
            "recording_threads": share(recorded.recording),
            "whole_server_beyond_forwarding": share(recorded.all) - share(plain.all), "target": 5,
            "server_while_not_recorded": share(plain.all), "server_while_recorded": share(recorded.all),
            "forwarding_us_a_packet": each(&plain), "forwarding_us_a_packet_recorded": each(&recorded),
            "forwarding_ratio": each(&recorded) / each(&plain), "target_ratio": 1.02,
            "packets_a_second": recorded.packets as f64 / seconds,
            "kept_mib": bytes as f64 / 1024.0 / 1024.0,
        }),
    );
}

async fn measure(server: &TestServer, everybody: &[Arc<Counters>], spent: &mut Spent) {
    tokio::time::sleep(WARM_UP).await;
    let received = || everybody.iter().map(|one| one.received.load(Ordering::Relaxed)).sum::<u64>();
    let now =
        || (server.cpu_of_threads("media-"), server.cpu_of_threads("recording"), server.cpu(), received());
    let before = now();
    tokio::time::sleep(MEASURED).await;
    let after = now();
    spent.forwarding += after.0 - before.0;
    spent.recording += after.1 - before.1;
    spent.all += after.2 - before.2;
    spent.packets += after.3 - before.3;
}

async fn made_ready(person: &Person, id: &str) {
    for _ in 0..600 {
        let found = person.get(&format!("/api/v1/recordings/{id}")).await.expect("the server answers");
        if found.status == 200 && found.body["state"] != "processing" {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eprintln!("the recording {id} was not made ready within a minute");
}

fn size_of(folder: &std::path::Path) -> u64 {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .filter_map(|file| file.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|known| known.len())
        .sum()
}
