//! What the TURN relay costs, beside coturn with the same load on the same machine in the same minutes: CPU for a
//! relayed packet, for an allocation, and the memory of each.

use std::{net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use voxlink_test_client::{
    TurnPath,
    server::{cpu_of, rss_kib_of},
};

use crate::{
    report,
    stage::{CLIENTS, Relay, TURN},
    turn_load::{Cell, Clients},
};

const CLIENT_COUNT: usize = 100;
const ALLOCATIONS: usize = 900;
/// As when a call begins anew, or the network of an office.
const TOGETHER: usize = 30;
const STRANGERS: usize = 20_000;

const CELLS: [Cell; 4] = [
    Cell { name: "channel, 160 B", size: 160, on_channel: true },
    Cell { name: "channel, 1200 B", size: 1_200, on_channel: true },
    Cell { name: "send, 160 B", size: 160, on_channel: false },
    Cell { name: "send, 1200 B", size: 1_200, on_channel: false },
];

/// Of one server and cell, the mean over its passes.
#[derive(Clone, Copy, Default)]
struct Cost {
    micros: f64,
    passes: f64,
    sent: u64,
    lost: u64,
}

/// Both servers twice, the second time in reverse order.
pub(crate) async fn run(namespace: &str) {
    let mut costs = [[Cost::default(); CELLS.len()]; 2];
    for servers in [[0, 1], [1, 0]] {
        for server in servers {
            let Some(relay) = start(namespace, server, 10).await else { continue };
            for (cell, cost) in CELLS.iter().zip(&mut costs[server]) {
                measure(&relay, cell, cost).await;
            }
        }
    }
    if costs[1][0].passes == 0.0 {
        eprintln!("coturn is not installed (apt-get install coturn): no ratio");
    }
    for (index, cell) in CELLS.iter().enumerate() {
        let [ours, coturn] = [costs[0][index], costs[1][index]];
        let each = |cost: Cost| cost.micros / cost.passes;
        report(
            &format!("turn: server CPU per relayed packet, {CLIENT_COUNT} clients, {}", cell.name),
            "us",
            &json!({
                "ours": each(ours), "coturn": each(coturn), "ratio": each(ours) / each(coturn), "target": 0.7,
                "sent": ours.sent, "lost": ours.lost, "coturn_sent": coturn.sent, "coturn_lost": coturn.lost,
            }),
        );
    }
}

/// What an allocation costs, and who has none.
pub(crate) async fn run_allocations(namespace: &str) {
    for server in [0, 1] {
        for at_once in [1, TOGETHER] {
            if let Some(relay) = start(namespace, server, ALLOCATIONS.div_ceil(12)).await {
                let name = format!("turn: allocations of {}, {at_once} at once", relay.name());
                report(&name, "", &allocations(&relay, at_once).await);
            }
        }
        if let Some(relay) = start(namespace, server, 1).await {
            report(&format!("turn: unauthenticated sources of {}", relay.name()), "", &strangers(&relay));
        }
    }
}

async fn start(namespace: &str, server: usize, people: usize) -> Option<Relay> {
    match server {
        0 => Some(Relay::ours(namespace, people).await),
        _ => Relay::coturn(namespace, TURN.port()),
    }
}

async fn measure(relay: &Relay, cell: &Cell, cost: &mut Cost) {
    let mut credentials = Vec::with_capacity(CLIENT_COUNT);
    for number in 0..CLIENT_COUNT {
        credentials.push(relay.credential(number, TURN).await);
    }
    let mut clients = match Clients::open(&credentials, cell) {
        Ok(clients) => clients,
        Err(error) => return eprintln!("no allocations at {}: {error}", relay.name()),
    };
    let outcome = clients.load(cell, || cpu_of(relay.pid()));
    let micros = outcome.micros;
    eprintln!("{} {}: {micros:.2} us, {} lost of {}", relay.name(), cell.name, outcome.lost, outcome.sent);
    cost.micros += micros;
    cost.passes += 1.0;
    cost.sent += outcome.sent;
    cost.lost += outcome.lost;
    clients.end();
}

/// So many at once, each with the refusal that tells the nonce and with a channel; CPU of the allocation alone.
#[allow(clippy::cast_precision_loss)]
async fn allocations(relay: &Relay, at_once: usize) -> Value {
    let mut credentials = Vec::with_capacity(ALLOCATIONS);
    for number in 0..ALLOCATIONS {
        credentials.push(relay.credential(number, TURN).await);
    }
    let pid = relay.pid();
    let (rss, cpu) = (rss_kib_of(pid), cpu_of(pid));
    let mut paths = Vec::with_capacity(ALLOCATIONS);
    let mut whose = credentials.iter().enumerate().map(|(number, one)| {
        // Each at home: answers to strangers are few for one address.
        let local = SocketAddr::from(([25, 1, (number >> 8) as u8, number as u8], 0));
        (local, one.username.as_str(), one.password.as_str())
    });
    while paths.len() < ALLOCATIONS {
        match TurnPath::allocate_all(TURN, whose.by_ref().take(at_once)) {
            Ok(group) if group.is_empty() => break,
            Ok(mut group) => paths.append(&mut group),
            Err(error) => eprintln!("allocation {}: {error}", paths.len()),
        }
    }
    let cpu = cpu_of(pid) - cpu;
    let peer = SocketAddr::new(CLIENTS, 9);
    for path in &mut paths {
        if let Err(error) = path.bind_channel(0x4000, peer) {
            eprintln!("{error}");
        }
    }
    let count = paths.len().max(1) as f64;
    json!({
        "cpu_us": cpu.as_secs_f64() * 1e6 / count, "target_us": 30,
        "rss_kib": rss_kib_of(pid).saturating_sub(rss) as f64 / count, "target_kib": 1,
        "count": paths.len(),
    })
}

/// Requests without credentials from many addresses: what is kept of them.
#[allow(clippy::cast_precision_loss)]
fn strangers(relay: &Relay) -> Value {
    let pid = relay.pid();
    let ask = |from: usize, method: u8| {
        let address = SocketAddr::from(([25, 1, (from >> 8) as u8, from as u8], 0));
        let Ok(socket) = std::net::UdpSocket::bind(address) else { return };
        let mut bytes = [0_u8; 20];
        bytes[1] = method;
        bytes[4..8].copy_from_slice(&[0x21, 0x12, 0xA4, 0x42]);
        bytes[8..12].copy_from_slice(&u32::try_from(from).unwrap_or(0).to_be_bytes());
        let _lost = socket.send_to(&bytes, TURN);
    };
    // What grows once is not kept of each.
    for from in 0..2_000 {
        ask(30_000 + from, if from % 2 == 0 { 1 } else { 3 });
    }
    std::thread::sleep(Duration::from_millis(500));
    let rss = rss_kib_of(pid);
    for from in 0..STRANGERS {
        ask(from, if from % 2 == 0 { 1 } else { 3 });
        if from % 200 == 0 {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
    std::thread::sleep(Duration::from_millis(500));
    let grown = rss_kib_of(pid).saturating_sub(rss) as f64 * 1024.0;
    json!({"bytes_kept_of_each": grown / STRANGERS as f64, "target": 0, "sources": STRANGERS})
}
