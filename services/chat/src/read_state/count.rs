//! Counts mentions in what someone has not read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use voxlink_protocol::{
    ChannelId, GuildId, Member, MessageId, Snowflake, Timestamp, UserId, read_state::UserGuildSettings,
};
use voxlink_service_kit::{DbError, Sql};

use crate::{
    state::{GuildState, World},
    store::read_states,
};

/// Nobody reads a greater number on a badge.
const MOST_COUNTED: u32 = 1000;

/// A guild, or direct conversations, as someone has unread messages in it.
#[derive(Debug)]
pub(super) struct Unread {
    /// Roles and everyone; the person's own id is asked for once for all guilds.
    targets: Vec<Snowflake>,
    /// What was posted before they came does not count.
    since: MessageId,
    /// Channels that they see, with the newest message.
    channels: Vec<(ChannelId, MessageId)>,
}

/// All places where someone may have unread messages.
#[derive(Debug, Default)]
pub(super) struct Places {
    guilds: Vec<(GuildId, Unread)>,
    directs: Vec<(ChannelId, Option<MessageId>)>,
}

impl Places {
    /// Everything that someone sees.
    pub(super) fn all(world: &World, user: UserId, now: Timestamp) -> Self {
        let guilds = world.guilds_of(user).filter_map(|state| Self::guild(world, state, user, now));
        let directs = world.directs.of(user).map(|state| (state.id, state.last_message_id));
        Self { guilds: guilds.collect(), directs: directs.collect() }
    }

    /// One guild.
    pub(super) fn of_guild(world: &World, guild: GuildId, user: UserId, now: Timestamp) -> Self {
        let found = world.guild(guild).and_then(|state| Self::guild(world, state, user, now));
        Self { guilds: found.into_iter().collect(), directs: Vec::new() }
    }

    /// One channel of whichever kind; nothing when they do not see it.
    pub(super) fn of_channel(world: &World, channel: ChannelId, user: UserId, now: Timestamp) -> Self {
        if let Ok(view) = world.directs.view(channel, user) {
            return Self { guilds: Vec::new(), directs: vec![(channel, view.state.last_message_id)] };
        }
        let Some(guild) = world.guild_of_channel(channel) else { return Self::default() };
        let mut places = Self::of_guild(world, guild, user, now);
        places.guilds.iter_mut().for_each(|(_, unread)| unread.channels.retain(|(id, _)| *id == channel));
        places
    }

    fn guild(world: &World, state: &GuildState, user: UserId, now: Timestamp) -> Option<(GuildId, Unread)> {
        let member: &Member = state.members.get(&user)?;
        let everyone = Snowflake(state.guild.id.get());
        let roles = member.roles.iter().map(|role| Snowflake(role.get()));
        let visible = state.channels.values().filter_map(|channel| {
            let newest = channel.last_message_id?;
            world.view_channel(channel.id, user, now).is_ok().then_some((channel.id, newest))
        });
        let unread = Unread {
            targets: roles.chain([everyone]).collect(),
            since: MessageId(Snowflake::compose(member.joined_at.0, 0, 0)),
            channels: visible.collect(),
        };
        Some((state.guild.id, unread))
    }

    /// The newest message of each channel in which there is one.
    pub(super) fn newest(&self) -> BTreeMap<ChannelId, MessageId> {
        let in_guilds = self.guilds.iter().flat_map(|(_, unread)| unread.channels.iter().copied());
        let direct = self.directs.iter().filter_map(|(id, newest)| Some((*id, (*newest)?)));
        in_guilds.chain(direct).collect()
    }

    /// How often someone is mentioned in what is newer than `read`, by channel; those with none are left out.
    pub(super) fn count(
        &self,
        sql: &Sql<'_>,
        user: UserId,
        read: &HashMap<ChannelId, MessageId>,
        settings: &[UserGuildSettings],
    ) -> Result<BTreeMap<ChannelId, u32>, DbError> {
        let nothing = MessageId::new(0);
        let mut found = Found::default();
        for (_, unread) in &self.guilds {
            for (channel, newest) in &unread.channels {
                let start = read.get(channel).copied().unwrap_or(nothing).max(unread.since);
                if *newest > start {
                    found.starts.insert(*channel, start);
                }
            }
        }
        let all = found.starts.values().copied().min();
        found.look(sql, Snowflake(user.get()), all)?;
        for (guild, unread) in &self.guilds {
            let starts = unread.channels.iter().filter_map(|(channel, _)| found.starts.get(channel));
            let first = starts.copied().min();
            let set = settings.iter().find(|settings| settings.guild_id == Some(*guild));
            for target in &unread.targets {
                let is_everyone = target.0 == guild.get();
                let is_suppressed = set
                    .is_some_and(|set| if is_everyone { set.suppress_everyone } else { set.suppress_roles });
                if !is_suppressed {
                    found.look(sql, *target, first)?;
                }
            }
        }
        let mut counts: BTreeMap<ChannelId, u32> = BTreeMap::new();
        for (channel, messages) in found.messages {
            counts.insert(channel, u32::try_from(messages.len()).unwrap_or(MOST_COUNTED).min(MOST_COUNTED));
        }
        for (channel, newest) in &self.directs {
            let start = read.get(channel).copied().unwrap_or(nothing);
            if newest.is_some_and(|newest| newest > start) {
                let count = read_states::count_after(sql, *channel, start, user, MOST_COUNTED)?;
                counts.insert(*channel, count);
            }
        }
        counts.retain(|_, count| *count > 0);
        Ok(counts)
    }
}

/// Unread messages that mention someone: one that does so in two ways counts once.
#[derive(Debug, Default)]
struct Found {
    /// Where the unread part of each channel begins.
    starts: HashMap<ChannelId, MessageId>,
    messages: BTreeMap<ChannelId, BTreeSet<MessageId>>,
}

impl Found {
    /// `first`: where the earliest unread part begins; `None` when everything is read.
    fn look(&mut self, sql: &Sql<'_>, target: Snowflake, first: Option<MessageId>) -> Result<(), DbError> {
        let Some(first) = first else { return Ok(()) };
        for (channel, message) in read_states::mentions_after(sql, target, first, MOST_COUNTED)? {
            if self.starts.get(&channel).is_some_and(|start| message > *start) {
                self.messages.entry(channel).or_default().insert(message);
            }
        }
        Ok(())
    }
}
