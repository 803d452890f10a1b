//! Searches.

use std::collections::BTreeSet;

use serde::Serialize;
use voxlink_protocol::{ChannelId, GuildId, Message, Permissions, Snowflake, UserId};
use voxlink_service_kit::DbError;

use super::{
    query::{Expression, Group, SearchQuery},
    scope_id,
    terms::Mark,
};
use crate::{Chat, Refusal, store};

/// v10: matches are counted so far.
const MOST_COUNTED: u32 = 10_000;

/// A message that matches.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The message.
    #[serde(flatten)]
    pub message: Message,
    /// Always true: no messages around it are sent.
    pub hit: bool,
}

/// A page of what was found, in its v10 shape.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Found {
    /// How many match, counted up to 10,000.
    pub total_results: u32,
    /// One list for each hit.
    pub messages: Vec<Vec<Hit>>,
    /// Never: the index is always whole.
    pub doing_deep_historical_index: bool,
    /// None so far.
    pub threads: Vec<()>,
    /// None so far.
    pub members: Vec<()>,
}

/// Where a search looks: what the searcher may read.
struct Scope {
    expression: Expression,
    readable: BTreeSet<ChannelId>,
}

fn any_of(channels: impl IntoIterator<Item = ChannelId>) -> Vec<String> {
    channels.into_iter().map(|channel| Mark::Channel(channel).term()).collect()
}

impl Chat {
    /// Messages of a guild that match, the newest first, in channels whose history the searcher may read.
    ///
    /// # Errors
    /// [`Refusal::UnknownGuild`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn search_guild(
        &self,
        searcher: UserId,
        guild: GuildId,
        query: SearchQuery,
    ) -> Result<Found, Refusal> {
        let scope = self.scope_of_guild(searcher, guild, &query.channels)?;
        self.search(searcher, scope, query).await
    }

    /// As [`Chat::search_guild`], in one channel or direct conversation.
    ///
    /// # Errors
    /// [`Refusal::UnknownChannel`], [`Refusal::NoMessagesHere`], [`Refusal::Db`] or [`Refusal::Call`].
    pub async fn search_channel(
        &self,
        searcher: UserId,
        channel: ChannelId,
        query: SearchQuery,
    ) -> Result<Found, Refusal> {
        let (place, may_read) = {
            let world = self.world();
            let view = world.view_place(channel, searcher, self.inner.env.now())?;
            view.require_messages()?;
            (view.place(), view.may(Permissions::READ_MESSAGE_HISTORY))
        };
        let readable = BTreeSet::from_iter(may_read.then_some(channel));
        let whole = Mark::Channel(channel).term();
        let all = vec![Group::exact(vec![whole.clone()])];
        let expression = Expression { scope: scope_id(place, channel), whole, all, none: Vec::new() };
        self.search(searcher, Scope { expression, readable }, query).await
    }

    fn scope_of_guild(
        &self,
        searcher: UserId,
        guild: GuildId,
        asked: &[ChannelId],
    ) -> Result<Scope, Refusal> {
        let now = self.inner.env.now();
        let world = self.world();
        let view = world.view_guild(guild, searcher, now)?;
        let with_messages = view.state.channels.values().filter(|channel| channel.kind.holds_messages());
        let (readable, closed): (BTreeSet<_>, BTreeSet<_>) =
            with_messages.map(|channel| channel.id).partition(|channel| {
                let view = world.view_channel(*channel, searcher, now);
                view.is_ok_and(|view| view.permissions.contains(Permissions::READ_MESSAGE_HISTORY))
            });
        let mut expression = Expression {
            scope: Snowflake(guild.get()),
            whole: Mark::Guild(guild).term(),
            all: Vec::new(),
            none: Vec::new(),
        };
        let mut readable = readable;
        // The shorter list says the same.
        if !asked.is_empty() {
            readable.retain(|channel| asked.contains(channel));
            expression.all = vec![Group::exact(any_of(readable.iter().copied()))];
        } else if closed.len() <= readable.len() {
            expression.none = any_of(closed);
        } else {
            expression.all = vec![Group::exact(any_of(readable.iter().copied()))];
        }
        Ok(Scope { expression, readable })
    }

    async fn search(&self, searcher: UserId, scope: Scope, query: SearchQuery) -> Result<Found, Refusal> {
        let Scope { expression, readable } = scope;
        if readable.is_empty() || query.is_hopeless {
            return Ok(Found::default());
        }
        self.catch_up().await?;
        let (after, before, oldest_first) = (query.after, query.before, query.oldest_first);
        let (skip, limit) = (query.offset as usize, query.limit as usize);
        let (total, page) = self
            .inner
            .db
            .read(move |sql| {
                let find = |as_prefix| {
                    let wanted = query.expression(&expression, as_prefix);
                    store::search::find(sql, &wanted, after, before, oldest_first, MOST_COUNTED)
                };
                let mut ids = find(false)?;
                // As they are typed, words go on; but who finds a page of the word itself wants that.
                if ids.len() < limit && query.may_be_prefix() {
                    ids = find(true)?;
                }
                let mut page = Vec::with_capacity(limit);
                for id in ids.iter().skip(skip).take(limit) {
                    page.extend(store::search::channel_of(sql, *id)?.map(|channel| (channel, *id)));
                }
                Ok::<_, DbError>((ids.len(), page))
            })
            .await?;
        let mut messages = Vec::with_capacity(page.len());
        for (channel, id) in page.into_iter().filter(|(channel, _)| readable.contains(channel)) {
            match self.message(searcher, channel, id).await {
                Ok(message) => messages.push(vec![Hit { message, hit: true }]),
                // Deleted, or closed to them, since it was found.
                Err(Refusal::UnknownMessage | Refusal::UnknownChannel | Refusal::Forbidden) => {}
                Err(other) => return Err(other),
            }
        }
        let total_results = u32::try_from(total).unwrap_or(MOST_COUNTED);
        Ok(Found { total_results, messages, ..Found::default() })
    }
}
