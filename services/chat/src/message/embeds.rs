//! Embeds as they arrive: every text within its bound, every link a web link.

use serde::Deserialize;
use voxlink_protocol::{
    Embed, FieldErrors, Timestamp,
    embed::{EmbedAuthor, EmbedField, EmbedFooter, EmbedMedia, EmbedProvider},
};

use crate::Refusal;

/// v10: embeds of one message.
const MOST_EMBEDS: usize = 10;
/// v10: characters in all embeds of one message together.
const MOST_CHARS: usize = 6000;
/// v10: fields of one embed.
const MOST_FIELDS: usize = 25;
/// v10: the longest title, and the longest names of fields and authors, in characters.
const LONGEST_TITLE: usize = 256;
/// v10: the longest description.
const LONGEST_DESCRIPTION: usize = 4096;
/// v10: the longest value of a field.
const LONGEST_VALUE: usize = 1024;
/// v10: the longest footer.
const LONGEST_FOOTER: usize = 2048;
/// v10: the longest link.
const LONGEST_LINK: usize = 2048;
/// RGB.
const GREATEST_COLOR: u32 = 0xFF_FF_FF;
/// v10: what people and programs lay out; cards of links have other types.
const LAID_OUT: &str = "rich";

/// True for what was sent with a message, false for the card of one of its links.
pub(crate) fn is_laid_out(embed: &Embed) -> bool {
    embed.kind == LAID_OUT
}

/// An embed as it arrives; everything may be null. A `type` is not asked for.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct EmbedForm {
    title: Option<String>,
    description: Option<String>,
    url: Option<String>,
    timestamp: Option<Timestamp>,
    color: Option<u32>,
    footer: Option<FooterForm>,
    image: Option<MediaForm>,
    thumbnail: Option<MediaForm>,
    video: Option<MediaForm>,
    provider: Option<ProviderForm>,
    author: Option<AuthorForm>,
    fields: Option<Vec<FieldForm>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FooterForm {
    text: Option<String>,
    icon_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct MediaForm {
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ProviderForm {
    name: Option<String>,
    url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AuthorForm {
    name: Option<String>,
    url: Option<String>,
    icon_url: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct FieldForm {
    name: Option<String>,
    value: Option<String>,
    inline: Option<bool>,
}

/// Parses the embeds of a message.
///
/// # Errors
/// [`Refusal::Form`] that names every field that is wrong.
pub fn parse(forms: Vec<EmbedForm>) -> Result<Vec<Embed>, Refusal> {
    let mut check = Check::default();
    if forms.len() > MOST_EMBEDS {
        check.too_long("embeds", MOST_EMBEDS);
    }
    let embeds = forms.into_iter().take(MOST_EMBEDS).enumerate();
    let embeds = embeds.map(|(index, form)| check.embed(&format!("embeds.{index}"), form)).collect();
    if check.chars > MOST_CHARS {
        let message = format!("Embed size exceeds maximum size of {MOST_CHARS}");
        check.errors.add("embeds", "MAX_EMBED_SIZE_EXCEEDED", message);
    }
    if check.errors.is_empty() { Ok(embeds) } else { Err(Refusal::Form(check.errors)) }
}

/// Complaints so far, and the characters counted.
#[derive(Default)]
struct Check {
    errors: FieldErrors,
    chars: usize,
}

impl Check {
    fn embed(&mut self, at: &str, form: EmbedForm) -> Embed {
        let fields = form.fields.unwrap_or_default();
        if fields.len() > MOST_FIELDS {
            self.too_long(&format!("{at}.fields"), MOST_FIELDS);
        }
        if form.color.is_some_and(|color| color > GREATEST_COLOR) {
            let message = format!("int value should be less than or equal to {GREATEST_COLOR}.");
            self.errors.add(format!("{at}.color"), "NUMBER_TYPE_MAX", message);
        }
        let embed = Embed {
            kind: LAID_OUT.to_owned(),
            title: self.text(format!("{at}.title"), form.title, LONGEST_TITLE),
            description: self.text(format!("{at}.description"), form.description, LONGEST_DESCRIPTION),
            url: self.link(format!("{at}.url"), form.url, false),
            timestamp: form.timestamp,
            color: form.color,
            footer: form.footer.and_then(|footer| {
                let text = self.text(format!("{at}.footer.text"), footer.text, LONGEST_FOOTER);
                let icon_url = self.link(format!("{at}.footer.icon_url"), footer.icon_url, true);
                text.map(|text| EmbedFooter { text, icon_url })
            }),
            image: self.media(&format!("{at}.image"), form.image),
            thumbnail: self.media(&format!("{at}.thumbnail"), form.thumbnail),
            video: self.media(&format!("{at}.video"), form.video),
            provider: form.provider.map(|provider| EmbedProvider {
                name: self.text(format!("{at}.provider.name"), provider.name, LONGEST_TITLE),
                url: self.link(format!("{at}.provider.url"), provider.url, false),
            }),
            author: form.author.and_then(|author| {
                let name = self.text(format!("{at}.author.name"), author.name, LONGEST_TITLE);
                let url = self.link(format!("{at}.author.url"), author.url, false);
                let icon_url = self.link(format!("{at}.author.icon_url"), author.icon_url, true);
                name.map(|name| EmbedAuthor { name, url, icon_url })
            }),
            fields: fields
                .into_iter()
                .take(MOST_FIELDS)
                .enumerate()
                .map(|(index, field)| self.field(&format!("{at}.fields.{index}"), field))
                .collect(),
        };
        let bare = Embed { kind: LAID_OUT.to_owned(), ..Embed::default() };
        let shows_nothing = Embed { url: None, color: None, timestamp: None, ..embed.clone() } == bare;
        if shows_nothing && self.errors.is_empty() {
            self.required(format!("{at}.description"));
        }
        embed
    }

    fn field(&mut self, at: &str, form: FieldForm) -> EmbedField {
        let mut needed = |name: &str, text: Option<String>, longest| {
            let field = format!("{at}.{name}");
            let text = self.text(field.clone(), text, longest);
            text.unwrap_or_else(|| {
                self.required(field);
                String::new()
            })
        };
        let name = needed("name", form.name, LONGEST_TITLE);
        let value = needed("value", form.value, LONGEST_VALUE);
        EmbedField { name, value, inline: form.inline.unwrap_or(false) }
    }

    fn media(&mut self, at: &str, form: Option<MediaForm>) -> Option<EmbedMedia> {
        let url = self.link(format!("{at}.url"), form?.url, true)?;
        Some(EmbedMedia { url: Some(url), ..EmbedMedia::default() })
    }

    /// Trimmed and counted; nothing when there is nothing in it.
    fn text(&mut self, field: String, text: Option<String>, longest: usize) -> Option<String> {
        let text = text?.trim().to_owned();
        let chars = text.chars().count();
        self.chars += chars;
        if chars > longest {
            self.too_long(&field, longest);
        }
        Some(text).filter(|text| !text.is_empty())
    }

    fn link(&mut self, field: String, link: Option<String>, may_be_attached: bool) -> Option<String> {
        let link = link?.trim().to_owned();
        if link.is_empty() {
            return None;
        }
        if link.chars().count() > LONGEST_LINK {
            self.too_long(&field, LONGEST_LINK);
        }
        let host = ["https://", "http://"].into_iter().find_map(|scheme| link.strip_prefix(scheme));
        let is_web = host.is_some_and(|host| host.starts_with(|c: char| c.is_alphanumeric() || c == '['))
            && !link.contains(char::is_whitespace);
        let is_attached = may_be_attached && link.starts_with("attachment://");
        if !(is_web || is_attached) {
            let message = "Not a well formed URL: it begins with http:// or https://";
            self.errors.add(field, "URL_TYPE_INVALID_URL", message);
        }
        Some(link)
    }

    fn required(&mut self, field: String) {
        self.errors.add(field, "BASE_TYPE_REQUIRED", "This field is required");
    }

    fn too_long(&mut self, field: &str, longest: usize) {
        let message = format!("Must be {longest} or fewer in length.");
        self.errors.add(field, "BASE_TYPE_MAX_LENGTH", message);
    }
}
