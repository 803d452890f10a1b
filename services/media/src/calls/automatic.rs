//! When somebody's link cannot take each voice, and what a mix may take on it. A timeline of counts, two seconds apart.

use crate::mixer::Rate;

/// A share of sound lost that redundancy and concealment do not make good any more.
const TOO_MUCH: f32 = 0.25;
/// A share from which a mix becomes smaller, and one below which it may grow (draft-ietf-rmcat-gcc-02 §6).
const MUCH: f32 = 0.1;
const LITTLE: f32 = 0.02;
/// Fewer others are no larger when they are sent each by themselves.
const WORTH_MIXING: usize = 2;
/// At most so many voices are sent to anybody (docs/protocol/voice.md).
const MOST_HEARD: usize = 8;
/// kbit/s with all headers: the least that a voice needs, and what it takes at the usual bitrate.
const LEAST_OF_A_VOICE: u32 = 40;
const USUAL_OF_A_VOICE: u32 = 90;
/// Counts in a row; browsers report about sound every five seconds, so that three are more than one report.
const MIXES_AFTER: u16 = 3;
const LOWERS_AFTER: u16 = 3;
const RISES_AFTER: u16 = 10;
/// The first time; twice as many after each try that did not last.
const RETURNS_AFTER: u16 = 30;
const MOST_PATIENCE: u16 = 300;
/// A change that is undone within so many counts did not last.
const LASTS: u16 = 30;

/// What a count says of somebody's way from the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way {
    /// The share of packets lost; `None` when none were due: that says nothing.
    pub(super) loss: Option<f32>,
    /// What it is held to take in all, where that is measured.
    pub(super) target_kbps: Option<u32>,
    /// Sounds of others that may be heard.
    pub(super) others: usize,
}

/// What is right for one listener.
#[derive(Clone, Debug)]
pub(super) struct Automatic {
    is_mixed: bool,
    rate: Rate,
    /// Counts in a row with too much loss, and calm ones.
    poor: u16,
    calm: u16,
    /// Calm counts until each voice is tried again, and until the mix may take more.
    patience: u16,
    rises_after: u16,
    /// Counts since each voice was tried, and since the mix took more.
    returned: u16,
    risen: u16,
}

impl Default for Automatic {
    fn default() -> Self {
        Self {
            is_mixed: false,
            rate: Rate::Middle,
            poor: 0,
            calm: 0,
            patience: RETURNS_AFTER,
            rises_after: RISES_AFTER,
            returned: LASTS,
            risen: LASTS,
        }
    }
}

impl Automatic {
    /// Whether the mix is better than each voice.
    pub(super) const fn is_mixed(&self) -> bool {
        self.is_mixed
    }

    /// What a mix may take.
    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// One more count; `hears_mix`: what was heard meanwhile, whoever decided that.
    pub(super) fn note(&mut self, way: Way, hears_mix: bool) {
        self.returned = self.returned.saturating_add(1);
        self.risen = self.risen.saturating_add(1);
        match hears_mix {
            true => self.note_of_mix(way),
            false => self.note_of_each(way),
        }
    }

    fn note_of_each(&mut self, way: Way) {
        let voices = voices(way);
        let loses = way.loss.map(|loss| loss >= TOO_MUCH);
        let is_narrow = way.target_kbps.is_some_and(|target| target < voices * LEAST_OF_A_VOICE);
        if way.others < WORTH_MIXING {
            self.poor = 0;
        } else if is_narrow || loses == Some(true) {
            self.poor += 1;
        } else if loses == Some(false) {
            self.poor = 0;
        }
        if self.returned == MOST_PATIENCE {
            self.patience = RETURNS_AFTER;
        }
        if self.poor < MIXES_AFTER {
            return;
        }
        if self.returned < LASTS {
            self.patience = (self.patience * 2).min(MOST_PATIENCE);
        }
        let rate = if loses == Some(true) { Rate::Low } else { Rate::Middle };
        (self.is_mixed, self.rate, self.poor, self.calm) = (true, rate, 0, 0);
    }

    fn note_of_mix(&mut self, way: Way) {
        if let Some(loss) = way.loss {
            self.poor = if loss >= MUCH { self.poor + 1 } else { 0 };
            self.calm = if loss < LITTLE { self.calm.saturating_add(1) } else { 0 };
        }
        if self.poor >= LOWERS_AFTER {
            if self.risen < LASTS {
                self.rises_after = (self.rises_after * 2).min(MOST_PATIENCE);
            }
            (self.rate, self.poor) = (self.rate.lower(), 0);
            return;
        }
        let is_ample = way.target_kbps.is_some_and(|target| target >= voices(way) * USUAL_OF_A_VOICE);
        let is_well = self.calm >= self.patience && (self.rate == Rate::High || is_ample);
        if way.others < WORTH_MIXING || is_well {
            (self.is_mixed, self.poor, self.calm, self.returned) = (false, 0, 0, 0);
        } else if self.calm >= self.rises_after && self.rate < Rate::High {
            (self.rate, self.calm, self.risen) = (self.rate.higher(), 0, 0);
        }
    }
}

fn voices(way: Way) -> u32 {
    way.others.min(MOST_HEARD) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn losing(loss: f32) -> Way {
        Way { loss: Some(loss), target_kbps: None, others: 3 }
    }

    /// So many counts; what was right after each, as its kbit/s, 0 for each voice.
    fn pass(automatic: &mut Automatic, counts: usize, way: Way) -> Vec<u32> {
        let one = |automatic: &mut Automatic| {
            automatic.note(way, automatic.is_mixed());
            if automatic.is_mixed() { automatic.rate().bitrate() / 1_000 } else { 0 }
        };
        (0..counts).map(|_| one(automatic)).collect()
    }

    /// How many counts go by until this is right.
    fn until(automatic: &mut Automatic, way: Way, right: u32) -> usize {
        (1..2_000).find(|_| pass(automatic, 1, way) == [right]).unwrap_or(usize::MAX)
    }

    #[test]
    fn a_burst_changes_nothing_and_loss_that_lasts_leads_to_the_smallest_mix() {
        let mut automatic = Automatic::default();
        assert_eq!(pass(&mut automatic, 2, losing(0.6)), [0, 0]);
        assert_eq!(pass(&mut automatic, 1, losing(0.05)), [0]);
        assert_eq!(pass(&mut automatic, 3, losing(0.6)), [0, 0, 16]);
        assert_eq!(pass(&mut automatic, 100, losing(0.05)), [16; 100], "neither well nor badly");
    }

    #[test]
    fn it_grows_step_by_step_and_then_each_voice_is_tried() {
        let mut automatic = Automatic::default();
        pass(&mut automatic, 3, losing(0.6));
        assert_eq!(until(&mut automatic, losing(0.0), 32), 10);
        assert_eq!(until(&mut automatic, losing(0.0), 64), 10);
        assert_eq!(until(&mut automatic, losing(0.0), 0), 30);
    }

    #[test]
    fn a_try_that_does_not_last_makes_the_next_one_later() {
        let mut automatic = Automatic::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            assert_eq!(until(&mut automatic, losing(0.5), 16), 3);
            waits.push(until(&mut automatic, losing(0.0), 0));
        }
        assert_eq!(waits, [50, 80, 140, 260, 320, 320]);
        // One that lasts is forgotten what came before.
        pass(&mut automatic, 400, losing(0.0));
        assert_eq!(until(&mut automatic, losing(0.5), 16), 3);
        assert_eq!(until(&mut automatic, losing(0.0), 0), 50);
    }

    #[test]
    fn a_rate_that_was_too_much_is_not_tried_again_soon() {
        let mut automatic = Automatic::default();
        pass(&mut automatic, 3, losing(0.6));
        let mut waits = Vec::new();
        for _ in 0..4 {
            waits.push(until(&mut automatic, losing(0.0), 32));
            assert_eq!(until(&mut automatic, losing(0.15), 16), 3);
        }
        assert_eq!(waits, [10, 20, 40, 80]);
    }

    #[test]
    fn where_the_link_is_measured_it_is_known_before_anything_is_lost() {
        let mut automatic = Automatic::default();
        let way = |target: u32| Way { loss: Some(0.0), target_kbps: Some(target), others: 4 };
        assert_eq!(pass(&mut automatic, 10, way(200)), [0; 10]);
        assert_eq!(until(&mut automatic, way(150), 32), 3);
        assert_eq!(until(&mut automatic, way(500), 0), 30 + 10, "the mix grows first");
    }

    #[test]
    fn one_other_is_never_mixed_and_silence_says_nothing() {
        let mut automatic = Automatic::default();
        let alone = Way { others: 1, ..losing(0.9) };
        assert_eq!(pass(&mut automatic, 20, alone), [0; 20]);
        pass(&mut automatic, 3, losing(0.9));
        let silent = Way { loss: None, ..losing(0.0) };
        assert_eq!(pass(&mut automatic, 200, silent), [16; 200]);
        assert_eq!(pass(&mut automatic, 1, Way { others: 1, ..silent }), [0], "everyone else left");
    }
}
