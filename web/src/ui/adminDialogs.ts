/** The dialogs of moderation and settings, beside those in `overlays.svelte.ts`. */
import type { Id, Member } from "../state/model.ts";

export type AdminDialogSpec =
  | { name: "crop"; picture: ImageBitmap; width: number; height: number; round: boolean; use: (dataUri: string) => void }
  | { name: "nick"; guildId: Id; member: Member }
  | { name: "member-roles"; guildId: Id; member: Member }
  | { name: "timeout"; guildId: Id; member: Member }
  | { name: "kick"; guildId: Id; member: Member }
  | { name: "ban"; guildId: Id; member: Member }
  | { name: "transfer"; guildId: Id; member: Member }
  | { name: "delete-guild"; guildId: Id }
  | { name: "move-channel"; guildId: Id; channelId: Id }
  | { name: "stream-keys"; channelId: Id; channelName: string }
  | { name: "add-overwrite"; guildId: Id; taken: readonly Id[]; add: (type: 0 | 1, id: Id) => void }
  | { name: "pick-member"; guildId: Id; title: string; without: (member: Member) => boolean; pick: (member: Member) => void }
  | { name: "custom-status" }
  | { name: "block"; userId: Id; userName: string }
  | { name: "confirm"; title: string; text: string; action: string; work: () => Promise<unknown> };
