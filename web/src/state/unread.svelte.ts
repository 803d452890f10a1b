/** What one has seen on this device: the last message id of each channel, remembered here only. */
import { compareIds, type Channel, type Id } from "./model.ts";
import { keep, kept } from "../ui/storage.ts";

const KEY = "voxlink.seen";

class Unread {
  #seen = $state.raw<Readonly<Record<Id, Id>>>(kept<Record<Id, Id>>(KEY) ?? {});

  /** Channels met for the first time count as read: a newcomer owes nobody their history. */
  meet(channels: Iterable<Channel>): void {
    const fresh: Record<Id, Id> = {};
    for (const channel of channels) if (!(channel.id in this.#seen)) fresh[channel.id] = channel.lastMessageId ?? "0";
    if (Object.keys(fresh).length > 0) this.#set({ ...this.#seen, ...fresh });
  }

  see(channelId: Id, messageId: Id): void {
    const before = this.#seen[channelId];
    if (before === undefined || compareIds(before, messageId) < 0) this.#set({ ...this.#seen, [channelId]: messageId });
  }

  lastSeen(channelId: Id): Id | null {
    return this.#seen[channelId] ?? null;
  }

  has(channel: Channel): boolean {
    const seen = this.#seen[channel.id];
    return channel.kind === "text" && channel.lastMessageId !== null && seen !== undefined && compareIds(seen, channel.lastMessageId) < 0;
  }

  #set(seen: Record<Id, Id>): void {
    this.#seen = seen;
    keep(KEY, seen);
  }
}

export const unread = new Unread();
