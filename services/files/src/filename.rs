//! Names of files, made fit to be shown, saved under and put into a header.

use std::fmt::Write as _;

/// The longest name, in bytes: what file systems take.
const MOST_BYTES: usize = 255;
/// For names that come to nothing.
const NAMELESS: &str = "file";

/// A file's name without folders, control characters, characters that turn the direction of writing, or dots at the
/// ends (on Windows a name ends before them). Never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Filename(String);

impl Filename {
    /// Keeps of any text what makes a name.
    pub(crate) fn parse(raw: &str) -> Self {
        let last = raw.rsplit(['/', '\\']).next().unwrap_or_default();
        let kept: String = last
            .chars()
            .filter(|c| !c.is_control() && !turns_or_hides(*c))
            .map(|c| if matches!(c, '<' | '>' | ':' | '"' | '|' | '?' | '*') { '_' } else { c })
            .collect();
        let kept = shorten(kept.trim().trim_matches('.').trim());
        Self(if kept.is_empty() { NAMELESS.to_owned() } else { kept })
    }

    pub(crate) fn into_string(self) -> String {
        self.0
    }
}

/// Bidirectional controls (`cod.exe` that reads as `exe.doc`), invisible characters, the byte order mark.
const fn turns_or_hides(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Cuts in the middle of a long name, so that its ending stays.
fn shorten(name: &str) -> String {
    if name.len() <= MOST_BYTES {
        return name.to_owned();
    }
    let ending = name.rfind('.').map_or("", |dot| &name[dot..]);
    let ending = if ending.len() <= 32 { ending } else { "" };
    let mut cut = MOST_BYTES - ending.len();
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}{ending}", &name[..cut])
}

/// `Content-Disposition` (RFC 6266): the name in ASCII for the old, percent-encoded UTF-8 (RFC 8187) for the rest.
pub(crate) fn disposition(kind: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if matches!(c, ' '..='~') && !matches!(c, '"' | '\\' | '%') { c } else { '_' })
        .collect();
    format!("{kind}; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name))
}

/// Everything but RFC 3986's unreserved characters as `%XX`: fit for a path segment and for RFC 8187.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(raw: &str) -> String {
        Filename::parse(raw).into_string()
    }

    #[test]
    fn a_name_has_no_folders_and_nothing_that_lies_about_its_ending() {
        assert_eq!(name("../../etc/passwd"), "passwd");
        assert_eq!(name("C:\\Users\\anna\\photo.jpg"), "photo.jpg");
        assert_eq!(name("photo\u{202e}gpj.exe"), "photogpj.exe");
        assert_eq!(name("a\0b\r\nc\u{200b}.txt"), "abc.txt");
        assert_eq!(name("what?.txt"), "what_.txt");
        assert_eq!(name(" .. "), "file");
        assert_eq!(name(""), "file");
        assert_eq!(name("/"), "file");
        assert_eq!(name("отчёт 2026.pdf"), "отчёт 2026.pdf");
        assert_eq!(name("مرحبا.png"), "مرحبا.png", "letters of every script stay");
    }

    #[test]
    fn a_long_name_keeps_its_ending() {
        let long = name(&format!("{}.png", "я".repeat(300)));
        assert!(long.len() <= MOST_BYTES && long.ends_with("я.png"), "{long}");
        assert!(name(&"x".repeat(1000)).len() == MOST_BYTES);
    }

    #[test]
    fn a_header_holds_any_name() {
        assert_eq!(
            disposition("attachment", "a \"б\".txt"),
            "attachment; filename=\"a ___.txt\"; filename*=UTF-8''a%20%22%D0%B1%22.txt"
        );
    }
}
