/** What one may do with another member: by right and by rank. Pure; the server decides the same. */
import { canActOn, canGiveRole, guildPermissions, may, Permission } from "../permissions.ts";
import type { Guild, Id, Member } from "../state/model.ts";

export interface MemberRights {
  nick: boolean;
  roles: boolean;
  timeout: boolean;
  kick: boolean;
  ban: boolean;
  transfer: boolean;
}

/** What `userId` may do with `target`. */
export function rightsOver(guild: Guild, userId: Id, target: Member): MemberRights {
  const bits = guildPermissions(guild, userId);
  const above = canActOn(guild, userId, target);
  const self = target.user.id === userId;
  return {
    nick: self ? may(bits, Permission.changeNickname) || may(bits, Permission.manageNicknames) : above && may(bits, Permission.manageNicknames),
    roles: (self || above) && may(bits, Permission.manageRoles) && [...guild.roles.values()].some((role) => canGiveRole(guild, userId, role)),
    timeout: above && may(bits, Permission.moderateMembers) && (bitsOf(guild, target) & Permission.administrator) === 0n,
    kick: above && may(bits, Permission.kickMembers),
    ban: above && may(bits, Permission.banMembers),
    transfer: guild.ownerId === userId && !self && !target.user.bot,
  };
}

function bitsOf(guild: Guild, target: Member): bigint {
  let bits = guild.roles.get(guild.id)?.permissions ?? 0n;
  for (const id of target.roles) bits |= guild.roles.get(id)?.permissions ?? 0n;
  return bits;
}
