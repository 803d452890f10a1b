/**
 * The permission arithmetic of the v10 API: what a member may do in a guild and in one of its channels, and over whom.
 * Pure; the server computes the same from the same facts, and its answer is the one that counts.
 */
import { compareIds, type Channel, type Guild, type Id, type Member, type Overwrite, type Role } from "./state/model.ts";

/** Bits by their v10 names, and `recordCalls`, which is our own. */
export const Permission = {
  createInvite: 1n << 0n,
  kickMembers: 1n << 1n,
  banMembers: 1n << 2n,
  administrator: 1n << 3n,
  manageChannels: 1n << 4n,
  manageGuild: 1n << 5n,
  addReactions: 1n << 6n,
  viewAuditLog: 1n << 7n,
  stream: 1n << 9n,
  viewChannel: 1n << 10n,
  sendMessages: 1n << 11n,
  manageMessages: 1n << 13n,
  embedLinks: 1n << 14n,
  attachFiles: 1n << 15n,
  readHistory: 1n << 16n,
  mentionEveryone: 1n << 17n,
  useExternalEmojis: 1n << 18n,
  connect: 1n << 20n,
  speak: 1n << 21n,
  muteMembers: 1n << 22n,
  deafenMembers: 1n << 23n,
  moveMembers: 1n << 24n,
  changeNickname: 1n << 26n,
  manageNicknames: 1n << 27n,
  manageRoles: 1n << 28n,
  manageWebhooks: 1n << 29n,
  manageExpressions: 1n << 30n,
  useCommands: 1n << 31n,
  moderateMembers: 1n << 40n,
  useSoundboard: 1n << 42n,
  createExpressions: 1n << 43n,
  useExternalSounds: 1n << 45n,
  pinMessages: 1n << 51n,
  bypassSlowMode: 1n << 52n,
  recordCalls: 1n << 58n,
} as const;

export type PermissionName = keyof typeof Permission;

/** Every bit that has a name in v10, 47 has none; and the one of our own. */
export const ALL = (1n << 53n) - 1n - (1n << 47n) + Permission.recordCalls;
/** What a timeout leaves. */
const WHILE_TIMED_OUT = Permission.viewChannel | Permission.readHistory;
const [TTS, PRIORITY, VOICE_ACTIVITY, REQUEST_TO_SPEAK, ACTIVITIES, VOICE_STATUS] = [12n, 8n, 25n, 32n, 39n, 48n].map((bit) => 1n << bit) as bigint[];
/** Worth nothing to those who may not post. */
const OF_POSTING = Permission.mentionEveryone | Permission.attachFiles | Permission.embedLinks | TTS!;
/** Worth nothing in a voice channel to those who may not enter it. */
const OF_ENTERING =
  Permission.speak | Permission.stream | Permission.recordCalls | Permission.muteMembers | Permission.deafenMembers | Permission.moveMembers | Permission.manageChannels | Permission.manageRoles | VOICE_ACTIVITY! | PRIORITY! | REQUEST_TO_SPEAK! | ACTIVITIES! | Permission.useSoundboard | Permission.useExternalSounds | VOICE_STATUS!;

/** What `userId` may do in the guild as a whole: the owner everything, others what @everyone and their roles add up to. */
export function guildPermissions(guild: Guild, userId: Id, now = Date.now()): bigint {
  const bits = untimed(guild, userId);
  return bits !== ALL && timedOut(guild, userId, now) ? bits & WHILE_TIMED_OUT : bits;
}

/**
 * The same in one channel: overwrites of @everyone, then of the roles together, then of the member; deny before allow.
 * Then what one bit needs of another: who may not post has no use for what only posting makes use of, and who may not
 * enter a voice channel may do nothing there.
 */
export function channelPermissions(guild: Guild, channel: { overwrites: readonly Overwrite[]; kind?: Channel["kind"] }, userId: Id, now = Date.now()): bigint {
  let bits = untimed(guild, userId);
  if (bits & Permission.administrator) return bits;
  const overwrite = (type: 0 | 1, id: Id) => channel.overwrites.find((entry) => entry.type === type && entry.id === id);
  const everyone = overwrite(0, guild.id);
  if (everyone) bits = (bits & ~everyone.deny) | everyone.allow;
  let deny = 0n;
  let allow = 0n;
  for (const role of guild.members.get(userId)?.roles ?? []) {
    if (role === guild.id) continue;
    const entry = overwrite(0, role);
    deny |= entry?.deny ?? 0n;
    allow |= entry?.allow ?? 0n;
  }
  bits = (bits & ~deny) | allow;
  const own = overwrite(1, userId);
  if (own) bits = (bits & ~own.deny) | own.allow;
  if (!(bits & Permission.viewChannel)) return 0n;
  if (timedOut(guild, userId, now)) return bits & WHILE_TIMED_OUT;
  if (!(bits & Permission.sendMessages)) bits &= ~OF_POSTING;
  if (channel.kind === "voice" && !(bits & Permission.connect)) bits &= ~OF_ENTERING;
  return bits;
}

/** Whether all of `wanted` is in `bits`. */
export function may(bits: bigint, wanted: bigint): boolean {
  return (bits & wanted) === wanted;
}

/** What a role may do in a channel when somebody has it and no other. */
export function rolePermissionsIn(guild: Guild, channel: { overwrites: readonly Overwrite[]; kind?: Channel["kind"] }, roleId: Id): bigint {
  const probe: Guild = { ...guild, ownerId: "", members: new Map([["0", { roles: roleId === guild.id ? [] : [roleId], timedOutUntil: 0 } as unknown as Member]]) };
  return channelPermissions(probe, channel, "0");
}

function untimed(guild: Guild, userId: Id): bigint {
  if (guild.ownerId === userId) return ALL;
  // The @everyone role has the guild's own id.
  let bits = guild.roles.get(guild.id)?.permissions ?? 0n;
  for (const role of guild.members.get(userId)?.roles ?? []) bits |= guild.roles.get(role)?.permissions ?? 0n;
  return bits & Permission.administrator ? ALL : bits;
}

function timedOut(guild: Guild, userId: Id, now: number): boolean {
  return guild.ownerId !== userId && (guild.members.get(userId)?.timedOutUntil ?? 0) > now;
}

// Hierarchy

/** Of two roles the one that outranks: the higher position, then the older id. Positive when `a` does. */
export function compareRoles(a: Pick<Role, "id" | "position">, b: Pick<Role, "id" | "position">): number {
  return a.position - b.position || compareIds(b.id, a.id);
}

/** The roles of a guild from the highest to @everyone. */
export function rolesInOrder(guild: Guild): Role[] {
  return [...guild.roles.values()].sort((a, b) => compareRoles(b, a));
}

/** The highest role of somebody; @everyone's when they have none. */
export function highestRole(guild: Guild, member: Pick<Member, "roles"> | undefined): Role | undefined {
  let best = guild.roles.get(guild.id);
  for (const id of member?.roles ?? []) {
    const role = guild.roles.get(id);
    if (role && (!best || compareRoles(role, best) > 0)) best = role;
  }
  return best;
}

/** Whether a role lies below oneself: only such can be changed, given, taken or moved. */
export function outranksRole(guild: Guild, userId: Id, role: Pick<Role, "id" | "position">): boolean {
  if (guild.ownerId === userId) return true;
  const mine = highestRole(guild, guild.members.get(userId));
  return mine !== undefined && compareRoles(mine, role) > 0;
}

/** Whether `userId` may change this role: permission and rank. */
export function canManageRole(guild: Guild, userId: Id, role: Role): boolean {
  return may(guildPermissions(guild, userId), Permission.manageRoles) && outranksRole(guild, userId, role);
}

/** Whether `userId` may give this role to somebody or take it away. */
export function canGiveRole(guild: Guild, userId: Id, role: Role): boolean {
  return canManageRole(guild, userId, role) && role.id !== guild.id && !role.managed;
}

/** Whether one stands above another member: the owner above all, others by their highest role; nobody above themselves. */
export function canActOn(guild: Guild, userId: Id, target: Pick<Member, "roles" | "user">): boolean {
  if (userId === target.user.id || guild.ownerId === target.user.id) return false;
  if (guild.ownerId === userId) return true;
  const mine = highestRole(guild, guild.members.get(userId));
  const theirs = highestRole(guild, target);
  return mine !== undefined && theirs !== undefined && compareRoles(mine, theirs) > 0;
}

/** The bits that one may grant or take: those one has oneself. */
export function grantable(guild: Guild, userId: Id): bigint {
  return guildPermissions(guild, userId);
}

/** Whether a channel's own entries are the same as those of the category it lies in. */
export function isSynced(channel: Pick<Channel, "overwrites">, category: Pick<Channel, "overwrites">): boolean {
  const key = (entries: readonly Overwrite[]) =>
    entries
      .filter((entry) => entry.allow !== 0n || entry.deny !== 0n)
      .map((entry) => `${entry.type}:${entry.id}:${entry.allow}:${entry.deny}`)
      .sort()
      .join(" ");
  return key(channel.overwrites) === key(category.overwrites);
}
