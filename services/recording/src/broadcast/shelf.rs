//! The last segments of a broadcast, in memory, and the playlists that name them (RFC 8216).

use std::{
    collections::VecDeque,
    fmt::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::cutter::{Cut, LONGEST, sound_init};

/// RFC 8216 §6.2.2 wants three times the target duration; whoever is late has a little more.
const KEPT: usize = 8;
/// §4.3.3.1, in whole seconds: no segment is longer. A picture in a second may come behind the end of one.
const TARGET: u64 = LONGEST.as_secs() + 1;

/// Which stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stream {
    /// Pictures with sound.
    Both,
    Sound,
}

/// What an address names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// The initialisation segment with this number.
    Init(u64),
    SoundInit,
    Segment(Stream, u64),
}

impl Piece {
    /// Out of the last part of an address.
    pub(super) fn parse(name: &str) -> Option<Self> {
        if name == "sound.mp4" {
            return Some(Self::SoundInit);
        }
        let number = |text: &str| text.parse().ok().filter(|number: &u64| number.to_string() == text);
        if let Some(init) = name.strip_suffix(".mp4") {
            return number(init).map(Self::Init);
        }
        let name = name.strip_suffix(".m4s")?;
        match name.strip_suffix(".sound") {
            Some(name) => number(name).map(|number| Self::Segment(Stream::Sound, number)),
            None => number(name).map(|number| Self::Segment(Stream::Both, number)),
        }
    }

    /// The last part of its address.
    pub(super) fn name(self) -> String {
        match self {
            Self::Init(number) => format!("{number}.mp4"),
            Self::SoundInit => "sound.mp4".to_owned(),
            Self::Segment(Stream::Both, number) => format!("{number}.m4s"),
            Self::Segment(Stream::Sound, number) => format!("{number}.sound.m4s"),
        }
    }
}

struct Init {
    number: u64,
    bytes: Bytes,
    /// One for all segments: a player knows by it that nothing has changed.
    address: String,
}

struct Kept {
    number: u64,
    length: Duration,
    is_discontinuous: bool,
    /// The number of its initialisation segment.
    init: u64,
    both: Option<Bytes>,
    sound: Bytes,
    /// Addresses of both, sealed.
    addresses: [String; 2],
}

/// One broadcast's.
pub(super) struct Shelf {
    kept: VecDeque<Kept>,
    next: u64,
    /// Those that segments still need, newest last.
    inits: VecDeque<Init>,
    sound_init: Init,
    /// Discontinuities that have left (RFC 8216 §4.3.3.3): of all segments, and of those with pictures.
    gone: [u64; 2],
    playlists: [Option<Bytes>; 2],
    ended: Option<Instant>,
    /// As `CODECS` names the pictures.
    codec: Option<String>,
}

impl Shelf {
    pub(super) fn new(seal: impl Fn(Piece) -> String) -> Self {
        let sound_init = Init { number: 0, bytes: sound_init(), address: seal(Piece::SoundInit) };
        Self {
            kept: VecDeque::new(),
            next: 0,
            inits: VecDeque::new(),
            sound_init,
            gone: [0; 2],
            playlists: [None, None],
            ended: None,
            codec: None,
        }
    }

    /// Puts a segment behind the others. `seal` makes an address of a piece.
    pub(super) fn push(&mut self, cut: Cut, seal: impl Fn(Piece) -> String) {
        let number = self.next;
        self.next += 1;
        if let Some(bytes) = cut.init {
            let number = self.inits.back().map_or(0, |newest| newest.number + 1);
            self.inits.push_back(Init { number, bytes, address: seal(Piece::Init(number)) });
        }
        self.kept.push_back(Kept {
            number,
            length: cut.length,
            is_discontinuous: cut.is_discontinuous,
            init: self.inits.back().map_or(0, |newest| newest.number),
            addresses: [Stream::Both, Stream::Sound].map(|stream| seal(Piece::Segment(stream, number))),
            both: cut.both,
            sound: cut.sound,
        });
        while self.kept.len() > KEPT
            && let Some(gone) = self.kept.pop_front()
        {
            let counts = u64::from(gone.is_discontinuous);
            self.gone[1] += counts;
            self.gone[0] += if gone.both.is_some() { counts } else { 0 };
        }
        let oldest = self.kept.front().map_or(0, |kept| kept.init);
        self.inits.retain(|init| init.number >= oldest);
        if cut.codec.is_some() {
            self.codec = cut.codec;
        }
        self.write();
    }

    /// Nothing comes any more.
    pub(super) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
        self.write();
    }

    /// When it ended.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended
    }

    /// The playlist of a stream; `None` while there is nothing of it.
    pub(super) fn playlist(&self, stream: Stream) -> Option<Bytes> {
        self.playlists[stream as usize].clone()
    }

    /// How the pictures are coded, as `CODECS` names it; `None`: there never were any.
    pub(super) fn codec(&self) -> Option<&str> {
        self.codec.as_deref()
    }

    /// Bits a second of a stream at its most, as far as it is here (RFC 8216 §4.3.4.2).
    pub(super) fn bandwidth(&self, stream: Stream) -> u64 {
        let of = |kept: &Kept| {
            let bytes = match stream {
                Stream::Both => kept.both.as_ref().map_or(0, Bytes::len),
                Stream::Sound => kept.sound.len(),
            };
            bytes as u64 * 8_000 / u64::try_from(kept.length.as_millis()).unwrap_or(1).max(1)
        };
        self.kept.iter().map(of).max().unwrap_or_default().max(1_000)
    }

    /// What an address names, if it is still here.
    pub(super) fn piece(&self, piece: Piece) -> Option<Bytes> {
        match piece {
            Piece::SoundInit => Some(self.sound_init.bytes.clone()),
            Piece::Init(wanted) => {
                self.inits.iter().find(|init| init.number == wanted).map(|init| init.bytes.clone())
            }
            Piece::Segment(stream, wanted) => {
                let kept = self.kept.iter().find(|kept| kept.number == wanted)?;
                match stream {
                    Stream::Both => kept.both.clone(),
                    Stream::Sound => Some(kept.sound.clone()),
                }
            }
        }
    }

    fn write(&mut self) {
        self.playlists = [Stream::Both, Stream::Sound].map(|stream| self.written(stream));
    }

    fn written(&self, stream: Stream) -> Option<Bytes> {
        let with_pictures = |kept: &&Kept| stream == Stream::Sound || kept.both.is_some();
        let kept: Vec<&Kept> = self.kept.iter().filter(with_pictures).collect();
        let first = kept.first()?;
        // Version 7 knows EXT-X-MAP with segments of MP4 (§7).
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{TARGET}\n#EXT-X-MEDIA-SEQUENCE:{}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
            first.number, self.gone[stream as usize]
        );
        let mut map = "";
        for kept in kept {
            if kept.is_discontinuous {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let own = match stream {
                Stream::Both => self.inits.iter().find(|init| init.number == kept.init)?,
                Stream::Sound => &self.sound_init,
            };
            if own.address != map {
                map = &own.address;
                let _fits = writeln!(text, "#EXT-X-MAP:URI=\"{map}\"");
            }
            let seconds = kept.length.as_secs_f64();
            let _fits = writeln!(text, "#EXTINF:{seconds:.3},\n{}", kept.addresses[stream as usize]);
        }
        if self.ended.is_some() {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn cut(has_pictures: bool, is_new: bool) -> Cut {
        Cut {
            length: Duration::from_millis(4_020),
            is_discontinuous: is_new,
            init: is_new.then(|| Bytes::from_static(b"init")),
            both: has_pictures.then(|| Bytes::from_static(b"both")),
            sound: Bytes::from_static(b"sound"),
            codec: has_pictures.then(|| "vp09".to_owned()),
        }
    }

    fn text(shelf: &Shelf, stream: Stream) -> String {
        String::from_utf8(shelf.playlist(stream).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn playlists_name_the_last_segments_and_what_they_begin_with() {
        let seal = |piece: Piece| format!("{}?seal", piece.name());
        let mut shelf = Shelf::new(seal);
        assert_eq!(shelf.playlist(Stream::Sound), None);
        shelf.push(cut(false, false), seal);
        assert_eq!(shelf.playlist(Stream::Both), None, "nothing to see yet");
        let head = "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:7\n#EXT-X-MEDIA-SEQUENCE:0\n\
                    #EXT-X-DISCONTINUITY-SEQUENCE:0\n";
        let first = "#EXT-X-MAP:URI=\"sound.mp4?seal\"\n#EXTINF:4.020,\n0.sound.m4s?seal\n";
        assert_eq!(text(&shelf, Stream::Sound), format!("{head}{first}"));
        shelf.push(cut(true, true), seal);
        shelf.push(cut(true, false), seal);
        shelf.push(cut(true, true), seal);
        let both = text(&shelf, Stream::Both);
        let segments = "#EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"0.mp4?seal\"\n#EXTINF:4.020,\n1.m4s?seal\n\
                        #EXTINF:4.020,\n2.m4s?seal\n\
                        #EXT-X-DISCONTINUITY\n#EXT-X-MAP:URI=\"1.mp4?seal\"\n#EXTINF:4.020,\n3.m4s?seal\n";
        assert!(both.contains("#EXT-X-MEDIA-SEQUENCE:1\n") && both.ends_with(segments), "{both}");
        assert_eq!(text(&shelf, Stream::Sound).matches("#EXT-X-MAP").count(), 1);
        for _ in 0..20 {
            shelf.push(cut(true, false), seal);
        }
        let both = text(&shelf, Stream::Both);
        assert!(both.contains("#EXT-X-DISCONTINUITY-SEQUENCE:2\n#EXT-X-MAP:URI=\"1.mp4?seal\"\n"), "{both}");
        assert_eq!((both.matches("#EXTINF").count(), shelf.kept.len()), (KEPT, KEPT));
        assert_eq!(shelf.piece(Piece::Init(0)), None, "no segment needs it");
        assert!(
            shelf.piece(Piece::Init(1)).is_some() && shelf.piece(Piece::Segment(Stream::Both, 3)).is_none()
        );
        shelf.end(Instant::now());
        assert!(text(&shelf, Stream::Both).ends_with("#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn a_piece_has_one_name() {
        let all = [
            Piece::Init(0),
            Piece::SoundInit,
            Piece::Segment(Stream::Both, u64::MAX),
            Piece::Segment(Stream::Sound, 12),
        ];
        assert!(all.iter().all(|piece| Piece::parse(&piece.name()) == Some(*piece)));
        for other in ["", ".mp4", "00.mp4", "1.m4s.x", "+1.m4s", "-1.sound.m4s", "both.m4s", "1.mp3"] {
            assert_eq!(Piece::parse(other), None, "{other}");
        }
    }
}
