/** What the client knows, in its own words. Every value is immutable: an event makes a new one. */
import type { WireChannel, WireGuild, WireMember, WireMessage, WireRole, WireUser, WireVoiceState } from "../api/wire.ts";

/** A snowflake: decimal digits; later is larger. Compare with {@link compareIds}, never as text. */
export type Id = string;

export interface User {
  id: Id;
  username: string;
  /** What to call them: the chosen name, or the login name. */
  name: string;
  bot: boolean;
}
export interface Member {
  user: User;
  nick: string | null;
  roles: readonly Id[];
}
export interface Role {
  id: Id;
  name: string;
  permissions: bigint;
  position: number;
}
export interface Overwrite {
  id: Id;
  type: 0 | 1;
  allow: bigint;
  deny: bigint;
}
export interface Channel {
  id: Id;
  kind: "text" | "voice" | "other";
  name: string;
  topic: string;
  position: number;
  lastMessageId: Id | null;
  overwrites: readonly Overwrite[];
}
export interface VoiceState {
  userId: Id;
  channelId: Id;
  muted: boolean;
  deafened: boolean;
  camera: boolean;
  screen: boolean;
}
export type Status = "online" | "idle" | "dnd" | "offline";

export interface Guild {
  id: Id;
  name: string;
  ownerId: Id;
  channels: ReadonlyMap<Id, Channel>;
  roles: ReadonlyMap<Id, Role>;
  members: ReadonlyMap<Id, Member>;
  memberCount: number;
  /** Who is in a room, by user. */
  voice: ReadonlyMap<Id, VoiceState>;
  /** Everybody not named here is offline. */
  presences: ReadonlyMap<Id, Status>;
}
export interface Message {
  id: Id;
  channelId: Id;
  author: User;
  content: string;
  /** Milliseconds since 1970. */
  at: number;
  edited: boolean;
  nonce: string | null;
}

/** Snowflakes without leading zeros: the longer is the larger. */
export function compareIds(a: Id, b: Id): number {
  return a.length - b.length || (a < b ? -1 : a > b ? 1 : 0);
}

export function toUser(wire: WireUser): User {
  return { id: wire.id, username: wire.username, name: wire.global_name || wire.username, bot: wire.bot ?? false };
}

export function toMember(wire: WireMember & { user: WireUser }): Member {
  return { user: toUser(wire.user), nick: wire.nick ?? null, roles: wire.roles ?? [] };
}

export function toRole(wire: WireRole): Role {
  return { id: wire.id, name: wire.name, permissions: BigInt(wire.permissions), position: wire.position };
}

export function toChannel(wire: WireChannel): Channel {
  return {
    id: wire.id,
    kind: wire.type === 0 || wire.type === 5 ? "text" : wire.type === 2 ? "voice" : "other",
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
  };
}

/** Null when the person is in no room. */
export function toVoiceState(wire: WireVoiceState): VoiceState | null {
  if (!wire.channel_id) return null;
  return {
    userId: wire.user_id,
    channelId: wire.channel_id,
    muted: wire.self_mute || (wire.mute ?? false),
    deafened: wire.self_deaf || (wire.deaf ?? false),
    camera: wire.self_video ?? false,
    screen: wire.self_stream ?? false,
  };
}

export function toStatus(wire: string): Status {
  return wire === "online" || wire === "idle" || wire === "dnd" ? wire : "offline";
}

export function toGuild(wire: WireGuild): Guild {
  const members = (wire.members ?? []).filter((m): m is WireMember & { user: WireUser } => m.user !== undefined);
  const voice = (wire.voice_states ?? []).map(toVoiceState).filter((state) => state !== null);
  return {
    id: wire.id,
    name: wire.name,
    ownerId: wire.owner_id,
    channels: byId((wire.channels ?? []).map(toChannel)),
    roles: byId((wire.roles ?? []).map(toRole)),
    members: new Map(members.map((m) => [m.user.id, toMember(m)])),
    memberCount: wire.member_count ?? members.length,
    voice: new Map(voice.map((state) => [state.userId, state])),
    presences: new Map((wire.presences ?? []).map((p) => [p.user.id, toStatus(p.status)])),
  };
}

export function toMessage(wire: WireMessage): Message {
  return {
    id: wire.id,
    channelId: wire.channel_id,
    author: toUser(wire.author),
    content: wire.content,
    at: Date.parse(wire.timestamp),
    edited: wire.edited_timestamp != null,
    nonce: wire.nonce == null ? null : String(wire.nonce),
  };
}

function byId<T extends { id: Id }>(items: T[]): Map<Id, T> {
  return new Map(items.map((item) => [item.id, item]));
}
