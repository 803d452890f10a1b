/** The colour of a name: of the highest role that has one. `.roled` in app.css keeps it readable on every surface. */
import { compareRoles } from "../permissions.ts";
import type { Guild, Member, Role } from "../state/model.ts";
import { css } from "../ui/pictures.ts";

export function roleColor(guild: Guild | undefined, member: Pick<Member, "roles"> | undefined): string | null {
  let best: Role | null = null;
  for (const id of member?.roles ?? []) {
    const role = guild?.roles.get(id);
    if (role && role.color !== 0 && (!best || compareRoles(role, best) > 0)) best = role;
  }
  return best ? css(best.color) : null;
}
