/**
 * What is one's own business: direct conversations, what has been read, what is muted. The same on all of a person's
 * devices, because the server keeps it. One function says what an event changes. No clock, no network.
 */
import type { WireChannel, WireEvent, WireGuildSettings, WireMessage, WireMute } from "../api/wire.ts";
import { compareIds, toChannel, toUser, type Channel, type Guild, type Id, type User } from "./model.ts";
import type { World } from "./world.ts";

/** A conversation outside of any guild: with one person, or a group of up to ten. */
export interface Direct extends Channel {
  kind: "direct" | "group";
  /** Everybody in it but oneself. */
  recipients: readonly User[];
  /** The name a group was given; empty: it goes by who is in it. */
  ownName: string;
  ownerId: Id | null;
  icon: string | null;
}
export interface ReadState {
  lastId: Id | null;
  mentions: number;
}
export interface Mute {
  muted: boolean;
  /** Milliseconds since 1970; null: until it is taken back. */
  until: number | null;
  level: "all" | "mentions" | "nothing" | "inherit";
}
export interface Wishes extends Mute {
  suppressEveryone: boolean;
  suppressRoles: boolean;
  channels: ReadonlyMap<Id, Mute>;
}
/** The key of what one wishes about direct conversations. */
export const DIRECT = "@me";

export interface Inbox {
  directs: ReadonlyMap<Id, Direct>;
  reads: ReadonlyMap<Id, ReadState>;
  /** By guild, or {@link DIRECT}. */
  wishes: ReadonlyMap<Id, Wishes>;
}

export const emptyInbox: Inbox = { directs: new Map(), reads: new Map(), wishes: new Map() };

/** `world` is the world after the same event. */
export function applyInbox(inbox: Inbox, event: WireEvent, world: World): Inbox {
  switch (event.t) {
    case "READY":
      return {
        directs: new Map((event.d.private_channels ?? []).filter(isDirect).map((wire) => [wire.id, toDirect(wire)])),
        reads: new Map((event.d.read_state ?? []).map((state) => [state.channel_id, { lastId: state.last_message_id, mentions: state.mention_count }])),
        wishes: new Map((event.d.user_guild_settings ?? []).map((settings) => [settings.guild_id ?? DIRECT, toWishes(settings)])),
      };
    case "CHANNEL_CREATE":
    case "CHANNEL_UPDATE": {
      if (!isDirect(event.d)) return inbox;
      const before = inbox.directs.get(event.d.id);
      const direct = toDirect(event.d);
      return withDirect(inbox, { ...direct, lastMessageId: direct.lastMessageId ?? before?.lastMessageId ?? null });
    }
    case "CHANNEL_DELETE": {
      if (!inbox.directs.has(event.d.id)) return inbox;
      const directs = new Map(inbox.directs);
      directs.delete(event.d.id);
      return { ...inbox, directs };
    }
    case "CHANNEL_RECIPIENT_ADD":
      return inDirect(inbox, event.d.channel_id, (direct) => ({
        ...direct,
        recipients: event.d.user.id === world.self?.id ? direct.recipients : [...direct.recipients.filter((user) => user.id !== event.d.user.id), toUser(event.d.user)],
      }));
    case "CHANNEL_RECIPIENT_REMOVE":
      return inDirect(inbox, event.d.channel_id, (direct) => ({ ...direct, recipients: direct.recipients.filter((user) => user.id !== event.d.user.id) }));
    case "USER_UPDATE": {
      const user = toUser(event.d);
      const held = [...inbox.directs.values()].filter((direct) => direct.recipients.some((entry) => entry.id === user.id));
      return held.reduce((now, direct) => withDirect(now, { ...direct, recipients: direct.recipients.map((entry) => (entry.id === user.id ? user : entry)) }), inbox);
    }
    case "MESSAGE_CREATE":
      return arrived(inbox, event.d, world);
    case "MESSAGE_ACK":
      return { ...inbox, reads: new Map(inbox.reads).set(event.d.channel_id, { lastId: event.d.last_message_id, mentions: event.d.mention_count }) };
    case "USER_GUILD_SETTINGS_UPDATE":
      return { ...inbox, wishes: new Map(inbox.wishes).set(event.d.guild_id ?? DIRECT, toWishes(event.d)) };
    default:
      return inbox;
  }
}

/** A new message: the conversation moves up; one's own words are read, others' may be meant for oneself. */
function arrived(inbox: Inbox, message: WireMessage, world: World): Inbox {
  const next = inDirect(inbox, message.channel_id, (direct) =>
    direct.lastMessageId && compareIds(direct.lastMessageId, message.id) >= 0 ? direct : { ...direct, lastMessageId: message.id },
  );
  const before = next.reads.get(message.channel_id) ?? { lastId: null, mentions: 0 };
  if (before.lastId && compareIds(before.lastId, message.id) >= 0) return next;
  const own = message.author.id === world.self?.id;
  if (own) return { ...next, reads: new Map(next.reads).set(message.channel_id, { lastId: message.id, mentions: 0 }) };
  if (!rings(next, message, world)) return next;
  return { ...next, reads: new Map(next.reads).set(message.channel_id, { ...before, mentions: before.mentions + 1 }) };
}

/** Whether a message counts as one that is meant for oneself. */
function rings(inbox: Inbox, message: WireMessage, world: World): boolean {
  if (inbox.directs.has(message.channel_id)) return true;
  const self = world.self?.id ?? "";
  if (message.mentions?.some((user) => user.id === self)) return true;
  const wishes = inbox.wishes.get(message.guild_id ?? DIRECT);
  if (message.mention_everyone) return !wishes?.suppressEveryone;
  const roles = world.guilds.get(message.guild_id ?? "")?.members.get(self)?.roles ?? [];
  return !wishes?.suppressRoles && (message.mention_roles ?? []).some((role) => roles.includes(role));
}

function isDirect(wire: WireChannel): boolean {
  return wire.type === 1 || wire.type === 3;
}

export function toDirect(wire: WireChannel): Direct {
  return named({
    ...toChannel(wire),
    kind: wire.type === 3 ? "group" : "direct",
    recipients: (wire.recipients ?? []).map(toUser),
    ownName: wire.name ?? "",
    ownerId: wire.owner_id ?? null,
    icon: wire.icon ?? null,
  });
}

function named(direct: Direct): Direct {
  return { ...direct, name: direct.ownName || direct.recipients.map((user) => user.name).join(", ") };
}

function withDirect(inbox: Inbox, direct: Direct): Inbox {
  return { ...inbox, directs: new Map(inbox.directs).set(direct.id, named(direct)) };
}

function inDirect(inbox: Inbox, id: Id, change: (direct: Direct) => Direct): Inbox {
  const direct = inbox.directs.get(id);
  if (!direct) return inbox;
  const next = change(direct);
  return next === direct ? inbox : withDirect(inbox, next);
}

function toMute(wire: WireMute): Mute {
  const levels = ["all", "mentions", "nothing", "inherit"] as const;
  return { muted: wire.muted, until: wire.mute_until ? Date.parse(wire.mute_until) : null, level: levels[wire.message_notifications ?? 0] ?? "all" };
}

function toWishes(wire: WireGuildSettings): Wishes {
  return {
    ...toMute(wire),
    suppressEveryone: wire.suppress_everyone ?? false,
    suppressRoles: wire.suppress_roles ?? false,
    channels: new Map((wire.channel_overrides ?? []).map((entry) => [entry.channel_id, toMute(entry)])),
  };
}

// What is asked of the inbox

/** The first millisecond of 2015, from which v10 ids count. */
const EPOCH_MS = 1_420_070_400_000;

/** When an id was made, milliseconds since 1970. */
export function idTime(id: Id): number {
  return Number(BigInt(id) >> 22n) + EPOCH_MS;
}
/** The smallest id of that time: everything later is larger. */
export function idAt(time: number): Id {
  return String(BigInt(Math.max(0, time - EPOCH_MS)) << 22n);
}

/** Whether there is something newer than what was read. `since`: what is older was never owed, as one was not there yet. */
export function isUnread(inbox: Inbox, channel: Channel, since: number | null): boolean {
  if (channel.kind === "voice" || channel.kind === "category" || channel.lastMessageId === null) return false;
  const read = inbox.reads.get(channel.id)?.lastId;
  if (read) return compareIds(read, channel.lastMessageId) < 0;
  return since === null || idTime(channel.lastMessageId) > since;
}

export function mentionsIn(inbox: Inbox, channelId: Id): number {
  return inbox.reads.get(channelId)?.mentions ?? 0;
}

function holds(mute: Mute | undefined, now: number): boolean {
  return mute !== undefined && mute.muted && (mute.until === null || mute.until > now);
}

/** Whether a channel, the category it lies in, or its whole guild is muted. */
export function isMuted(inbox: Inbox, guildId: Id | null, channel: Channel, now: number): boolean {
  const wishes = inbox.wishes.get(guildId ?? DIRECT);
  if (!wishes) return false;
  return holds(wishes.channels.get(channel.id), now) || (channel.parentId !== null && holds(wishes.channels.get(channel.parentId), now)) || (guildId !== null && holds(wishes, now));
}
/** Whether this channel is muted for itself. */
export function isChannelMuted(inbox: Inbox, guildId: Id | null, channelId: Id, now: number): boolean {
  return holds(inbox.wishes.get(guildId ?? DIRECT)?.channels.get(channelId), now);
}
export function isGuildMuted(inbox: Inbox, guildId: Id, now: number): boolean {
  return holds(inbox.wishes.get(guildId), now);
}

export interface Badge {
  unread: boolean;
  mentions: number;
}

/** What a guild's tile says: news in channels that are not muted, and every mention of oneself. */
export function guildBadge(inbox: Inbox, guild: Guild, sees: (channel: Channel) => boolean, selfId: Id, now: number): Badge {
  const since = guild.members.get(selfId)?.joinedAt ?? null;
  const badge: Badge = { unread: false, mentions: 0 };
  for (const channel of guild.channels.values()) {
    // What one sees is the dearest question: asked last, of the few that have news.
    if (channel.kind !== "text" || !isUnread(inbox, channel, since) || !sees(channel)) continue;
    badge.mentions += mentionsIn(inbox, channel.id);
    badge.unread ||= !isMuted(inbox, guild.id, channel, now);
  }
  return badge;
}

/** Direct conversations, the one with the newest words first. */
export function directsInOrder(inbox: Inbox): Direct[] {
  return [...inbox.directs.values()].sort((a, b) => compareIds(b.lastMessageId ?? b.id, a.lastMessageId ?? a.id));
}

/** How many messages wait in direct conversations that are not muted. */
export function directMentions(inbox: Inbox, now: number): number {
  return [...inbox.directs.values()].reduce((sum, direct) => sum + (isMuted(inbox, null, direct, now) ? 0 : mentionsIn(inbox, direct.id)), 0);
}
