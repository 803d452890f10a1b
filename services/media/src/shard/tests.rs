//! A shard by itself: commands in, reports out.
#![allow(clippy::unwrap_used)]

use std::{
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use super::*;

fn started(reports: mpsc::Sender<Report>) -> (ShardHandle, JoinHandle<()>, Arc<ShardCounters>) {
    let (handle, thread, counters, _) = reachable(reports);
    (handle, thread, counters)
}

fn reachable(reports: mpsc::Sender<Report>) -> (ShardHandle, JoinHandle<()>, Arc<ShardCounters>, SocketAddr) {
    let counters = Arc::<ShardCounters>::default();
    let port = UdpPort::bind_apart("127.0.0.1:0".parse().unwrap(), counters.clone()).unwrap();
    let address = port.local_address().unwrap();
    let candidates = Candidates { udp: vec![address], tcp: Vec::new() };
    let env = Env::real();
    let all = Default::default();
    let config = ShardConfig {
        index: 0,
        pin: true,
        port,
        candidates,
        env,
        reports,
        counters: counters.clone(),
        all,
        listeners: Default::default(),
        relay: None,
        tcp: None,
    };
    let (handle, thread) = start(config).unwrap();
    (handle, thread, counters, address)
}

fn nonsense(peer: u64) -> Command {
    let gates = Gates { may_speak: true, may_stream: true, deafened: false, muted: false };
    let (room, peer, person) = (RoomId(1), PeerId(peer), PersonId(peer));
    let role = Role::Member { sources: Vec::new() };
    Command::Join { room, peer, person, revision: peer.0, offer: "nonsense".into(), role, gates }
}

#[tokio::test]
async fn many_commands_are_worked_off_without_sleeping_in_between() {
    let (reports, mut reported) = mpsc::channel(1024);
    let (handle, thread, _) = started(reports);
    for peer in 0..500 {
        assert!(handle.send(nonsense(peer)).await);
    }
    let all = async {
        for expected in 0..500 {
            let report = reported.recv().await.unwrap();
            assert!(
                matches!(report, Report::Answered { peer: PeerId(peer), result: Err(_), .. } if peer == expected)
            );
        }
    };
    tokio::time::timeout(Duration::from_millis(900), all).await.unwrap();
    assert!(handle.send(Command::Stop).await);
    thread.join().unwrap();
    assert!(!handle.send(nonsense(1)).await, "a shard that has ended takes nothing");
}

#[tokio::test]
async fn a_panic_is_counted_and_the_shard_goes_on() {
    let (reports, mut reported) = mpsc::channel(1024);
    let (handle, thread, counters) = started(reports);
    assert!(handle.send(Command::Panic { room: RoomId(1) }).await);
    assert!(handle.send(nonsense(7)).await);
    assert!(matches!(reported.recv().await, Some(Report::Crashed { peers }) if peers.is_empty()));
    assert!(matches!(reported.recv().await, Some(Report::Answered { peer: PeerId(7), .. })));
    assert_eq!(counters.panics.get(), 1);
    drop(handle);
    // Nobody can ask for anything any more.
    tokio::task::spawn_blocking(move || thread.join()).await.unwrap().unwrap();
}

#[tokio::test]
async fn datagrams_of_nobody_are_counted() {
    let (reports, _reported) = mpsc::channel(1024);
    let (handle, thread, counters, address) = reachable(reports);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    for first in [0, 22, 64, 128, 255] {
        stranger.send_to(&[first; 40], address).unwrap();
    }
    let counted = async {
        while counters.ignored.get() < 5 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), counted).await.unwrap();
    assert_eq!((counters.ignored.get(), counters.rejected.get()), (5, 0));
    assert!(handle.send(Command::Stop).await);
    thread.join().unwrap();
}
