//! Who spoke when, and what was written meanwhile, as a text track.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use voxlink_container::webvtt::{self, Cue};
use voxlink_protocol::{
    Timestamp, UserId,
    bus::{Written, WrittenBetween},
};

use super::products::Speech;
use crate::{Recordings, capture::story::Story, store::recordings::Recording};

/// Messages in one file.
const MOST_WRITTEN: u32 = 2_000;
/// What was written can be read for so long, and a little longer for each letter.
const READ: Duration = Duration::from_secs(3);
const READ_A_LETTER: Duration = Duration::from_millis(60);
const READ_AT_MOST: Duration = Duration::from_secs(12);
/// How cues of what was written are told from those of who spoke.
const CHAT: &str = "chat";

/// One line before it has names.
struct Line<'a> {
    from: Duration,
    to: Duration,
    who: UserId,
    /// `None`: they spoke.
    text: Option<&'a str>,
}

impl Recordings {
    /// Both, by name. Without the chat where it does not answer.
    pub(super) async fn captions(&self, recording: &Recording, speech: &[Speech], length_ms: u64) -> String {
        let story = Story::read(&self.folder(recording.id)).unwrap_or_default();
        let start = Timestamp(recording.id.0.unix_ms());
        let ask = WrittenBetween {
            channel: recording.channel,
            from: start,
            to: self.inner.env.now(),
            limit: MOST_WRITTEN,
        };
        let written = self.inner.bus.call(ask).await.unwrap_or_default();
        let lines = lines(speech, &written, &story, start, Duration::from_millis(length_ms));
        let mut ids: BTreeSet<UserId> = lines.iter().map(|line| line.who).collect();
        ids.extend(lines.iter().filter_map(|line| line.text).flat_map(mentioned));
        let names = self.names(recording.guild, ids).await;
        let mut text = String::new();
        webvtt::begin(&mut text);
        for Line { from, to, who, text: written } in lines {
            let speaker = names.get(&who).map_or("?", String::as_str);
            let (id, said) = match written {
                Some(written) => (CHAT, with_names(written, &names)),
                None => ("", speaker.to_owned()),
            };
            webvtt::write(&Cue { id, from, to, speaker, text: &said }, &mut text);
        }
        text
    }
}

fn lines<'a>(
    speech: &[Speech],
    written: &'a [Written],
    story: &Story,
    start: Timestamp,
    length: Duration,
) -> Vec<Line<'a>> {
    let mut lines = Vec::new();
    for one in speech {
        lines.extend(one.spoke.iter().map(|(from, to)| Line {
            from: Duration::from_millis(*from),
            to: Duration::from_millis(*to),
            who: one.user_id,
            text: None,
        }));
    }
    for Written { author, at, text } in written {
        let elapsed = Duration::from_millis(at.0.saturating_sub(start.0));
        // Not in a pause, and not after the end.
        let Some(from) = story.place(elapsed).filter(|from| *from < length) else { continue };
        let letters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let to = from + READ_AT_MOST.min(READ + READ_A_LETTER.saturating_mul(letters));
        lines.push(Line { from, to, who: *author, text: Some(text) });
    }
    lines.sort_by_key(|line| (line.from, line.text.is_some(), line.to));
    lines
}

/// `<@123>` and `<@!123>`, where it stands and whom it means.
fn mentions(text: &str) -> impl Iterator<Item = (std::ops::Range<usize>, UserId)> {
    text.match_indices("<@").filter_map(|(begin, _)| {
        let rest = text.get(begin + 2..)?;
        let (inside, _) = rest.split_once('>')?;
        let id = inside.trim_start_matches('!').parse().ok()?;
        Some((begin..begin + 2 + inside.len() + 1, UserId::new(id)))
    })
}

fn mentioned(text: &str) -> impl Iterator<Item = UserId> {
    mentions(text).map(|(_, who)| who)
}

fn with_names(text: &str, names: &HashMap<UserId, String>) -> String {
    let (mut named, mut done) = (String::new(), 0);
    for (place, who) in mentions(text) {
        let Some(name) = names.get(&who) else { continue };
        named.push_str(text.get(done..place.start).unwrap_or_default());
        named.push('@');
        named.push_str(name);
        done = place.end;
    }
    named.push_str(text.get(done..).unwrap_or_default());
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_stands_where_it_was_written() {
        let (anna, ms) = (UserId::new(1), Duration::from_millis);
        let speech = [Speech { user_id: anna, spoke: vec![(500, 900), (2_000, 2_500)] }];
        let write = |at, text: &str| Written { author: anna, at: Timestamp(at), text: text.to_owned() };
        let written = [write(10_600, "hello"), write(13_000, "too late")];
        let found = lines(&speech, &written, &Story::default(), Timestamp(10_000), ms(2_600));
        let shown: Vec<_> = found.iter().map(|line| (line.from, line.to, line.text)).collect();
        assert_eq!(
            shown,
            [(ms(500), ms(900), None), (ms(600), ms(3_900), Some("hello")), (ms(2_000), ms(2_500), None),]
        );
    }

    #[test]
    fn mentions_are_read_as_names() {
        let names = HashMap::from([(UserId::new(7), "Ада".to_owned())]);
        assert_eq!(
            with_names("hi <@7> and <@!7>, <@8> <@ 1 <@&7>", &names),
            "hi @Ада and @Ада, <@8> <@ 1 <@&7>"
        );
    }
}
