//! What a file is, by its bytes. What a client or a name claims is never asked.

/// What browsers may show in place. Everything else is only ever saved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum MediaType {
    Png,
    Jpeg,
    Gif,
    WebP,
    Mp4Video,
    Mp4Audio,
    WebM,
    Mp3,
    Ogg,
    Wav,
    Flac,
}

/// A kind of picture that we decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub(crate) enum PictureType {
    Png,
    Jpeg,
    Gif,
    WebP,
}

/// Bytes from the beginning that [`sniff`] wants to see.
pub(crate) const SNIFFED: usize = 4096;
/// What is served for everything that is not shown in place.
pub(crate) const UNKNOWN: &str = "application/octet-stream";

impl MediaType {
    const ALL: [Self; 11] = [
        Self::Png,
        Self::Jpeg,
        Self::Gif,
        Self::WebP,
        Self::Mp4Video,
        Self::Mp4Audio,
        Self::WebM,
        Self::Mp3,
        Self::Ogg,
        Self::Wav,
        Self::Flac,
    ];

    /// Its MIME type.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Gif => "image/gif",
            Self::WebP => "image/webp",
            Self::Mp4Video => "video/mp4",
            Self::Mp4Audio => "audio/mp4",
            Self::WebM => "video/webm",
            Self::Mp3 => "audio/mpeg",
            Self::Ogg => "audio/ogg",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
        }
    }

    /// The type with this MIME type; `None` for what is not shown in place.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|media| media.name() == name)
    }

    /// The kind of picture it is, if it is one.
    pub(crate) const fn picture(self) -> Option<PictureType> {
        match self {
            Self::Png => Some(PictureType::Png),
            Self::Jpeg => Some(PictureType::Jpeg),
            Self::Gif => Some(PictureType::Gif),
            Self::WebP => Some(PictureType::WebP),
            Self::Mp4Video | Self::Mp4Audio | Self::WebM | Self::Mp3 | Self::Ogg | Self::Wav | Self::Flac => {
                None
            }
        }
    }
}

impl PictureType {
    pub(crate) const fn codec(self) -> image::ImageFormat {
        match self {
            Self::Png => image::ImageFormat::Png,
            Self::Jpeg => image::ImageFormat::Jpeg,
            Self::Gif => image::ImageFormat::Gif,
            Self::WebP => image::ImageFormat::WebP,
        }
    }
}

/// What may be shown in place, from the first [`SNIFFED`] bytes.
pub(crate) fn sniff(head: &[u8]) -> Option<MediaType> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return Some(MediaType::Png);
    }
    if at(0, b"\xff\xd8\xff") {
        return Some(MediaType::Jpeg);
    }
    if at(0, b"GIF87a") || at(0, b"GIF89a") {
        return Some(MediaType::Gif);
    }
    if at(0, b"RIFF") && at(8, b"WEBP") {
        return Some(MediaType::WebP);
    }
    if at(0, b"RIFF") && at(8, b"WAVE") {
        return Some(MediaType::Wav);
    }
    if at(0, b"OggS\0") {
        return Some(MediaType::Ogg);
    }
    if at(0, b"fLaC") {
        return Some(MediaType::Flac);
    }
    if at(4, b"ftyp") {
        return mp4(head);
    }
    if at(0, b"\x1a\x45\xdf\xa3") {
        // EBML; the document's type stands near the beginning. Plain Matroska is not for browsers.
        let beginning = head.get(..64.min(head.len())).unwrap_or_default();
        return beginning.windows(4).any(|word| word == b"webm").then_some(MediaType::WebM);
    }
    if at(0, b"ID3") || mpeg_audio(head) {
        return Some(MediaType::Mp3);
    }
    None
}

/// ISO/IEC 14496-12 brands that browsers play.
fn mp4(head: &[u8]) -> Option<MediaType> {
    match head.get(8..12)? {
        b"M4A " | b"M4B " => Some(MediaType::Mp4Audio),
        b"isom" | b"iso2" | b"iso3" | b"iso4" | b"iso5" | b"iso6" | b"mp41" | b"mp42" | b"avc1" | b"M4V "
        | b"dash" | b"MSNV" | b"mmp4" => Some(MediaType::Mp4Video),
        _ => None,
    }
}

/// Two layer III frames in a row (ISO/IEC 11172-3): one header alone is only eleven bits.
fn mpeg_audio(head: &[u8]) -> bool {
    mpeg_frame(head).is_some_and(|length| head.get(length..).is_some_and(|next| mpeg_frame(next).is_some()))
}

fn mpeg_frame(bytes: &[u8]) -> Option<usize> {
    const RATES_V1: [usize; 15] = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320];
    const RATES_V2: [usize; 15] = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160];
    let [first, second, third, ..] = bytes else { return None };
    if *first != 0xff || second & 0xe6 != 0xe2 {
        return None;
    }
    let version_1 = match second >> 3 & 3 {
        3 => true,
        2 | 0 => false,
        _ => return None,
    };
    let rates = if version_1 { RATES_V1 } else { RATES_V2 };
    let rate = *rates.get(usize::from(third >> 4))? * 1000;
    let mut sampling = *[44_100, 48_000, 32_000].get(usize::from(third >> 2 & 3))?;
    match second >> 3 & 3 {
        2 => sampling /= 2,
        0 => sampling /= 4,
        _ => {}
    }
    let slots = if version_1 { 144 } else { 72 };
    let length = slots * rate / sampling + usize::from(third >> 1 & 1);
    (length > 4).then_some(length)
}

/// What to tell of a file that is not shown in place. Only told: it is served as [`UNKNOWN`].
pub(crate) fn describe(head: &[u8]) -> &'static str {
    const MAGIC: [(&[u8], &str); 7] = [
        (b"%PDF-", "application/pdf"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
        (b"Rar!\x1a\x07", "application/vnd.rar"),
        (b"\x1a\x45\xdf\xa3", "video/x-matroska"),
        (b"BM", "image/bmp"),
    ];
    if let Some((_, name)) = MAGIC.iter().find(|(magic, _)| head.starts_with(magic)) {
        return name;
    }
    match head.get(4..12) {
        Some(b"ftypqt  ") => return "video/quicktime",
        Some(b"ftypheic" | b"ftypmif1") => return "image/heic",
        Some(b"ftypavif") => return "image/avif",
        _ => {}
    }
    if is_text(head) { "text/plain; charset=utf-8" } else { UNKNOWN }
}

/// UTF-8 without control characters. The end may cut a character in two.
fn is_text(head: &[u8]) -> bool {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) if error.error_len().is_none() => head
            .get(..error.valid_up_to())
            .and_then(|whole| std::str::from_utf8(whole).ok())
            .unwrap_or_default(),
        Err(_) => return false,
    };
    !text.is_empty() && !text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{c}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_shown_is_known_by_its_bytes_and_by_nothing_else() {
        let shown: [(&[u8], &str); 8] = [
            (b"\x89PNG\r\n\x1a\n....", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"GIF89a", "image/gif"),
            (b"RIFF\0\0\0\0WEBPVP8 ", "image/webp"),
            (b"\0\0\0\x20ftypisom", "video/mp4"),
            (b"\0\0\0\x20ftypM4A ", "audio/mp4"),
            (b"\x1a\x45\xdf\xa3\x9f\x42\x86\x81\x01\x42\x82\x84webm", "video/webm"),
            (b"ID3\x04", "audio/mpeg"),
        ];
        for (bytes, name) in shown {
            assert_eq!(sniff(bytes).map(MediaType::name), Some(name));
            assert_eq!(MediaType::named(name).map(MediaType::name), Some(name));
        }
    }

    #[test]
    fn what_could_run_or_is_unknown_is_not_shown() {
        let not_shown: [(&[u8], &str); 8] = [
            (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "text/plain; charset=utf-8"),
            (b"<!doctype html><script>alert(1)</script>", "text/plain; charset=utf-8"),
            (b"%PDF-1.7", "application/pdf"),
            (b"PK\x03\x04", "application/zip"),
            (b"\x1a\x45\xdf\xa3\x42\x82\x88matroska", "video/x-matroska"),
            (b"\0\0\0\x20ftypqt  ", "video/quicktime"),
            (b"\xff\xfb\x90\0 not two frames", UNKNOWN),
            (b"", UNKNOWN),
        ];
        for (bytes, name) in not_shown {
            assert_eq!(sniff(bytes), None, "{bytes:?}");
            assert_eq!(describe(bytes), name, "{bytes:?}");
        }
    }

    #[test]
    fn two_frames_of_sound_in_a_row_are_mp3() {
        // MPEG 1 layer III, 128 kbit/s at 44.1 kHz: 417 bytes a frame.
        let mut bytes = vec![0; 1000];
        for at in [0, 417] {
            bytes[at..at + 3].copy_from_slice(&[0xff, 0xfb, 0x90]);
        }
        assert_eq!(sniff(&bytes), Some(MediaType::Mp3));
    }

    #[test]
    fn a_text_that_is_cut_within_a_character_is_text() {
        assert!(is_text(&"привет".as_bytes()[..11]));
        assert!(!is_text(b"a\0b"));
    }
}
