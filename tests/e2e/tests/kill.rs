//! kill -9 in the middle of writing: nothing acknowledged is lost, nothing is there twice.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    collections::{HashMap, HashSet},
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use voxlink_test_client::{Gateway, GatewayError, Person, TestServer};

const WRITERS: u64 = 8;

/// Posts every message until it is acknowledged, with the same nonce each time.
async fn write(
    person: Person,
    channel: String,
    writer: u64,
    messages: u64,
    done: Arc<AtomicU64>,
) -> Vec<(String, String)> {
    let mut acknowledged = Vec::new();
    for number in 0..messages {
        let (content, nonce) = (format!("message {number} of writer {writer}"), format!("{writer}-{number}"));
        loop {
            match person.say(&channel, &content, &nonce).await {
                Ok(reply) if reply.status == 200 => {
                    acknowledged.push((reply.text("id"), content));
                    break;
                }
                Ok(reply) => assert!(reply.status >= 500, "{:?}", reply.body),
                // Down: the process is being replaced.
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        done.fetch_add(1, Ordering::Relaxed);
    }
    acknowledged
}

/// Reads what was said after `newest`; false if the server went away meanwhile.
async fn catch_up(person: &Person, channel: &str, newest: &mut String, seen: &mut HashSet<String>) -> bool {
    loop {
        let path = format!("/api/v10/channels/{channel}/messages?limit=100&after={newest}");
        let Ok(page) = person.get(&path).await else { return false };
        let Some(page) = page.body.as_array() else { return false };
        let Some(last) = page.first() else { return true };
        last["id"].as_str().unwrap().clone_into(newest);
        seen.extend(page.iter().map(|message| message["id"].as_str().unwrap().to_owned()));
    }
}

/// Follows the channel through every restart: events, and history after each new identify. Each id is kept once.
async fn follow(address: SocketAddr, person: Person, channel: String, wanted: usize) -> Vec<String> {
    let (mut seen, mut heard, mut newest) = (HashSet::new(), HashSet::new(), "0".to_owned());
    while seen.len() < wanted {
        let Ok(mut gateway) = Gateway::identify(address, &person.token).await else {
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        // Without the history of the gap an event would move `newest` past what was committed before a kill.
        if !catch_up(&person, &channel, &mut newest, &mut seen).await {
            continue;
        }
        while seen.len() < wanted {
            match gateway.next(Duration::from_secs(30)).await {
                Ok((name, body)) if name == "MESSAGE_CREATE" => {
                    let id = body["id"].as_str().unwrap().to_owned();
                    newest.clone_from(&id);
                    // History and event may both bring what was committed in between; two events never.
                    assert!(heard.insert(id.clone()), "an event came twice");
                    seen.insert(id);
                }
                Ok(_) => {}
                Err(GatewayError::TooLate) => panic!("the follower waits for {} more", wanted - seen.len()),
                Err(_) => break,
            }
        }
    }
    seen.into_iter().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_kills_lose_nothing_acknowledged_and_double_nothing() {
    kills_while_writing(10, 125).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make soak"]
async fn soak_two_hundred_kills_lose_nothing_acknowledged_and_double_nothing() {
    kills_while_writing(200, 2500).await;
}

async fn kills_while_writing(kills: u64, messages: u64) {
    let mut server = TestServer::start();
    let anna = Person::register(server.address, "anna").await;
    let (_, channel, _) = anna.create_guild("Crash test").await;
    let total = WRITERS * messages;
    let done = Arc::new(AtomicU64::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            tokio::spawn(write(anna.another_connection(), channel.clone(), writer, messages, done.clone()))
        })
        .collect();
    let follower =
        tokio::spawn(follow(server.address, anna.another_connection(), channel.clone(), total as usize));
    for kill in 1..=kills {
        // Spread over the whole run, so that each one falls into writing.
        while done.load(Ordering::Relaxed) < total * kill / (kills + 1) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        server.restart();
    }
    let mut acknowledged = Vec::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    let history = anna.whole_history(&channel).await;
    let mut by_content = HashMap::new();
    for message in &history {
        *by_content.entry(message["content"].as_str().unwrap().to_owned()).or_insert(0) += 1;
    }
    assert_eq!(history.len() as u64, total, "stored");
    for (id, content) in &acknowledged {
        assert_eq!(by_content.get(content), Some(&1), "{content}");
        assert!(
            history.iter().any(|message| message["id"] == id.as_str()),
            "{content} was acknowledged as {id}"
        );
    }
    let ids: Vec<u64> =
        history.iter().map(|message| message["id"].as_str().unwrap().parse().unwrap()).collect();
    assert!(ids.windows(2).all(|pair| pair[0] < pair[1]), "history is in the order of ids");
    assert_eq!(follower.await.unwrap().len() as u64, total, "the follower saw each one");
}
