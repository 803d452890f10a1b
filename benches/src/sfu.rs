//! What the SFU costs: one publisher to many viewers, each a real WebRTC stack in this process, the server in its own.
//!
//! The floor of the same run writes a header, seals with AES-256-GCM and sends: by sendmmsg, and with the packets of a
//! burst to one viewer as one GSO send.

use std::{
    path::Path,
    sync::{Arc, PoisonError, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use str0m::media::MediaKind;
use voxlink_test_client::{Gateway, Person, TestServer};

use crate::{
    call::{Counters, Load, Ticket, take_part},
    floor::{self, ms, quantile},
    janus::Janus,
    report,
};

/// Before the part that is measured, once all are connected.
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(8);
/// All viewers connected, or the run counts as failed.
const JOINING: Duration = Duration::from_secs(30);
/// Between two viewers that join.
const STAGGER: Duration = Duration::from_millis(20);

struct Scenario {
    name: &'static str,
    viewers: usize,
    load: Load,
    /// Microseconds of server CPU for a forwarded packet.
    target: f64,
}

const fn video(frames: u32, packets: u32) -> Load {
    Load { kind: MediaKind::Video, frames, packets, payload: 1_150 }
}

const VOICE: Load = Load { kind: MediaKind::Audio, frames: 50, packets: 1, payload: 110 };

const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "video 30 x 4, 1 to 100", viewers: 100, load: video(30, 4), target: 4.3 },
    Scenario { name: "video 10 x 12, 1 to 100", viewers: 100, load: video(10, 12), target: 3.3 },
    Scenario { name: "voice 50 a second, 1 to 100", viewers: 100, load: VOICE, target: 7.5 },
    Scenario { name: "video 15 x 3, 1 to 300", viewers: 300, load: video(15, 3), target: 5.5 },
];

/// `wanted` may name scenarios; none: all.
pub(crate) async fn run(folder: &Path, wanted: &[String]) {
    let is_named = |scenario: &&Scenario| wanted.iter().any(|one| scenario.name.contains(one.as_str()));
    let all = !SCENARIOS.iter().any(|scenario| is_named(&scenario));
    let mut memory = Vec::new();
    for scenario in SCENARIOS.iter().filter(|scenario| all || is_named(scenario)) {
        let (held, each) = one(scenario).await;
        memory.push((scenario.viewers, held));
        Box::pin(beside_janus(folder, scenario, each)).await;
    }
    let [few, .., many] = &memory[..] else { return };
    let slope = |of: fn(&Memory) -> f64| (of(&many.1) - of(&few.1)) / (many.0 - few.0) as f64;
    report(
        "sfu: server memory for one more viewer, from 100 to 300",
        "KiB",
        &json!({
            "in_the_call": slope(|memory| memory.forwarding - memory.seated), "target": 32,
            "with_account_session_and_sockets": slope(|memory| memory.forwarding),
        }),
    );
}

/// Resident memory of the server in KiB.
struct Memory {
    /// All have an account, a gateway session and a seat, and none has joined the call's media.
    seated: f64,
    /// Everybody is sent media.
    forwarding: f64,
}

pub(crate) async fn seat(person: &Person, guild: &str, voice: &str) -> (Ticket, Gateway) {
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

/// The same load through Janus, and how many times ours it costs.
async fn beside_janus(folder: &Path, scenario: &Scenario, ours: f64) {
    let janus = match Janus::start(folder).await {
        Ok(janus) => janus,
        Err(why) => return eprintln!("no comparison with Janus: {why}"),
    };
    match Box::pin(janus.forward(scenario.viewers, scenario.load, WARM_UP, MEASURED)).await {
        Ok(taken) => report(
            &format!("sfu: Janus beside it, {}", scenario.name),
            "us",
            &json!({
                "cpu": taken.each, "ratio_to_ours": taken.each / ours, "connected": taken.connected,
                "lost_share": 1.0 - taken.arrived, "server_rss_mib": taken.rss_mib,
                "latency_ms_p50_p99": taken.latency,
            }),
        ),
        Err(error) => eprintln!("Janus did not take the load: {error}"),
    }
}

/// Returns also the server's CPU for a packet in microseconds.
async fn one(scenario: &Scenario) -> (Memory, f64) {
    let Scenario { viewers: count, load, .. } = *scenario;
    let server = TestServer::start();
    let publisher = Person::register(server.address, "publisher").await;
    let (guild, text, voice) = publisher.create_guild("Bench").await;
    let code = publisher.invite(&text).await;
    // The gateway sockets stay open: they hold the seats.
    let (mut tasks, mut gateways) = (Vec::new(), Vec::new());
    let mut people = Vec::with_capacity(count);
    for number in 0..count {
        let viewer = Person::register(server.address, &format!("viewer{number}")).await;
        viewer.join(&code).await;
        people.push(viewer);
    }
    let until = Instant::now() + JOINING + WARM_UP + MEASURED + Duration::from_secs(60);
    let sending = Arc::new(Counters::default());
    // What is sent to those who are in already is no cost of joining.
    sending.silent.store(1, Ordering::Relaxed);
    let (ticket, gateway) = seat(&publisher, &guild, &voice).await;
    gateways.push(gateway);
    tasks.push(tokio::spawn(take_part(ticket, None, vec![load], sending.clone(), until)));
    let mut tickets = Vec::with_capacity(count);
    for viewer in &people {
        let (ticket, gateway) = seat(viewer, &guild, &voice).await;
        gateways.push(gateway);
        tickets.push(ticket);
    }
    let viewers: Vec<_> = tickets.iter().map(|_| Arc::new(Counters::default())).collect();
    let seated = server.rss_kib() as f64;
    let (before_joining, media_before_joining) = (server.cpu(), server.cpu_of_threads("media-"));
    let joining = Instant::now();
    for (ticket, counters) in tickets.into_iter().zip(&viewers) {
        tasks.push(tokio::spawn(take_part(ticket, None, Vec::new(), counters.clone(), until)));
        tokio::time::sleep(STAGGER).await;
    }
    let connected = || viewers.iter().filter(|viewer| viewer.connected.load(Ordering::Relaxed) == 1).count();
    while connected() < count && joining.elapsed() < JOINING {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let join_cpu = ms(server.cpu() - before_joining) / count as f64;
    let join_media_cpu = ms(server.cpu_of_threads("media-") - media_before_joining) / count as f64;
    sending.silent.store(0, Ordering::Relaxed);
    tokio::time::sleep(WARM_UP).await;

    let received = || viewers.iter().map(|viewer| viewer.received.load(Ordering::Relaxed)).sum::<u64>();
    viewers.iter().for_each(|viewer| viewer.measuring.store(1, Ordering::Relaxed));
    let count_of = |name: &str| server.metric(&format!("voxlink_media_{name}_total"));
    let numbers = || ["packets_sent", "sends", "waits", "packets_received"].map(count_of);
    let numbers_before = numbers();
    let media_cpu = server.cpu_of_threads("media-");
    let (cpu, before, sent) = (server.cpu(), received(), sending.sent.load(Ordering::Relaxed));
    tokio::time::sleep(MEASURED).await;
    let (cpu, forwarded) = (server.cpu() - cpu, received() - before);
    let media_cpu = server.cpu_of_threads("media-") - media_cpu;
    let sent = sending.sent.load(Ordering::Relaxed) - sent;
    let [all_sent, sends, waits, all_received] = {
        let after = numbers();
        std::array::from_fn(|at| (after[at] - numbers_before[at]) as f64)
    };
    viewers.iter().for_each(|viewer| viewer.measuring.store(0, Ordering::Relaxed));
    let (connected, rss) = (connected(), server.rss_kib() as f64);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);

    let latency = latencies(&viewers);
    let joined = |viewer: &Arc<Counters>| *viewer.joined.lock().unwrap_or_else(PoisonError::into_inner);
    let mut joins: Vec<f64> = viewers.iter().filter_map(joined).map(ms).collect();
    let burst = load.packets as usize;
    // RTP header and extensions before the payload, the tag behind it.
    let size = load.payload + 50;
    let floor = |burst| floor::seal_and_send(count, burst, size) / 1e3;
    let (plain, gso) = (floor(1), floor(burst));
    let each_of = |cpu: Duration| cpu.as_secs_f64() * 1e6 / forwarded.max(1) as f64;
    let each = each_of(cpu);
    report(
        &format!("sfu: server CPU per forwarded packet, {}", scenario.name),
        "us",
        &json!({
            "cpu": each, "cpu_of_media_threads": each_of(media_cpu), "target": scenario.target,
            "floor_seal_and_sendmmsg": plain, "ratio_to_sendmmsg": each / plain,
            "floor_seal_and_gso": gso, "ratio_to_gso": each / gso,
            "connected": connected, "viewers": count, "packets_in": sent, "packets_out": forwarded,
            "lost_share": 1.0 - forwarded as f64 / (sent.max(1) * count as u64) as f64,
            "latency_ms_p50_p99": latency,
            "join_ms_p50_p99": [quantile(&mut joins, 0.5), quantile(&mut joins, 0.99)], "join_cpu_ms": join_cpu,
            "join_cpu_of_media_threads_ms": join_media_cpu,
            "server_rss_mib": rss / 1024.0,
            "datagrams_a_message": all_sent / sends.max(1.0), "datagrams_in_for_each_out": all_received / all_sent,
            "waits_a_second": waits / MEASURED.as_secs_f64(),
        }),
    );
    (Memory { seated, forwarding: rss }, each)
}

/// Milliseconds, the median and the 99th percentile.
pub(crate) fn latencies(viewers: &[Arc<Counters>]) -> [f64; 2] {
    let held = |viewer: &Arc<Counters>| -> Vec<f64> {
        let sample = viewer.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        sample.iter().map(|us| f64::from(*us) / 1e3).collect()
    };
    let mut all: Vec<f64> = viewers.iter().flat_map(held).collect();
    [quantile(&mut all, 0.5), quantile(&mut all, 0.99)]
}
