/** What can be done with a channel, a room or a category, for whoever may: settings, new ones in it, order, deletion. */
import ArrowDown from "@lucide/svelte/icons/arrow-down";
import ArrowUp from "@lucide/svelte/icons/arrow-up";
import FolderInput from "@lucide/svelte/icons/folder-input";
import Cast from "@lucide/svelte/icons/cast";
import Plus from "@lucide/svelte/icons/plus";
import SettingsIcon from "@lucide/svelte/icons/settings";
import Trash from "@lucide/svelte/icons/trash-2";
import MailOpen from "@lucide/svelte/icons/mail-open";
import { sentence } from "../api/errors.ts";
import { muteItem } from "../chat/muteMenu.ts";
import { adminApi } from "../state/account.svelte.ts";
import { reading } from "../state/reading.svelte.ts";
import { listItem } from "../recording/listItem.ts";
import type { Channel, Guild } from "../state/model.ts";
import { iMay } from "../state/place.svelte.ts";
import { channelsOf } from "../state/world.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { channelSettingsPath, router } from "../ui/router.svelte.ts";
import { placesAfter, siblingsOf } from "./arrange.ts";

/** Opens the menu of a channel; nothing happens for who may not change it. */
export function showChannelMenu(guild: Guild, channel: Channel, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): void {
  const items = [...(channel.kind === "text" ? readingItems(guild, channel, at, opener) : []), ...streamItems(guild, channel), ...recordingItems(guild, channel), ...channelItems(guild, channel)];
  if (items.length > 0) overlays.showMenu({ label: channel.name, at, opener, items });
}

/** For everybody: what is read, and quiet. */
function readingItems(guild: Guild, channel: Channel, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): MenuItem[] {
  const items: MenuItem[] = [];
  if (reading.unread(channel, guild)) items.push({ label: m.mark_read(), icon: MailOpen, action: () => reading.markRead(channel), testid: "channel-read" });
  return [...items, muteItem(guild.id, channel.id, channel.name, at, opener)];
}

/** For whoever may show something in a room: with a program of theirs as well. */
function streamItems(guild: Guild, channel: Channel): MenuItem[] {
  if (!mayStreamInto(guild, channel)) return [];
  return [{ label: m.sk_menu(), icon: Cast, action: () => overlays.show({ name: "stream-keys", channelId: channel.id, channelName: channel.name }), testid: "channel-stream" }];
}

/** For whoever may read what was: what was recorded in a room. */
function recordingItems(guild: Guild, channel: Channel): MenuItem[] {
  return mayListen(guild, channel) ? [listItem(channel.id, channel.name)] : [];
}

export function mayListen(guild: Guild, channel: Channel): boolean {
  return channel.kind === "voice" && iMay("readHistory", guild, channel);
}

export function mayStreamInto(guild: Guild, channel: Channel): boolean {
  return channel.kind === "voice" && iMay("connect", guild, channel) && iMay("stream", guild, channel);
}

export function mayChange(guild: Guild, channel: Channel): boolean {
  return iMay("manageChannels", guild, channel) || iMay("manageRoles", guild, channel);
}

/** What whoever may change the channel can do with it; empty for others. */
export function channelItems(guild: Guild, channel: Channel): MenuItem[] {
  if (!mayChange(guild, channel)) return [];
  const items: MenuItem[] = [{ label: m.channel_settings(), icon: SettingsIcon, action: () => router.go(channelSettingsPath(guild.id, channel.id)), testid: "channel-settings" }];
  if (!iMay("manageChannels", guild, channel)) return items;
  if (channel.kind === "category") {
    items.push({ label: m.channel_create_in(), icon: Plus, action: () => overlays.show({ name: "create-channel", guildId: guild.id, kind: "text", parentId: channel.id }), testid: "category-create-channel" });
    items.push({ label: m.room_create_in(), icon: Plus, action: () => overlays.show({ name: "create-channel", guildId: guild.id, kind: "voice", parentId: channel.id }) });
  }
  const siblings = siblingsOf(guild, channel.kind, channel.parentId);
  const at = siblings.findIndex((entry) => entry.id === channel.id);
  if (at > 0) items.push({ label: m.move_up(), icon: ArrowUp, action: () => void move(guild, channel, at - 1), testid: "channel-up" });
  if (at < siblings.length - 1) items.push({ label: m.move_down(), icon: ArrowDown, action: () => void move(guild, channel, at + 1), testid: "channel-down" });
  if (channel.kind !== "category" && channelsOf(guild, "category").length > 0) {
    items.push({ label: m.move_to(), icon: FolderInput, action: () => overlays.show({ name: "move-channel", guildId: guild.id, channelId: channel.id }), testid: "channel-move" });
  }
  items.push({ label: m.delete_(), icon: Trash, danger: true, action: () => overlays.show({ name: "delete-channel", guildId: guild.id, channelId: channel.id }), testid: "channel-delete" });
  return items;
}

async function move(guild: Guild, channel: Channel, to: number): Promise<void> {
  try {
    await adminApi.placeChannels(guild.id, placesAfter(guild, channel.id, channel.parentId, to));
    announce(m.say_moved({ name: channel.name, place: to + 1 }));
  } catch (error) {
    announce(sentence(error));
  }
}
