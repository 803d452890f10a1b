//! Parts of a file (RFC 9110 §14), as players and interrupted downloads ask for them.

use std::ops::Range;

/// What part of a file a request wants.
#[derive(Debug, PartialEq, Eq)]
pub enum Asked {
    /// These bytes.
    Part(Range<u64>),
    /// Several ranges or nonsense: all of it (RFC 9110 §14.2).
    Ignored,
    /// Behind the end.
    Nothing,
}

/// Reads a `Range` header for a file of this size.
#[must_use]
pub fn asked_range(text: &str, size: u64) -> Asked {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
        return Asked::Ignored;
    };
    let range = match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), Ok(last)) if first <= last => first..last.saturating_add(1).min(size),
        (Ok(first), Err(_)) if last.trim().is_empty() => first..size,
        (Err(_), Ok(length)) if first.trim().is_empty() => size.saturating_sub(length)..size,
        _ => return Asked::Ignored,
    };
    if range.start < range.end { Asked::Part(range) } else { Asked::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_players_write_it() {
        assert_eq!(asked_range("bytes=0-", 10), Asked::Part(0..10));
        assert_eq!(asked_range("bytes=2-4", 10), Asked::Part(2..5));
        assert_eq!(asked_range("bytes=2-400", 10), Asked::Part(2..10));
        assert_eq!(asked_range("bytes=-3", 10), Asked::Part(7..10));
        assert_eq!(asked_range("bytes=-30", 10), Asked::Part(0..10));
        assert_eq!(asked_range("bytes=10-", 10), Asked::Nothing);
        assert_eq!(asked_range("bytes=-0", 10), Asked::Nothing);
        for nonsense in ["bytes=4-2", "bytes=a-b", "bytes=0-1,3-4", "lines=1-2", "bytes=", "bytes=-"] {
            assert_eq!(asked_range(nonsense, 10), Asked::Ignored, "{nonsense}");
        }
    }
}
