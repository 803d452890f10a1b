/** The line of a room's menu that leads to what was recorded in it. */
import History from "@lucide/svelte/icons/history";
import type { Id } from "../state/model.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";

export function listItem(channelId: Id, channelName: string): MenuItem {
  return { label: m.rec_list(), icon: History, action: () => overlays.show({ name: "recordings", channelId, channelName }), testid: "channel-recordings" };
}
