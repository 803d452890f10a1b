/** What whoever may record can do in a call: begin, pause, go on, end. */
import Circle from "@lucide/svelte/icons/circle-dot";
import Pause from "@lucide/svelte/icons/pause";
import Square from "@lucide/svelte/icons/square";
import { liveControls } from "../broadcast/controls.ts";
import type { Id } from "../state/model.ts";
import { iMay } from "../state/place.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { listItem } from "./listItem.ts";
import { own } from "./own.svelte.ts";
import { recordings } from "./recordings.svelte.ts";

/** Whether one may record in that room. In a conversation everyone may, and all are asked. */
export function mayRecord(guildId: Id | null, channelId: Id | null): boolean {
  if (guildId === null) return channelId !== null && store.inbox.directs.has(channelId);
  const guild = store.world.guilds.get(guildId);
  const channel = guild?.channels.get(channelId ?? "");
  return guild !== undefined && channel !== undefined && iMay("recordCalls", guild, channel);
}

/** Opens the menu of what may be done with the call that one is in: recorded, and broadcast. */
export function showRecordMenu(channelId: Id, channelName: string, opener: HTMLElement): void {
  overlays.showMenu({ label: m.rec_menu(), at: opener, opener, items: [...controls(channelId), ...(store.inbox.directs.has(channelId) ? [] : liveControls(channelId)), listItem(channelId, channelName)] });
}

function controls(channelId: Id): MenuItem[] {
  const recording = recordings.calls.get(channelId);
  if (!recording) return [{ label: m.rec_start(), hint: m.rec_start_hint(), icon: Circle, action: () => void own.start(channelId), testid: "rec-start" }];
  const paused = recording.pausedAtMs !== null;
  return [
    { label: paused ? m.rec_resume() : m.rec_pause(), icon: paused ? Circle : Pause, action: () => void own.pause(recording, !paused), testid: paused ? "rec-resume" : "rec-pause" },
    {
      label: m.rec_stop(),
      icon: Square,
      danger: true,
      action: () => overlays.show({ name: "confirm", title: m.rec_stop_title(), text: m.rec_stop_text(), action: m.rec_stop(), work: () => own.stop(recording) }),
      testid: "rec-stop",
    },
  ];
}
