/** How people are, in words. */
import type { CustomStatus, Status } from "../state/model.ts";
import { m } from "../ui/messages.ts";

export function statusText(status: Status): string {
  switch (status) {
    case "online":
      return m.status_online();
    case "idle":
      return m.status_idle();
    case "dnd":
      return m.status_dnd();
    case "offline":
      return m.status_offline();
  }
}

/** “🔧 at the bench”; a custom emoji is drawn by whoever can. */
export function customText(custom: CustomStatus | null): string {
  if (!custom) return "";
  return [custom.emojiId ? "" : custom.emoji, custom.text].filter((part) => part !== "").join(" ");
}
