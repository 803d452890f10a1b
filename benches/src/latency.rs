//! From sending a message to seeing it on another person's socket.

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::json;
use voxlink_test_client::{Gateway, Person, TestServer};

use crate::{
    floor::{self, ms, quantile},
    report,
};

const MESSAGES: usize = 1000;

pub(crate) async fn run(folder: &Path) {
    let server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let boris = Person::register(server.address, "boris").await;
    let (_, channel, _) = anna.create_guild("Bench").await;
    boris.join(&anna.invite(&channel).await).await;
    let mut hears = Gateway::identify(server.address, &boris.token).await.expect("boris identifies");
    let sent: Arc<Mutex<HashMap<String, Instant>>> = Arc::default();
    let writer = tokio::spawn({
        let sent = sent.clone();
        async move {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            let mut accepted = Vec::new();
            for number in 0..MESSAGES {
                tick.tick().await;
                let nonce = format!("n{number}");
                let start = Instant::now();
                sent.lock().unwrap_or_else(PoisonError::into_inner).insert(nonce.clone(), start);
                let reply =
                    anna.say(&channel, "The fuse panel is in.", &nonce).await.expect("the server answers");
                assert_eq!(reply.status, 200);
                accepted.push(ms(start.elapsed()));
            }
            accepted
        }
    });
    let cpu = server.cpu();
    let mut seen = Vec::new();
    while seen.len() < MESSAGES {
        let event =
            hears.next_of("MESSAGE_CREATE", Duration::from_secs(20)).await.expect("each message comes");
        let now = Instant::now();
        let nonce = event["nonce"].as_str().unwrap_or_default();
        if let Some(start) = sent.lock().unwrap_or_else(PoisonError::into_inner).remove(nonce) {
            seen.push(ms(now - start));
        }
    }
    let cpu = (server.cpu() - cpu).as_secs_f64() * 1e6 / MESSAGES as f64;
    let mut accepted = writer.await.expect("the writer ends well");
    let (echo, sync) = (floor::tcp_echo().await, floor::fdatasync(folder));
    report(
        "message posted to seen on another socket, 100 a second",
        "ms",
        &json!({
            "p50": quantile(&mut seen, 0.5), "p99": quantile(&mut seen, 0.99),
            "accepted_p50": quantile(&mut accepted, 0.5), "accepted_p99": quantile(&mut accepted, 0.99),
            "server_cpu_us_each": cpu,
            "floor_tcp_echo_p50_p99": [echo.0, echo.1], "floor_fdatasync_p50_p99": [sync.0, sync.1],
            "target_p50": 5, "target_p99": 25,
        }),
    );
}
