//! The words of the command line and of stdin: `ab.loss=30 delay=20 ge=2:25 down stat`.

use std::time::Duration;

use crate::settings::{Bursts, Rate, Settings, Share};

/// No delay or queue is longer than this: a minute is not a network any more.
const MOST_MILLIS: f64 = 60_000.0;

/// Which way packets go. `a` is the namespace that was named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the first namespace to the second.
    AToB,
    /// From the second to the first.
    BToA,
    /// Both ways.
    Both,
}

/// One word.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
    /// Changes a direction's settings.
    Set(Direction, Change),
    /// Decides all chances; only on the command line.
    Seed(u64),
    /// Prints the counters.
    Stat,
    /// Ends.
    Quit,
}

/// What one word changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Change {
    /// `loss=PERCENT`
    Loss(Share),
    /// `ge=FALL:RECOVER` in percent, `ge=off`
    Bursts(Option<Bursts>),
    /// `delay=MS`
    Delay(Duration),
    /// `jitter=MS`
    Jitter(Duration),
    /// `reorder=PERCENT`
    Reorder(Share),
    /// `rate=KILOBITS`, `rate=off`
    Rate(Option<Rate>),
    /// `queue=MS`
    Queue(Duration),
    /// `down` and `up`
    Cut(bool),
}

/// A word that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CommandError {
    /// No such setting.
    #[error(
        "{0}: not a setting; there are loss, ge, delay, jitter, reorder, rate, queue, down, up, seed, stat, quit"
    )]
    Unknown(String),
    /// A value that the setting cannot have.
    #[error("{0}: not a value for it")]
    Value(String),
}

impl Command {
    /// Reads one word.
    ///
    /// # Errors
    /// When it is no setting, or has a value out of range.
    pub fn parse(word: &str) -> Result<Self, CommandError> {
        let (direction, rest) = match word.split_once('.') {
            Some(("ab", rest)) => (Direction::AToB, rest),
            Some(("ba", rest)) => (Direction::BToA, rest),
            _ => (Direction::Both, word),
        };
        let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
        let change = match name {
            "loss" => share(value).map(Change::Loss),
            "ge" => bursts(value).map(Change::Bursts),
            "delay" => millis(value).map(Change::Delay),
            "jitter" => millis(value).map(Change::Jitter),
            "reorder" => share(value).map(Change::Reorder),
            "rate" => rate(value).map(Change::Rate),
            "queue" => millis(value).map(Change::Queue),
            "down" | "up" => value.is_empty().then_some(Change::Cut(name == "down")),
            "seed" if direction == Direction::Both => {
                return value.parse().map(Self::Seed).map_err(|_| CommandError::Value(word.to_owned()));
            }
            "stat" if word == "stat" => return Ok(Self::Stat),
            "quit" if word == "quit" => return Ok(Self::Quit),
            _ => return Err(CommandError::Unknown(word.to_owned())),
        };
        change.map(|change| Self::Set(direction, change)).ok_or_else(|| CommandError::Value(word.to_owned()))
    }
}

impl Change {
    /// The settings with this changed.
    #[must_use]
    pub fn applied_to(self, settings: Settings) -> Settings {
        match self {
            Self::Loss(loss) => Settings { loss, ..settings },
            Self::Bursts(bursts) => Settings { bursts, ..settings },
            Self::Delay(delay) => Settings { delay, ..settings },
            Self::Jitter(jitter) => Settings { jitter, ..settings },
            Self::Reorder(reorder) => Settings { reorder, ..settings },
            Self::Rate(rate) => Settings { rate, ..settings },
            Self::Queue(queue) => Settings { queue, ..settings },
            Self::Cut(is_cut) => Settings { is_cut, ..settings },
        }
    }
}

fn share(value: &str) -> Option<Share> {
    Share::from_percent(value.parse().ok()?)
}

fn bursts(value: &str) -> Option<Option<Bursts>> {
    if value == "off" {
        return Some(None);
    }
    let (fall, recover) = value.split_once(':')?;
    let bursts = Bursts { fall: share(fall)?, recover: share(recover)? };
    // A burst that never ends is a cut, and has a word of its own.
    (bursts.recover.fraction() > 0.0).then_some(Some(bursts))
}

fn rate(value: &str) -> Option<Option<Rate>> {
    if value == "off" {
        return Some(None);
    }
    Rate::from_kilobits(value.parse().ok()?).map(Some)
}

fn millis(value: &str) -> Option<Duration> {
    let millis: f64 = value.parse().ok()?;
    (0.0..=MOST_MILLIS).contains(&millis).then(|| Duration::from_secs_f64(millis / 1_000.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_for_one_direction_or_both() {
        let loss = |word| match Command::parse(word) {
            Ok(Command::Set(direction, Change::Loss(share))) => Some((direction, share.fraction())),
            _ => None,
        };
        assert_eq!(loss("ab.loss=30"), Some((Direction::AToB, 0.3)));
        assert_eq!(loss("ba.loss=0.5"), Some((Direction::BToA, 0.005)));
        assert_eq!(loss("loss=100"), Some((Direction::Both, 1.0)));
        assert_eq!(Command::parse("ab.down"), Ok(Command::Set(Direction::AToB, Change::Cut(true))));
        assert_eq!(Command::parse("rate=off"), Ok(Command::Set(Direction::Both, Change::Rate(None))));
    }

    #[test]
    fn nonsense_is_refused_with_the_word_that_was_it() {
        for word in [
            "loss=101",
            "loss=-1",
            "loss=x",
            "loss",
            "ge=3",
            "ge=1:0",
            "rate=0",
            "delay=inf",
            "delay=NaN",
            "seed=x",
        ] {
            assert_eq!(Command::parse(word), Err(CommandError::Value(word.to_owned())));
        }
        for word in ["", "lost=3", "ab.stat", "ac.loss=3", "ab.seed=1", "quit=1"] {
            assert!(matches!(Command::parse(word), Err(CommandError::Unknown(_))), "{word}");
        }
    }
}
