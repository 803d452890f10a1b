/** The keys that work everywhere, and what they do. `KeysDialog.svelte` lists them. */
import { call } from "../call/call.svelte.ts";
import { ringing } from "../call/ringing.svelte.ts";
import { panel } from "../chat/panel.svelte.ts";
import { groupsOf, inListOrder } from "../guild/arrange.ts";
import { channelPermissions } from "../permissions.ts";
import { directsInOrder } from "../state/inbox.ts";
import { place } from "../state/place.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { overlays } from "../ui/overlays.svelte.ts";
import { channelPath, directPath, router } from "../ui/router.svelte.ts";

/** Whether something floated when the key went down: its own Esc has closed it by the time that this file hears of it. */
let floated = false;
export function beforeKey(): void {
  floated = overlays.dialog !== null || overlays.menu !== null || overlays.picker !== null;
}

export function handleKey(event: KeyboardEvent): void {
  const command = event.ctrlKey || event.metaKey;
  if (command && !event.shiftKey && !event.altKey && event.code === "KeyK") {
    take(event);
    overlays.show({ name: "goto" });
  } else if (command && !event.shiftKey && !event.altKey && event.code === "KeyF" && place.channel && place.channel.kind !== "voice" && !overlays.dialog) {
    take(event);
    panel.open("search");
  } else if (command && event.shiftKey && (event.code === "KeyA" || event.code === "KeyX") && ringing.incoming[0] !== undefined) {
    take(event);
    if (event.code === "KeyA") void ringing.answer(ringing.incoming[0], false);
    else void ringing.decline(ringing.incoming[0]);
  } else if (command && event.shiftKey && event.code === "KeyM") {
    take(event);
    call.toggleMuted();
  } else if (command && event.shiftKey && event.code === "KeyD") {
    take(event);
    call.toggleDeafened();
  } else if (event.altKey && !command && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    take(event);
    moveChannel(event.key === "ArrowUp" ? -1 : 1);
  } else if (event.key === "?" && !command && !isWriting(event.target)) {
    take(event);
    overlays.show({ name: "keys" });
  } else if (event.key === "Escape" && (router.route.name === "settings" || router.route.name === "guild-settings" || router.route.name === "channel-settings") && !floated && !isWriting(event.target)) {
    take(event);
    place.back();
  }
}

function take(event: KeyboardEvent): void {
  event.preventDefault();
  event.stopPropagation();
}

/** To the channel before or after this one, in the order of the list. */
function moveChannel(by: -1 | 1): void {
  const { guild } = place;
  if (!guild) {
    const directs = directsInOrder(store.inbox);
    const next = directs[(directs.findIndex((direct) => direct.id === place.channelId) + by + directs.length) % directs.length];
    if (next) router.go(directPath(next.id));
    return;
  }
  const channels = inListOrder(groupsOf(guild, (channel) => channelPermissions(guild, channel, place.selfId) !== 0n, false));
  const at = channels.findIndex((channel) => channel.id === place.channelId);
  const next = channels[(at + by + channels.length) % channels.length];
  if (next) router.go(channelPath(guild.id, next.id));
}

function isWriting(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || /^(?:INPUT|TEXTAREA|SELECT)$/u.test(target.tagName));
}
