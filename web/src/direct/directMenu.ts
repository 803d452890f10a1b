/** What can be done with a conversation. */
import MailOpen from "@lucide/svelte/icons/mail-open";
import LogOut from "@lucide/svelte/icons/log-out";
import Pencil from "@lucide/svelte/icons/pencil";
import UserPlus from "@lucide/svelte/icons/user-plus";
import X from "@lucide/svelte/icons/x";
import { attempt } from "../chat/actions.ts";
import { muteItem } from "../chat/muteMenu.ts";
import { api } from "../state/account.svelte.ts";
import type { Direct } from "../state/inbox.ts";
import { place } from "../state/place.svelte.ts";
import { reading } from "../state/reading.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { directPath, router } from "../ui/router.svelte.ts";

/** v10: a group has at most so many people, oneself among them. */
export const MOST_IN_GROUP = 10;

export function showDirectMenu(direct: Direct, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): void {
  const items: MenuItem[] = [];
  if (reading.unread(direct, undefined)) items.push({ label: m.mark_read(), icon: MailOpen, action: () => reading.markRead(direct) });
  items.push(muteItem(null, direct.id, direct.name, at, opener));
  if (direct.kind === "group") {
    items.push({ label: m.group_rename(), icon: Pencil, action: () => overlays.show({ name: "group-name", channelId: direct.id }), testid: "group-rename" });
    if (direct.recipients.length + 1 < MOST_IN_GROUP) items.push({ label: m.group_add(), icon: UserPlus, action: () => overlays.show({ name: "new-direct", channelId: direct.id }), testid: "group-add" });
    items.push({ label: m.group_leave(), icon: LogOut, danger: true, action: () => overlays.show({ name: "leave-group", channelId: direct.id }), testid: "group-leave" });
  } else items.push({ label: m.direct_close(), icon: X, action: () => void attempt(() => close(direct)), testid: "direct-close" });
  overlays.showMenu({ label: direct.name, at, opener, items });
}

/** Takes a conversation from the list: of a group one is no part any more, with a person it comes back with the next word. */
export async function close(direct: Direct): Promise<void> {
  await api.deleteChannel(direct.id);
  store.apply({ t: "CHANNEL_DELETE", d: { id: direct.id, type: direct.kind === "group" ? 3 : 1 } });
  if (place.channelId === direct.id) router.go(directPath(), true);
}
