//! Whole calls over loopback: real sockets, real WebRTC clients.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod support;

use std::{net::UdpSocket, time::Duration};

use serde_json::json;
use support::{
    LOUNGE, STUDY, Server,
    client::{Client, pump, pump_for},
};

#[tokio::test(flavor = "multi_thread")]
async fn two_people_hear_each_other_mute_and_leave() {
    let server = Server::start(2).await;
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    assert_eq!(boris.last(11), Some(&json!({"user_ids": ["1"]})));
    pump(&mut [&mut anna, &mut boris], "told of each other", |all| {
        let slots = all[1].last(21).map(|slots| slots.to_string()).unwrap_or_default();
        slots.contains(r#""user_id":"1""#)
            && all[0].last(11) == Some(&json!({"user_ids": ["2"]}))
            && all[1].last(5) == Some(&json!({"user_id": "1", "speaking": 1, "ssrc": 0}))
    })
    .await;

    server.mute(1, true).await;
    assert!(server.last_state(1).unwrap().self_mute);
    pump_for(&mut [&mut anna, &mut boris], Duration::from_millis(300)).await;
    boris.heard.clear();
    anna.heard.clear();
    pump(&mut [&mut anna, &mut boris], "boris is still heard", |all| all[0].hears(2)).await;
    assert!(boris.heard.is_empty(), "a muted person is heard");
    server.mute(1, false).await;
    pump(&mut [&mut anna, &mut boris], "heard again", |all| all[1].hears(1)).await;

    server.leave(1).await;
    assert_eq!(server.last_state(1).unwrap().channel_id, None);
    pump(&mut [&mut anna, &mut boris], "anna is out", |all| {
        all[0].closed == Some(4014) && all[1].last(13) == Some(&json!({"user_id": "1"}))
    })
    .await;
    let counters = server.media.counters();
    assert!(counters.packets_in > 20 && counters.packets_out > 20, "{counters:?}");
    assert_eq!((counters.lost_events, counters.panics), (0, 0));
    server.media.shutdown().await;
    pump(&mut [&mut boris], "the server goes", |all| all[0].closed == Some(1001)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_changes_networks_comes_back_into_the_same_call() {
    let server = Server::start(1).await;
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;

    anna.lose_web();
    pump_for(&mut [&mut anna, &mut boris], Duration::from_millis(200)).await;
    anna.resume(&server).await;
    anna.restart_ice().await;
    pump(&mut [&mut anna, &mut boris], "resumed and answered", |all| {
        all[0].last(9).is_some() && all[0].last(4).unwrap()["revision"] == 2
    })
    .await;
    anna.heard.clear();
    boris.heard.clear();
    pump(&mut [&mut anna, &mut boris], "both hear again", |all| all[0].hears(2) && all[1].hears(1)).await;
    assert_eq!(boris.last(13), None, "nobody left");
}

#[tokio::test(flavor = "multi_thread")]
async fn datagrams_of_strangers_are_ignored() {
    let server = Server::start(1).await;
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    let to = server.media.addresses()[0];
    for first in 0..=255_u8 {
        for length in [1, 2, 12, 20, 200, 1500, 4000] {
            stranger.send_to(&vec![first; length], to).unwrap();
        }
    }
    stranger.send_to(&[], to).unwrap();
    anna.heard.clear();
    boris.heard.clear();
    pump(&mut [&mut anna, &mut boris], "both hear", |all| all[0].hears(2) && all[1].hears(1)).await;
    assert!(stranger.recv(&mut [0; 2048]).is_err(), "a stranger got an answer");
    assert_eq!(server.media.counters().panics, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_in_one_call_ends_that_call_alone() {
    let server = Server::start(1).await;
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    let mut carla = Client::joined(&server, 3, STUDY).await;
    let mut david = Client::joined(&server, 4, STUDY).await;
    server.media.panic_in_call(LOUNGE).await;
    pump(&mut [&mut anna, &mut boris, &mut carla, &mut david], "the lounge ends", |all| {
        all[0].closed == Some(4015) && all[1].closed == Some(4015)
    })
    .await;
    carla.heard.clear();
    david.heard.clear();
    pump(&mut [&mut carla, &mut david], "the study goes on", |all| all[0].hears(4) && all[1].hears(3)).await;
    assert_eq!((carla.closed, server.media.counters().panics), (None, 1));
    // And the lounge can be joined anew.
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    pump(&mut [&mut anna, &mut boris], "the lounge again", |all| all[0].hears(2) && all[1].hears(1)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leaving_the_page_frees_the_seat_and_the_others_go_on() {
    let server = Server::start(1).await;
    let mut anna = Client::joined(&server, 1, LOUNGE).await;
    let mut boris = Client::joined(&server, 2, LOUNGE).await;
    let mut carla = Client::joined(&server, 3, LOUNGE).await;
    anna.leave_page().await;
    pump(&mut [&mut boris, &mut carla], "anna is gone", |all| {
        all[0].last(13) == Some(&json!({"user_id": "1"}))
    })
    .await;
    assert_eq!(server.last_state(1).unwrap().channel_id, None);
    boris.heard.clear();
    pump(&mut [&mut boris, &mut carla], "the others hear", |all| all[0].hears(3)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_spread_over_two_threads_is_one_call() {
    let server = Server::start_in_parts(2, 1).await;
    let mut people = Vec::new();
    for user in 1..=4 {
        people.push(Client::joined(&server, user, LOUNGE).await);
    }
    let [anna, boris, carla, david] = &mut people[..] else { unreachable!() };
    let everybody_hears = |all: &[&mut Client]| {
        (0..4).all(|me| (1..=4).filter(|user| *user != me + 1).all(|user| all[me as usize].hears(user)))
    };
    pump(&mut [anna, boris, carla, david], "everybody hears everybody", |all| everybody_hears(all)).await;

    server.leave(1).await;
    server.leave(2).await;
    carla.heard.clear();
    david.heard.clear();
    pump(&mut [carla, david], "the others go on", |all| all[0].hears(4) && all[1].hears(3)).await;
    let counters = server.media.counters();
    assert_eq!((counters.lost_events, counters.lost_copies, counters.panics), (0, 0, 0));
}
