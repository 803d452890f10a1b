//! Why something is not made of a recording, in words for people and in one for programs.

use std::io;

/// The reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// There is no ffmpeg.
    NoFfmpeg,
    /// There is one, and it lacks an encoder or a filter.
    PoorFfmpeg,
    /// Nobody showed a camera or a screen.
    NoPictures,
    /// The disk does not take it.
    FullDisk,
    /// ffmpeg ended with an error.
    FfmpegFailed,
    /// ffmpeg went on without getting anywhere, or took far too long.
    Stalled,
    /// A track or another file of the recording cannot be read or written.
    Broken,
    /// The server went down several times while it was made.
    Crashed,
    /// It is there, without the names under the pictures: this ffmpeg writes no text.
    NoNames,
}

impl Cause {
    const ALL: [Self; 9] = [
        Self::NoFfmpeg,
        Self::PoorFfmpeg,
        Self::NoPictures,
        Self::FullDisk,
        Self::FfmpegFailed,
        Self::Stalled,
        Self::Broken,
        Self::Crashed,
        Self::NoNames,
    ];

    /// As it is stored and told to programs.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::NoFfmpeg => "no_ffmpeg",
            Self::PoorFfmpeg => "poor_ffmpeg",
            Self::NoPictures => "no_pictures",
            Self::FullDisk => "full_disk",
            Self::FfmpegFailed => "ffmpeg_failed",
            Self::Stalled => "stalled",
            Self::Broken => "broken",
            Self::Crashed => "crashed",
            Self::NoNames => "no_names",
        }
    }

    /// A sentence.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::NoFfmpeg => {
                "The server has no ffmpeg. Whoever runs it can install it; a minute later it is used."
            }
            Self::PoorFfmpeg => "The server's ffmpeg lacks encoders: libx264 and aac, or libvpx-vp9.",
            Self::NoPictures => "Nobody showed a camera or a screen.",
            Self::FullDisk => "The server's disk is full. Ask its operator to make room, then try again.",
            Self::FfmpegFailed => "ffmpeg failed. The server's log says more; it may be tried again.",
            Self::Stalled => "ffmpeg stood still and was ended. It may be tried again.",
            Self::Broken => "The files of the recording cannot be read, or not be written.",
            Self::Crashed => "The server went down several times while it was made. It may be tried again.",
            Self::NoNames => "The server's ffmpeg writes no text, so the pictures have no names.",
        }
    }

    /// Reads [`Self::code`].
    pub(crate) fn of(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.code() == code)
    }
}

impl From<io::Error> for Cause {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::FullDisk,
            _ => Self::Broken,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_back() {
        assert!(Cause::ALL.into_iter().all(|cause| Cause::of(cause.code()) == Some(cause)));
        assert_eq!(Cause::of("no disk"), None);
    }
}
