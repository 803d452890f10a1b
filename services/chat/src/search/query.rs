//! What is searched for, from the outside into the terms of the index.

use voxlink_protocol::{ChannelId, MessageId, RoleId, Snowflake, UserId};

use super::terms::{Has, Mark, words};
use crate::Refusal;

/// v10: hits on one page, and unless one says otherwise.
const MOST_HITS: u32 = 25;
/// v10: how far one may page.
const MOST_OFFSET: u32 = 9975;
/// v10: characters of what is searched for.
const MOST_CONTENT: usize = 1024;
/// v10: values of one filter, and channels.
const MOST_VALUES: usize = 100;
const MOST_CHANNELS: usize = 500;
/// A shorter beginning of a word would match too much to be of use.
const SHORTEST_PREFIX: usize = 3;

/// At least one of these terms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The terms.
    pub one_of: Vec<String>,
    /// They are beginnings of terms.
    pub is_prefix: bool,
}

impl Group {
    pub(super) fn exact(one_of: Vec<String>) -> Self {
        Self { one_of, is_prefix: false }
    }
}

/// A question to the index: all of these groups and none of these terms.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Expression {
    /// A guild, or a direct conversation.
    pub scope: Snowflake,
    /// The term that everything in the scope has.
    pub whole: String,
    pub all: Vec<Group>,
    pub none: Vec<String>,
}

/// A search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchQuery {
    /// Marks that are asked for.
    marks: Vec<Group>,
    /// Marks that must not be there.
    without: Vec<String>,
    words: Vec<String>,
    /// Something was typed, but no word is in it: nothing matches.
    pub(super) is_hopeless: bool,
    /// Only in these, unless there are none.
    pub(super) channels: Vec<ChannelId>,
    pub(super) after: MessageId,
    pub(super) before: MessageId,
    pub(super) oldest_first: bool,
    pub(super) limit: u32,
    pub(super) offset: u32,
}

impl Default for SearchQuery {
    fn default() -> Self {
        Self {
            marks: Vec::new(),
            without: Vec::new(),
            words: Vec::new(),
            is_hopeless: false,
            channels: Vec::new(),
            after: MessageId::new(0),
            before: MessageId::new(i64::MAX.unsigned_abs()),
            oldest_first: false,
            limit: MOST_HITS,
            offset: 0,
        }
    }
}

impl SearchQuery {
    /// Reads the pairs of a query string; a filter with several values is repeated. Filters that do not exist are left
    /// out; `sort_by=relevance` sorts by time as well.
    ///
    /// # Errors
    /// [`Refusal::Form`].
    pub fn parse(pairs: &[(String, String)]) -> Result<Self, Refusal> {
        let form = Form(pairs);
        let mut query = Self::default();
        if let Some(content) = form.one("content") {
            if content.chars().count() > MOST_CONTENT {
                return Err(Refusal::field(
                    "content",
                    "BASE_TYPE_MAX_LENGTH",
                    "Must be 1024 or fewer in length.",
                ));
            }
            query.words = words(content);
            query.is_hopeless = query.words.is_empty() && !content.trim().is_empty();
        }
        query.limit = form.number("limit", 1, MOST_HITS)?.unwrap_or(MOST_HITS);
        query.offset = form.number("offset", 0, MOST_OFFSET)?.unwrap_or(0);
        query.after = form.id("min_id")?.map_or(query.after, bounded);
        query.before = form.id("max_id")?.map_or(query.before, bounded);
        query.oldest_first = form.choice("sort_order", &[("desc", false), ("asc", true)])?.unwrap_or(false);
        form.choice("sort_by", &[("timestamp", ()), ("relevance", ())])?;
        query.channels = form.ids("channel_id", MOST_CHANNELS)?.into_iter().map(ChannelId::new).collect();
        query.add_marks(&form)?;
        query.add_has(&form)?;
        query.add_author_types(&form)?;
        Ok(query)
    }

    fn add_marks(&mut self, form: &Form<'_>) -> Result<(), Refusal> {
        let mut any = |terms: Vec<String>| {
            if !terms.is_empty() {
                self.marks.push(Group::exact(terms));
            }
        };
        let ids = |name: &str, mark: fn(u64) -> Mark<'static>| {
            let ids = form.ids(name, MOST_VALUES)?;
            Ok::<_, Refusal>(ids.into_iter().map(|id| mark(id).term()).collect())
        };
        any(ids("author_id", |id| Mark::Author(UserId::new(id)))?);
        any(ids("mentions", |id| Mark::Mentions(UserId::new(id)))?);
        any(ids("mentions_role_id", |id| Mark::MentionsRole(RoleId::new(id)))?);
        any(ids("replied_to_user_id", |id| Mark::RepliesToUser(UserId::new(id)))?);
        any(ids("replied_to_message_id", |id| Mark::RepliesTo(MessageId::new(id)))?);
        any(form.texts("link_hostname", Mark::LinkHost)?);
        any(form.texts("embed_provider", Mark::EmbedProvider)?);
        any(form.texts("attachment_extension", |extension| {
            Mark::Extension(extension.strip_prefix('.').unwrap_or(extension))
        })?);
        any(form.texts("attachment_filename", Mark::FileName)?);
        let kinds = ["image", "video", "gif", "sound", "article"].map(|kind| (kind, kind));
        let kinds = form.choices("embed_type", &kinds)?.into_iter().map(|kind| match kind {
            "gif" => "gifv",
            kind => kind,
        });
        any(kinds.map(|kind| Mark::EmbedKind(kind).term()).collect());
        for (name, mark) in [("mention_everyone", Mark::MentionsEveryone), ("pinned", Mark::Pinned)] {
            match form.flag(name)? {
                Some(true) => self.marks.push(Group::exact(vec![mark.term()])),
                Some(false) => self.without.push(mark.term()),
                None => {}
            }
        }
        Ok(())
    }

    /// All of what is asked for; with `-` it must not be there.
    fn add_has(&mut self, form: &Form<'_>) -> Result<(), Refusal> {
        const WORDS: [(&str, Has); 9] = [
            ("link", Has::Link),
            ("embed", Has::Embed),
            ("file", Has::File),
            ("image", Has::Image),
            ("video", Has::Video),
            ("sound", Has::Sound),
            ("sticker", Has::Sticker),
            ("poll", Has::Poll),
            ("snapshot", Has::Snapshot),
        ];
        for value in form.all("has") {
            let (is_wanted, word) = value.strip_prefix('-').map_or((true, value), |word| (false, word));
            let found = WORDS.iter().find(|(known, _)| *known == word);
            let term = found.map(|(_, has)| Mark::Has(*has).term()).ok_or_else(|| not_a_choice("has"))?;
            if is_wanted {
                self.marks.push(Group::exact(vec![term]));
            } else {
                self.without.push(term);
            }
        }
        Ok(())
    }

    /// There are people and bots; nothing was written by a webhook so far.
    fn add_author_types(&mut self, form: &Form<'_>) -> Result<(), Refusal> {
        let known = ["user", "bot", "webhook", "-user", "-bot", "-webhook"].map(|word| (word, word));
        let asked = form.choices("author_type", &known)?;
        if asked.is_empty() {
            return Ok(());
        }
        let is = |word: &str| asked.contains(&word);
        let asks_for_one = asked.iter().any(|word| !word.starts_with('-'));
        let people = (!asks_for_one || is("user")) && !is("-user");
        let bots = (!asks_for_one || is("bot")) && !is("-bot");
        let bot = Mark::Bot.term();
        match (people, bots) {
            (true, true) => {}
            (true, false) => self.without.push(bot),
            (false, true) => self.marks.push(Group::exact(vec![bot])),
            (false, false) => self.is_hopeless = true,
        }
        Ok(())
    }

    /// In the index's terms, within `scope`. `as_prefix`: the last word may go on.
    pub(super) fn expression(&self, scope: &Expression, as_prefix: bool) -> Expression {
        let last = self.words.len().saturating_sub(1);
        let words = self
            .words
            .iter()
            .enumerate()
            .map(|(at, word)| Group { one_of: vec![word.clone()], is_prefix: as_prefix && at == last });
        let all = words.chain(self.marks.iter().cloned()).chain(scope.all.iter().cloned());
        let none = self.without.iter().chain(&scope.none).cloned();
        let (all, none) = (all.collect(), none.collect());
        Expression { scope: scope.scope, whole: scope.whole.clone(), all, none }
    }

    /// The last word is long enough to be the beginning of one.
    pub(super) fn may_be_prefix(&self) -> bool {
        self.words.last().is_some_and(|word| word.chars().count() >= SHORTEST_PREFIX)
    }
}

/// Stored ids are below 2^63; a greater one from outside compares like the greatest.
fn bounded(id: u64) -> MessageId {
    MessageId::new(id.min(i64::MAX.unsigned_abs()))
}

fn not_a_choice(name: &str) -> Refusal {
    Refusal::field(name, "BASE_TYPE_CHOICES", "This is none of the values that are known.")
}

struct Form<'a>(&'a [(String, String)]);

impl<'a> Form<'a> {
    fn all(&self, name: &str) -> impl Iterator<Item = &'a str> {
        // Some libraries write lists as `has[]`.
        let name = name.to_owned();
        self.0
            .iter()
            .filter(move |(key, _)| key.strip_suffix("[]").unwrap_or(key) == name)
            .map(|(_, value)| value.as_str())
    }

    fn one(&self, name: &str) -> Option<&'a str> {
        self.all(name).last()
    }

    fn few(&self, name: &str, most: usize) -> Result<Vec<&'a str>, Refusal> {
        let values: Vec<&str> = self.all(name).collect();
        if values.len() > most {
            let words = format!("Must be {most} or fewer.");
            return Err(Refusal::field(name, "BASE_TYPE_MAX_LENGTH", words));
        }
        Ok(values)
    }

    fn ids(&self, name: &str, most: usize) -> Result<Vec<u64>, Refusal> {
        self.few(name, most)?.into_iter().map(|value| id(name, value)).collect()
    }

    fn id(&self, name: &str) -> Result<Option<u64>, Refusal> {
        self.one(name).map(|value| id(name, value)).transpose()
    }

    fn texts(&self, name: &str, mark: impl Fn(&'a str) -> Mark<'a>) -> Result<Vec<String>, Refusal> {
        Ok(self.few(name, MOST_VALUES)?.into_iter().map(|value| mark(value).term()).collect())
    }

    fn number(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Refusal> {
        let Some(value) = self.one(name) else { return Ok(None) };
        let number = value.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
        let words = || format!("int value should be between {least} and {most}.");
        number.map(Some).ok_or_else(|| Refusal::field(name, "NUMBER_TYPE_OUT_OF_RANGE", words()))
    }

    fn choices<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> Result<Vec<T>, Refusal> {
        let find = |value: &str| known.iter().find(|(word, _)| *word == value).map(|(_, found)| *found);
        self.few(name, MOST_VALUES)?
            .into_iter()
            .map(|value| find(value).ok_or_else(|| not_a_choice(name)))
            .collect()
    }

    fn choice<T: Copy>(&self, name: &str, known: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        self.choices(name, known).map(|found| found.last().copied())
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        let words =
            [("true", true), ("True", true), ("1", true), ("false", false), ("False", false), ("0", false)];
        self.choice(name, &words)
    }
}

fn id(name: &str, value: &str) -> Result<u64, Refusal> {
    value.parse().map_err(|_| Refusal::field(name, "NUMBER_TYPE_COERCE", "Value is not snowflake."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(query: &[(&str, &str)]) -> Result<SearchQuery, Refusal> {
        let pairs: Vec<_> =
            query.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        SearchQuery::parse(&pairs)
    }

    #[test]
    fn a_query_is_read_whole_or_refused() {
        let query = parse(&[
            ("content", "Two words"),
            ("has", "image"),
            ("has[]", "-link"),
            ("author_id", "5"),
            ("author_id", "6"),
            ("author_type", "-bot"),
            ("pinned", "false"),
            ("max_id", "18446744073709551615"),
            ("something", "else"),
        ])
        .unwrap();
        let nothing =
            Expression { scope: Snowflake(1), whole: String::new(), all: Vec::new(), none: Vec::new() };
        let wanted = query.expression(&nothing, true);
        let one_of: Vec<usize> = wanted.all.iter().map(|group| group.one_of.len()).collect();
        assert_eq!((one_of, wanted.none.len()), (vec![1, 1, 2, 1], 3));
        assert_eq!(
            wanted.all.iter().map(|group| group.is_prefix).collect::<Vec<_>>(),
            [false, true, false, false]
        );
        for wrong in [
            ("has", "everything"),
            ("limit", "26"),
            ("limit", "0"),
            ("offset", "9976"),
            ("author_id", "anna"),
            ("sort_order", "up"),
            ("pinned", "perhaps"),
            ("author_type", "cat"),
        ] {
            assert!(matches!(parse(&[wrong]), Err(Refusal::Form(_))), "{wrong:?}");
        }
        assert!(parse(&[("content", " 🎉 ")]).unwrap().is_hopeless);
        assert!(parse(&[("author_type", "webhook")]).unwrap().is_hopeless);
    }
}
