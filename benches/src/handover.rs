//! What it costs to be in a call through TURN: directly, through our relay (which hands over in memory), and through
//! coturn before the same server. All viewers and the publisher take the same way.

use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

use serde_json::json;
use str0m::media::MediaKind;
use voxlink_test_client::server::cpu_of;

use crate::{
    call::{Counters, Load, Turn, take_part},
    report,
    sfu::seat,
    stage::{self, Relay, SERVER, TURN},
};

const VIEWERS: usize = 60;
const LOAD: Load = Load { kind: MediaKind::Video, frames: 30, packets: 4, payload: 1_150 };
const COTURN: SocketAddr = SocketAddr::new(SERVER, 3479);
const WARM_UP: Duration = Duration::from_secs(3);
const MEASURED: Duration = Duration::from_secs(8);
const JOINING: Duration = Duration::from_secs(30);

#[derive(Clone, Copy, PartialEq)]
enum By {
    Nothing,
    Ours,
    Coturn,
}

pub(crate) async fn run(namespace: &str) {
    let relay = Relay::ours(namespace, VIEWERS + 1).await;
    let Relay::Ours(server, people) = &relay else { return };
    let (guild, text, voice) = people[0].create_guild("Bench").await;
    let code = people[0].invite(&text).await;
    for viewer in &people[1..] {
        viewer.join(&code).await;
    }
    let coturn = Relay::coturn(namespace, COTURN.port());
    if coturn.is_none() {
        eprintln!("coturn is not installed (apt-get install coturn): no ratio");
    }
    let mut costs = Vec::new();
    for by in [By::Nothing, By::Ours, By::Coturn, By::Coturn, By::Ours, By::Nothing] {
        if by == By::Coturn && coturn.is_none() {
            continue;
        }
        let cpu = || cpu_of(server.pid()) + coturn.as_ref().map_or(Duration::ZERO, |one| cpu_of(one.pid()));
        let mut ways = Vec::new();
        for (number, person) in people.iter().enumerate() {
            ways.push(match by {
                By::Nothing => None,
                By::Ours => Some(stage::ours(person, TURN).await),
                By::Coturn => Some(stage::coturns(number, COTURN)),
            });
        }
        let mut seats = Vec::new();
        for (person, way) in people.iter().zip(ways) {
            let (ticket, gateway) = seat(person, &guild, &voice).await;
            seats.push((ticket, gateway, way));
        }
        if let Some(cost) = one(seats, cpu).await {
            costs.push((by, cost));
        }
        // The seats are given up when their gateways are gone.
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let mean = |by: By| {
        let of: Vec<f64> = costs.iter().filter(|(way, _)| *way == by).map(|(_, cost)| *cost).collect();
        of.iter().sum::<f64>() / of.len() as f64
    };
    let [direct, ours, coturn] = [By::Nothing, By::Ours, By::Coturn].map(mean);
    report(
        &format!("turn handover: CPU per forwarded packet, 1 to {VIEWERS} through a relay"),
        "us",
        &json!({
            "direct": direct, "through_ours": ours, "through_coturn": coturn, "ratio": ours / coturn,
            "hop_ours": ours - direct, "hop_coturn": coturn - direct,
            "ratio_of_hops": (ours - direct) / (coturn - direct), "target": 0.5,
        }),
    );
}

/// Microseconds of all servers for a packet that a viewer got.
async fn one(
    seats: Vec<(crate::call::Ticket, voxlink_test_client::Gateway, Option<Turn>)>,
    cpu: impl Fn() -> Duration,
) -> Option<f64> {
    let until = Instant::now() + JOINING + WARM_UP + MEASURED + Duration::from_secs(10);
    let count = seats.len();
    let everybody: Vec<_> = seats.iter().map(|_| Arc::new(Counters::default())).collect();
    let (mut tasks, mut gateways) = (Vec::new(), Vec::new());
    for (index, (ticket, gateway, way)) in seats.into_iter().enumerate() {
        gateways.push(gateway);
        let load = if index == 0 { vec![LOAD] } else { Vec::new() };
        tasks.push(tokio::spawn(take_part(ticket, way, load, everybody[index].clone(), until)));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let joining = Instant::now();
    let connected = || everybody.iter().filter(|one| one.connected.load(Ordering::Relaxed) == 1).count();
    while connected() < count && joining.elapsed() < JOINING {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    if connected() < count {
        eprintln!("only {} of {count} are connected", connected());
        tasks.iter().for_each(tokio::task::JoinHandle::abort);
        return None;
    }
    tokio::time::sleep(WARM_UP).await;
    let received = || everybody.iter().map(|one| one.received.load(Ordering::Relaxed)).sum::<u64>();
    let sent = || everybody[0].sent.load(Ordering::Relaxed);
    let before = (cpu(), received(), sent());
    tokio::time::sleep(MEASURED).await;
    let (cpu, forwarded, sent) = (cpu() - before.0, received() - before.1, sent() - before.2);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
    #[allow(clippy::cast_precision_loss)]
    let each = cpu.as_secs_f64() * 1e6 / forwarded.max(1) as f64;
    eprintln!("{each:.2} us, {forwarded} of {} arrived", sent * (count as u64 - 1));
    Some(each)
}
