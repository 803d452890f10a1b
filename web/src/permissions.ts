/**
 * The permission arithmetic of the v10 API: what a member may do in a guild and in one of its channels.
 * Pure; the server computes the same from the same facts, and its answer is the one that counts.
 */
import type { Channel, Guild, Id } from "./state/model.ts";

/** Bits by their v10 names. */
export const Permission = {
  createInvite: 1n << 0n,
  kickMembers: 1n << 1n,
  banMembers: 1n << 2n,
  administrator: 1n << 3n,
  manageChannels: 1n << 4n,
  manageGuild: 1n << 5n,
  stream: 1n << 9n,
  viewChannel: 1n << 10n,
  sendMessages: 1n << 11n,
  manageMessages: 1n << 13n,
  connect: 1n << 20n,
  speak: 1n << 21n,
} as const;

const all = (1n << 53n) - 1n;

/** What `userId` may do in the guild as a whole: the owner everything, others what @everyone and their roles add up to. */
export function guildPermissions(guild: Guild, userId: Id): bigint {
  if (guild.ownerId === userId) return all;
  const member = guild.members.get(userId);
  // The @everyone role has the guild's own id.
  let bits = guild.roles.get(guild.id)?.permissions ?? 0n;
  for (const role of member?.roles ?? []) bits |= guild.roles.get(role)?.permissions ?? 0n;
  return bits & Permission.administrator ? all : bits;
}

/** The same in one channel: overwrites of @everyone, then of the roles together, then of the member; deny before allow. */
export function channelPermissions(guild: Guild, channel: Channel, userId: Id): bigint {
  let bits = guildPermissions(guild, userId);
  if (bits & Permission.administrator) return bits;
  const overwrite = (id: Id) => channel.overwrites.find((entry) => entry.id === id);
  const everyone = overwrite(guild.id);
  if (everyone) bits = (bits & ~everyone.deny) | everyone.allow;
  let deny = 0n;
  let allow = 0n;
  for (const role of guild.members.get(userId)?.roles ?? []) {
    const entry = overwrite(role);
    deny |= entry?.deny ?? 0n;
    allow |= entry?.allow ?? 0n;
  }
  bits = (bits & ~deny) | allow;
  const own = overwrite(userId);
  if (own) bits = (bits & ~own.deny) | own.allow;
  return bits & Permission.viewChannel ? bits : 0n;
}

/** Whether all of `wanted` is in `bits`. */
export function may(bits: bigint, wanted: bigint): boolean {
  return (bits & wanted) === wanted;
}
