//! What one person plays in one call, frame by frame. No thread, no clock, no queue.

use std::{
    sync::{Arc, mpsc::TryRecvError},
    time::Instant,
};

use voxlink_audio::{FRAME, import::Frame};
use voxlink_sfu::{Copied, Mix, PeerId, PersonId, RoomId};

use super::Feed;

/// Frames between the first that others hear of a source and its first packet: slots are given out by then, and buffers
/// are ready, so that nobody misses the beginning.
const PRELUDE: u64 = 5;
/// Frames of silence behind a sound, so that decoders end it.
const TAIL: u8 = 5;
/// Frames after which a source that plays nothing is no more; whoever plays the next sound before has it at once.
const LINGERS: u64 = 150;
/// Frames after which others are told of a source once more: what was lost to one of them is made good.
const SAID_AGAIN: u64 = 50;
/// RFC 6716: a packet of 20 ms in which nothing is coded.
const SILENCE: [u8; 3] = [0xfc, 0xff, 0xfe];
/// As quiet as RFC 6464 tells it.
const SILENT: u8 = 127;

/// One source of sounds.
pub(super) struct Player {
    mix: Mix,
    frames: Arc<[Frame]>,
    next: usize,
    /// A file, which goes on where sounds interrupted it.
    file: Option<Feed>,
    paused: bool,
    has_ended: bool,
    tail: u8,
    /// When it was last played, and when it may begin.
    idle_from: u64,
    begins: Option<u64>,
    said: Option<u64>,
}

/// What is to be handed to all who hear the call, in order.
#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) introduced: Option<Copied>,
    pub(super) packet: Option<Copied>,
}

impl Player {
    pub(super) fn new(room: RoomId, peer: PeerId, person: PersonId, tick: u64) -> Self {
        Self {
            mix: Mix::of_sounds(room, peer, person),
            frames: Arc::default(),
            next: 0,
            file: None,
            paused: false,
            has_ended: false,
            tail: 0,
            idle_from: tick,
            begins: None,
            said: None,
        }
    }

    /// From its beginning, in place of what was played.
    pub(super) fn play(&mut self, frames: Arc<[Frame]>) {
        (self.frames, self.next, self.tail) = (frames, 0, TAIL);
    }

    /// Plays a file from its beginning, in place of the one before.
    pub(super) fn play_file(&mut self, file: Feed) {
        (self.file, self.paused, self.has_ended) = (Some(file), false, false);
    }

    /// Holds the file, or goes on with it.
    pub(super) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }

    /// The file is over.
    pub(super) fn end_file(&mut self) {
        self.file = None;
    }

    /// There is a file to be played, or to be gone on with.
    pub(super) fn has_file(&self) -> bool {
        self.file.is_some()
    }

    /// Whether the file ended by itself since this was asked last.
    pub(super) fn take_ended(&mut self) -> bool {
        std::mem::take(&mut self.has_ended)
    }

    /// The next frame of the file; none while it is held, or is not ready.
    fn next_of_file(&mut self) -> Option<Frame> {
        match self.file.as_ref().filter(|_| !self.paused)?.try_recv() {
            Ok(frame) => Some(frame),
            Err(TryRecvError::Empty) => None,
            Err(TryRecvError::Disconnected) => {
                (self.file, self.has_ended) = (None, true);
                None
            }
        }
    }

    /// Somebody else is there who has not heard of it.
    pub(super) fn say_again(&mut self) {
        self.said = None;
    }

    /// The next 20 ms; `tick` counts them, the same for all of a call.
    pub(super) fn turn(&mut self, tick: u64, now: Instant) -> Turn {
        let mut turn = Turn::default();
        if self.said.is_none_or(|said| tick >= said + SAID_AGAIN) {
            self.said = Some(tick);
            self.begins.get_or_insert(tick + PRELUDE);
            turn.introduced = Some(self.mix.introduce());
        }
        if self.begins.is_none_or(|begins| tick < begins) {
            return turn;
        }
        let stamp = (tick as u32).wrapping_mul(FRAME as u32);
        if let Some(frame) = self.frames.get(self.next) {
            self.next += 1;
            self.idle_from = tick;
            turn.packet = Some(self.mix.packet(&frame.packet, stamp, frame.level, now));
        } else if let Some(frame) = self.next_of_file() {
            (self.idle_from, self.tail) = (tick, TAIL);
            turn.packet = Some(self.mix.packet(&frame.packet, stamp, frame.level, now));
        } else if self.tail > 0 {
            self.tail -= 1;
            turn.packet = Some(self.mix.packet(&SILENCE, stamp, SILENT, now));
        }
        turn
    }

    /// It has played nothing for a while.
    pub(super) fn is_over(&self, tick: u64) -> bool {
        self.next >= self.frames.len() && self.file.is_none() && tick > self.idle_from + LINGERS
    }

    /// Tells the others so.
    pub(super) fn end(&self) -> Copied {
        self.mix.end()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use voxlink_sfu::{Part, Source, Tap, TapEvent};

    use super::*;

    const ROOM: RoomId = RoomId(1);
    const ANNA: PersonId = PersonId(7);

    fn sound(count: usize, mark: u8) -> Arc<[Frame]> {
        (0..count).map(|at| Frame { packet: vec![0xfc, mark, at as u8], level: 20 }).collect()
    }

    /// What somebody who taps the call hears: timestamps and packets.
    struct Ears {
        tap: Tap,
        heard: Vec<(u32, Vec<u8>)>,
        now: Instant,
    }

    impl Ears {
        fn new() -> Self {
            let now = Instant::now();
            let mut tap = Tap::of_sound(ROOM);
            tap.admit(ANNA.sounds(), true, now);
            Self { tap, heard: Vec::new(), now }
        }

        fn hear(&mut self, player: &mut Player, ticks: std::ops::Range<u64>) {
            for tick in ticks {
                let turn = player.turn(tick, self.now);
                for copy in turn.introduced.iter().chain(&turn.packet) {
                    self.tap.take(Part(9), copy, self.now);
                }
                while let Some(event) = self.tap.poll() {
                    let TapEvent::Packet(packet) = event else { continue };
                    assert_eq!((packet.person, packet.source), (ANNA.sounds(), Source::Sound));
                    self.heard.push((packet.timestamp(), packet.payload().to_vec()));
                }
            }
        }
    }

    #[test]
    fn a_sound_is_sent_whole_after_a_moment_and_ends_in_silence() {
        let (mut ears, mut player) = (Ears::new(), Player::new(ROOM, PeerId(5), ANNA, 0));
        player.play(sound(3, 1));
        ears.hear(&mut player, 0..60);
        let stamps: Vec<u32> = ears.heard.iter().map(|(stamp, _)| *stamp / FRAME as u32).collect();
        assert_eq!(stamps, (5..13).collect::<Vec<_>>());
        assert!(ears.heard[..3].iter().enumerate().all(|(at, (_, packet))| packet[1..] == [1, at as u8]));
        assert!(ears.heard[3..].iter().all(|(_, packet)| *packet == SILENCE));
        assert!(!player.is_over(100) && player.is_over(158));
    }

    #[test]
    fn another_sound_takes_the_place_of_the_first_at_once() {
        let (mut ears, mut player) = (Ears::new(), Player::new(ROOM, PeerId(5), ANNA, 0));
        player.play(sound(50, 1));
        ears.hear(&mut player, 0..10);
        player.play(sound(2, 2));
        ears.hear(&mut player, 10..30);
        let marks: Vec<u8> = ears.heard.iter().map(|(_, packet)| packet[1]).collect();
        assert_eq!(marks, [1, 1, 1, 1, 1, 2, 2, 255, 255, 255, 255, 255]);
        assert!(ears.heard.is_sorted_by_key(|(stamp, _)| *stamp));
    }

    #[test]
    fn whoever_comes_later_hears_of_it_within_a_second() {
        let (mut ears, mut player) = (Ears::new(), Player::new(ROOM, PeerId(5), ANNA, 0));
        player.play(sound(200, 1));
        ears.hear(&mut player, 0..10);
        let mut late = Ears::new();
        late.hear(&mut player, 10..70);
        assert!(late.heard.len() >= 20, "{}", late.heard.len());
    }
}
