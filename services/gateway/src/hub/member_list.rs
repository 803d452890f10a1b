//! Op 14: the member list of a channel, in ranges. A client of a guild of ten thousand gets the hundred rows that it
//! shows, and those again when they change, at most once a second.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    time::{Duration, Instant},
};

use rustc_hash::FxHashMap;
use serde::Serialize;
use voxlink_protocol::{ChannelId, GuildId, Member, RoleId, UserId, gateway::MemberListRequest};

use super::{
    Hub,
    presence::{Seen, UserEntry},
    sessions::Sessions,
};
use crate::{
    dispatch::{Body, Kind},
    session::SessionKey,
    view::{GuildView, PresenceOf},
};

/// docs/protocol/gateway.md: ranges of a subscription, and rows of a range.
const MOST_RANGES: usize = 3;
const MOST_ROWS: u32 = 100;
/// Between two lists of the same channel.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Rows from the first to the last, both included.
type Range = (u32, u32);

/// The lists of one guild that someone looks at.
#[derive(Debug, Default)]
pub(super) struct MemberLists {
    lists: FxHashMap<ChannelId, MemberList>,
    told: Option<Instant>,
}

#[derive(Debug, Default)]
struct MemberList {
    /// Who looks at which rows, with the hash of what they were last told of each range.
    lookers: FxHashMap<SessionKey, Vec<(Range, u64)>>,
}

/// The heading above some members.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
enum GroupId {
    Role(RoleId),
    Named(&'static str),
}

#[derive(Clone, Copy, Debug, Serialize)]
struct Group {
    id: GroupId,
    count: u32,
}

#[derive(Clone, Copy, Debug)]
enum Row {
    Group(Group),
    Member(UserId),
}

/// A channel's list as it is now.
struct Built {
    groups: Vec<Group>,
    rows: Vec<Row>,
    members: usize,
    online: usize,
}

#[derive(Serialize)]
struct Update<'a> {
    guild_id: GuildId,
    channel_id: ChannelId,
    member_count: usize,
    online_count: usize,
    groups: &'a [Group],
    ops: [Sync<'a>; 1],
}

#[derive(Serialize)]
struct Sync<'a> {
    op: &'static str,
    range: Range,
    items: Vec<Item<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Item<'a> {
    Group(Group),
    Member(Listed<'a>),
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    member: &'a Member,
    presence: PresenceOf<'a>,
}

/// The ranges that will be served of those asked for.
fn bounded(asked: &[(u32, u32)]) -> Vec<(Range, u64)> {
    let fit = |(first, last): &Range| {
        (first <= last).then(|| ((*first, (*last).min(first.saturating_add(MOST_ROWS - 1))), 0))
    };
    asked.iter().filter_map(fit).take(MOST_RANGES).collect()
}

impl MemberLists {
    pub(super) fn forget(&mut self, session: SessionKey) {
        for list in self.lists.values_mut() {
            list.lookers.remove(&session);
        }
        self.lists.retain(|_, list| !list.lookers.is_empty());
    }

    fn look(&mut self, channel: ChannelId, session: SessionKey, ranges: Vec<(Range, u64)>) {
        self.forget(session);
        if !ranges.is_empty() {
            self.lists.entry(channel).or_default().lookers.insert(session, ranges);
        }
    }

    /// Tells everyone who looks what changed in their rows.
    fn tell(
        &mut self,
        only: Option<ChannelId>,
        view: &mut GuildView,
        sessions: &mut Sessions,
        users: &FxHashMap<UserId, UserEntry>,
    ) {
        for (channel, list) in &mut self.lists {
            if only.is_some_and(|only| only != *channel) {
                continue;
            }
            // Who does not see the channel any more looks in vain.
            let audience = view.audience(*channel);
            list.lookers.retain(|session, _| audience.contains(session));
            if list.lookers.is_empty() {
                continue;
            }
            let built = build(view, *channel, users);
            let mut bodies: FxHashMap<Range, (u64, Body)> = FxHashMap::default();
            for (session, ranges) in &mut list.lookers {
                for (range, told) in ranges {
                    let (hash, body) =
                        bodies.entry(*range).or_insert_with(|| encode(&built, view, *channel, *range, users));
                    if *hash != *told {
                        *told = *hash;
                        sessions.send(*session, body);
                    }
                }
            }
        }
        self.lists.retain(|_, list| !list.lookers.is_empty());
    }
}

fn seen(users: &FxHashMap<UserId, UserEntry>, user: UserId) -> Option<&Seen> {
    users.get(&user).and_then(UserEntry::seen)
}

/// Members who see the channel under their highest hoisted role, then others online, then those offline; by name.
fn build(view: &GuildView, channel: ChannelId, users: &FxHashMap<UserId, UserEntry>) -> Built {
    let mut hoisted: Vec<_> =
        view.guild.roles.iter().filter(|role| role.hoist && role.id != view.guild.id.everyone()).collect();
    hoisted.sort_by_key(|role| (std::cmp::Reverse(role.position), role.id));
    let (online, offline) = (hoisted.len(), hoisted.len() + 1);
    let mut people: Vec<(usize, String, UserId)> = view
        .who_sees(channel)
        .map(|(id, member)| {
            let group = match seen(users, id) {
                None => offline,
                Some(_) => {
                    let held = |role: &&voxlink_protocol::Role| member.roles.contains(&role.id);
                    hoisted.iter().position(held).unwrap_or(online)
                }
            };
            let user = member.user.as_ref();
            let name = member.nick.as_deref().or_else(|| user.map(|user| user.display_name()));
            (group, name.unwrap_or_default().to_lowercase(), id)
        })
        .collect();
    people.sort_unstable();
    let mut built = Built {
        groups: Vec::new(),
        rows: Vec::with_capacity(people.len() + 8),
        members: people.len(),
        online: people.iter().filter(|(group, ..)| *group != offline).count(),
    };
    for run in people.chunk_by(|one, next| one.0 == next.0) {
        let Some((index, ..)) = run.first() else { continue };
        let id = match hoisted.get(*index) {
            Some(role) => GroupId::Role(role.id),
            None => GroupId::Named(if *index == online { "online" } else { "offline" }),
        };
        let group = Group { id, count: u32::try_from(run.len()).unwrap_or(u32::MAX) };
        built.groups.push(group);
        built.rows.push(Row::Group(group));
        built.rows.extend(run.iter().map(|(.., user)| Row::Member(*user)));
    }
    built
}

fn encode(
    built: &Built,
    view: &GuildView,
    channel: ChannelId,
    range: Range,
    users: &FxHashMap<UserId, UserEntry>,
) -> (u64, Body) {
    let rows = built.rows.iter().skip(range.0 as usize).take((range.1 - range.0 + 1) as usize);
    let items = rows.filter_map(|row| {
        Some(match row {
            Row::Group(group) => Item::Group(*group),
            Row::Member(id) => {
                let presence = PresenceOf::new(*id, seen(users, *id), None);
                Item::Member(Listed { member: view.members.get(id)?, presence })
            }
        })
    });
    let update = Update {
        guild_id: view.guild.id,
        channel_id: channel,
        member_count: built.members,
        online_count: built.online,
        groups: &built.groups,
        ops: [Sync { op: "SYNC", range, items: items.collect() }],
    };
    let body = Body::new(Kind::GUILD_MEMBER_LIST_UPDATE, &update, 1);
    let mut hasher = DefaultHasher::new();
    body.pieces().hash(&mut hasher);
    // 0 stands for "never told".
    (hasher.finish().max(1), body)
}

impl Hub {
    /// A client looks at these rows from now on, and at no others of this guild.
    pub(super) fn look_at_members(&mut self, key: SessionKey, request: &MemberListRequest) {
        let Some(entry) = self.guilds.get_mut(&request.guild_id) else { return };
        let Some(view) = &mut entry.view else { return };
        // Nobody looks at the list of a channel that they do not see.
        if !view.audience(request.channel_id).contains(&key) {
            return entry.lists.forget(key);
        }
        entry.lists.look(request.channel_id, key, bounded(&request.ranges));
        entry.lists.tell(Some(request.channel_id), view, &mut self.sessions, &self.users);
    }

    /// Tells those who look at lists that changed.
    pub(super) fn flush_member_lists(&mut self, now: Instant) {
        for entry in self.guilds.values_mut() {
            if entry.lists.lists.is_empty() {
                continue;
            }
            let Some(view) = &mut entry.view else { continue };
            let due = entry.lists.told.is_none_or(|told| now.saturating_duration_since(told) >= AGAIN_AFTER);
            if due && view.take_list_changed() {
                entry.lists.told = Some(now);
                entry.lists.tell(None, view, &mut self.sessions, &self.users);
            }
        }
    }
}
