/** Quiet for a while: of a community, a channel or a conversation. */
import Bell from "@lucide/svelte/icons/bell";
import BellOff from "@lucide/svelte/icons/bell-off";
import { isChannelMuted, isGuildMuted } from "../state/inbox.ts";
import type { Id } from "../state/model.ts";
import { reading } from "../state/reading.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { attempt } from "./actions.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The line of a menu that mutes, or says that it is muted and ends that. */
export function muteItem(guildId: Id | null, channelId: Id | null, name: string, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): MenuItem {
  const muted = channelId === null ? guildId !== null && isGuildMuted(store.inbox, guildId, reading.now) : isChannelMuted(store.inbox, guildId, channelId, reading.now);
  if (muted) {
    return { label: m.unmute(), icon: Bell, testid: "unmute", action: () => void attempt(async () => (await reading.mute(guildId, channelId, 0), announce(m.say_unmuted_place({ name })))) };
  }
  return { label: m.mute_for(), icon: BellOff, testid: "mute", action: () => requestAnimationFrame(() => showDurations(guildId, channelId, name, at, opener)) };
}

function showDurations(guildId: Id | null, channelId: Id | null, name: string, at: HTMLElement | { x: number; y: number }, opener: HTMLElement): void {
  const spans: [string, number | null][] = [
    [m.minutes({ count: 15 }), 15 * MINUTE],
    [m.hours({ count: 1 }), HOUR],
    [m.hours({ count: 8 }), 8 * HOUR],
    [m.hours({ count: 24 }), 24 * HOUR],
    [m.until_unmuted(), null],
  ];
  overlays.showMenu({
    label: m.mute_for(),
    at,
    opener,
    items: spans.map(([label, ms]) => ({ label, action: () => void attempt(async () => (await reading.mute(guildId, channelId, ms), announce(m.say_muted_place({ name })))) })),
  });
}
