/** What the client knows, in its own words. Every value is immutable: an event makes a new one. */
import type { WireChannel, WireEmoji, WireGuild, WireMember, WirePresence, WireRole, WireUser, WireVoiceState } from "../api/wire.ts";

export * from "./message.ts";

/** A snowflake: decimal digits; later is larger. Compare with {@link compareIds}, never as text. */
export type Id = string;

export interface User {
  id: Id;
  username: string;
  /** What to call them: the chosen name, or the login name. */
  name: string;
  bot: boolean;
  /** Hash of their picture; null: a horizon is drawn instead. */
  avatar: string | null;
}
export interface Member {
  user: User;
  nick: string | null;
  roles: readonly Id[];
  /** Milliseconds since 1970; null where nobody said. */
  joinedAt: number | null;
  /** Until when they only read: milliseconds since 1970, 0 for not at all. */
  timedOutUntil: number;
}
export interface Role {
  id: Id;
  name: string;
  permissions: bigint;
  position: number;
  /** RGB, 0 for none. */
  color: number;
  /** Shown as a group of its own in the member list. */
  hoist: boolean;
  mentionable: boolean;
  /** Belongs to an application. */
  managed: boolean;
}
export interface Emoji {
  id: Id;
  name: string;
  animated: boolean;
}
export interface Overwrite {
  id: Id;
  type: 0 | 1;
  allow: bigint;
  deny: bigint;
}
export interface Channel {
  id: Id;
  kind: "text" | "voice" | "category" | "direct" | "group" | "other";
  name: string;
  topic: string;
  position: number;
  lastMessageId: Id | null;
  overwrites: readonly Overwrite[];
  /** The category it lies in. */
  parentId: Id | null;
  /** Seconds between two messages of one person; 0 for none. */
  slowMode: number;
  /** Asks people for their age before it shows anything. */
  ageMarked: boolean;
  /** Of a room: bits per second, and how many fit in (0: all). */
  bitrate: number;
  userLimit: number;
}
export interface VoiceState {
  userId: Id;
  channelId: Id;
  /** The gateway session that holds the seat. */
  sessionId: string;
  muted: boolean;
  deafened: boolean;
  camera: boolean;
  screen: boolean;
}
export type Status = "online" | "idle" | "dnd" | "offline";
/** A sentence about oneself, with an emoji before it. */
export interface CustomStatus {
  text: string;
  /** A Unicode emoji, or the name of a custom one. */
  emoji: string;
  emojiId: Id | null;
}

export interface Guild {
  id: Id;
  name: string;
  ownerId: Id;
  icon: string | null;
  description: string;
  emojis: readonly Emoji[];
  channels: ReadonlyMap<Id, Channel>;
  roles: ReadonlyMap<Id, Role>;
  members: ReadonlyMap<Id, Member>;
  memberCount: number;
  /** Who is in a room, by user. */
  voice: ReadonlyMap<Id, VoiceState>;
  /** Everybody not named here is offline. */
  presences: ReadonlyMap<Id, Status>;
  /** What some of them say about themselves. */
  customStatuses: ReadonlyMap<Id, CustomStatus>;
}
/** Snowflakes without leading zeros: the longer is the larger. */
export function compareIds(a: Id, b: Id): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export function toUser(wire: WireUser): User {
  return { id: wire.id, username: wire.username, name: wire.global_name || wire.username, bot: wire.bot ?? false, avatar: wire.avatar ?? null };
}

export function toMember(wire: WireMember & { user: WireUser }): Member {
  return {
    user: toUser(wire.user),
    nick: wire.nick ?? null,
    roles: wire.roles ?? [],
    joinedAt: wire.joined_at ? Date.parse(wire.joined_at) : null,
    timedOutUntil: wire.communication_disabled_until ? Date.parse(wire.communication_disabled_until) : 0,
  };
}

export function toRole(wire: WireRole): Role {
  return {
    id: wire.id,
    name: wire.name,
    permissions: BigInt(wire.permissions),
    position: wire.position,
    color: wire.color ?? 0,
    hoist: wire.hoist ?? false,
    mentionable: wire.mentionable ?? false,
    managed: wire.managed ?? false,
  };
}

export function toChannel(wire: WireChannel): Channel {
  return {
    id: wire.id,
    kind: wire.type === 0 || wire.type === 5 ? "text" : wire.type === 2 ? "voice" : wire.type === 4 ? "category" : "other",
    name: wire.name ?? "",
    topic: wire.topic ?? "",
    position: wire.position ?? 0,
    lastMessageId: wire.last_message_id ?? null,
    overwrites: (wire.permission_overwrites ?? []).map((entry) => ({
      id: entry.id,
      type: entry.type,
      allow: BigInt(entry.allow),
      deny: BigInt(entry.deny),
    })),
    parentId: wire.parent_id ?? null,
    slowMode: wire.rate_limit_per_user ?? 0,
    ageMarked: wire.nsfw ?? false,
    bitrate: wire.bitrate ?? 0,
    userLimit: wire.user_limit ?? 0,
  };
}

/** Null when the person is in no room. */
export function toVoiceState(wire: WireVoiceState): VoiceState | null {
  if (!wire.channel_id) return null;
  return {
    userId: wire.user_id,
    channelId: wire.channel_id,
    sessionId: wire.session_id,
    muted: wire.self_mute || (wire.mute ?? false),
    deafened: wire.self_deaf || (wire.deaf ?? false),
    camera: wire.self_video ?? false,
    screen: wire.self_stream ?? false,
  };
}

export function toStatus(wire: string): Status {
  return wire === "online" || wire === "idle" || wire === "dnd" ? wire : "offline";
}

export function toEmoji(wire: WireEmoji): Emoji {
  return { id: wire.id, name: wire.name, animated: wire.animated ?? false };
}

/** What a presence says in words; null for nothing. */
export function toCustomStatus(wire: Omit<WirePresence, "user">): CustomStatus | null {
  const activity = wire.activities?.find((entry) => entry.type === 4);
  if (!activity) return null;
  const text = activity.state ?? "";
  const emoji = activity.emoji?.name ?? "";
  return text === "" && emoji === "" ? null : { text, emoji, emojiId: activity.emoji?.id ?? null };
}

export function toGuild(wire: WireGuild): Guild {
  const members = (wire.members ?? []).filter((m): m is WireMember & { user: WireUser } => m.user !== undefined);
  const voice = (wire.voice_states ?? []).map(toVoiceState).filter((state) => state !== null);
  return {
    id: wire.id,
    name: wire.name,
    ownerId: wire.owner_id,
    icon: wire.icon ?? null,
    description: wire.description ?? "",
    emojis: (wire.emojis ?? []).map(toEmoji),
    channels: byId((wire.channels ?? []).map(toChannel)),
    roles: byId((wire.roles ?? []).map(toRole)),
    members: new Map(members.map((m) => [m.user.id, toMember(m)])),
    memberCount: wire.member_count ?? members.length,
    voice: new Map(voice.map((state) => [state.userId, state])),
    presences: new Map((wire.presences ?? []).map((p) => [p.user.id, toStatus(p.status)])),
    customStatuses: new Map((wire.presences ?? []).flatMap((p): [Id, CustomStatus][] => (toCustomStatus(p) ? [[p.user.id, toCustomStatus(p)!]] : []))),
  };
}

function byId<T extends { id: Id }>(items: T[]): Map<Id, T> {
  return new Map(items.map((item) => [item.id, item]));
}
