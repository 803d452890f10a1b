//! When those who listen cannot take the sound that they are sent, whoever speaks is asked for less of it (voice op 26).
//!
//! Nothing is transcoded, so that less for one is less for all: it takes half of a speaker's listeners. Fewer are
//! helped by redundancy on their own leg alone, and hear of no change.

use std::collections::BTreeSet;

use voxlink_protocol::{ChannelId, UserId};

use super::Calls;
use crate::voice::frame::ServerFrame;

/// What a microphone is asked to take, bit/s: a voice that still sounds like itself, and with one redundant frame less
/// than the usual 64 kbit/s without.
const RELIEVED: u32 = 24_000;
/// A share of sound lost from which there is strain, and one below which there is none (the bounds of Google Congestion
/// Control, draft-ietf-rmcat-gcc-02 §6).
const MUCH_LOSS: f32 = 0.1;
const LITTLE_LOSS: f32 = 0.02;
/// Counts in a row: browsers report about sound every five seconds, so that this is more than one report of theirs.
const BEGINS_AFTER: u8 = 4;
/// Longer, so that it does not flap.
const ENDS_AFTER: u8 = 10;

/// Whether somebody's way down loses more sound than redundancy makes good.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strain {
    is_strained: bool,
    /// Counts in a row that speak for a change.
    contrary: u8,
}

impl Strain {
    /// One more count: the share of sound that was lost; silence is no loss.
    pub(super) fn note(&mut self, loss: Option<f32>) {
        let loss = loss.unwrap_or_default();
        let is_contrary = if self.is_strained { loss < LITTLE_LOSS } else { loss >= MUCH_LOSS };
        self.contrary = if is_contrary { self.contrary + 1 } else { 0 };
        if self.contrary >= if self.is_strained { ENDS_AFTER } else { BEGINS_AFTER } {
            *self = Self { is_strained: !self.is_strained, contrary: 0 };
        }
    }
}

impl Calls {
    /// Tells each speaker in these calls for whom half of the others began or ceased to be strained.
    pub(super) fn relieve(&mut self, channels: &BTreeSet<ChannelId>) {
        for channel in channels {
            let present: Vec<(UserId, bool)> = (self.present_in(*channel).into_iter())
                .filter_map(|user| Some((user, self.seats.get(&user)?.live.as_ref()?)))
                // What a microphone takes is nothing to who hears the mix.
                .map(|(user, live)| (user, live.strain.is_strained && !live.hearing.is_mixed()))
                .collect();
            let strained = present.iter().filter(|(_, is_strained)| *is_strained).count();
            for (user, is_strained) in &present {
                let others = strained - usize::from(*is_strained);
                let is_wanted = others > 0 && 2 * others >= present.len() - 1;
                let live = self.seats.get_mut(user).and_then(|seat| seat.live.as_mut());
                let Some(live) = live.filter(|live| live.relieves != is_wanted) else { continue };
                live.relieves = is_wanted;
                self.tell(*user, &ServerFrame::Bitrate(is_wanted.then_some(RELIEVED)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strain_begins_when_loss_lasts_and_ends_when_it_is_long_gone() {
        let mut strain = Strain::default();
        let mut after = |loss: &[f32]| {
            loss.iter().for_each(|loss| strain.note(Some(*loss)));
            strain.is_strained
        };
        assert!(!after(&[0.3, 0.3, 0.3, 0.05]), "a burst");
        assert!(after(&[0.1, 0.2, 0.3, 0.4]));
        assert!(after(&[0.05; 50]), "neither well nor badly");
        assert!(after(&[0.0; 9]));
        assert!(!after(&[0.0]));
        let mut silent = Strain { is_strained: true, contrary: 0 };
        (0..ENDS_AFTER).for_each(|_| silent.note(None));
        assert!(!silent.is_strained);
    }
}
