//! What a client may have missed: numbered frames, the last ones kept until it says it has them.

use std::{collections::VecDeque, sync::Arc};

use super::frame::Numbered;

/// Frames kept at most. Speaking changes are the most frequent: a lively call of twenty fills this in minutes.
const MOST_FRAMES: usize = 1024;
/// Bytes kept at most: an answer with many slots has tens of kilobytes.
const MOST_BYTES: usize = 1024 * 1024;

/// Room for so many stays when all were acknowledged.
const FEW_FRAMES: usize = 8;

/// The numbered frames of one media session.
#[derive(Default)]
pub(crate) struct Replay {
    last: u64,
    kept: VecDeque<Arc<str>>,
    bytes: usize,
}

impl Replay {
    /// Numbers what a frame says (1, 2, 3 …), keeps it and hands it out for sending.
    pub(crate) fn push(&mut self, body: Arc<str>) -> Numbered {
        self.last += 1;
        self.bytes += body.len();
        self.kept.push_back(body.clone());
        while self.kept.len() > MOST_FRAMES || (self.bytes > MOST_BYTES && self.kept.len() > 1) {
            self.drop_oldest();
        }
        Numbered::new(body, self.last)
    }

    /// The client has everything up to this number.
    pub(crate) fn acknowledge(&mut self, seq: u64) {
        let seq = seq.min(self.last);
        while !self.kept.is_empty() && self.oldest() <= seq {
            self.drop_oldest();
        }
        // While a large call gathers there is much to tell, later little.
        if self.kept.is_empty() {
            self.kept.shrink_to(FEW_FRAMES);
        }
    }

    /// All that came after this number, or `None` when some of it is no longer kept or it never was.
    pub(crate) fn after(&self, seq: u64) -> Option<impl Iterator<Item = Numbered>> {
        if seq > self.last || seq + 1 < self.oldest() {
            return None;
        }
        let known = usize::try_from(seq + 1 - self.oldest()).ok()?;
        Some(self.kept.iter().skip(known).zip(seq + 1..).map(|(body, seq)| Numbered::new(body.clone(), seq)))
    }

    /// The number of the oldest frame kept; of the next one when none is.
    fn oldest(&self) -> u64 {
        self.last + 1 - self.kept.len() as u64
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.kept.pop_front() {
            self.bytes -= oldest.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use voxlink_protocol::UserId;

    use super::*;
    use crate::voice::frame::ServerFrame;

    fn speaking(replay: &mut Replay, times: usize) {
        for _ in 0..times {
            replay.push(ServerFrame::Speaking { user: UserId::new(1), speaking: true }.encode());
        }
    }

    fn count_after(replay: &Replay, seq: u64) -> Option<usize> {
        replay.after(seq).map(Iterator::count)
    }

    #[test]
    fn a_client_gets_what_it_has_not_seen() {
        let mut replay = Replay::default();
        assert_eq!(count_after(&replay, 0), Some(0));
        assert_eq!(count_after(&replay, 1), None);
        speaking(&mut replay, 5);
        assert_eq!(count_after(&replay, 0), Some(5));
        assert_eq!(count_after(&replay, 3), Some(2));
        assert_eq!(count_after(&replay, 5), Some(0));
        assert_eq!(count_after(&replay, u64::MAX), None);
        let first = replay.after(3).and_then(|mut missed| missed.next());
        assert!(first.is_some_and(|frame| frame.text().contains(r#""seq":4"#)));
    }

    #[test]
    fn what_was_acknowledged_or_fell_out_cannot_be_asked_for_again() {
        let mut replay = Replay::default();
        speaking(&mut replay, 5);
        replay.acknowledge(3);
        assert_eq!(count_after(&replay, 2), None);
        assert_eq!(count_after(&replay, 3), Some(2));
        replay.acknowledge(99);
        assert_eq!(count_after(&replay, 5), Some(0));
        speaking(&mut replay, MOST_FRAMES + 10);
        assert_eq!(count_after(&replay, 5), None);
        assert_eq!(count_after(&replay, 15), Some(MOST_FRAMES));
    }
}
