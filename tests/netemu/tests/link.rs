//! One direction in virtual time; the seeds are part of the tests.
#![allow(clippy::unwrap_used, missing_docs)]

use std::time::{Duration, Instant};

use voxlink_netemu::{Bursts, Link, Rate, Settings, Share};

const SEED: u64 = 42;

fn share(percent: f64) -> Share {
    Share::from_percent(percent).unwrap()
}

/// Sends `count` numbered packets of `bytes`, one each `every`, and tells which arrived when, in milliseconds.
fn carry(link: &mut Link, count: u32, bytes: usize, every: Duration) -> Vec<(u32, f64)> {
    let start = Instant::now();
    let mut arrived = Vec::new();
    let mut drain = |link: &mut Link, until: Instant| {
        while let Some(due) = link.next_due().filter(|due| *due <= until) {
            while let Some(packet) = link.receive(due) {
                let number = u32::from_be_bytes(*packet.first_chunk().unwrap());
                arrived.push((number, (due - start).as_secs_f64() * 1_000.0));
            }
        }
    };
    for number in 0..count {
        let now = start + every * number;
        drain(link, now);
        let mut packet = vec![0; bytes.max(4)];
        packet[..4].copy_from_slice(&number.to_be_bytes());
        link.send(packet, now);
    }
    drain(link, start + every * count + Duration::from_secs(60));
    arrived
}

#[test]
fn a_perfect_wire_loses_nothing_and_takes_no_time() {
    let mut link = Link::new(Settings::default(), SEED);
    let arrived = carry(&mut link, 100, 200, Duration::from_millis(20));
    assert_eq!(arrived.len(), 100);
    assert!(arrived.iter().all(|(number, at)| (at - f64::from(*number) * 20.0).abs() < 0.001));
}

#[test]
fn the_loss_that_was_asked_for_is_seen_and_a_seed_decides_whose_it_is() {
    let lossy = Settings { loss: share(30.0), ..Settings::default() };
    let once = carry(&mut Link::new(lossy, SEED), 10_000, 100, Duration::from_millis(1));
    let again = carry(&mut Link::new(lossy, SEED), 10_000, 100, Duration::from_millis(1));
    let other = carry(&mut Link::new(lossy, SEED + 1), 10_000, 100, Duration::from_millis(1));
    assert!((6_850..7_150).contains(&once.len()), "{}", once.len());
    assert_eq!(once, again);
    assert_ne!(once, other);
}

#[test]
fn bursts_are_as_long_and_as_many_as_the_model_says() {
    let bursts = Bursts { fall: share(2.0), recover: share(25.0) };
    let mut link = Link::new(Settings { bursts: Some(bursts), ..Settings::default() }, SEED);
    let arrived = carry(&mut link, 50_000, 100, Duration::from_millis(1));
    let gaps: Vec<u32> =
        arrived.windows(2).map(|pair| pair[1].0 - pair[0].0 - 1).filter(|gap| *gap > 0).collect();
    let mean = f64::from(gaps.iter().sum::<u32>()) / gaps.len() as f64;
    // 1 / 25 % is four packets; 2 / (2 + 25) is 7.4 %.
    assert!((3.7..4.3).contains(&mean), "{mean}");
    let lost = 1.0 - arrived.len() as f64 / 50_000.0;
    assert!((0.065..0.083).contains(&lost), "{lost}");
}

#[test]
fn delay_and_jitter_keep_the_order() {
    let settings = Settings {
        delay: Duration::from_millis(20),
        jitter: Duration::from_millis(50),
        ..Settings::default()
    };
    let arrived = carry(&mut Link::new(settings, SEED), 2_000, 100, Duration::from_millis(5));
    assert_eq!(arrived.len(), 2_000);
    assert!(arrived.windows(2).all(|pair| pair[0].0 < pair[1].0));
    let took = |(number, at): &(u32, f64)| at - f64::from(*number) * 5.0;
    assert!(arrived.iter().map(took).all(|took| (20.0..70.1).contains(&took)));
    assert!(arrived.iter().map(took).any(|took| took > 60.0));
}

#[test]
fn some_packets_are_overtaken_and_none_is_lost_by_that() {
    let mut link = Link::new(Settings { reorder: share(10.0), ..Settings::default() }, SEED);
    let arrived = carry(&mut link, 2_000, 100, Duration::from_millis(5));
    assert_eq!(arrived.len(), 2_000);
    let overtaken = arrived.windows(2).filter(|pair| pair[0].0 > pair[1].0).count();
    assert!((50..250).contains(&overtaken), "{overtaken}");
    assert!((150..250).contains(&link.counters().reordered));
}

#[test]
fn a_narrow_link_lets_its_rate_through_after_a_queue_of_bounded_length() {
    let rate = Rate::from_kilobits(300);
    let settings = Settings { rate, queue: Duration::from_millis(100), ..Settings::default() };
    let mut link = Link::new(settings, SEED);
    // 1,000 bytes each 10 ms are 800 kbit/s.
    let arrived = carry(&mut link, 1_000, 1_000, Duration::from_millis(10));
    let kilobits = arrived.iter().filter(|(_, at)| *at < 10_000.0).count() as f64 * 8.0 / 10.0;
    assert!((285.0..=300.0).contains(&kilobits), "{kilobits}");
    let longest = arrived.iter().map(|(number, at)| at - f64::from(*number) * 10.0).fold(0.0, f64::max);
    assert!(longest < 135.0, "the queue and the packet's own time: {longest}");
    assert_eq!(link.counters().overflowed + arrived.len() as u64, 1_000);
}

#[test]
fn a_link_that_widens_serves_what_waited_at_the_new_rate() {
    let narrow =
        Settings { rate: Rate::from_kilobits(8), queue: Duration::from_secs(60), ..Settings::default() };
    let mut link = Link::new(narrow, SEED);
    let start = Instant::now();
    (0..10).for_each(|_| link.send(vec![0; 1_000], start));
    assert!(link.receive(start + Duration::from_millis(999)).is_none());
    let later = start + Duration::from_millis(1_000);
    assert!(link.receive(later).is_some());
    link.set(Settings { rate: Rate::from_kilobits(8_000), ..narrow }, later);
    // One had begun its second at the old rate; the other eight take a millisecond each.
    assert!(link.receive(later + Duration::from_millis(999)).is_none());
    let end = later + Duration::from_millis(1_009);
    assert_eq!(std::iter::from_fn(|| link.receive(end)).count(), 9);
}

#[test]
fn nothing_passes_a_cut_and_everything_after_it() {
    let slow = Settings { delay: Duration::from_millis(50), ..Settings::default() };
    let mut link = Link::new(slow, SEED);
    let start = Instant::now();
    let at = |millis| start + Duration::from_millis(millis);
    link.send(vec![1], start);
    link.set(Settings { is_cut: true, ..slow }, at(10));
    link.send(vec![2], at(20));
    assert!(link.receive(at(60)).is_none());
    link.set(slow, at(70));
    link.send(vec![3], at(70));
    assert_eq!(link.receive(at(120)), Some(vec![3]));
    let counters = link.counters();
    assert_eq!((counters.sent, counters.delivered, counters.cut), (3, 1, 2));
}

#[test]
fn what_is_under_way_is_bounded() {
    let mut link = Link::new(Settings { delay: Duration::from_secs(60), ..Settings::default() }, SEED);
    let start = Instant::now();
    (0..20_000).for_each(|_| link.send(vec![0], start));
    assert_eq!(link.counters().overflowed, 20_000 - 16_384);
}
