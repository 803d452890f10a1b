//! What a message is found by.

use std::{
    collections::BTreeSet,
    fmt::{Display, Write},
};

use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use voxlink_protocol::{
    ChannelId, GuildId, Message, MessageId, MessageKind, RoleId, UserId, embed::EmbedProvider,
};

/// Begins each mark. It is in Unicode's private use area: no letter, so no word has it.
const MARK: char = '\u{E000}';
/// Longer words are cut.
const LONGEST: usize = 64;

/// What a message can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Has {
    Link,
    Embed,
    File,
    Image,
    Video,
    Sound,
    Sticker,
    Poll,
    Snapshot,
}

/// What a message is found by besides its words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mark<'a> {
    Guild(GuildId),
    Channel(ChannelId),
    Author(UserId),
    /// Its author is a bot.
    Bot,
    Mentions(UserId),
    MentionsRole(RoleId),
    MentionsEveryone,
    RepliesTo(MessageId),
    RepliesToUser(UserId),
    Pinned,
    Has(Has),
    EmbedKind(&'a str),
    EmbedProvider(&'a str),
    LinkHost(&'a str),
    Extension(&'a str),
    FileName(&'a str),
}

impl Mark<'_> {
    /// The term in the index.
    #[must_use]
    pub fn term(self) -> String {
        match self {
            Self::Guild(id) => mark('g', id),
            Self::Channel(id) => mark('c', id),
            Self::Author(id) => mark('u', id),
            Self::Bot => mark('b', ""),
            Self::Mentions(id) => mark('m', id),
            Self::MentionsRole(id) => mark('r', id),
            Self::MentionsEveryone => mark('e', ""),
            Self::RepliesTo(id) => mark('q', id),
            Self::RepliesToUser(id) => mark('p', id),
            Self::Pinned => mark('k', ""),
            Self::Has(has) => mark('h', has as u8),
            Self::EmbedKind(kind) => mark('t', bare(kind)),
            Self::EmbedProvider(name) => mark('o', bare(name)),
            Self::LinkHost(host) => mark('l', bare(host)),
            Self::Extension(extension) => mark('x', bare(extension)),
            Self::FileName(name) => mark('f', bare(name)),
        }
    }
}

fn mark(kind: char, value: impl Display) -> String {
    let mut term = String::from(MARK);
    term.push(kind);
    // Writing into a string does not fail.
    let _written = write!(term, "{value}");
    term
}

/// Letters and digits only: a name of a file or a site as one term.
fn bare(name: &str) -> String {
    words(name).concat().chars().take(LONGEST).collect()
}

/// Scripts that are written without spaces: each character is a word.
fn stands_alone(letter: char) -> bool {
    matches!(letter, '\u{3040}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{F900}'..='\u{FAFF}' | '\u{20000}'..='\u{3FFFF}')
}

/// The words of a text: runs of letters and digits, in lower case, without accents (`й` is a letter of its own).
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut word = String::new();
    let mut length = 0;
    for letter in text.nfkd() {
        if is_combining_mark(letter) {
            if letter == '\u{306}' && word.ends_with('и') {
                word.pop();
                word.push('й');
            }
        } else if letter.is_alphanumeric() {
            if stands_alone(letter) {
                found.extend((!word.is_empty()).then(|| std::mem::take(&mut word)));
                length = 0;
                found.push(letter.to_string());
            } else if length < LONGEST {
                word.extend(letter.to_lowercase().filter(|folded| !is_combining_mark(*folded)));
                length += 1;
            }
        } else if !word.is_empty() {
            found.push(std::mem::take(&mut word));
            length = 0;
        }
    }
    found.extend((!word.is_empty()).then_some(word));
    found
}

/// Hosts of the links in a text.
fn link_hosts(text: &str) -> Vec<&str> {
    let after = |scheme: &'static str| text.match_indices(scheme).map(move |(at, found)| at + found.len());
    let starts = after("https://").chain(after("http://"));
    let host = |start: usize| {
        let rest = text.get(start..)?;
        let end = rest.find(|c: char| c.is_whitespace() || "/?#:<>\"')|".contains(c)).unwrap_or(rest.len());
        rest.get(..end).filter(|host| !host.is_empty())
    };
    starts.filter_map(host).collect()
}

fn attachment_marks(message: &Message, terms: &mut BTreeSet<String>) {
    for file in &message.attachments {
        let kind = file.content_type.as_deref().unwrap_or_default();
        let has = [("image/", Has::Image), ("video/", Has::Video), ("audio/", Has::Sound)];
        let has = has.into_iter().filter(|(start, _)| kind.starts_with(start)).map(|(_, has)| has);
        terms.extend(has.chain([Has::File]).map(|has| Mark::Has(has).term()));
        terms.insert(Mark::FileName(&file.filename).term());
        if let Some((_, extension)) = file.filename.rsplit_once('.') {
            terms.insert(Mark::Extension(extension).term());
        }
        terms.extend(words(&file.filename));
    }
}

fn embed_marks(message: &Message, terms: &mut BTreeSet<String>) {
    for embed in &message.embeds {
        terms.insert(Mark::Has(Has::Embed).term());
        terms.insert(Mark::EmbedKind(&embed.kind).term());
        if embed.kind == "image" || embed.image.is_some() {
            terms.insert(Mark::Has(Has::Image).term());
        }
        if embed.video.is_some() {
            terms.insert(Mark::Has(Has::Video).term());
        }
        if let Some(EmbedProvider { name: Some(name), .. }) = &embed.provider {
            terms.insert(Mark::EmbedProvider(name).term());
        }
        let texts = [embed.title.as_deref(), embed.description.as_deref()];
        terms.extend(texts.into_iter().flatten().flat_map(words));
    }
}

/// The document of a message: each of its terms once. `None` for what the server tells, which nobody searches for.
#[must_use]
pub fn document(guild: Option<GuildId>, message: &Message) -> Option<String> {
    if !matches!(message.kind, MessageKind::Default | MessageKind::Reply) {
        return None;
    }
    let mut terms: BTreeSet<String> = words(&message.content).into_iter().collect();
    let marks = [Mark::Channel(message.channel_id), Mark::Author(message.author.id)];
    let if_so = [
        (message.author.bot, Mark::Bot),
        (message.mention_everyone, Mark::MentionsEveryone),
        (message.pinned, Mark::Pinned),
    ];
    let if_so = if_so.into_iter().filter(|(is_so, _)| *is_so).map(|(_, mark)| mark);
    let mentions = message.mentions.iter().map(|user| Mark::Mentions(user.id));
    let roles = message.mention_roles.iter().map(|role| Mark::MentionsRole(*role));
    let replied = message.message_reference.and_then(|reference| reference.message_id);
    let replied_user = message.referenced_message.iter().flatten().map(|replied| replied.author.id);
    let links = link_hosts(&message.content)
        .into_iter()
        .flat_map(|host| [Mark::Has(Has::Link), Mark::LinkHost(host)]);
    let marks = marks.into_iter().chain(guild.map(Mark::Guild)).chain(if_so).chain(mentions).chain(roles);
    let marks = marks.chain(replied.map(Mark::RepliesTo)).chain(replied_user.map(Mark::RepliesToUser));
    terms.extend(marks.chain(links).map(Mark::term));
    attachment_marks(message, &mut terms);
    embed_marks(message, &mut terms);
    let terms: Vec<String> = terms.into_iter().collect();
    Some(terms.join(" "))
}

#[cfg(test)]
mod tests {
    use voxlink_protocol::User;

    use super::*;

    #[test]
    fn words_are_folded_alike_in_a_message_and_in_a_query() {
        assert_eq!(words("Crème BRÛLÉE, ёлка и Йод! x_2"), ["creme", "brulee", "елка", "и", "йод", "x", "2"]);
        assert_eq!(words("日本語 text"), ["日", "本", "語", "text"]);
        assert_eq!(words("\u{E000}c5 \"a\" NOT b*"), ["c5", "a", "not", "b"]);
        assert_eq!(words(&"я".repeat(2000)), ["я".repeat(64)]);
        assert_eq!(words(" 🎉 — … "), Vec::<String>::new());
    }

    #[test]
    fn a_document_has_each_term_once_and_no_spaces_in_them() {
        let author = User::new(UserId::new(7), "anna");
        let text = "see https://example.org/a see http://sub.example.org";
        let message = Message::new(MessageId::new(9), ChannelId::new(8), author, text);
        let document = document(Some(GuildId::new(1)), &message).unwrap_or_default();
        let terms: Vec<&str> = document.split(' ').collect();
        for mark in [
            Mark::Guild(GuildId::new(1)),
            Mark::Channel(ChannelId::new(8)),
            Mark::Author(UserId::new(7)),
            Mark::Has(Has::Link),
            Mark::LinkHost("example.org"),
            Mark::LinkHost("sub.example.org"),
        ] {
            assert_eq!(terms.iter().filter(|term| **term == mark.term()).count(), 1, "{mark:?}");
        }
        assert_eq!(terms.iter().filter(|term| **term == "see").count(), 1);
    }
}
