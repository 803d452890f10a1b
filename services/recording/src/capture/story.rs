//! What the tracks of a recording do not tell: who was in it when, and when it was paused. Lines in a file beside them,
//! appended as things happen, so that a crash costs the last one at most.

use std::{
    fmt,
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::Path,
    time::Duration,
};

use voxlink_sfu::PersonId;

const FILE: &str = "story";

/// Something that happened, and where in the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// This person is in the call and is kept from now on.
    Kept(PersonId),
    /// They left, or are not kept any more.
    Gone(PersonId),
    /// So much time after its beginning it stopped for a while.
    Paused { elapsed: Duration },
    /// So much time after its beginning it went on.
    Resumed { elapsed: Duration },
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kept(person) => write!(f, "kept {}", person.0),
            Self::Gone(person) => write!(f, "gone {}", person.0),
            Self::Paused { elapsed } => write!(f, "paused {}", elapsed.as_millis()),
            Self::Resumed { elapsed } => write!(f, "resumed {}", elapsed.as_millis()),
        }
    }
}

/// The file while it is written.
pub(super) struct Writer(Option<File>);

impl Writer {
    /// In the folder of a recording.
    pub(super) fn begin(folder: &Path) -> Self {
        let opened = OpenOptions::new().append(true).create(true).open(folder.join(FILE));
        Self(opened.inspect_err(|error| tracing::warn!(%error, "who is in a recording is not noted")).ok())
    }

    /// Something happened at this time of the recording.
    pub(super) fn tell(&mut self, at: Duration, event: Event) {
        let line = format!("{} {event}\n", at.as_millis());
        if let Some(file) = &mut self.0
            && let Err(error) = file.write_all(line.as_bytes())
        {
            tracing::warn!(%error, "who is in a recording is not noted any more");
            self.0 = None;
        }
    }
}

/// What is known of a recording that is over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Story(Vec<(Duration, Event)>);

impl Story {
    /// Empty where nothing was noted.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub(crate) fn read(folder: &Path) -> io::Result<Self> {
        match fs::read_to_string(folder.join(FILE)) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    /// What is no whole line is left out.
    fn parse(text: &str) -> Self {
        let whole = text.rfind('\n').map_or("", |end| text.get(..end).unwrap_or_default());
        Self(whole.lines().filter_map(event).collect())
    }

    /// Who was in it from when until when, in the order of their coming; whoever did not leave until its end.
    pub(crate) fn presence(&self, end: Duration) -> Vec<(PersonId, Duration, Duration)> {
        let mut spans: Vec<(PersonId, Duration, Option<Duration>)> = Vec::new();
        for (at, event) in &self.0 {
            let open = |spans: &[(PersonId, Duration, Option<Duration>)], person: &PersonId| {
                spans.iter().position(|(one, _, until)| one == person && until.is_none())
            };
            match event {
                Event::Kept(person) if open(&spans, person).is_none() => spans.push((*person, *at, None)),
                Event::Gone(person) => {
                    if let Some((.., until)) = open(&spans, person).and_then(|found| spans.get_mut(found)) {
                        *until = Some(*at);
                    }
                }
                Event::Kept(_) | Event::Paused { .. } | Event::Resumed { .. } => {}
            }
        }
        let whole = spans.into_iter().map(|(person, from, until)| (person, from, until.unwrap_or(end)));
        whole.filter(|(_, from, until)| from < until).collect()
    }

    /// Where in the recording it was, so much time after its beginning; `None` in a pause.
    pub(crate) fn place(&self, elapsed: Duration) -> Option<Duration> {
        let (mut paused, mut since) = (Duration::ZERO, None);
        for (_, event) in &self.0 {
            match event {
                Event::Paused { elapsed: at } if *at <= elapsed => since = Some(*at),
                Event::Resumed { elapsed: at } if *at <= elapsed => {
                    paused += since.take().map_or(Duration::ZERO, |since| at.saturating_sub(since));
                }
                _ => {}
            }
        }
        since.is_none().then(|| elapsed.saturating_sub(paused))
    }
}

fn event(line: &str) -> Option<(Duration, Event)> {
    let mut words = line.split(' ');
    let at = Duration::from_millis(words.next()?.parse().ok()?);
    let (name, number) = (words.next()?, words.next()?.parse::<u64>().ok()?);
    let elapsed = Duration::from_millis(number);
    let event = match name {
        "kept" => Event::Kept(PersonId(number)),
        "gone" => Event::Gone(PersonId(number)),
        "paused" => Event::Paused { elapsed },
        "resumed" => Event::Resumed { elapsed },
        _ => return None,
    };
    words.next().is_none().then_some((at, event))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn who_was_there_is_read_as_it_was_told_and_a_torn_line_is_left_out() {
        let folder = std::env::temp_dir().join(format!("voxlink-story-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        assert_eq!(Story::read(&folder).unwrap(), Story::default());
        let (anna, ben, ms) = (PersonId(1), PersonId(u64::MAX), Duration::from_millis);
        let mut writer = Writer::begin(&folder);
        writer.tell(ms(10), Event::Kept(anna));
        writer.tell(ms(500), Event::Kept(ben));
        writer.tell(ms(900), Event::Gone(ben));
        writer.tell(ms(1_000), Event::Paused { elapsed: ms(1_000) });
        writer.tell(ms(1_000), Event::Resumed { elapsed: ms(4_000) });
        writer.tell(ms(1_500), Event::Kept(ben));
        drop(writer);
        let mut text = fs::read_to_string(folder.join(FILE)).unwrap();
        text.push_str("1700 gone 1");
        fs::write(folder.join(FILE), text).unwrap();
        let story = Story::read(&folder).unwrap();
        let spans = [(anna, ms(10), ms(2_000)), (ben, ms(500), ms(900)), (ben, ms(1_500), ms(2_000))];
        assert_eq!(story.presence(ms(2_000)), spans);
        let places = [999, 1_000, 3_999, 4_000, 5_000].map(|at| story.place(ms(at)));
        assert_eq!(places, [Some(ms(999)), None, None, Some(ms(1_000)), Some(ms(2_000))]);
        fs::remove_dir_all(folder).unwrap();
    }
}
