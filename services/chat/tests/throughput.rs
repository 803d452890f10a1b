//! How many durable messages a second: `cargo test --release -p voxlink-chat --test throughput -- --ignored --nocapture`.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use std::time::Instant;

use common::{Folder, draft, open, user};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "a measurement"]
async fn many_producers_share_commits() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (_, text, _) = stage.guild(1).await;
    const PRODUCERS: u32 = 64;
    const EACH: u32 = 2000;
    let start = Instant::now();
    let tasks: Vec<_> = (0..PRODUCERS)
        .map(|producer| {
            let chat = stage.chat.clone();
            tokio::spawn(async move {
                let body = format!(
                    "a message of about ninety bytes, as people write them in the evening ({producer})"
                );
                for count in 0..EACH {
                    let nonce = format!("{producer}-{count}");
                    chat.send(&user(1), text, draft(&body, Some(&nonce))).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let rate = f64::from(PRODUCERS * EACH) / start.elapsed().as_secs_f64();
    eprintln!("{rate:.0} durable messages a second");
}
