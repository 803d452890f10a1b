//! What can be asked for.

use std::fmt;

use crate::capture::names::TrackName;

/// Something that is made of a recording when somebody asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Kind {
    /// Everyone's pictures beside each other, with the mix.
    Video,
    /// A small picture from the middle; nobody has to ask.
    Thumbnail,
    /// One track, without loss and without gaps.
    Sound(Format, TrackName),
}

/// How sound without loss is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Format {
    Flac,
    Wav,
}

impl Format {
    pub(crate) const BOTH: [Self; 2] = [Self::Flac, Self::Wav];

    /// As the API and the end of a file's name have it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Flac => "flac",
            Self::Wav => "wav",
        }
    }
}

impl Kind {
    /// As it is stored: `video`, or `flac:1.microphone.0`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None => Self::asked(text, None),
            Some((kind, track)) => Self::asked(kind, Some(track)),
        }
    }

    /// As the API asks for it.
    pub(crate) fn asked(kind: &str, track: Option<&str>) -> Option<Self> {
        let format = Format::BOTH.into_iter().find(|format| format.name() == kind);
        match (kind, format, track) {
            ("video", _, None) => Some(Self::Video),
            ("thumbnail", _, None) => Some(Self::Thumbnail),
            (_, Some(format), Some(track)) => {
                Some(Self::Sound(format, TrackName::parse(&format!("{track}.mkv"))?))
            }
            _ => None,
        }
    }

    /// As the API calls it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Video => "video",
            Self::Thumbnail => "thumbnail",
            Self::Sound(format, _) => format.name(),
        }
    }

    /// Which track it is of.
    pub(crate) fn track(self) -> Option<String> {
        match self {
            Self::Video | Self::Thumbnail => None,
            Self::Sound(_, track) => Some(track.stem()),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Video | Self::Thumbnail => f.write_str(self.name()),
            Self::Sound(format, track) => write!(f, "{}:{}", format.name(), track.stem()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn kinds_are_read_as_they_are_stored_and_nothing_else_is() {
        for text in ["video", "thumbnail", "flac:1.microphone.0", "wav:1.screen_audio.12"] {
            assert_eq!(Kind::parse(text).unwrap().to_string(), text);
        }
        for other in
            ["", "mix", "flac", "video:1.microphone.0", "wav:../1.microphone.0", "mp3:1.microphone.0"]
        {
            assert_eq!(Kind::parse(other), None, "{other}");
        }
    }
}
