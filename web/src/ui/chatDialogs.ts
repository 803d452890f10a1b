/** What floats around messages, beside the dialogs in `overlays.svelte.ts`. */
import type { Attachment, Id, Message, ReactionEmoji } from "../state/model.ts";

export type ChatDialogSpec =
  | { name: "reactions"; channelId: Id; messageId: Id; guildId: Id | null; emoji: ReactionEmoji | null }
  | { name: "lightbox"; pictures: readonly Attachment[]; index: number }
  | { name: "upload"; key: string }
  | { name: "unpin"; message: Message; guildId: Id | null }
  | { name: "delete-messages"; channelId: Id; ids: readonly Id[]; done: () => void }
  | { name: "new-direct"; channelId: Id | null }
  | { name: "group-name"; channelId: Id }
  | { name: "leave-group"; channelId: Id };

/** The picker of emojis. */
export interface PickerSpec {
  at: HTMLElement;
  guildId: Id | null;
  channelId: Id;
  pick: (emoji: ReactionEmoji) => void;
  /** Stays open while shift is held. */
  many: boolean;
}
