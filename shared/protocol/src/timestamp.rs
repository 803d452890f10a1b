//! Points in time: milliseconds inside, ISO 8601 in UTC on the wire.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Milliseconds since the Unix epoch; `2026-11-22T06:39:00.123000+00:00` in JSON, as v10 writes it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// This time plus a duration.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This time less a duration, not before 1970.
    #[must_use]
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, ms) = (self.0 / 86_400_000, self.0 % 86_400_000);
        let (year, month, day) = civil(days);
        let (h, m, s, milli) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000);
        write!(f, "{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}.{milli:03}000+00:00")
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Days since 1970-01-01 to the proleptic Gregorian date, by counting in 400-year eras that start on 1 March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

impl Timestamp {
    /// Reads ISO 8601 as programs write it: a date, a time of day to the second or finer, and `Z`, an offset, or
    /// nothing, which counts as UTC. What is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// When it is something else, or before 1970.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        parse(text).map(Self).ok_or("not a timestamp of the form 2026-11-22T06:39:00.123000+00:00")
    }
}

fn parse(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| digits(text.get(range)?);
    let mark = |at: usize, wanted: &[u8]| text.as_bytes().get(at).is_some_and(|byte| wanted.contains(byte));
    let marked = mark(4, b"-") && mark(7, b"-") && mark(10, b"Tt ") && mark(13, b":") && mark(16, b":");
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (h, m, s) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let (fraction, offset) = match text.get(19..)?.strip_prefix('.') {
        Some(rest) => rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())),
        None => ("0", text.get(19..)?),
    };
    let milli = digits(format!("{fraction:0<3}").get(..3)?).filter(|_| !fraction.is_empty())?;
    let in_range = (1970..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !marked || !in_range || h > 23 || m > 59 || s > 60 {
        return None;
    }
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let shifted_month = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted_month + 2) / 5 + day - 1;
    let days =
        era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468;
    let local = days * 86_400_000 + h * 3_600_000 + m * 60_000 + s * 1000 + milli;
    local.checked_add_signed(-offset_ms(offset)?)
}

fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// `Z`, nothing, `+01:00`, `+0100` or `+01`, in milliseconds.
fn offset_ms(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("+", rest) => (1, rest),
        ("-", rest) => (-1, rest),
        _ => return None,
    };
    let (h, m) = match rest.len() {
        2 => (rest, "0"),
        4 => rest.split_at_checked(2)?,
        5 => rest.split_once(':')?,
        _ => return None,
    };
    let (h, m) = (digits(h).filter(|h| *h <= 18)?, digits(m).filter(|m| *m <= 59)?);
    i64::try_from((h * 60 + m) * 60_000).ok().map(|ms| sign * ms)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_time_is_written_in_utc_and_read_back() {
        for ms in [0, 951_782_400_000, 1_795_329_540_123, 4_102_444_799_999] {
            let text = serde_json::to_string(&Timestamp(ms)).unwrap();
            assert_eq!(serde_json::from_str::<Timestamp>(&text).unwrap(), Timestamp(ms), "{text}");
        }
        assert_eq!(Timestamp(951_782_400_000).to_string(), "2000-02-29T00:00:00.000000+00:00");
    }

    #[test]
    fn times_are_read_as_other_programs_write_them() {
        let read = |text| Timestamp::parse(text).ok().map(|time| time.0);
        for text in [
            "2000-02-29T00:00:00Z",
            "2000-02-29T00:00:00",
            "2000-02-29T00:00:00.0009+00:00",
            "2000-02-29T01:30:00+01:30",
            "2000-02-28T22:00:00-0200",
        ] {
            assert_eq!(read(text), Some(951_782_400_000), "{text}");
        }
        assert_eq!(read("2000-02-29T00:00:00.5Z"), Some(951_782_400_500));
        for text in [
            "",
            "2000-02-29",
            "2000-02-29T00:00:00+",
            "2000-02-29T00:00:00.Z",
            "1969-12-31T23:59:59Z",
            "2000-13-01T00:00:00Z",
            "+000-02-29T00:00:00Z",
            "2000-02-29T00:00:00я",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
