//! What files of a recording are called: the name says what a crash would make us forget.

use std::fmt;

use voxlink_sfu::{PersonId, Source};

/// `<person>.<source>.<number>.mkv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TrackName {
    pub(crate) person: PersonId,
    pub(crate) source: Source,
    /// Counts the files of one source.
    pub(crate) number: u32,
}

const SOURCES: [(Source, &str); 5] = [
    (Source::Microphone, "microphone"),
    (Source::Camera, "camera"),
    (Source::Screen, "screen"),
    (Source::ScreenAudio, "screen_audio"),
    // What they played: a soundboard's.
    (Source::Sound, "sound"),
];

impl TrackName {
    /// Reads a file's name; `None` for files of others.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let mut parts = name.strip_suffix(".mkv")?.split('.');
        let person = PersonId(parts.next()?.parse().ok()?);
        let source = parts.next()?;
        let (source, _) = SOURCES.into_iter().find(|(_, name)| *name == source)?;
        let number = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { person, source, number })
    }

    /// As the API names the track: without the end.
    pub(crate) fn stem(self) -> String {
        format!("{}.{}.{}", self.person.0, self.source_name(), self.number)
    }

    /// As the API calls the source.
    pub(crate) fn source_name(self) -> &'static str {
        source_name(self.source)
    }
}

/// As the API calls a source.
pub(crate) fn source_name(source: Source) -> &'static str {
    SOURCES.into_iter().find(|(one, _)| *one == source).map_or("", |(_, name)| name)
}

impl fmt::Display for TrackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.mkv", self.stem())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_was_written_and_nothing_else_is() {
        for (source, _) in SOURCES {
            let name = TrackName { person: PersonId(u64::MAX), source, number: 7 };
            assert_eq!(TrackName::parse(&name.to_string()), Some(name));
        }
        for other in [
            "",
            ".mkv",
            "1.camera.mkv",
            "1.camera.0.0.mkv",
            "1.door.0.mkv",
            "x.camera.0.mkv",
            "1.camera.0.tmp",
        ] {
            assert_eq!(TrackName::parse(other), None, "{other}");
        }
    }
}
