/**
 * Who and what there is: oneself, the guilds, their channels, people, rooms. One function says what an event changes.
 * Messages live in `timeline.ts`. No socket, clock or component here.
 */
import type { WireEvent, WireVoiceState } from "../api/wire.ts";
import {
  compareIds,
  toChannel,
  toCustomStatus,
  toEmoji,
  toGuild,
  toMember,
  toRole,
  toStatus,
  toUser,
  toVoiceState,
  type Channel,
  type Guild,
  type Id,
  type Member,
  type User,
} from "./model.ts";

export interface World {
  /** Null until the first READY. */
  self: User | null;
  guilds: ReadonlyMap<Id, Guild>;
  /** Guilds announced by READY whose GUILD_CREATE has not come yet. */
  awaited: ReadonlySet<Id>;
}

export const emptyWorld: World = { self: null, guilds: new Map(), awaited: new Set() };

export function applyEvent(world: World, event: WireEvent): World {
  switch (event.t) {
    case "READY": {
      const named = new Set(event.d.guilds.map((guild) => guild.id));
      return {
        self: toUser(event.d.user),
        // What we knew stays on screen until its GUILD_CREATE replaces it; what is not named any more is gone.
        guilds: new Map([...world.guilds].filter(([id]) => named.has(id))),
        awaited: named,
      };
    }
    case "GUILD_CREATE": {
      const guild = toGuild(event.d);
      const awaited = without(world.awaited, guild.id);
      return { ...world, awaited, guilds: with_(world.guilds, guild.id, guild) };
    }
    case "GUILD_UPDATE":
      return inGuild(world, event.d.id, (guild) => ({
        ...guild,
        name: event.d.name,
        ownerId: event.d.owner_id,
        icon: event.d.icon === undefined ? guild.icon : event.d.icon,
        description: event.d.description === undefined ? guild.description : (event.d.description ?? ""),
        emojis: event.d.emojis ? event.d.emojis.map(toEmoji) : guild.emojis,
        roles: event.d.roles ? new Map(event.d.roles.map((role) => [role.id, toRole(role)])) : guild.roles,
      }));
    case "GUILD_DELETE":
      if (event.d.unavailable) return world;
      return { ...world, awaited: without(world.awaited, event.d.id), guilds: withoutKey(world.guilds, event.d.id) };
    case "GUILD_MEMBER_ADD":
    case "GUILD_MEMBER_UPDATE": {
      const { user } = event.d;
      if (!user) return world;
      return inGuild(world, event.d.guild_id, (guild) => ({
        ...guild,
        members: with_(guild.members, user.id, toMember({ ...event.d, user })),
        memberCount: guild.memberCount + (event.t === "GUILD_MEMBER_ADD" && !guild.members.has(user.id) ? 1 : 0),
      }));
    }
    case "GUILD_MEMBER_REMOVE":
      return inGuild(world, event.d.guild_id, (guild) => ({
        ...guild,
        members: withoutKey(guild.members, event.d.user.id),
        presences: withoutKey(guild.presences, event.d.user.id),
        voice: withoutKey(guild.voice, event.d.user.id),
        memberCount: Math.max(0, guild.memberCount - 1),
      }));
    case "GUILD_EMOJIS_UPDATE":
      return inGuild(world, event.d.guild_id, (guild) => ({ ...guild, emojis: event.d.emojis.map(toEmoji) }));
    case "GUILD_ROLE_CREATE":
    case "GUILD_ROLE_UPDATE":
      return inGuild(world, event.d.guild_id, (guild) => ({ ...guild, roles: with_(guild.roles, event.d.role.id, toRole(event.d.role)) }));
    case "GUILD_ROLE_DELETE":
      return inGuild(world, event.d.guild_id, (guild) => ({ ...guild, roles: withoutKey(guild.roles, event.d.role_id) }));
    case "CHANNEL_CREATE":
    case "CHANNEL_UPDATE":
      return inGuild(world, event.d.guild_id, (guild) => {
        const channel = toChannel(event.d);
        const last = channel.lastMessageId ?? guild.channels.get(channel.id)?.lastMessageId ?? null;
        return { ...guild, channels: with_(guild.channels, channel.id, { ...channel, lastMessageId: last }) };
      });
    case "CHANNEL_DELETE":
      return inGuild(world, event.d.guild_id, (guild) => ({
        ...guild,
        channels: orphaned(withoutKey(guild.channels, event.d.id), event.d.id),
        voice: new Map([...guild.voice].filter(([, state]) => state.channelId !== event.d.id)),
      }));
    case "MESSAGE_CREATE":
      return inGuild(world, event.d.guild_id, (guild) => {
        const channel = guild.channels.get(event.d.channel_id);
        if (!channel || (channel.lastMessageId && compareIds(channel.lastMessageId, event.d.id) >= 0)) return guild;
        return { ...guild, channels: with_(guild.channels, channel.id, { ...channel, lastMessageId: event.d.id }) };
      });
    case "PRESENCE_UPDATE":
      return inGuild(world, event.d.guild_id, (guild) => {
        const { id } = event.d.user;
        const status = toStatus(event.d.status);
        const says = toCustomStatus(event.d);
        const before = guild.presences.get(id) ?? "offline";
        const presences = before === status ? guild.presences : status === "offline" ? withoutKey(guild.presences, id) : with_(guild.presences, id, status);
        const customStatuses = says ? with_(guild.customStatuses, id, says) : withoutKey(guild.customStatuses, id);
        return presences === guild.presences && customStatuses === guild.customStatuses ? guild : { ...guild, presences, customStatuses };
      });
    case "USER_UPDATE": {
      const user = toUser(event.d);
      return {
        ...world,
        self: world.self?.id === user.id ? user : world.self,
        guilds: new Map([...world.guilds].map(([id, guild]) => [id, renamed(guild, user)])),
      };
    }
    case "VOICE_STATE_UPDATE":
      return inGuild(world, event.d.guild_id, (guild) => applyVoiceState(guild, event.d));
    // People, their wishes and the lists of an administrator are kept by `people.svelte.ts`, `memberList.svelte.ts` and the pages.
    case "USER_SETTINGS_UPDATE":
    case "RELATIONSHIP_ADD":
    case "RELATIONSHIP_UPDATE":
    case "RELATIONSHIP_REMOVE":
    case "GUILD_SOUNDBOARD_SOUND_CREATE":
    case "GUILD_SOUNDBOARD_SOUND_UPDATE":
    case "GUILD_SOUNDBOARD_SOUND_DELETE":
    case "GUILD_BAN_ADD":
    case "GUILD_BAN_REMOVE":
    case "GUILD_MEMBER_LIST_UPDATE":
    case "INVITE_CREATE":
    case "INVITE_DELETE":
    // Messages are kept by `timeline.ts`; what one has read and one's direct conversations by `inbox.ts`.
    case "MESSAGE_DELETE_BULK":
    case "MESSAGE_REACTION_ADD":
    case "MESSAGE_REACTION_REMOVE":
    case "MESSAGE_REACTION_REMOVE_ALL":
    case "MESSAGE_REACTION_REMOVE_EMOJI":
    case "CHANNEL_PINS_UPDATE":
    case "CHANNEL_RECIPIENT_ADD":
    case "CHANNEL_RECIPIENT_REMOVE":
    // Calls of conversations by `calls.ts`.
    case "CALL_CREATE":
    case "CALL_UPDATE":
    case "CALL_DELETE":
    case "VOICE_CHANNEL_EFFECT_SEND":
    case "CALL_PLAYBACK_UPDATE":
    // Recordings by `../recording`.
    case "CALL_RECORDING_UPDATE":
    case "RECORDING_UPDATE":
    // Broadcasts by `../broadcast`.
    case "CALL_BROADCAST_UPDATE":
    case "MESSAGE_ACK":
    case "USER_GUILD_SETTINGS_UPDATE":
    case "RESUMED":
    case "MESSAGE_UPDATE":
    case "MESSAGE_DELETE":
    case "TYPING_START":
    case "VOICE_SERVER_UPDATE":
      return world;
    default:
      return unhandled(event);
  }
}

function applyVoiceState(guild: Guild, wire: WireVoiceState): Guild {
  const state = toVoiceState(wire);
  const user = wire.member?.user;
  const members = user && !guild.members.has(user.id) ? with_(guild.members, user.id, toMember({ ...wire.member!, user })) : guild.members;
  const voice = state ? with_(guild.voice, state.userId, state) : withoutKey(guild.voice, wire.user_id);
  return { ...guild, members, voice };
}

function renamed(guild: Guild, user: User): Guild {
  const member = guild.members.get(user.id);
  return member ? { ...guild, members: with_(guild.members, user.id, { ...member, user }) } : guild;
}

/** What lay in a category that is gone lies in none. */
function orphaned(channels: ReadonlyMap<Id, Channel>, parentId: Id): ReadonlyMap<Id, Channel> {
  const children = [...channels.values()].filter((channel) => channel.parentId === parentId);
  return children.length === 0 ? channels : new Map([...channels].map(([id, channel]) => [id, channel.parentId === parentId ? { ...channel, parentId: null } : channel]));
}

function inGuild(world: World, id: Id | undefined, change: (guild: Guild) => Guild): World {
  const guild = id === undefined ? undefined : world.guilds.get(id);
  if (!guild) return world;
  const next = change(guild);
  return next === guild ? world : { ...world, guilds: with_(world.guilds, guild.id, next) };
}

function with_<V>(map: ReadonlyMap<Id, V>, key: Id, value: V): Map<Id, V> {
  return new Map(map).set(key, value);
}
function withoutKey<V>(map: ReadonlyMap<Id, V>, key: Id): ReadonlyMap<Id, V> {
  if (!map.has(key)) return map;
  const next = new Map(map);
  next.delete(key);
  return next;
}
function without(set: ReadonlySet<Id>, key: Id): ReadonlySet<Id> {
  return new Set([...set].filter((entry) => entry !== key));
}

/** The compiler refuses a call when an event is left. */
export function unhandled(event: never): never {
  throw new Error(`unhandled event ${JSON.stringify(event)}`);
}

// What is asked of the world

/** Channels of one kind in their order: those in no category, then category by category; position, then age. */
export function channelsOf(guild: Guild, kind: Channel["kind"]): Channel[] {
  const categoryOf = (channel: Channel) => guild.channels.get(channel.parentId ?? "");
  const byPlace = (a: Channel, b: Channel) => a.position - b.position || compareIds(a.id, b.id);
  return [...guild.channels.values()]
    .filter((channel) => channel.kind === kind)
    .sort((a, b) => {
      const [one, other] = [categoryOf(a), categoryOf(b)];
      if (one?.id === other?.id) return byPlace(a, b);
      return one && other ? byPlace(one, other) : one ? 1 : -1;
    });
}

/** What a guild calls a person. */
export function nameIn(guild: Guild | undefined, user: User): string {
  const member = guild?.members.get(user.id);
  return member?.nick || member?.user.name || user.name;
}

export function displayName(member: Member): string {
  return member.nick || member.user.name;
}
