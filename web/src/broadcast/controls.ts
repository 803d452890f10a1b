/** What whoever may record can do besides: show the call to those who only watch. */
import Radio from "@lucide/svelte/icons/radio-tower";
import Square from "@lucide/svelte/icons/square";
import type { Id } from "../state/model.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { broadcasts } from "./broadcasts.svelte.ts";
import { ownBroadcast } from "./own.svelte.ts";

export function liveControls(channelId: Id): MenuItem[] {
  const broadcast = broadcasts.calls.get(channelId);
  if (!broadcast) return [{ label: m.live_start(), hint: m.live_start_hint(), icon: Radio, action: () => void ownBroadcast.start(channelId), testid: "live-start" }];
  return [
    {
      label: m.live_stop(),
      icon: Square,
      danger: true,
      action: () => overlays.show({ name: "confirm", title: m.live_stop_title(), text: m.live_stop_text(), action: m.live_stop(), work: () => ownBroadcast.stop(broadcast) }),
      testid: "live-stop",
    },
  ];
}
