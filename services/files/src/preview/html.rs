//! What a page says of itself: OpenGraph, Twitter cards, title and description. Reads no further than its head.

use encoding_rs::{Encoding, UTF_8};
use html5gum::{DefaultEmitter, Token, Tokenizer};
use url::Url;

/// Characters kept.
const MOST_TITLE: usize = 256;
const MOST_DESCRIPTION: usize = 350;
const MOST_SITE: usize = 100;
/// Tags looked at: a head with more is no head.
const MOST_TOKENS: usize = 20_000;

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) site: Option<String>,
    pub(super) image: Option<Url>,
    /// The site wants its picture large.
    pub(super) large: bool,
    /// RGB.
    pub(super) color: Option<u32>,
}

/// Several tags may say the same; each group in the order of preference.
#[derive(Default)]
struct Found {
    titles: [Option<String>; 3],
    descriptions: [Option<String>; 3],
    images: [Option<String>; 2],
    site: Option<String>,
    card: Option<String>,
    color: Option<String>,
}

/// Reads a page.
pub(super) fn read(bytes: &[u8], content_type: &str, address: &Url) -> Page {
    let text = decode(bytes, content_type);
    let mut found = Found::default();
    let mut in_title = false;
    let mut emitter = DefaultEmitter::default();
    emitter.naively_switch_states(true);
    let tokenizer = Tokenizer::new_with_emitter(text.as_ref(), emitter);
    for token in tokenizer.take(MOST_TOKENS) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => match tag.name.as_slice() {
                b"title" => in_title = true,
                b"body" => break,
                b"meta" => {
                    let attribute = |name: &[u8]| {
                        let value = tag.attributes.get(name)?;
                        Some(String::from_utf8_lossy(value).into_owned())
                    };
                    let key = attribute(b"property").or_else(|| attribute(b"name"));
                    if let (Some(key), Some(value)) = (key, attribute(b"content")) {
                        found.take(&key.to_ascii_lowercase(), value);
                    }
                }
                _ => {}
            },
            Token::EndTag(tag) => match tag.name.as_slice() {
                b"title" => in_title = false,
                b"head" => break,
                _ => {}
            },
            Token::String(text) if in_title && found.titles[2].is_none() => {
                found.titles[2] = Some(String::from_utf8_lossy(&text).into_owned());
            }
            Token::String(_) | Token::Comment(_) | Token::Doctype(_) | Token::Error(_) => {}
        }
    }
    found.page(address)
}

impl Found {
    fn take(&mut self, key: &str, value: String) {
        let place = match key {
            "og:title" => &mut self.titles[0],
            "twitter:title" => &mut self.titles[1],
            "og:description" => &mut self.descriptions[0],
            "twitter:description" => &mut self.descriptions[1],
            "description" => &mut self.descriptions[2],
            "og:image" | "og:image:url" | "og:image:secure_url" => &mut self.images[0],
            "twitter:image" | "twitter:image:src" => &mut self.images[1],
            "og:site_name" => &mut self.site,
            "twitter:card" => &mut self.card,
            "theme-color" => &mut self.color,
            _ => return,
        };
        if place.is_none() && !value.trim().is_empty() {
            *place = Some(value);
        }
    }

    fn page(self, address: &Url) -> Page {
        let first = |texts: [Option<String>; 3], most| {
            texts.into_iter().flatten().map(|text| tidy(&text, most)).find(|text| !text.is_empty())
        };
        let image = self.images.into_iter().flatten().find_map(|link| {
            let url = address.join(link.trim()).ok()?;
            matches!(url.scheme(), "http" | "https").then_some(url)
        });
        Page {
            title: first(self.titles, MOST_TITLE),
            description: first(self.descriptions, MOST_DESCRIPTION),
            site: self.site.map(|site| tidy(&site, MOST_SITE)).filter(|site| !site.is_empty()),
            image,
            large: self.card.is_some_and(|card| card.trim() == "summary_large_image"),
            color: self.color.and_then(|color| {
                let digits = color.trim().strip_prefix('#')?;
                (digits.len() == 6).then(|| u32::from_str_radix(digits, 16).ok()).flatten()
            }),
        }
    }
}

/// One line, without what turns the direction of writing, cut at a length.
fn tidy(text: &str, most: usize) -> String {
    let plain: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((cut, _)) => format!("{}…", line[..cut].trim_end()),
        None => line,
    }
}

/// By the header, else by what the page says in its first KiB, else UTF-8.
fn decode<'a>(bytes: &'a [u8], content_type: &str) -> std::borrow::Cow<'a, str> {
    let beginning = String::from_utf8_lossy(bytes.get(..1024.min(bytes.len())).unwrap_or_default());
    let label = charset(content_type).or_else(|| charset(&beginning.to_ascii_lowercase()));
    let encoding = label.and_then(|label| Encoding::for_label(label.as_bytes())).unwrap_or(UTF_8);
    encoding.decode(bytes).0
}

fn charset(text: &str) -> Option<String> {
    let (_, rest) = text.split_once("charset=")?;
    let label: String = rest
        .trim_start_matches(['"', '\'', ' '])
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':'))
        .collect();
    (!label.is_empty()).then_some(label)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn page(html: &str) -> Page {
        read(html.as_bytes(), "text/html", &"https://example.org/a/b".parse().unwrap())
    }

    #[test]
    fn a_card_is_read_with_its_entities() {
        let read = page(
            "<!doctype html><html><head><title>Plain</title>
             <meta property='og:title' content='Boats &amp; ropes'><meta name=description content='  All\n about it '>
             <meta property='og:site_name' content='Harbour'><meta property='og:image' content='/pic.png'>
             <meta name='twitter:card' content='summary_large_image'><meta name=theme-color content='#1d7f5c'></head>",
        );
        assert_eq!(read.title.as_deref(), Some("Boats & ropes"));
        assert_eq!(read.description.as_deref(), Some("All about it"));
        assert_eq!(read.site.as_deref(), Some("Harbour"));
        assert_eq!(read.image.unwrap().as_str(), "https://example.org/pic.png");
        assert!(read.large && read.color == Some(0x1d_7f5c));
    }

    #[test]
    fn a_plain_title_will_do_and_scripts_and_bodies_are_not_read() {
        let read = page(
            "<title>A &lt;b&gt;</title><script>var a = \"<title>no</title>\"</script><body><meta name=description content=no>",
        );
        assert_eq!((read.title.as_deref(), read.description), (Some("A <b>"), None));
        let spoofed =
            page("<title>safe\u{202e}gpj.exe</title><meta property=og:image content='javascript:alert(1)'>");
        assert_eq!((spoofed.title.as_deref(), spoofed.image), (Some("safegpj.exe"), None));
        assert_eq!(page("").title, None);
        assert_eq!(page(&"<meta".repeat(100_000)).title, None);
    }

    #[test]
    fn an_old_page_says_its_encoding() {
        let bytes =
            [b"<meta charset=windows-1251><title>".as_slice(), &[0xcf, 0xf0, 0xe8], b"</title>"].concat();
        assert_eq!(read(&bytes, "text/html", &"http://a.b/".parse().unwrap()).title.as_deref(), Some("При"));
    }
}
