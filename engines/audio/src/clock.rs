//! When what a sender stamped happened, on our clock.
//!
//! A timestamp says how much time passed at the sender; its crystal is off by up to a hundred parts in a million, and the
//! network only ever adds delay. So the packets that came fastest tell the offset between the two clocks, and it is
//! followed slowly enough that nobody hears it and fast enough that two hours end where they should.

use std::{collections::VecDeque, time::Duration, time::Instant};

/// The fastest packet is looked for among those of this time …
const BUCKETS: usize = 32;
/// … in pieces of this length.
const BUCKET: i64 = 500_000;
/// When everything of the last two seconds came this much later than before, the route or the sender changed.
const NEW_ROUTE: i64 = 200_000;
const NEW_ROUTE_BUCKETS: usize = 4;
/// A correction beyond this is made at once, a smaller one at [`SLEW`].
const STEP: i64 = 60_000;
/// Parts in a thousand by which corrected time runs faster or slower: half a percent is not heard.
const SLEW: i64 = 5;
/// A timestamp that is off by more is a new start.
const RESTART: i64 = 3_000_000;

/// One stream's clock. Works for any rate: 48 kHz of Opus, 90 kHz of video.
#[derive(Clone, Debug)]
pub struct SenderClock {
    rate: i64,
    state: Option<State>,
    restarts: u64,
}

#[derive(Clone, Debug)]
struct State {
    /// The first packet: its arrival, and its timestamp as the number that others are counted from.
    epoch: Instant,
    first: i64,
    newest: i64,
    last_arrival: i64,
    /// What is added to media time to get our time, both in µs since the epoch.
    offset: i64,
    /// The least delay in each piece of time, newest last, with the number of the piece.
    least: VecDeque<(i64, i64)>,
}

impl SenderClock {
    /// A clock of `rate` ticks a second that has seen nothing.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        Self { rate: i64::from(rate.max(1)), state: None, restarts: 0 }
    }

    /// How often timestamps jumped so far that counting began anew.
    #[must_use]
    pub const fn restarts(&self) -> u64 {
        self.restarts
    }

    /// Takes a packet into account and says when its first moment was recorded: as if it had come the fastest way.
    pub fn observe(&mut self, timestamp: u32, arrival: Instant) -> Instant {
        let rate = self.rate;
        let state = self.state.get_or_insert_with(|| State::new(timestamp, arrival));
        let extended = state.extend(timestamp);
        let now = micros(arrival, state.epoch);
        let delay = now - state.media(extended, rate);
        if (delay - state.offset).abs() > RESTART {
            self.restarts += 1;
            self.state = Some(State::new(timestamp, arrival));
            return arrival;
        }
        state.newest = state.newest.max(extended);
        state.note(now, delay);
        state.follow(now);
        state.time_of(extended, rate)
    }

    /// When the moment `timestamp` was recorded, without taking it into account. `None` before the first packet.
    #[must_use]
    pub fn time_of(&self, timestamp: u32) -> Option<Instant> {
        let state = self.state.as_ref()?;
        Some(state.time_of(state.extend(timestamp), self.rate))
    }

    /// The opposite of [`Self::time_of`]: which timestamp is recorded at `time`. `None` before the first packet.
    #[must_use]
    pub fn timestamp_at(&self, time: Instant) -> Option<u32> {
        let state = self.state.as_ref()?;
        let media = micros(time, state.epoch) - state.offset;
        let ticks = i128::from(media) * i128::from(self.rate) / 1_000_000;
        Some((state.first as i128 + ticks) as u32)
    }
}

impl State {
    fn new(timestamp: u32, arrival: Instant) -> Self {
        let first = i64::from(timestamp);
        Self { epoch: arrival, first, newest: first, last_arrival: 0, offset: 0, least: VecDeque::new() }
    }

    /// The count of ticks that ends like `timestamp` and is nearest to the newest.
    fn extend(&self, timestamp: u32) -> i64 {
        let ahead = timestamp.wrapping_sub(self.newest as u32) as i32;
        self.newest.saturating_add(i64::from(ahead))
    }

    fn media(&self, extended: i64, rate: i64) -> i64 {
        (i128::from(extended - self.first) * 1_000_000 / i128::from(rate)) as i64
    }

    fn time_of(&self, extended: i64, rate: i64) -> Instant {
        let micros = self.media(extended, rate) + self.offset;
        let away = Duration::from_micros(micros.unsigned_abs());
        let time = if micros < 0 { self.epoch.checked_sub(away) } else { self.epoch.checked_add(away) };
        time.unwrap_or(self.epoch)
    }

    fn note(&mut self, now: i64, delay: i64) {
        let bucket = now / BUCKET;
        match self.least.back_mut() {
            Some((last, least)) if *last >= bucket => *least = (*least).min(delay),
            _ => self.least.push_back((bucket, delay)),
        }
        while self.least.len() > BUCKETS {
            self.least.pop_front();
        }
    }

    fn follow(&mut self, now: i64) {
        let elapsed = (now - self.last_arrival).max(0);
        self.last_arrival = self.last_arrival.max(now);
        let recent = self.least.iter().rev().take(NEW_ROUTE_BUCKETS).map(|(_, delay)| *delay).min();
        let (Some(recent), Some(floor)) = (recent, self.least.iter().map(|(_, delay)| *delay).min()) else {
            return;
        };
        if self.least.len() > NEW_ROUTE_BUCKETS && recent - floor > NEW_ROUTE {
            self.least.drain(..self.least.len() - NEW_ROUTE_BUCKETS);
            self.offset = recent;
            return;
        }
        let wrong = floor - self.offset;
        let most = elapsed.min(1_000_000) * SLEW / 1_000;
        self.offset += if wrong.abs() > STEP { wrong } else { wrong.clamp(-most, most) };
    }
}

fn micros(time: Instant, epoch: Instant) -> i64 {
    let of = |duration: Duration| i64::try_from(duration.as_micros()).unwrap_or(i64::MAX / 4);
    match time.checked_duration_since(epoch) {
        Some(after) => of(after),
        None => -of(epoch.duration_since(time)),
    }
}
