/** What can be done with a channel or a room, for whoever may: rename, move, delete. */
import ArrowDown from "@lucide/svelte/icons/arrow-down";
import ArrowUp from "@lucide/svelte/icons/arrow-up";
import Pencil from "@lucide/svelte/icons/pencil";
import Trash from "@lucide/svelte/icons/trash-2";
import { api } from "../state/account.svelte.ts";
import type { Channel, Guild } from "../state/model.ts";
import { iMay } from "../state/place.svelte.ts";
import { channelsOf } from "../state/world.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";

/** Opens the menu of a channel; nothing happens for who may not change it. */
export function showChannelMenu(guild: Guild, channel: Channel, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): void {
  const items = channelItems(guild, channel);
  if (items.length > 0) overlays.showMenu({ label: channel.name, at, opener, items });
}

export function mayChange(guild: Guild, channel: Channel): boolean {
  return iMay("manageChannels", guild, channel);
}

function channelItems(guild: Guild, channel: Channel): MenuItem[] {
  if (!mayChange(guild, channel)) return [];
  const siblings = channelsOf(guild, channel.kind);
  const at = siblings.findIndex((entry) => entry.id === channel.id);
  const items: MenuItem[] = [{ label: m.rename(), icon: Pencil, action: () => overlays.show({ name: "edit-channel", guildId: guild.id, channelId: channel.id }) }];
  if (at > 0) items.push({ label: m.move_up(), icon: ArrowUp, action: () => void move(guild, siblings, at, at - 1) });
  if (at < siblings.length - 1) items.push({ label: m.move_down(), icon: ArrowDown, action: () => void move(guild, siblings, at, at + 1) });
  items.push({ label: m.delete_(), icon: Trash, danger: true, action: () => overlays.show({ name: "delete-channel", guildId: guild.id, channelId: channel.id }) });
  return items;
}

async function move(guild: Guild, siblings: Channel[], from: number, to: number): Promise<void> {
  const order = [...siblings];
  const [moved] = order.splice(from, 1);
  if (!moved) return;
  order.splice(to, 0, moved);
  try {
    await api.moveChannels(
      guild.id,
      order.map(({ id }, position) => ({ id, position })),
    );
    announce(m.say_moved({ name: moved.name, place: to + 1 }));
  } catch {
    announce(m.error_unknown());
  }
}
