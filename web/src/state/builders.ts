/** Small guilds, channels and people for tests: name what matters, the rest is ordinary. */
import type { Channel, Guild, Member, Message, Role, User } from "./model.ts";

export function aUser(id: string, name = `user${id}`): User {
  return { id, username: name, name, bot: false, avatar: null };
}
export function aMember(id: string, roles: string[] = []): Member {
  return { user: aUser(id), nick: null, roles, joinedAt: null, timedOutUntil: 0 };
}
export function aRole(part: Partial<Role> & { id: string }): Role {
  return { name: `role${part.id}`, permissions: 0n, position: 1, color: 0, hoist: false, mentionable: false, managed: false, ...part };
}
export function aChannel(part: Partial<Channel> & { id: string }): Channel {
  return { kind: "text", name: "tea", topic: "", position: 0, lastMessageId: null, overwrites: [], parentId: null, slowMode: 0, ageMarked: false, bitrate: 0, userLimit: 0, ...part };
}
export function aGuild(
  part: Partial<Omit<Guild, "members" | "roles" | "channels">> & { id: string; members?: Member[]; roles?: Role[]; channels?: Channel[] },
): Guild {
  return {
    name: "Harbour",
    ownerId: "10",
    icon: null,
    description: "",
    emojis: [],
    memberCount: part.members?.length ?? 0,
    voice: new Map(),
    presences: new Map(),
    customStatuses: new Map(),
    ...part,
    members: new Map((part.members ?? []).map((m) => [m.user.id, m])),
    roles: new Map((part.roles ?? []).map((r) => [r.id, r])),
    channels: new Map((part.channels ?? []).map((c) => [c.id, c])),
  };
}
export function aMessage(id: string, part: Partial<Message> = {}): Message {
  return {
    id,
    channelId: "2",
    kind: "text",
    author: aUser("10"),
    content: `m${id}`,
    at: Number(id) * 1000,
    edited: false,
    nonce: null,
    mentions: [],
    mentionedRoles: [],
    mentionsEveryone: false,
    attachments: [],
    embeds: [],
    embedsHidden: false,
    reactions: [],
    pinned: false,
    answers: null,
    call: null,
    ...part,
  };
}
