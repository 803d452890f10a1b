/** Choosing how one is seen: the part of one's own menu. */
import CircleDot from "@lucide/svelte/icons/circle-dot";
import CircleMinus from "@lucide/svelte/icons/circle-minus";
import EyeOff from "@lucide/svelte/icons/eye-off";
import MessageCircle from "@lucide/svelte/icons/message-circle";
import Moon from "@lucide/svelte/icons/moon";
import X from "@lucide/svelte/icons/x";
import { sentence } from "../api/errors.ts";
import { adminApi } from "../state/account.svelte.ts";
import type { Status } from "../state/model.ts";
import { people, type OwnStatus } from "../state/people.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { customText } from "./status.ts";

export function statusItems(): MenuItem[] {
  const of = (status: OwnStatus, label: string, icon: MenuItem["icon"], hint?: string): MenuItem => ({
    label,
    ...(icon ? { icon } : {}),
    ...(hint ? { hint } : {}),
    checked: people.own.status === status,
    action: () => void change({ status }),
    testid: `status-${status}`,
  });
  const says = customText(people.own.custom);
  return [
    { label: says || m.st_custom_set(), icon: MessageCircle, action: () => overlays.show({ name: "custom-status" }), testid: "status-custom" },
    ...(says ? [{ label: m.st_custom_clear(), icon: X, action: () => void change({ custom_status: null }), testid: "status-clear" }] : []),
    { ...of("online", m.st_online(), CircleDot), apart: true },
    of("idle", m.st_idle(), Moon),
    of("dnd", m.st_dnd(), CircleMinus, m.st_dnd_hint()),
    of("invisible", m.st_invisible(), EyeOff, m.st_invisible_hint()),
  ];
}

/** How oneself is drawn: invisible looks offline to oneself, too. */
export function ownShown(): Status {
  return people.own.status === "invisible" ? "offline" : people.own.status;
}

async function change(part: { status: OwnStatus } | { custom_status: null }): Promise<void> {
  const before = people.own;
  people.settingsAre(part);
  try {
    people.settingsAre(await adminApi.changeSettings(part));
    announce(m.saved());
  } catch (error) {
    people.own = before;
    announce(sentence(error));
  }
}
