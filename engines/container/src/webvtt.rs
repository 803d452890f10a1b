//! WebVTT: who spoke when, and what was written meanwhile, as a text track.

use std::{fmt::Write as _, time::Duration};

/// A cue.
#[derive(Clone, Copy, Debug)]
pub struct Cue<'a> {
    /// What kind it is, for programs: one word, or empty.
    pub id: &'a str,
    /// Since the beginning.
    pub from: Duration,
    /// Later than `from`.
    pub to: Duration,
    /// Who; may be empty.
    pub speaker: &'a str,
    /// One or several lines; blank ones, which would end the cue, are left out.
    pub text: &'a str,
}

/// Appends what a file begins with.
pub fn begin(out: &mut String) {
    out.push_str("WEBVTT\n");
}

/// Appends a cue; they come in the order of their beginnings.
pub fn write(cue: &Cue<'_>, out: &mut String) {
    out.push('\n');
    if !cue.id.is_empty() {
        cue.id.split_whitespace().for_each(|word| escape(word, out));
        out.push('\n');
    }
    time(cue.from, out);
    out.push_str(" --> ");
    time(cue.to.max(cue.from + Duration::from_millis(1)), out);
    out.push('\n');
    if !cue.speaker.is_empty() {
        out.push_str("<v ");
        let name = cue.speaker.split_whitespace();
        for (at, word) in name.enumerate() {
            if at > 0 {
                out.push(' ');
            }
            escape(word, out);
        }
        out.push('>');
    }
    for (at, line) in cue.text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        if at > 0 {
            out.push('\n');
        }
        escape(line, out);
    }
    out.push('\n');
}

fn time(time: Duration, out: &mut String) {
    let (seconds, milliseconds) = (time.as_secs(), time.subsec_millis());
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let _never = write!(out, "{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}");
}

/// What would be a tag, an entity or the arrow of a time.
fn escape(text: &str, out: &mut String) {
    for one in text.chars() {
        match one {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '\r' | '\n' | '\0' => out.push(' '),
            one => out.push(one),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_text_cannot_become_markup_or_cues() {
        let mut file = String::new();
        begin(&mut file);
        let (from, to) = (Duration::from_millis(3_723_004), Duration::from_millis(3_724_000));
        let text = "a <b> & c\n\n00:00 --> 00:01\n";
        write(&Cue { id: "chat", from, to, speaker: "Ann\n> Lee", text }, &mut file);
        assert_eq!(
            file,
            "WEBVTT\n\nchat\n01:02:03.004 --> 01:02:04.000\n<v Ann &gt; Lee>a &lt;b&gt; &amp; c\n00:00 --&gt; 00:01\n"
        );
    }
}
