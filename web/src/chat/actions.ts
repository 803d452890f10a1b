/** What can be done with a message: one list for the bar, the menu, the long press and the keys. */
import Ban from "@lucide/svelte/icons/ban";
import BookMarked from "@lucide/svelte/icons/mail-open";
import Copy from "@lucide/svelte/icons/copy";
import ImageOff from "@lucide/svelte/icons/image-off";
import Image from "@lucide/svelte/icons/image";
import Link from "@lucide/svelte/icons/link";
import ListChecks from "@lucide/svelte/icons/list-checks";
import Pencil from "@lucide/svelte/icons/pencil";
import Pin from "@lucide/svelte/icons/pin";
import PinOff from "@lucide/svelte/icons/pin-off";
import Reply from "@lucide/svelte/icons/reply";
import SmilePlus from "@lucide/svelte/icons/smile-plus";
import Trash from "@lucide/svelte/icons/trash-2";
import Users from "@lucide/svelte/icons/users";
import { sentence } from "../api/errors.ts";
import { api } from "../state/account.svelte.ts";
import { isMeantFor, emojiKey, sameEmoji, type Channel, type Guild, type Id, type Message, type ReactionEmoji } from "../state/model.ts";
import { iMay, place } from "../state/place.svelte.ts";
import { reading } from "../state/reading.svelte.ts";
import { store } from "../state/store.svelte.ts";
import { announce } from "../ui/announce.svelte.ts";
import { m } from "../ui/messages.ts";
import { overlays, type MenuItem } from "../ui/overlays.svelte.ts";
import { messageLink } from "./jumps.svelte.ts";
import { myRoles } from "./names.ts";
import { notice } from "./notice.svelte.ts";

/** What the feed does for its rows. */
export interface FeedTools {
  edit(id: Id): void;
  stopEditing(): void;
  reply(message: Message): void;
  select(id: Id): void;
  jump(channelId: Id, messageId: Id): void;
}

export interface Rights {
  react: boolean;
  write: boolean;
  pin: boolean;
  moderate: boolean;
}

/** Of one channel, asked once for all its rows. */
export function rightsIn(guild: Guild | undefined, channel: Channel): Rights {
  const moderate = guild !== undefined && iMay("manageMessages", guild, channel);
  return {
    react: iMay("addReactions", guild, channel),
    write: iMay("sendMessages", guild, channel),
    pin: iMay("pinMessages", guild, channel) || moderate,
    moderate,
  };
}

/** `at` is where the picker of emojis opens. */
export function messageItems(guild: Guild | undefined, channel: Channel, message: Message, rights: Rights, tools: FeedTools, at: HTMLElement): MenuItem[] {
  const own = message.author.id === place.selfId;
  const words = message.kind === "text";
  const items: MenuItem[] = [];
  if (rights.react) items.push({ label: m.react(), icon: SmilePlus, action: () => pickReaction(guild, channel, message, at), testid: "message-react" });
  if (rights.write && words) items.push({ label: m.reply(), icon: Reply, action: () => tools.reply(message), testid: "message-reply" });
  if (own && words) items.push({ label: m.edit(), icon: Pencil, action: () => tools.edit(message.id), testid: "message-edit" });
  if (message.content !== "") items.push({ label: m.copy_text(), icon: Copy, action: () => void copy(message.content) });
  items.push({ label: m.copy_link(), icon: Link, action: () => void copy(messageLink(guild?.id ?? null, channel.id, message.id)), testid: "message-link" });
  if (rights.pin && words) {
    items.push(
      message.pinned
        ? { label: m.unpin(), icon: PinOff, action: () => overlays.show({ name: "unpin", message, guildId: guild?.id ?? null }), testid: "message-unpin" }
        : { label: m.pin(), icon: Pin, action: () => void attempt(() => api.pin(channel.id, message.id)), testid: "message-pin" },
    );
  }
  items.push({ label: m.mark_unread(), icon: BookMarked, action: () => markUnread(guild, channel, message), testid: "message-unread" });
  if (message.reactions.length > 0) items.push({ label: m.who_reacted(), icon: Users, action: () => whoReacted(guild, message, null) });
  if (message.reactions.length > 0 && rights.moderate) items.push({ label: m.clear_reactions(), icon: Ban, action: () => void attempt(() => api.clearReactions(channel.id, message.id)) });
  if (message.embeds.length > 0 && (own || rights.moderate)) {
    items.push({ label: message.embedsHidden ? m.show_embeds() : m.hide_embeds(), icon: message.embedsHidden ? Image : ImageOff, action: () => void hideEmbeds(message), testid: "message-embeds" });
  }
  if (rights.moderate) items.push({ label: m.select_messages(), icon: ListChecks, action: () => tools.select(message.id), testid: "message-select" });
  if (own || rights.moderate) items.push({ label: m.delete_(), icon: Trash, danger: true, action: () => remove(message), testid: "message-delete" });
  return items;
}

export function pickReaction(guild: Guild | undefined, channel: Channel, message: Message, at: HTMLElement): void {
  overlays.showPicker({
    at,
    guildId: guild?.id ?? null,
    channelId: channel.id,
    many: true,
    pick: (emoji) => {
      const mine = message.reactions.find((reaction) => sameEmoji(reaction.emoji, emoji))?.me ?? false;
      if (!mine) void react(message, emoji, true);
    },
  });
}

/** Puts a reaction or takes it back: drawn at once, undone when the server says no. */
export async function react(message: Message, emoji: ReactionEmoji, added: boolean): Promise<void> {
  const change = (now: boolean) => store.changeTimeline(message.channelId, { type: "reacted", id: message.id, emoji, self: true, added: now });
  change(added);
  try {
    await (added ? api.react : api.unreact)(message.channelId, message.id, emojiKey(emoji));
  } catch (error) {
    change(!added);
    tell(error);
  }
}

export function whoReacted(guild: Guild | undefined, message: Message, emoji: ReactionEmoji | null): void {
  overlays.show({ name: "reactions", channelId: message.channelId, messageId: message.id, guildId: guild?.id ?? null, emoji });
}

export function remove(message: Message): void {
  overlays.show({ name: "delete-message", channelId: message.channelId, messageId: message.id });
}

const SUPPRESS_EMBEDS = 1 << 2;

async function hideEmbeds(message: Message): Promise<void> {
  await attempt(async () => {
    const wire = await api.changeFlags(message.channelId, message.id, message.embedsHidden ? 0 : SUPPRESS_EMBEDS);
    store.changeTimeline(message.channelId, { type: "updated", id: message.id, wire });
  });
}

/** From this message on everything is new again, and what of it is meant for oneself counts. */
function markUnread(guild: Guild | undefined, channel: Channel, message: Message): void {
  const { messages } = store.timeline(channel.id);
  const from = messages.findIndex((entry) => entry.id === message.id);
  const before = messages[from - 1]?.id ?? String(BigInt(message.id) - 1n);
  const roles = myRoles(guild);
  const mentions = messages.slice(from).filter((entry) => entry.author.id !== place.selfId && (!guild || isMeantFor(entry, place.selfId, roles))).length;
  announce(m.say_marked_unread());
  void attempt(() => reading.markUnread(channel.id, before, mentions));
}

export async function copy(text: string): Promise<void> {
  await navigator.clipboard.writeText(text).then(
    () => announce(m.copied()),
    () => announce(m.copy_failed()),
  );
}

/** Does it; what goes wrong is said where everybody looks. */
export async function attempt(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    tell(error);
  }
}

function tell(error: unknown): void {
  notice.say(sentence(error));
}
