//! What people find, and what they do not.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod common;

use common::{Folder, Stage, draft, open, user};
use voxlink_chat::{
    Edit, Refusal,
    search::{find::Found, query::SearchQuery},
};
use voxlink_protocol::{
    ChannelId, GuildId, Overwrite, OverwriteKind, Permissions, Snowflake, UserId, text::MessageText,
};

const ANNA: u64 = 1;
const BORIS: u64 = 2;
const CLARA: u64 = 3;

#[test]
fn everything_here_holds_on_postgresql() {
    voxlink_test_postgres::run_all_again();
}

fn query(pairs: &[(&str, &str)]) -> SearchQuery {
    let pairs: Vec<_> = pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    SearchQuery::parse(&pairs).unwrap()
}

async fn say(stage: &Stage, who: u64, channel: ChannelId, text: &str) {
    stage.chat.send(&user(who), channel, draft(text, None)).await.unwrap();
}

async fn find(stage: &Stage, who: u64, guild: GuildId, pairs: &[(&str, &str)]) -> Found {
    stage.chat.search_guild(UserId::new(who), guild, query(pairs)).await.unwrap()
}

fn texts(found: &Found) -> Vec<&str> {
    found.messages.iter().map(|hits| hits[0].message.content.as_str()).collect()
}

async fn texts_of(stage: &Stage, guild: GuildId, content: &str) -> Vec<String> {
    let found = find(stage, ANNA, guild, &[("content", content)]).await;
    texts(&found).into_iter().map(str::to_owned).collect()
}

#[tokio::test]
async fn all_words_are_found_the_newest_first_whatever_their_case_and_accents() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    for line in ["The red boat", "a RED café", "Ёлка у лодки", "boats are red, too"] {
        say(&stage, ANNA, text, line).await;
    }
    assert_eq!(texts_of(&stage, guild, "red").await, ["boats are red, too", "a RED café", "The red boat"]);
    assert_eq!(texts_of(&stage, guild, "RED boat").await, ["boats are red, too", "The red boat"]);
    assert_eq!(texts_of(&stage, guild, "cafe red").await, ["a RED café"]);
    assert_eq!(texts_of(&stage, guild, "ЕЛКА").await, ["Ёлка у лодки"]);
    assert_eq!(texts_of(&stage, guild, "лод").await, ["Ёлка у лодки"], "the last word may go on");
    assert_eq!(texts_of(&stage, guild, "лод ёлка").await, Vec::<String>::new(), "only the last one");
    for typed in
        ["\"", "red OR boat AND", "red*", "NOT red", "{terms}: red", "a^2", "' & |", "NEAR(red, boat)", "()"]
    {
        let _any = texts_of(&stage, guild, typed).await;
    }
    assert_eq!(texts_of(&stage, guild, "🎉").await, Vec::<String>::new());
    let oldest =
        find(&stage, ANNA, guild, &[("content", "red"), ("sort_order", "asc"), ("limit", "1")]).await;
    assert_eq!((texts(&oldest), oldest.total_results), (vec!["The red boat"], 3));
    let second = find(&stage, ANNA, guild, &[("content", "red"), ("limit", "1"), ("offset", "1")]).await;
    assert_eq!(texts(&second), ["a RED café"]);
    let newest = second.messages[0][0].message.id.to_string();
    let older = find(&stage, ANNA, guild, &[("content", "red"), ("max_id", &newest)]).await;
    assert_eq!(texts(&older), ["The red boat"]);
    assert_eq!(find(&stage, ANNA, guild, &[]).await.total_results, 4);
}

#[tokio::test]
async fn what_is_changed_or_deleted_is_found_as_it_is_also_after_a_restart() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    let anna = user(ANNA);
    for line in ["first draft", "second draft", "third draft"] {
        say(&stage, ANNA, text, line).await;
    }
    say(&stage, ANNA, voice, "draft elsewhere").await;
    let found = find(&stage, ANNA, guild, &[("content", "draft"), ("channel_id", &text.to_string())]).await;
    let ids: Vec<_> = found.messages.iter().map(|hits| hits[0].message.id).collect();
    let edited = MessageText::parse("the final word").unwrap();
    stage.chat.edit_message(&anna, text, ids[1], Edit::text(edited)).await.unwrap();
    stage.chat.delete_message(anna.id, text, ids[2]).await.unwrap();
    drop(stage);

    let stage = open(&folder).await;
    assert_eq!(texts_of(&stage, guild, "draft").await, ["draft elsewhere", "third draft"]);
    assert_eq!(texts_of(&stage, guild, "final").await, ["the final word"]);
    stage.chat.delete_channel(anna.id, voice).await.unwrap();
    assert_eq!(texts_of(&stage, guild, "draft").await, ["third draft"]);
    stage.chat.sweep().await.unwrap();
    assert_eq!(find(&stage, ANNA, guild, &[("content", "draft")]).await.total_results, 1);
}

#[tokio::test]
async fn one_finds_only_what_one_may_read() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, voice) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    let (other, elsewhere, _) = stage.guild(ANNA).await;
    say(&stage, ANNA, text, "a secret in the open").await;
    say(&stage, ANNA, voice, "a secret kept").await;
    say(&stage, ANNA, elsewhere, "a secret of others").await;
    let pair = stage.chat.open_direct(&user(ANNA), [UserId::new(BORIS)]).await.unwrap().id;
    say(&stage, ANNA, pair, "a secret between two").await;
    for closed in [Permissions::VIEW_CHANNEL, Permissions::READ_MESSAGE_HISTORY] {
        let overwrite = Overwrite {
            id: Snowflake(guild.get()),
            kind: OverwriteKind::Role,
            allow: Permissions::empty(),
            deny: closed,
        };
        let fields = voxlink_chat::channel::ChannelFields {
            permission_overwrites: Some(vec![overwrite]),
            ..Default::default()
        };
        let acting = user(ANNA).id;
        stage.chat.update_channel(acting, voice, fields).await.unwrap();
        let found = find(&stage, BORIS, guild, &[("content", "secret")]).await;
        assert_eq!((texts(&found), found.total_results), (vec!["a secret in the open"], 1));
        let asked = [("content", "secret"), ("channel_id", &*voice.to_string())];
        assert_eq!(find(&stage, BORIS, guild, &asked).await, Found::default());
        let asked = [("content", "secret"), ("channel_id", &*elsewhere.to_string())];
        assert_eq!(find(&stage, ANNA, guild, &asked).await, Found::default());
    }
    assert_eq!(find(&stage, ANNA, guild, &[("content", "secret")]).await.total_results, 2);
    let boris = UserId::new(BORIS);
    let refused = stage.chat.search_guild(boris, other, query(&[])).await;
    assert_eq!(refused, Err(Refusal::UnknownGuild));
    let found = stage.chat.search_channel(boris, pair, query(&[("content", "secret")])).await.unwrap();
    assert_eq!(texts(&found), ["a secret between two"]);
    let refused = stage.chat.search_channel(UserId::new(CLARA), pair, query(&[])).await;
    assert_eq!(refused, Err(Refusal::UnknownChannel));
}

#[tokio::test]
async fn marks_narrow_a_search() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    stage.join(ANNA, text, BORIS).await;
    say(&stage, ANNA, text, "look https://example.org/a").await;
    say(&stage, BORIS, text, "look at this").await;
    let bot = voxlink_protocol::User { bot: true, ..user(BORIS) };
    stage.chat.send(&bot, text, draft("look, I am made of tin", None)).await.unwrap();
    let with = async |pair: (&str, &str)| {
        let found = find(&stage, ANNA, guild, &[("content", "look"), pair]).await;
        assert_eq!(found.total_results as usize, found.messages.len());
        found.total_results
    };
    assert_eq!(with(("has", "link")).await, 1);
    assert_eq!(with(("has", "-link")).await, 2);
    assert_eq!(with(("has", "image")).await, 0);
    assert_eq!(with(("link_hostname", "example.org")).await, 1);
    assert_eq!(with(("author_id", "2")).await, 2);
    assert_eq!(with(("author_type", "bot")).await, 1);
    assert_eq!(with(("author_type", "user")).await, 2);
    assert_eq!(with(("mentions", "2")).await, 0);
    assert_eq!(with(("pinned", "true")).await, 0);
    assert_eq!(with(("pinned", "false")).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_posted_a_moment_ago_by_many_is_found() {
    let folder = Folder::new();
    let stage = open(&folder).await;
    let (guild, text, _) = stage.guild(ANNA).await;
    let tasks: Vec<_> = (0..16)
        .map(|producer| {
            let chat = stage.chat.clone();
            tokio::spawn(async move {
                for number in 0..50 {
                    let line = format!("load{producer} number{number}");
                    chat.send(&user(ANNA), text, draft(&line, None)).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(find(&stage, ANNA, guild, &[("content", "number49")]).await.total_results, 16);
    assert_eq!(find(&stage, ANNA, guild, &[("content", "load7")]).await.total_results, 50);
    let page = find(&stage, ANNA, guild, &[]).await;
    assert_eq!((page.total_results, page.messages.len()), (800, 25));
}
