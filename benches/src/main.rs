//! `make bench`: what we cost, as JSON lines, each with the machine's floor or a baseline of the same run.
//!
//! CPU time of the server process per unit of work is the figure to trust; wall time depends on what else runs.
//! `voxlink-benches [name …]` runs some of (of `sfu` a part of a scenario's name picks one): startup idle latency guilds durable history permissions search audio composition mixed sfu recording broadcast turn allocations handover.

#![allow(clippy::print_stdout, clippy::cast_precision_loss)]

mod audio;
mod broadcast;
mod call;
mod composition;
mod durable;
mod floor;
mod guilds;
mod handover;
mod history;
mod janus;
mod latency;
mod mixed;
mod permissions;
mod recorded;
mod search;
mod sfu;
mod stage;
mod stamped;
mod turn;
mod turn_load;

use serde_json::{Value, json};
use voxlink_test_client::TestServer;

use floor::{ms, quantile};

/// Prints one result.
fn report(name: &str, unit: &str, values: &Value) {
    println!("{}", json!({"bench": name, "unit": unit, "values": values}));
}

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    // What `stage` starts on the clients' side.
    if let [word, name, namespace] = &wanted[..]
        && word == stage::INSIDE
    {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime starts");
        return match name.as_str() {
            "turn" => runtime.block_on(turn::run(namespace)),
            "allocations" => runtime.block_on(turn::run_allocations(namespace)),
            _ => runtime.block_on(handover::run(namespace)),
        };
    }
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|one| one == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime starts");
    let folder = std::env::temp_dir().join(format!("voxlink-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("the temporary folder is writable");
    if runs("startup") {
        startup();
    }
    if runs("idle") {
        idle();
    }
    if runs("latency") {
        runtime.block_on(latency::run(&folder));
    }
    if runs("guilds") {
        runtime.block_on(guilds::run());
    }
    if runs("durable") {
        runtime.block_on(durable::run(&folder));
    }
    if runs("history") {
        runtime.block_on(history::run(&folder));
    }
    if runs("permissions") {
        permissions::run();
    }
    if runs("search") {
        runtime.block_on(search::run(&folder));
    }
    if runs("audio") {
        audio::run();
    }
    if runs("composition") {
        composition::run(&folder);
    }
    if runs("mixed") {
        mixed::run();
    }
    if runs("sfu") {
        runtime.block_on(sfu::run(&folder, &wanted));
    }
    if runs("recording") {
        runtime.block_on(recorded::run());
    }
    if runs("broadcast") {
        runtime.block_on(broadcast::run());
    }
    if runs("turn") {
        stage::in_namespaces("turn");
    }
    if runs("allocations") {
        stage::in_namespaces("allocations");
    }
    if runs("handover") {
        stage::in_namespaces("handover");
    }
    let _left = std::fs::remove_dir_all(&folder);
}

/// Start-up to the ready line on an empty folder, median of 10; the floor is the smallest process.
fn startup() {
    let mut sample: Vec<f64> = (0..10).map(|_| ms(TestServer::start().start_up)).collect();
    let (median, worst) = (quantile(&mut sample, 0.5), quantile(&mut sample, 1.0));
    report(
        "start-up to ready, empty folder",
        "ms",
        &json!({"median": median, "worst": worst, "floor_spawn": floor::spawn(), "target": 300}),
    );
}

/// Resident memory 2 s after the start, nobody connected.
fn idle() {
    let server = TestServer::start();
    std::thread::sleep(std::time::Duration::from_secs(2));
    let rss = server.rss_kib() as f64 / 1024.0;
    report("idle resident memory", "MiB", &json!({"rss": rss, "target": 40}));
}
