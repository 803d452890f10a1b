//! Which moment of a recording something happened at: time since its beginning, without the pauses.

use std::time::{Duration, Instant};

/// One recording's time.
#[derive(Clone, Debug)]
pub(crate) struct Timeline {
    start: Instant,
    /// Ended pauses.
    pauses: Vec<(Instant, Instant)>,
    paused_since: Option<Instant>,
}

impl Timeline {
    pub(crate) const fn new(start: Instant) -> Self {
        Self { start, pauses: Vec::new(), paused_since: None }
    }

    pub(crate) const fn is_paused(&self) -> bool {
        self.paused_since.is_some()
    }

    /// Stops or goes on; true when that is a change.
    pub(crate) fn pause(&mut self, paused: bool, now: Instant) -> bool {
        match (self.paused_since, paused) {
            (None, true) => self.paused_since = Some(now),
            (Some(since), false) => {
                self.paused_since = None;
                self.pauses.push((since, now));
            }
            (None, false) | (Some(_), true) => return false,
        }
        true
    }

    /// Where this moment lies; `None` before the beginning and during a pause.
    pub(crate) fn place(&self, at: Instant) -> Option<Duration> {
        if self.paused_since.is_some_and(|since| at >= since) {
            return None;
        }
        let mut paused = Duration::ZERO;
        for (from, to) in &self.pauses {
            if at >= *to {
                paused += *to - *from;
            } else if at >= *from {
                return None;
            }
        }
        at.checked_duration_since(self.start)?.checked_sub(paused)
    }

    /// How long it was paused so far.
    pub(crate) fn paused(&self, now: Instant) -> Duration {
        let ended: Duration = self.pauses.iter().map(|(from, to)| *to - *from).sum();
        ended + self.paused_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// How long it is.
    pub(crate) fn length(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.start).saturating_sub(self.paused(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_take_no_time() {
        let start = Instant::now();
        let at = |seconds: u64| start + Duration::from_secs(seconds);
        let mut time = Timeline::new(at(10));
        assert!(time.pause(true, at(20)) && !time.pause(true, at(21)) && time.is_paused());
        assert_eq!(
            (time.place(at(9)), time.place(at(15)), time.place(at(22))),
            (None, Some(at(5) - start), None)
        );
        assert_eq!(time.length(at(25)), Duration::from_secs(10));
        assert!(time.pause(false, at(30)) && !time.pause(false, at(30)));
        assert_eq!((time.place(at(22)), time.place(at(31))), (None, Some(Duration::from_secs(11))));
        assert_eq!(
            (time.paused(at(40)), time.length(at(40))),
            (Duration::from_secs(10), Duration::from_secs(20))
        );
    }
}
