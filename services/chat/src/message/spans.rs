//! Finds what in a message is words and what is code.

/// The parts outside of code: between two runs of the same number of backticks nothing is read as anything but text.
pub(super) fn outside_code(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    // Runs of these lengths have no partner further on: not looked for twice.
    let mut alone: Vec<usize> = Vec::new();
    while let Some(start) = next_run(bytes, at) {
        let length = run_length(bytes, start);
        let end = if alone.contains(&length) { None } else { partner(bytes, start + length, length) };
        match end {
            Some(end) => {
                parts.extend(text.get(from..start));
                from = end;
                at = end;
            }
            None => {
                alone.push(length);
                at = start + length;
            }
        }
    }
    parts.extend(text.get(from..));
    parts
}

fn next_run(bytes: &[u8], from: usize) -> Option<usize> {
    bytes.iter().skip(from).position(|byte| *byte == b'`').map(|found| from + found)
}

fn run_length(bytes: &[u8], start: usize) -> usize {
    bytes.iter().skip(start).take_while(|byte| **byte == b'`').count()
}

/// Where the next run of exactly this length ends.
fn partner(bytes: &[u8], mut from: usize, length: usize) -> Option<usize> {
    while let Some(start) = next_run(bytes, from) {
        let found = run_length(bytes, start);
        if found == length {
            return Some(start + found);
        }
        from = start + found;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::outside_code;

    #[test]
    fn code_is_what_stands_between_equal_runs_of_backticks() {
        assert_eq!(outside_code("plain"), ["plain"]);
        assert_eq!(outside_code("a `b` c"), ["a ", " c"]);
        assert_eq!(outside_code("a ```b ` c``` d"), ["a ", " d"]);
        assert_eq!(outside_code("a `b"), ["a `b"]);
        assert_eq!(outside_code("a ``b` c"), ["a ``b` c"]);
        assert_eq!(outside_code("`я` ю"), ["", " ю"]);
        assert_eq!(outside_code("``````"), ["``````"]);
    }
}
