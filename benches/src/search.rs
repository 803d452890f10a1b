//! Newest-first search in a million messages through the chat service: permissions, index, count, messages.

use std::{path::Path, time::Instant};

use serde_json::json;
use voxlink_chat::{
    Chat, ChatConfig,
    guild::create::NewGuild,
    search::{query::SearchQuery, terms},
    store::{self, MIGRATIONS, messages::StoredMessage},
};
use voxlink_protocol::{
    ChannelId, GuildId, Message, MessageId, Snowflake, User, UserId,
    bus::GetUsers,
    text::{ChannelName, GuildName},
};
use voxlink_service_kit::{Auth, Bus, Db, DbError, DbTarget, Env, call_pass::PassKey};

use crate::{
    floor::{ms, quantile},
    report,
};

const MESSAGES: u64 = 1_000_000;
/// Words that exist; the word of rank r is in one message of r, roughly.
const VOCABULARY: f64 = 50_000.0;
const WORDS_EACH: u64 = 10;
const PEOPLE: u64 = 1000;
const SEARCHES: usize = 400;

/// The same numbers in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A word as people use them: few often, most hardly ever.
    fn word(&mut self) -> String {
        let share = (self.roll() >> 11) as f64 / (1_u64 << 53) as f64;
        format!("word{}", VOCABULARY.powf(share) as u64)
    }
}

fn fill(target: &DbTarget, guild: GuildId, channel: ChannelId) -> Result<(), DbError> {
    let db = Db::open(target, MIGRATIONS)?;
    let start = Snowflake::compose(1_700_000_000_000, 0, 0).unix_ms();
    let rows = move |sql: &voxlink_service_kit::Sql<'_>| {
        let mut dice = Dice(7);
        for number in 0..MESSAGES {
            let id = MessageId(Snowflake::compose(start + number * 1000, 0, 0));
            let words: Vec<String> = (0..WORDS_EACH).map(|_| dice.word()).collect();
            let link = if number % 50 == 0 { " https://example.org/" } else { "" };
            let text = format!("{}{link}", words.join(" "));
            let author = User::new(UserId::new(1 + dice.roll() % PEOPLE), "someone");
            store::messages::insert(sql, channel, &StoredMessage::new(id, author.id, text.as_str()))?;
            let message = Message::new(id, channel, author, text);
            if let Some(document) = terms::document(Some(guild), &message) {
                store::search::put(sql, id, channel, Snowflake(guild.get()), &document, true)?;
            }
        }
        while store::search::catch_up(sql, 100_000)? {}
        Ok::<_, DbError>(())
    };
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(db.write(rows)))
}

pub(crate) async fn run(folder: &Path) {
    let bus = Bus::in_process();
    bus.serve(|request: GetUsers| async move {
        request.ids.into_iter().map(|id| User::new(id, "anna")).collect::<Vec<_>>()
    });
    let env = Env::real();
    let target = DbTarget::File(folder.join("search.db"));
    let anna = User::new(UserId::new(1), "anna");
    let new = NewGuild {
        name: GuildName::parse("Bench").expect("a good name"),
        text_channel: ChannelName::parse("Text").expect("a good name"),
        voice_channel: ChannelName::parse("Voice").expect("a good name"),
    };
    let open = || {
        let config = ChatConfig { database: target.clone(), node: 0 };
        let auth = Auth::new(bus.clone(), env.clone());
        Chat::open(config, bus.clone(), env.clone(), auth, PassKey::new(&[7; 32]))
    };
    let chat = open().await.expect("chat opens");
    let made = chat.create_guild(&anna, new).await.expect("a guild is made");
    drop(chat);
    let guild = made.guild.id;
    let began = Instant::now();
    fill(&target, guild, made.channels[0].id).expect("a million messages are stored");
    let filled = began.elapsed().as_secs_f64();
    let chat = open().await.expect("chat opens");
    let kinds: [(&str, &[(&str, &str)]); 9] = [
        ("in most messages", &[("content", "word1")]),
        ("in many", &[("content", "word20")]),
        ("in some", &[("content", "word1500")]),
        ("in few", &[("content", "word48123")]),
        ("nowhere", &[("content", "nowhere")]),
        ("two frequent words", &[("content", "word1 word2")]),
        ("a frequent and a rare word", &[("content", "word1 word30000")]),
        ("a frequent word of one person", &[("content", "word1"), ("author_id", "77")]),
        ("links", &[("has", "link")]),
    ];
    let mut all = Vec::new();
    let mut by_kind = serde_json::Map::new();
    for (name, pairs) in kinds {
        let pairs: Vec<_> =
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let query = SearchQuery::parse(&pairs).expect("a good query");
        let mut sample = Vec::new();
        let mut found = 0;
        for _ in 0..SEARCHES {
            let began = Instant::now();
            let page = chat.search_guild(anna.id, guild, query.clone()).await.expect("an answer");
            sample.push(ms(began.elapsed()));
            found = page.total_results;
        }
        all.extend(sample.iter().copied());
        let (p50, p99) = (quantile(&mut sample, 0.5), quantile(&mut sample, 0.99));
        by_kind.insert(name.to_owned(), json!({"found": found, "p50": p50, "p99": p99}));
    }
    let (p50, p99) = (quantile(&mut all, 0.5), quantile(&mut all, 0.99));
    report(
        "newest-first search in 1,000,000 messages, a page of 25 and a count up to 10,000",
        "ms",
        &json!({"p50": p50, "p99": p99, "by_kind": by_kind, "fill_s": filled, "target_p99": 10}),
    );
}
