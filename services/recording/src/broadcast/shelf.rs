//! The last segments of a broadcast, in memory, and the playlists that name them (RFC 8216).
//!
//! Opus is there with each segment; AAC is put beside it a little later, while somebody wants it.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    time::{Duration, Instant},
};

use bytes::Bytes;

use super::{
    cutter::{Cut, LONGEST, sound_inits},
    part::{Part, Segment},
    piece::{Piece, Stream},
};

/// RFC 8216 §6.2.2 wants three times the target duration; whoever is late has a little more.
const KEPT: usize = 8;
/// As many have AAC when it is begun.
const WITH_AAC: usize = 4;
/// §4.3.3.1, in whole seconds: no segment is longer. A picture in a second may come behind the end of one.
const TARGET: u64 = LONGEST.as_secs() + 1;

struct Init {
    number: u64,
    /// With Opus, with AAC.
    bytes: [Bytes; 2],
    /// One for all segments: a player knows by it that nothing has changed.
    addresses: [String; 2],
}

struct Kept {
    number: u64,
    /// As segments count.
    sequence: u32,
    begin: Duration,
    length: Duration,
    is_discontinuous: bool,
    /// The number of its initialisation segment.
    init: u64,
    pictures: Option<Part>,
    /// One of each stream, with their addresses, sealed.
    segments: [Option<Segment>; Stream::ALL.len()],
    addresses: [String; Stream::ALL.len()],
}

impl Kept {
    fn has(&self, stream: Stream) -> bool {
        self.of(stream).is_some()
    }

    fn of(&self, stream: Stream) -> Option<&Segment> {
        self.segments.get(stream.index()).and_then(Option::as_ref)
    }
}

/// A segment without AAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Silent {
    pub(super) number: u64,
    /// On the line of time.
    pub(super) begin: Duration,
    pub(super) end: Duration,
}

/// One broadcast's.
pub(super) struct Shelf {
    kept: VecDeque<Kept>,
    next: u64,
    /// Those that segments still need, newest last.
    inits: VecDeque<Init>,
    sound_init: Init,
    /// Discontinuities that have left each stream (RFC 8216 §4.3.3.3).
    gone: [u64; Stream::ALL.len()],
    playlists: [Option<Bytes>; Stream::ALL.len()],
    ended: Option<Instant>,
    /// No more AAC comes to what is here.
    aac_ended: bool,
    /// As `CODECS` names the pictures.
    codec: Option<String>,
}

impl Shelf {
    pub(super) fn new(seal: impl Fn(Piece) -> String) -> Self {
        let addresses = Piece::sound_inits().map(seal);
        Self {
            kept: VecDeque::new(),
            next: 0,
            inits: VecDeque::new(),
            sound_init: Init { number: 0, bytes: sound_inits(), addresses },
            gone: Default::default(),
            playlists: Default::default(),
            ended: None,
            aac_ended: false,
            codec: None,
        }
    }

    /// Puts a segment behind the others. `seal` makes an address of a piece.
    pub(super) fn push(&mut self, cut: Cut, seal: impl Fn(Piece) -> String) {
        let number = self.next;
        self.next += 1;
        if let Some(bytes) = cut.init {
            let number = self.inits.back().map_or(0, |newest| newest.number + 1);
            self.inits.push_back(Init { number, bytes, addresses: Piece::inits(number).map(&seal) });
        }
        let pictures = cut.pictures.as_ref();
        let both = pictures.map(|pictures| Segment::new(cut.sequence, Some(pictures), &cut.sound));
        let segments = Stream::ALL.map(|stream| match stream {
            Stream::Both => both.clone(),
            Stream::Sound => Some(Segment::new(cut.sequence, None, &cut.sound)),
            Stream::BothAac | Stream::SoundAac => None,
        });
        self.kept.push_back(Kept {
            number,
            sequence: cut.sequence,
            begin: cut.begin,
            length: cut.length,
            is_discontinuous: cut.is_discontinuous,
            init: self.inits.back().map_or(0, |newest| newest.number),
            pictures: cut.pictures,
            segments,
            addresses: Stream::ALL.map(|stream| seal(Piece::Segment(stream, number))),
        });
        while self.kept.len() > KEPT
            && let Some(gone) = self.kept.pop_front()
        {
            for (count, stream) in self.gone.iter_mut().zip(Stream::ALL) {
                *count += u64::from(gone.is_discontinuous && gone.has(stream));
            }
        }
        let oldest = self.kept.front().map_or(0, |kept| kept.init);
        self.inits.retain(|init| init.number >= oldest);
        if cut.codec.is_some() {
            self.codec = cut.codec;
        }
        self.write();
    }

    /// The first segment that AAC is to be made of: behind those that have it, so that players miss none.
    pub(super) fn silent(&self) -> Option<Silent> {
        let has = |kept: &Kept| kept.has(Stream::SoundAac);
        let from = match self.kept.iter().rposition(has) {
            Some(newest) => newest + 1,
            None => self.kept.len().saturating_sub(WITH_AAC),
        };
        self.kept.get(from).map(|kept| Silent {
            number: kept.number,
            begin: kept.begin,
            end: kept.begin + kept.length,
        })
    }

    /// The AAC of a segment.
    pub(super) fn put_aac(&mut self, number: u64, sound: &Part) {
        let Some(kept) = self.kept.iter_mut().find(|kept| kept.number == number) else { return };
        let (pictures, sequence) = (kept.pictures.as_ref(), kept.sequence);
        for (segment, stream) in kept.segments.iter_mut().zip(Stream::ALL) {
            match stream {
                Stream::Both | Stream::Sound => {}
                Stream::BothAac => {
                    *segment = pictures.map(|pictures| Segment::new(sequence, Some(pictures), sound));
                }
                Stream::SoundAac => *segment = Some(Segment::new(sequence, None, sound)),
            }
        }
        self.write();
    }

    /// Whether a player of AAC finds what is newest, or what was a moment ago.
    pub(super) fn is_up_to_date(&self, stream: Stream) -> bool {
        self.kept.iter().rev().take(2).any(|kept| kept.has(stream))
    }

    /// Nothing comes any more but the AAC of what is here.
    pub(super) fn end(&mut self, now: Instant) {
        self.ended = Some(now);
        self.write();
    }

    /// Nor that.
    pub(super) fn end_aac(&mut self) {
        self.aac_ended = true;
        self.write();
    }

    /// When it ended.
    pub(super) fn ended(&self) -> Option<Instant> {
        self.ended
    }

    /// The playlist of a stream; `None` while there is nothing of it.
    pub(super) fn playlist(&self, stream: Stream) -> Option<Bytes> {
        self.playlists.get(stream.index()).and_then(Clone::clone)
    }

    /// How many segments of a stream there are.
    pub(super) fn count(&self, stream: Stream) -> usize {
        self.kept.iter().filter(|kept| kept.has(stream)).count()
    }

    /// How the pictures are coded, as `CODECS` names it; `None`: there never were any.
    pub(super) fn codec(&self) -> Option<&str> {
        self.codec.as_deref()
    }

    /// Bits a second of a stream at its most, as far as it is here (RFC 8216 §4.3.4.2). Of AAC it is as much as it will be.
    pub(super) fn bandwidth(&self, stream: Stream) -> u64 {
        let of = |kept: &Kept| {
            let (with_opus, more) = match stream {
                Stream::Both | Stream::BothAac => (kept.of(Stream::Both), 0),
                Stream::Sound => (kept.of(Stream::Sound), 0),
                Stream::SoundAac => (None, super::aac::BITRATE),
            };
            let bytes = with_opus.map_or(0, Segment::len) as u64;
            bytes * 8_000 / u64::try_from(kept.length.as_millis()).unwrap_or(1).max(1) + more
        };
        let more = if stream == Stream::BothAac { super::aac::BITRATE } else { 0 };
        self.kept.iter().map(of).max().unwrap_or_default().max(1_000) + more
    }

    /// What an address names, if it is still here.
    pub(super) fn piece(&self, piece: Piece) -> Option<Segment> {
        let init = |init: &Init, is_aac: bool| {
            let [opus, aac] = &init.bytes;
            Segment::of(if is_aac { aac } else { opus }.clone())
        };
        match piece {
            Piece::SoundInit { is_aac } => Some(init(&self.sound_init, is_aac)),
            Piece::Init { number, is_aac } => {
                self.inits.iter().find(|init| init.number == number).map(|found| init(found, is_aac))
            }
            Piece::Segment(stream, wanted) => {
                self.kept.iter().find(|kept| kept.number == wanted)?.of(stream).cloned()
            }
        }
    }

    fn write(&mut self) {
        self.playlists = Stream::ALL.map(|stream| self.written(stream));
    }

    fn written(&self, stream: Stream) -> Option<Bytes> {
        let kept: Vec<&Kept> = self.kept.iter().filter(|kept| kept.has(stream)).collect();
        let first = kept.first()?;
        // Version 7 knows EXT-X-MAP with segments of MP4 (§7).
        let mut text = format!(
            "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:{TARGET}\n#EXT-X-MEDIA-SEQUENCE:{}\n\
             #EXT-X-DISCONTINUITY-SEQUENCE:{}\n",
            first.number,
            self.gone.get(stream.index())?
        );
        let mut map = "";
        for kept in kept {
            if kept.is_discontinuous {
                text.push_str("#EXT-X-DISCONTINUITY\n");
            }
            let own = match stream.has_pictures() {
                true => self.inits.iter().find(|init| init.number == kept.init)?,
                false => &self.sound_init,
            };
            let [opus, aac] = &own.addresses;
            let address = if stream.is_aac() { aac } else { opus };
            if address != map {
                map = address;
                let _fits = writeln!(text, "#EXT-X-MAP:URI=\"{map}\"");
            }
            let seconds = kept.length.as_secs_f64();
            let _fits = writeln!(text, "#EXTINF:{seconds:.3},\n{}", kept.addresses.get(stream.index())?);
        }
        let is_whole = !stream.is_aac() || self.aac_ended || self.silent().is_none();
        if self.ended.is_some() && is_whole {
            text.push_str("#EXT-X-ENDLIST\n");
        }
        Some(text.into())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use voxlink_container::fmp4::Sample;

    use super::*;

    fn part(payload: &[u8]) -> Part {
        Part::new(0, [Sample { duration: 1, is_key: true, payload: payload.to_vec() }])
    }

    fn cut(has_pictures: bool, is_new: bool) -> Cut {
        Cut {
            sequence: 1,
            begin: Duration::ZERO,
            length: Duration::from_millis(4_020),
            is_discontinuous: is_new,
            init: is_new.then(|| [Bytes::from_static(b"init"), Bytes::from_static(b"init of aac")]),
            pictures: has_pictures.then(|| part(b"pictures")),
            sound: part(b"opus"),
            codec: has_pictures.then(|| "vp09".to_owned()),
        }
    }

    fn seal(piece: Piece) -> String {
        format!("{}?seal", piece.name())
    }

    fn text(shelf: &Shelf, stream: Stream) -> String {
        String::from_utf8(shelf.playlist(stream).unwrap().to_vec()).unwrap()
    }

    #[test]
    fn playlists_name_the_last_segments_and_what_they_begin_with() {
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
        assert_eq!(shelf.piece(Piece::Init { number: 0, is_aac: false }), None, "no segment needs it");
        assert!(shelf.piece(Piece::Init { number: 1, is_aac: false }).is_some());
        assert!(shelf.piece(Piece::Segment(Stream::Both, 3)).is_none());
        shelf.end(Instant::now());
        assert!(text(&shelf, Stream::Both).ends_with("#EXT-X-ENDLIST\n"));
    }

    #[test]
    fn aac_comes_to_the_newest_segments_one_after_the_other_and_shares_what_they_show() {
        let mut shelf = Shelf::new(seal);
        for at in 0..6 {
            shelf.push(cut(true, at == 0), seal);
        }
        assert_eq!((shelf.playlist(Stream::BothAac), shelf.is_up_to_date(Stream::BothAac)), (None, false));
        assert_eq!((shelf.count(Stream::Both), shelf.count(Stream::BothAac)), (6, 0));
        for number in 2..5 {
            assert_eq!(shelf.silent().unwrap().number, number);
            shelf.put_aac(number, &part(b"aac"));
        }
        assert!(shelf.is_up_to_date(Stream::SoundAac), "the very newest takes a moment");
        let both = text(&shelf, Stream::BothAac);
        let named = "#EXT-X-MAP:URI=\"0.aac.mp4?seal\"\n#EXTINF:4.020,\n2.aac.m4s?seal\n#EXTINF:4.020,\n\
                     3.aac.m4s?seal\n#EXTINF:4.020,\n4.aac.m4s?seal\n";
        assert!(both.contains("#EXT-X-MEDIA-SEQUENCE:2\n") && both.ends_with(named), "{both}");
        assert!(text(&shelf, Stream::SoundAac).contains("sound.aac.mp4?seal\"\n"));
        let pieces = |stream| shelf.piece(Piece::Segment(stream, 4)).unwrap().pieces().collect::<Vec<_>>();
        let (opus, aac) = (pieces(Stream::Both), pieces(Stream::BothAac));
        assert_eq!((opus[1].as_ptr(), opus[1].as_ref()), (aac[1].as_ptr(), b"pictures".as_slice()));
        assert_eq!((opus[2].as_ref(), aac[2].as_ref()), (b"opus".as_slice(), b"aac".as_slice()));
        // Nobody wants it for a while; who comes then finds no hole.
        for _ in 0..KEPT {
            shelf.push(cut(true, false), seal);
        }
        assert_eq!((shelf.playlist(Stream::BothAac), shelf.silent().unwrap().number), (None, 10));
        for number in 10..13 {
            shelf.put_aac(number, &part(b"aac"));
        }
        shelf.end(Instant::now());
        assert!(!text(&shelf, Stream::SoundAac).contains("ENDLIST"), "its last segment is still to come");
        shelf.end_aac();
        assert!(text(&shelf, Stream::SoundAac).ends_with("#EXT-X-ENDLIST\n"));
    }
}
