/** What one may do with a member, by right and by rank. The same list on the page of members and on a person's card. */
import Ban from "@lucide/svelte/icons/ban";
import Crown from "@lucide/svelte/icons/crown";
import Pencil from "@lucide/svelte/icons/pencil";
import ShieldUser from "@lucide/svelte/icons/shield-user";
import Timer from "@lucide/svelte/icons/timer";
import TimerOff from "@lucide/svelte/icons/timer-off";
import UserX from "@lucide/svelte/icons/user-x";
import { adminApi } from "../state/account.svelte.ts";
import type { Guild, Id, Member } from "../state/model.ts";
import { announce } from "../ui/announce.svelte.ts";
import { sentence } from "../api/errors.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { rightsOver } from "./rights.ts";

export function memberItems(guild: Guild, userId: Id, member: Member): MenuItem[] {
  const rights = rightsOver(guild, userId, member);
  const show = (name: "nick" | "member-roles" | "timeout" | "kick" | "ban" | "transfer") => () => overlays.show({ name, guildId: guild.id, member });
  const items: MenuItem[] = [];
  if (rights.nick) items.push({ label: member.user.id === userId ? m.mem_nick_own() : m.mem_nick(), icon: Pencil, action: show("nick"), testid: "member-nick" });
  if (rights.roles) items.push({ label: m.mem_roles(), icon: ShieldUser, action: show("member-roles"), testid: "member-roles" });
  if (rights.timeout && member.timedOutUntil > Date.now()) items.push({ label: m.mem_timeout_end(), icon: TimerOff, action: () => void endTimeout(guild.id, member), testid: "member-timeout-end" });
  else if (rights.timeout) items.push({ label: m.mem_timeout(), icon: Timer, action: show("timeout"), testid: "member-timeout" });
  if (rights.transfer) items.push({ label: m.gs_transfer_action(), icon: Crown, action: show("transfer"), testid: "member-transfer" });
  if (rights.kick) items.push({ label: m.mem_kick(), icon: UserX, danger: true, action: show("kick"), testid: "member-kick" });
  if (rights.ban) items.push({ label: m.mem_ban(), icon: Ban, danger: true, action: show("ban"), testid: "member-ban" });
  return items;
}

async function endTimeout(guildId: Id, member: Member): Promise<void> {
  try {
    await adminApi.changeMember(guildId, member.user.id, { communication_disabled_until: null });
    announce(m.saved());
  } catch (error) {
    announce(sentence(error));
  }
}
