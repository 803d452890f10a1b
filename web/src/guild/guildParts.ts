/** Which parts of a community's settings somebody may use. Pure. */
import { guildPermissions, may, Permission, type PermissionName } from "../permissions.ts";
import type { Guild, Id } from "../state/model.ts";
import type { GuildPart } from "../ui/router.svelte.ts";

const needs: Record<GuildPart, readonly PermissionName[]> = {
  overview: ["manageGuild"],
  emoji: ["manageExpressions", "createExpressions"],
  sounds: ["manageExpressions", "createExpressions"],
  roles: ["manageRoles"],
  members: ["kickMembers", "banMembers", "moderateMembers", "manageNicknames", "manageRoles"],
  invites: ["manageGuild"],
  bans: ["banMembers"],
  log: ["viewAuditLog"],
  bots: ["manageGuild"],
  recording: ["manageGuild"],
};

/** In the order of the page's list; any one of a part's rights opens it. */
export function openParts(guild: Guild, userId: Id): GuildPart[] {
  const bits = guildPermissions(guild, userId);
  return (Object.keys(needs) as GuildPart[]).filter((part) => needs[part].some((name) => may(bits, Permission[name])));
}
