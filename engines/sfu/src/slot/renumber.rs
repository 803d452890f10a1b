//! How the packets of changing encodings, some of them left out, become one stream without gaps of our making.
//!
//! Numbers that were lost on the way in keep their place, so that a late packet still fits; numbers that we leave out
//! get none. A number is given to one packet, ever.

use std::collections::VecDeque;

use crate::rtp::extend_sequence;

/// Stretches remembered: one more for every packet left out, so about as many frames. The oldest are forgotten first:
/// a packet of theirs that comes, or is asked for, so late is of no use.
const MOST_RUNS: usize = 128;

/// What is added to the numbers inside an encoding's packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shift {
    pub(crate) timestamp: u32,
    /// Picture id (RFC 7741 §4.2, RFC 9628 §4.2).
    pub(crate) picture: u16,
    /// `TL0PICIDX`.
    pub(crate) base: u8,
    /// Frame number of the dependency descriptor.
    pub(crate) frame: u16,
}

/// Packets of one encoding that all keep the same distance to their own numbers.
#[derive(Clone, Copy, Debug)]
struct Run {
    encoding: usize,
    /// The encoding's number of the first.
    first: u64,
    /// The encoding's number behind the last; open while this run is being sent.
    end: u64,
    /// Our number of the first.
    ours: u64,
    shift: Shift,
}

/// A packet's place in the outgoing stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) sequence: u64,
    pub(crate) shift: Shift,
    /// No later packet has a number yet.
    pub(crate) is_next: bool,
}

/// A packet that a number was given to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) sequence: u64,
    pub(crate) encoding: usize,
    /// The encoding's own number.
    pub(crate) extended: u64,
    pub(crate) shift: Shift,
}

/// The numbers of one outgoing stream.
pub(crate) struct Renumbering {
    runs: VecDeque<Run>,
    /// The first number that nobody has.
    next: u64,
}

impl Renumbering {
    /// `first` is the first number that will be sent.
    pub(crate) fn new(first: u64) -> Self {
        Self { runs: VecDeque::new(), next: first }
    }

    /// Other content: nothing of what was sent can be asked for again.
    pub(crate) fn forget(&mut self) {
        self.runs.clear();
    }

    /// From this packet on another encoding, or the same after a break.
    pub(crate) fn begin(&mut self, encoding: usize, extended: u64, shift: Shift) {
        let next = self.next;
        if let Some(last) = self.runs.back_mut() {
            last.end = last.end.min(last.first + (next - last.ours));
        }
        self.push(Run { encoding, first: extended, end: u64::MAX, ours: next, shift });
    }

    /// What the packets from here on are shifted by.
    pub(crate) fn shift(&self) -> Shift {
        self.runs.back().map(|run| run.shift).unwrap_or_default()
    }

    /// As [`Self::shift`]; `None` when nothing was sent since the content changed.
    pub(crate) fn last_shift(&self) -> Option<Shift> {
        self.runs.back().map(|run| run.shift)
    }

    /// The place of a packet of the encoding that is being sent; `None` when it has none: from before it began, or
    /// left out.
    pub(crate) fn place(&self, encoding: usize, extended: u64) -> Option<Place> {
        // The newest run holds nearly every packet.
        let run = (self.runs.iter().rev())
            .find(|run| run.encoding == encoding && (run.first..run.end).contains(&extended))?;
        let sequence = run.ours + (extended - run.first);
        Some(Place { sequence, shift: run.shift, is_next: sequence >= self.next })
    }

    /// This number is used now.
    pub(crate) fn take(&mut self, sequence: u64) {
        self.next = self.next.max(sequence + 1);
    }

    /// Leaves out a packet for which `place` said `is_next`; those behind it are shifted by `shift`.
    pub(crate) fn leave_out(&mut self, extended: u64, sequence: u64, shift: Shift) {
        // What is missing before it keeps its numbers.
        self.next = sequence;
        let Some(last) = self.runs.back_mut() else { return };
        if last.first == extended {
            last.first = extended + 1;
            last.shift = shift;
            return;
        }
        last.end = extended;
        let encoding = last.encoding;
        self.push(Run { encoding, first: extended + 1, end: u64::MAX, ours: sequence, shift });
    }

    fn push(&mut self, run: Run) {
        if self.runs.len() == MOST_RUNS {
            self.runs.pop_front();
        }
        self.runs.push_back(run);
    }

    /// Whose packet has the number that is `back` before the last.
    pub(crate) fn recent(&self, back: u16) -> Option<Origin> {
        self.find(self.next.checked_sub(1 + u64::from(back))? as u16)
    }

    /// Whose packet has one of our numbers, given its last sixteen bits.
    pub(crate) fn find(&self, sequence: u16) -> Option<Origin> {
        let sequence = extend_sequence(self.next.checked_sub(1)?, sequence);
        if sequence >= self.next {
            return None;
        }
        let run = self.runs.iter().rev().find(|run| run.ours <= sequence)?;
        let extended = run.first + (sequence - run.ours);
        (extended < run.end).then_some(Origin {
            sequence,
            encoding: run.encoding,
            extended,
            shift: run.shift,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(numbers: &mut Renumbering, encoding: usize, extended: u64) -> Option<u64> {
        let place = numbers.place(encoding, extended)?;
        numbers.take(place.sequence);
        Some(place.sequence)
    }

    fn drop(numbers: &mut Renumbering, encoding: usize, extended: u64) {
        let place = numbers.place(encoding, extended).expect("in order");
        assert!(place.is_next);
        numbers.leave_out(extended, place.sequence, place.shift);
    }

    #[test]
    fn a_packet_we_drop_leaves_no_gap_but_one_the_network_drops_does() {
        let mut numbers = Renumbering::new(65_534);
        numbers.begin(0, 10, Shift::default());
        assert_eq!(send(&mut numbers, 0, 10), Some(65_534));
        drop(&mut numbers, 0, 11);
        drop(&mut numbers, 0, 12);
        assert_eq!(send(&mut numbers, 0, 13), Some(65_535));
        // 14 was lost on the way in.
        assert_eq!(send(&mut numbers, 0, 15), Some(65_537));
        drop(&mut numbers, 0, 17);
        assert_eq!(send(&mut numbers, 0, 18), Some(65_539));
        assert_eq!(numbers.place(0, 14).map(|place| (place.sequence, place.is_next)), Some((65_536, false)));
        assert_eq!(numbers.place(0, 16).map(|place| place.sequence), Some(65_538));
        assert_eq!(numbers.place(0, 12), None, "left out");
        assert_eq!(numbers.place(0, 9), None, "before the beginning");
        let origin = |sequence| numbers.find(sequence).map(|origin| (origin.extended, origin.sequence));
        assert_eq!(origin(65_535), Some((13, 65_535)));
        assert_eq!(origin(1), Some((15, 65_537)));
        assert_eq!(origin(3), Some((18, 65_539)));
        assert_eq!(origin(4), None, "not sent yet");
    }

    #[test]
    fn another_encoding_goes_on_behind_and_late_packets_of_the_first_keep_their_numbers() {
        let mut numbers = Renumbering::new(1);
        numbers.begin(0, 100, Shift::default());
        assert_eq!(send(&mut numbers, 0, 100), Some(1));
        assert_eq!(send(&mut numbers, 0, 102), Some(3));
        let shift = Shift { timestamp: 5, ..Shift::default() };
        numbers.begin(1, 7, shift);
        assert_eq!(send(&mut numbers, 1, 7), Some(4));
        assert_eq!(send(&mut numbers, 0, 103), None, "the first encoding is over");
        assert_eq!(numbers.place(0, 101).map(|place| place.sequence), Some(2));
        let back = numbers.find(2).expect("of the first");
        assert_eq!((back.encoding, back.extended, back.shift), (0, 101, Shift::default()));
        assert_eq!(numbers.find(4).map(|origin| (origin.encoding, origin.shift)), Some((1, shift)));
        numbers.forget();
        assert_eq!(numbers.find(4), None);
        assert_eq!(numbers.next, 5);
    }

    #[test]
    fn every_number_is_given_once_whatever_is_lost_left_out_or_late() {
        let mut seed = 0x5EED_u64;
        let mut random = move |below: u64| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed % below
        };
        let mut numbers = Renumbering::new(9);
        let mut given = std::collections::BTreeSet::new();
        let (mut encoding, mut extended, mut lost) = (0, 50, Vec::new());
        numbers.begin(encoding, extended, Shift::default());
        for _ in 0..20_000 {
            match random(20) {
                0..=12 => assert!(send(&mut numbers, encoding, extended).is_none_or(|n| given.insert(n))),
                13..=15 => drop(&mut numbers, encoding, extended),
                16 | 17 => lost.push(extended),
                18 if !lost.is_empty() => {
                    let late = lost.swap_remove(random(lost.len() as u64) as usize);
                    assert!(send(&mut numbers, encoding, late).is_none_or(|n| given.insert(n)));
                    continue;
                }
                _ => {
                    encoding = random(3) as usize;
                    extended += 1_000;
                    lost.clear();
                    numbers.begin(encoding, extended, Shift::default());
                    continue;
                }
            }
            extended += 1;
        }
        assert!(given.len() > 10_000);
    }
}
