//! Which packet indexes were seen already (RFC 3711 §3.3.2), 128 deep.

/// A sliding window over packet indexes.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplayWindow {
    /// One more than the highest index seen; 0 when none was.
    next: u64,
    /// Bit `n`: `next - 1 - n` was seen.
    seen: u128,
}

impl ReplayWindow {
    /// How far back the window reaches.
    pub(crate) const DEPTH: u64 = 128;

    /// Whether this index is new and not too old.
    pub(crate) fn is_fresh(&self, index: u64) -> bool {
        if index >= self.next {
            return true;
        }
        let back = self.next - 1 - index;
        back < Self::DEPTH && self.seen >> back & 1 == 0
    }

    /// Remembers an index that proved authentic.
    pub(crate) fn accept(&mut self, index: u64) {
        if index >= self.next {
            let ahead = index + 1 - self.next;
            self.seen = if ahead >= Self::DEPTH { 0 } else { self.seen << ahead };
            self.seen |= 1;
            self.next = index + 1;
        } else if self.next - 1 - index < Self::DEPTH {
            self.seen |= 1 << (self.next - 1 - index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_index_passes_once_within_the_window() {
        let mut window = ReplayWindow::default();
        for index in [0, 5, 3, 130] {
            assert!(window.is_fresh(index));
            window.accept(index);
            assert!(!window.is_fresh(index));
        }
        assert!(!window.is_fresh(5), "5 was seen and is 125 back");
        assert!(window.is_fresh(4));
        assert!(!window.is_fresh(2), "128 back is outside");
        window.accept(1_000);
        assert!(window.is_fresh(999) && !window.is_fresh(130));
    }
}
