//! One speaker and a hall: everybody gets everything.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{World, frame, number};
use voxlink_sfu::Source;

/// A camera of so many packets in each of ten frames a second, for two seconds, to so many viewers on one worker.
fn lecture(viewers: usize, packets: usize) {
    let mut world = World::new();
    (0..=viewers).for_each(|_| _ = world.join(1));
    world.connect_all();
    world.set_sources(0, &[Source::Camera]);
    world.run(Duration::from_millis(300));
    let mut sent = 0;
    for turn in 0..20 {
        let is_key = turn == 0 || world.clients[0].keyframe_requests > 0 && turn == 5;
        for packet in 0..packets {
            let payload = frame(is_key && packet == 0, sent);
            world.send_marked(0, Source::Camera, &payload, packet + 1 == packets);
            sent += 1;
        }
        world.run(Duration::from_millis(100));
    }
    // What waits for its turn after the key frame.
    world.run(Duration::from_secs(1));
    let first = 6 * packets as u32;
    for (index, viewer) in world.clients.iter().enumerate().skip(1) {
        let got: BTreeSet<u32> = viewer.got.iter().map(|got| number(&got.payload)).collect();
        let missing: Vec<u32> = (first..sent).filter(|number| !got.contains(number)).collect();
        assert!(missing.is_empty(), "viewer {index} misses {missing:?}");
    }
    assert!(world.clients[0].keyframe_requests <= 8, "{}", world.clients[0].keyframe_requests);
}

#[test]
fn three_hundred_viewers_get_a_camera_at_full_rate() {
    lecture(300, 15);
}

#[test]
fn a_thousand_viewers_get_thirty_packets_a_second() {
    lecture(1_000, 3);
}
