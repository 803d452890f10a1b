//! What addresses within a broadcast name.

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Pictures with sound.
    Both,
    Sound,
    /// The same for players that know no Opus in MP4.
    BothAac,
    SoundAac,
}

impl Stream {
    pub(super) const ALL: [Self; 4] = [Self::Both, Self::Sound, Self::BothAac, Self::SoundAac];

    /// Its place in [`Self::ALL`].
    pub(super) const fn index(self) -> usize {
        self as usize
    }

    pub(super) const fn has_pictures(self) -> bool {
        matches!(self, Self::Both | Self::BothAac)
    }

    pub(super) const fn is_aac(self) -> bool {
        matches!(self, Self::BothAac | Self::SoundAac)
    }

    /// As the address of its playlist has it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Both => "both",
            Self::Sound => "sound",
            Self::BothAac => "both.aac",
            Self::SoundAac => "sound.aac",
        }
    }

    /// Out of the last part of the address of a playlist.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".m3u8")?;
        Self::ALL.into_iter().find(|stream| stream.name() == name)
    }
}

/// What an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The initialisation segment with this number, of pictures and sound.
    Init {
        number: u64,
        is_aac: bool,
    },
    /// The one of sound alone.
    SoundInit {
        is_aac: bool,
    },
    Segment(Stream, u64),
}

impl Piece {
    /// With Opus and with AAC.
    pub(super) fn inits(number: u64) -> [Self; 2] {
        [false, true].map(|is_aac| Self::Init { number, is_aac })
    }

    /// With Opus and with AAC.
    pub(super) fn sound_inits() -> [Self; 2] {
        [false, true].map(|is_aac| Self::SoundInit { is_aac })
    }

    /// Whether nothing is to be seen in it.
    pub(super) const fn is_sound(self) -> bool {
        match self {
            Self::Init { .. } => false,
            Self::SoundInit { .. } => true,
            Self::Segment(stream, _) => !stream.has_pictures(),
        }
    }

    /// Out of the last part of an address.
    pub(super) fn parse(name: &str) -> Option<Self> {
        let (name, ending) = name.rsplit_once('.')?;
        let (name, is_aac) = name.strip_suffix(".aac").map_or((name, false), |name| (name, true));
        let number = |text: &str| text.parse().ok().filter(|number: &u64| number.to_string() == text);
        match (ending, name.strip_suffix(".sound")) {
            ("mp4", _) if name == "sound" => Some(Self::SoundInit { is_aac }),
            ("mp4", _) => number(name).map(|number| Self::Init { number, is_aac }),
            ("m4s", None) => {
                let stream = if is_aac { Stream::BothAac } else { Stream::Both };
                number(name).map(|number| Self::Segment(stream, number))
            }
            ("m4s", Some(name)) => {
                let stream = if is_aac { Stream::SoundAac } else { Stream::Sound };
                number(name).map(|number| Self::Segment(stream, number))
            }
            _ => None,
        }
    }

    /// The last part of its address.
    pub(super) fn name(self) -> String {
        let aac = |is_aac: bool| if is_aac { ".aac" } else { "" };
        match self {
            Self::Init { number, is_aac } => format!("{number}{}.mp4", aac(is_aac)),
            Self::SoundInit { is_aac } => format!("sound{}.mp4", aac(is_aac)),
            Self::Segment(stream, number) => {
                let sound = if stream.has_pictures() { "" } else { ".sound" };
                format!("{number}{sound}{}.m4s", aac(stream.is_aac()))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_has_one_name() {
        let segments = Stream::ALL.map(|stream| Piece::Segment(stream, u64::MAX));
        let inits = [Piece::inits(0), Piece::inits(12), Piece::sound_inits()];
        let all: Vec<Piece> = segments.into_iter().chain(inits.into_iter().flatten()).collect();
        assert!(all.iter().all(|piece| Piece::parse(&piece.name()) == Some(*piece)));
        let names: std::collections::BTreeSet<String> = all.iter().map(|piece| piece.name()).collect();
        assert_eq!(names.len(), all.len());
        let none = ["", ".mp4", "00.mp4", "1.m4s.x", "+1.m4s", "-1.sound.m4s", "both.m4s", "1.mp3"];
        for other in none.into_iter().chain(["1.aac.sound.m4s", "1.aac.aac.mp4", "sound.m4s", "1.sound.mp4"])
        {
            assert_eq!(Piece::parse(other), None, "{other}");
        }
    }

    #[test]
    fn playlists_are_known_by_their_names() {
        assert!(
            Stream::ALL.into_iter().all(|one| Stream::parse(&format!("{}.m3u8", one.name())) == Some(one))
        );
        assert_eq!((Stream::parse("both"), Stream::parse("aac.m3u8")), (None, None));
    }
}
