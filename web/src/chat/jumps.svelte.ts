/** Goes to a message wherever it is: the channel opens, and its feed shows what stands around it. */
import type { Id } from "../state/model.ts";
import { placePath, router } from "../ui/router.svelte.ts";

class Jumps {
  /** What the feed of that channel is still to show. */
  target = $state.raw<{ channelId: Id; messageId: Id } | null>(null);

  to(guildId: Id | null, channelId: Id, messageId: Id): void {
    this.target = { channelId, messageId };
    router.go(placePath(guildId, channelId));
  }

  /** The address named a message: the feed shows it, the address goes on naming the channel. */
  arrive(guildId: Id | null, channelId: Id, messageId: Id): void {
    this.target = { channelId, messageId };
    router.go(placePath(guildId, channelId), true);
  }

  /** For the feed that did it. */
  done(): void {
    this.target = null;
  }
}

export const jumps = new Jumps();

export function messageLink(guildId: Id | null, channelId: Id, messageId: Id): string {
  return `${location.origin}${placePath(guildId, channelId, messageId)}`;
}

/** A link to a message of this server: followed without leaving the page. */
export function ownLink(url: string): { guildId: Id | null; channelId: Id; messageId: Id | null } | null {
  if (!url.startsWith(`${location.origin}/`)) return null;
  const found = /^\/(?:g\/(\d+)|d)\/(\d+)(?:\/(\d+))?$/u.exec(new URL(url).pathname);
  return found ? { guildId: found[1] ?? null, channelId: found[2]!, messageId: found[3] ?? null } : null;
}
