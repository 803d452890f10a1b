//! Whole calls against str0m, a WebRTC stack that is not ours.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    missing_docs
)]

mod support;

use std::{collections::BTreeSet, time::Duration};

use support::{ROOM, World, frame, number, open_gates};
use voxlink_sfu::{Event, Gates, OfferError, PeerId, Source};

/// Sends a voice packet every 20 ms and a video frame every 33 ms for a while.
fn talk_and_show(world: &mut World, from: usize, first: u32, frames: u32) {
    for count in 0..frames {
        let is_key = count % 30 == 0;
        world.send(from, Source::Camera, &frame(is_key, first + count));
        world.send(from, Source::Microphone, &[1, 2, 3, (first + count) as u8]);
        world.run(Duration::from_millis(20));
    }
}

fn video_numbers(world: &World, index: usize) -> BTreeSet<u32> {
    world.clients[index]
        .got
        .iter()
        .filter(|got| got.payload.len() == 900)
        .map(|got| number(&got.payload))
        .collect()
}

#[test]
fn three_people_connect_and_see_and_hear_each_other_but_not_themselves() {
    let mut world = World::new();
    (0..3).for_each(|_| _ = world.join(8));
    world.connect_all();
    for index in 0..3 {
        world.set_sources(index, &[Source::Microphone, Source::Camera]);
    }
    world.run(Duration::from_millis(50));
    for count in 0..60u32 {
        for index in 0..3 {
            world.send(index, Source::Camera, &frame(count % 20 == 0, index as u32 * 1_000 + count));
            world.send(index, Source::Microphone, &[index as u8; 5]);
        }
        world.run(Duration::from_millis(20));
    }
    world.run(Duration::from_millis(200));
    for index in 0..3 {
        let seen = video_numbers(&world, index);
        for other in 0..3u32 {
            let count = seen.iter().filter(|number| *number / 1_000 == other).count();
            assert_eq!(count, if other as usize == index { 0 } else { 60 }, "client {index} saw {other}");
        }
        let heard: BTreeSet<u8> = world.clients[index]
            .got
            .iter()
            .filter(|got| got.payload.len() == 5)
            .map(|got| got.payload[0])
            .collect();
        assert_eq!(heard.len(), 2, "client {index} heard {heard:?}");
        let filled: Vec<_> = world.clients[index].slots.iter().filter_map(|slot| slot.content).collect();
        assert_eq!(filled.len(), 4);
        assert!(filled.iter().all(|content| content.peer != world.clients[index].id));
    }
    let speaking = |peer| world.events.contains(&Event::Speaking { room: ROOM, peer, speaking: true });
    assert!((0..3).all(|index| speaking(world.clients[index].id)));
    let silent = Event::Speaking { room: ROOM, peer: world.clients[0].id, speaking: false };
    world.run(Duration::from_secs(1));
    assert!(world.events.contains(&silent));
}

#[test]
fn video_survives_ten_percent_loss_by_retransmission() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    world.run(Duration::from_millis(50));
    talk_and_show(&mut world, 0, 0, 5);
    world.loss = 0.1;
    talk_and_show(&mut world, 0, 100, 500);
    world.loss = 0.0;
    talk_and_show(&mut world, 0, 1_000, 30);
    world.run(Duration::from_millis(500));
    let seen = video_numbers(&world, 1);
    let got = seen.range(100..600).count();
    assert!(got >= 495, "{got} of 500 frames");
    let stats = world.worker.stats(world.clients[1].id).unwrap();
    assert!(stats.retransmitted > 10, "{stats:?}");
    let publisher = world.worker.stats(world.clients[0].id).unwrap();
    assert!(publisher.lost_in > 10, "{publisher:?}");
}

#[test]
fn media_goes_on_over_an_ice_restart_and_a_change_of_content() {
    let mut world = World::new();
    (0..3).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    world.run(Duration::from_millis(50));
    talk_and_show(&mut world, 0, 0, 20);
    assert_eq!(video_numbers(&world, 1).len(), 20);

    let client = &mut world.clients[1];
    let mut change = client.rtc.sdp_api();
    change.ice_restart(true);
    let (offer, pending) = change.apply().unwrap();
    let sources = client.sources.clone();
    let before = client.answer.lines().find(|line| line.starts_with("a=ice-ufrag")).unwrap().to_owned();
    let answer = world.worker.renegotiate(client.id, &offer.to_sdp_string(), &sources, world.now).unwrap();
    assert!(!answer.sdp.contains(&before), "new credentials");
    world.accept(1, answer.sdp, pending);
    talk_and_show(&mut world, 0, 100, 50);
    assert!(video_numbers(&world, 1).range(100..150).count() >= 48);

    // Peer 0 stops, peer 2 starts: the same slot goes on with other content.
    world.set_sources(0, &[]);
    world.run(Duration::from_millis(100));
    world.set_sources(2, &[Source::Camera]);
    world.run(Duration::from_millis(100));
    assert!(world.clients[2].keyframe_requests > 0);
    world.send(2, Source::Camera, &frame(false, 499));
    talk_and_show(&mut world, 2, 500, 20);
    world.run(Duration::from_millis(100));
    let shown: Vec<_> = world.clients[1].got.iter().filter(|got| got.payload.len() == 900).cloned().collect();
    let from_2: Vec<_> = shown.iter().filter(|got| number(&got.payload) >= 499).collect();
    assert_eq!(from_2.len(), 20, "from the first key frame on");
    let from_0: Vec<_> = shown.iter().filter(|got| number(&got.payload) < 499).collect();
    assert_eq!(from_0[0].mid, from_2[0].mid);
    let last = from_0.iter().map(|got| got.sequence).max().unwrap();
    assert_eq!(from_2[0].sequence, last + 1);
    assert!(from_2[0].timestamp.wrapping_sub(from_0.last().unwrap().timestamp) < 90_000);
}

/// A browser's microphone that is taken off a stream and put back stops its timestamps meanwhile: to a receiver the next
/// packet would be seconds late, and it would keep everybody's voice that long.
#[test]
fn a_voice_that_comes_back_with_the_clock_it_left_with_is_not_late() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone]);
    world.run(Duration::from_millis(50));
    let mut numbers = 0..;
    let mut talk = |world: &mut World, packets: usize| {
        for number in numbers.by_ref().take(packets) {
            world.send(0, Source::Microphone, &[number; 60]);
            world.run(Duration::from_millis(20));
        }
    };
    talk(&mut world, 50);
    world.clients[0].stood = Duration::from_secs(10);
    world.run(Duration::from_secs(10));
    talk(&mut world, 10);
    // Silence that the sender knows of: its own timestamps are right.
    world.run(Duration::from_secs(3));
    talk(&mut world, 10);
    let got = &world.clients[1].got;
    assert_eq!(got.len(), 70);
    let steps: Vec<(u64, u32)> = (got.windows(2))
        .map(|pair| (pair[1].sequence - pair[0].sequence, pair[1].timestamp.wrapping_sub(pair[0].timestamp)))
        .collect();
    let (back, silent) = (steps[49].1, steps[59].1);
    assert!(back.abs_diff(10 * 48_000 + 960) < 480, "{back}");
    assert!(silent.abs_diff(3 * 48_000 + 960) <= 1, "{silent}");
    let others = steps.iter().enumerate().filter(|(at, _)| ![49, 59].contains(at));
    assert!(others.clone().all(|(_, (_, step))| step.abs_diff(960) <= 1), "{steps:?}");
    assert!(steps.iter().all(|(numbers, _)| *numbers == 1), "{steps:?}");
}

#[test]
fn sender_reports_put_sound_and_picture_on_one_clock() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    world.run(Duration::from_millis(50));
    talk_and_show(&mut world, 0, 0, 300);
    let reports = &world.clients[1].reports;
    assert!(reports.len() >= 2, "sound and picture have reports: {reports:?}");
    // Where each stream's report puts the moment when its clock read zero: the same for both.
    let zeros: Vec<f64> = reports.values().copied().collect();
    assert!((zeros[0] - zeros[1]).abs() < 0.02, "{zeros:?}");
    let stats = world.worker.stats(world.clients[1].id).unwrap();
    let round_trip = stats.round_trip.unwrap();
    assert!((9..30).contains(&round_trip.as_millis()), "{round_trip:?}");
    assert!(stats.reported > 100 && stats.reported_lost == 0, "{stats:?}");
}

#[test]
fn the_packets_of_a_frame_leave_for_a_subscriber_in_one_send() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(1));
    world.connect_all();
    world.set_sources(0, &[Source::Camera]);
    world.run(Duration::from_millis(50));
    for count in 0..5 {
        world.send_marked(0, Source::Camera, &frame(true, count), false);
        world.send_marked(0, Source::Camera, &frame(true, count + 100), false);
        world.send_marked(0, Source::Camera, &frame(true, count + 200), true);
        world.run(Duration::from_millis(30));
    }
    assert_eq!(video_numbers(&world, 1).len(), 15);
    assert!(world.bursts >= 5, "{} bursts", world.bursts);
}

#[test]
fn chromium_s_own_offer_is_answered() {
    let mut world = World::new();
    let offer = include_str!("offers/chromium-156.sdp");
    let names = [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
    let sources: Vec<_> = ["0", "1", "2", "3"].map(Into::into).into_iter().zip(names).collect();
    let answer = world.worker.join(ROOM, PeerId(1), offer, &sources, open_gates(), world.now).unwrap();
    let session = webrtc_sdp::parse_sdp(&answer.sdp, true).unwrap();
    assert_eq!(session.media.len(), 8);
    let count = |text: &str| answer.sdp.matches(text).count();
    assert_eq!((count("a=recvonly"), count("a=sendonly")), (4, 4));
    assert_eq!((count("a=candidate:"), count("a=ssrc-group:FID")), (2, 2));
    // RFC 6544 §4.5, and §4.2: 90 << 24 | (4 << 13 | 8191) << 8 | 255, below UDP's.
    let tcp = "a=candidate:2 1 tcp 1520435199 192.0.2.1 7882 typ host tcptype passive\r\n";
    assert_eq!(count(tcp), 1, "{}", answer.sdp);
    // Camera and screen in the browser's first choice, both slots in all that it can play.
    assert_eq!(
        (count("VP8/90000"), count("VP9/90000"), count("H264/90000"), count("AV1/90000")),
        (4, 2, 2, 2)
    );
    assert_eq!((count("rtx/90000"), count("profile-id=0"), count("packetization-mode=1")), (10, 2, 2));
}

#[test]
fn chromium_s_offer_of_three_sizes_and_temporal_layers_is_answered() {
    let mut world = World::new();
    let offer = include_str!("offers/chromium-156-layers.sdp");
    let names = [Source::Microphone, Source::Camera, Source::Screen, Source::ScreenAudio];
    let sources: Vec<_> = ["0", "1", "2", "3"].map(Into::into).into_iter().zip(names).collect();
    let answer = world.worker.join(ROOM, PeerId(1), offer, &sources, open_gates(), world.now).unwrap();
    let session = webrtc_sdp::parse_sdp(&answer.sdp, true).unwrap();
    assert!(session.warnings.is_empty(), "{:?}", session.warnings);
    let camera = answer.sdp.split("\r\nm=").find(|section| section.contains("a=mid:1\r\n")).unwrap();
    for needed in [
        "a=rid:q recv",
        "a=rid:h recv",
        "a=rid:f recv",
        "a=simulcast:recv q;h;f",
        "sdes:rtp-stream-id",
        "sdes:repaired-rtp-stream-id",
        "dependency-descriptor",
    ] {
        assert!(camera.contains(needed), "{needed}");
    }
    // The descriptor on both pictures and both slots, under the one id of the session.
    assert_eq!(answer.sdp.matches("a=extmap:12 https://aomediacodec").count(), 4);
}

#[test]
fn who_leaves_frees_slots_and_is_answered_no_more() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone]);
    world.run(Duration::from_millis(50));
    talk_without_video(&mut world, 0, 10);
    assert!(world.clients[1].slots.iter().any(|slot| slot.content.is_some()));
    world.worker.leave(world.clients[0].id, world.now);
    world.run(Duration::from_millis(50));
    assert!(world.clients[1].slots.iter().all(|slot| slot.content.is_none()));
    let sent = world.worker.stats(world.clients[1].id).unwrap().packets_out;
    talk_without_video(&mut world, 0, 10);
    assert_eq!(world.worker.stats(world.clients[1].id).unwrap().packets_out, sent);
    assert!(world.worker.stats(world.clients[0].id).is_none());
    world.worker.leave(world.clients[1].id, world.now);
    assert_eq!(world.worker.end_room(ROOM), []);
}

fn talk_without_video(world: &mut World, from: usize, packets: u8) {
    for count in 0..packets {
        world.send(from, Source::Microphone, &[9, 9, count]);
        world.run(Duration::from_millis(20));
    }
}

#[test]
fn a_muted_or_deafened_person_is_not_heard_or_hears_nothing() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(8));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone]);
    let heard = |world: &World| world.clients[1].got.len();
    talk_without_video(&mut world, 0, 10);
    assert!(heard(&world) >= 9);

    let before = heard(&world);
    world.worker.set_gates(world.clients[0].id, Gates { muted: true, ..open_gates() }, world.now);
    talk_without_video(&mut world, 0, 10);
    assert!(heard(&world) <= before + 1, "what was in flight");
    let stopped = Event::Speaking { room: ROOM, peer: world.clients[0].id, speaking: false };
    assert!(world.events.contains(&stopped));

    world.worker.set_gates(world.clients[0].id, open_gates(), world.now);
    world.worker.set_gates(world.clients[1].id, Gates { deafened: true, ..open_gates() }, world.now);
    let before = heard(&world);
    talk_without_video(&mut world, 0, 10);
    assert_eq!(heard(&world), before);
    world.worker.set_gates(world.clients[1].id, open_gates(), world.now);
    talk_without_video(&mut world, 0, 10);
    assert!(heard(&world) >= before + 9);
}

#[test]
fn a_certificate_that_was_not_signalled_is_refused() {
    let mut world = World::new();
    let index = world.prepare(1);
    let (offer, pending) = world.offer(index, 1);
    let line = offer.lines().find(|line| line.starts_with("a=fingerprint:sha-256 ")).unwrap();
    let last = line.chars().last().unwrap();
    let other = if last == '0' { '1' } else { '0' };
    let forged = offer.replace(line, &format!("{}{other}", &line[..line.len() - 1]));
    world.enter(index, &forged, pending).unwrap();
    world.run(Duration::from_secs(3));
    assert!(!world.is_connected(index));
    assert!(world.events.contains(&Event::Disconnected { peer: world.clients[index].id }));
}

#[test]
fn a_foreign_ssrc_is_dropped_and_counted() {
    let mut world = World::new();
    let victim = world.prepare(1);
    // The worker is told of another SSRC than the client sends; no mid helps it either.
    let (offer, pending) = world.offer(victim, 1);
    let forged: String = offer
        .lines()
        .filter(|line| !line.contains("sdes:mid"))
        .map(|line| match line.strip_prefix("a=ssrc:").and_then(|rest| rest.split_once(' ')) {
            Some((ssrc, rest)) => format!("a=ssrc:{} {rest}\r\n", ssrc.parse::<u32>().unwrap() ^ 0x5555),
            None if line.starts_with("a=ssrc-group") => String::new(),
            None => format!("{line}\r\n"),
        })
        .collect();
    world.enter(victim, &forged, pending).unwrap();
    let other = world.join(1);
    world.connect_all();
    world.set_sources(victim, &[Source::Microphone]);
    talk_without_video(&mut world, victim, 10);
    assert!(world.clients[other].got.is_empty());
    let stats = world.worker.stats(world.clients[victim].id).unwrap();
    assert!(stats.rejected >= 9, "{stats:?}");
}

#[test]
fn garbage_from_unknown_addresses_is_ignored_and_gets_no_answer() {
    let mut world = World::new();
    world.join(1);
    world.connect_all();
    world.run(Duration::from_millis(100));
    let before = world.events.len();
    let address = "203.0.113.9:9".parse().unwrap();
    for first in 0..=255u8 {
        let mut datagram = [first; 100];
        datagram[1] = 200;
        world.worker.handle_datagram(address, &mut datagram, world.now);
    }
    world.worker.handle_datagram(address, &mut [], world.now);
    world.worker.end_batch(world.now);
    assert!(matches!(world.worker.poll(), voxlink_sfu::Output::WakeAt(_)));
    assert_eq!(world.events.len(), before);
}

#[test]
fn silence_for_thirty_seconds_disconnects_and_a_check_revives() {
    let mut world = World::new();
    let index = world.join(1);
    world.connect_all();
    let peer = world.clients[index].id;
    let away = std::mem::replace(&mut world.clients[index].address, "203.0.113.1:1".parse().unwrap());
    for _ in 0..310 {
        world.now += Duration::from_millis(100);
        world.worker.handle_timeout(world.now);
        world.drain_worker();
    }
    assert_eq!(world.events.last(), Some(&Event::Disconnected { peer }));
    world.clients[index].address = away;
    let connected = world.events.iter().filter(|event| **event == Event::Connected { peer }).count();
    assert_eq!(connected, 1);
}

#[test]
fn a_room_that_is_ended_leaves_nothing_and_others_go_on() {
    let mut world = World::new();
    (0..2).for_each(|_| _ = world.join(1));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone]);
    talk_without_video(&mut world, 0, 5);
    assert_eq!(world.worker.current_room(), None);
    let mut ended = world.worker.end_room(ROOM);
    ended.sort();
    assert_eq!(ended, [world.clients[0].id, world.clients[1].id]);
    let got = world.clients[1].got.len();
    talk_without_video(&mut world, 0, 5);
    assert!(world.clients[1].got.len() <= got + 1, "what was in flight");
    assert!(world.worker.stats(world.clients[0].id).is_none());
    assert_eq!(world.worker.end_room(ROOM), []);
}

#[test]
fn more_people_than_slots_are_wanted_in_steps_of_eight() {
    let mut world = World::new();
    (0..10).for_each(|_| _ = world.join(8));
    for index in 0..10 {
        world.set_sources(index, &[Source::Microphone]);
    }
    world.run(Duration::from_millis(20));
    let client = &world.clients[0];
    assert_eq!((client.wanted.audio, client.wanted.video), (16, 8));
    assert_eq!(client.slots.iter().filter(|slot| slot.content.is_some()).count(), 8);
}

#[test]
fn offers_that_cannot_be_answered_are_refused_in_words() {
    let mut world = World::new();
    let index = world.prepare(1);
    let (offer, _) = world.offer(index, 1);
    let sources = world.clients[index].sources.clone();
    let mut join = |offer: &str, sources: &[_]| {
        world.worker.join(ROOM, PeerId(1), offer, sources, open_gates(), world.now).map(|_| ())
    };
    assert_eq!(join(&offer, &sources), Ok(()));
    for bad in [
        String::new(),
        "v=0".to_owned(),
        "v=0\r\nm=audio".to_owned(),
        offer.replace("VP8", "VP7"),
        offer.replace("opus", "pcmu"),
        offer.replace("a=group:BUNDLE", "a=group:LS"),
        offer.replace("a=setup:actpass", "a=setup:passive"),
        offer.replace("a=ice-ufrag", "a=x"),
        offer.replace("a=fingerprint", "a=x"),
        offer.replace("a=mid:", "a=x:"),
        "v=0\r\n".to_owned() + &"a=x\r\n".repeat(100_000),
    ] {
        assert!(
            matches!(join(&bad, &sources), Err(OfferError::Malformed(why)) if why.len() > 10),
            "{bad:.200}"
        );
    }
    let twice = [sources[0].clone(), (sources[1].0.clone(), Source::Microphone)];
    assert!(join(&offer, &twice).is_err());
    assert!(join(&offer, &[("nope".into(), Source::Microphone)]).is_err());
    let unknown = world.worker.renegotiate(PeerId(77), &offer, &sources, world.now);
    assert_eq!(unknown.map(|_| ()), Err(OfferError::UnknownPeer));
}

#[test]
fn firefox_s_parser_reads_our_answers() {
    let mut world = World::new();
    let index = world.join(8);
    let answer = &world.clients[index].answer;
    let session = webrtc_sdp::parse_sdp(answer, true).unwrap();
    assert_eq!(session.media.len(), 20);
    assert!(session.warnings.is_empty(), "{:?}", session.warnings);
    for needed in
        ["a=ice-lite", "a=setup:passive", "a=end-of-candidates", "useinbandfec=1", "stereo=1", "nack pli"]
    {
        assert!(answer.contains(needed), "{needed}");
    }
}

#[test]
fn mutated_real_packets_never_panic() {
    mutate_real_packets(20_000);
}

#[test]
#[ignore = "make fuzz"]
fn fuzz_real_packets() {
    mutate_real_packets(5_000_000);
}

fn mutate_real_packets(rounds: usize) {
    let mut world = World::new();
    world.recorded = Some(Vec::new());
    (0..2).for_each(|_| _ = world.join(2));
    world.connect_all();
    world.set_sources(0, &[Source::Microphone, Source::Camera]);
    talk_and_show(&mut world, 0, 0, 20);
    let recorded = world.recorded.take().unwrap();
    assert!(recorded.len() > 50);
    for round in 0..rounds {
        let (from, mut bytes) = recorded[world.random() as usize % recorded.len()].clone();
        for _ in 0..world.random() % 4 {
            let at = world.random() as usize % bytes.len();
            bytes[at] = world.random() as u8;
        }
        if world.random().is_multiple_of(4) {
            bytes.truncate(world.random() as usize % bytes.len());
        }
        world.worker.handle_datagram(from, &mut bytes, world.now);
        if round % 16 == 0 {
            world.now += Duration::from_millis(1);
            world.worker.end_batch(world.now);
            world.worker.handle_timeout(world.now);
            world.drain_worker();
        }
    }
    assert_eq!(world.worker.current_room(), None);
}
