//! Server CPU for one forwarded video packet, one publisher to 50 viewers with real WebRTC stacks.

use std::{
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use voxlink_test_client::{Gateway, Person, TestServer};

use crate::{
    call::{Counters, Ticket, Video, take_part},
    floor, report,
};

const VIEWERS: usize = 50;
/// Joining, then the part that is measured.
const WARM_UP: Duration = Duration::from_secs(6);
const MEASURED: Duration = Duration::from_secs(8);

pub(crate) async fn run() {
    for (frames, packets) in [(30, 4), (10, 12)] {
        one(Video { frames, packets }).await;
    }
}

async fn seat(person: &Person, guild: &str, voice: &str) -> (Ticket, Gateway) {
    let mut gateway = Gateway::identify(person.address(), &person.token).await.expect("identify works");
    let join = json!({"op": 4, "d": {"guild_id": guild, "channel_id": voice, "self_mute": false, "self_deaf": false}});
    gateway.send(join).await.expect("op 4 goes out");
    let server =
        gateway.next_of("VOICE_SERVER_UPDATE", Duration::from_secs(10)).await.expect("a seat is given");
    let ticket = Ticket {
        endpoint: server["endpoint"].as_str().unwrap_or_default().to_owned(),
        guild: guild.to_owned(),
        user: person.id.clone(),
        session: gateway.session_id.clone(),
        token: server["token"].as_str().unwrap_or_default().to_owned(),
    };
    (ticket, gateway)
}

async fn one(video: Video) {
    let server = TestServer::start();
    let publisher = Person::register(server.address, "publisher").await;
    let (guild, text, voice) = publisher.create_guild("Bench").await;
    let code = publisher.invite(&text).await;
    let until = Instant::now() + WARM_UP + MEASURED + Duration::from_secs(8);
    let (mut tasks, mut gateways, mut viewers) = (Vec::new(), Vec::new(), Vec::new());
    let sending = Arc::new(Counters::default());
    let (ticket, gateway) = seat(&publisher, &guild, &voice).await;
    gateways.push(gateway);
    tasks.push(tokio::spawn(take_part(ticket, Some(video), sending.clone(), until)));
    for number in 0..VIEWERS {
        let viewer = Person::register(server.address, &format!("viewer{number}")).await;
        viewer.join(&code).await;
        let (ticket, gateway) = seat(&viewer, &guild, &voice).await;
        gateways.push(gateway);
        let counters = Arc::new(Counters::default());
        viewers.push(counters.clone());
        tasks.push(tokio::spawn(take_part(ticket, None, counters, until)));
    }
    let connected = || viewers.iter().filter(|viewer| viewer.connected.load(Ordering::Relaxed) == 1).count();
    while connected() < VIEWERS && Instant::now() < until - MEASURED {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let received = || viewers.iter().map(|viewer| viewer.received.load(Ordering::Relaxed)).sum::<u64>();
    let (cpu, before, sent) = (server.cpu(), received(), sending.sent.load(Ordering::Relaxed));
    tokio::time::sleep(MEASURED).await;
    let (cpu, forwarded) = (server.cpu() - cpu, received() - before);
    let sent = sending.sent.load(Ordering::Relaxed) - sent;
    let (connected, rss) = (connected(), server.rss_kib());
    for task in tasks {
        task.abort();
    }
    let burst = video.packets as usize;
    let (plain, gso) = (floor::seal_and_send(VIEWERS, 1), floor::seal_and_send(VIEWERS, burst));
    report(
        &format!(
            "server CPU per forwarded video packet, 1 to {VIEWERS}, {} frames of {} packets a second",
            video.frames, video.packets
        ),
        "us",
        &json!({
            "cpu": cpu.as_secs_f64() * 1e6 / forwarded.max(1) as f64,
            "connected": connected, "packets_in": sent, "packets_out": forwarded,
            "arrived_share": forwarded as f64 / (sent.max(1) * VIEWERS as u64) as f64,
            "server_rss_mib": rss as f64 / 1024.0,
            "floor_seal_and_sendmmsg": plain / 1000.0, "floor_seal_and_gso": gso / 1000.0,
        }),
    );
}
