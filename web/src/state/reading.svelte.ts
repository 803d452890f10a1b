/**
 * Tells the server what has been read. What is seen counts here at once and is told a moment later, so that a run of
 * messages is one request; what could not be told is told when the line is back.
 */
import { api } from "./account.svelte.ts";
import { guildBadge, isMuted, isUnread, mentionsIn, DIRECT, type Badge } from "./inbox.ts";
import { compareIds, type Channel, type Guild, type Id } from "./model.ts";
import { iMay, place, visibleChannels } from "./place.svelte.ts";
import { store } from "./store.svelte.ts";

const TELL_AFTER_MS = 400;

class Reading {
  /** The channel that was marked as unread by hand: it stays so until one leaves it or backs out. */
  held = $state<Id | null>(null);
  /** Renewed every minute: mutes run out. */
  now = $state(Date.now());
  #untold = new Map<Id, Id>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor() {
    setInterval(() => (this.now = Date.now()), 60_000);
    store.listen((event) => {
      if (event.t === "READY" || event.t === "RESUMED") this.#tellSoon();
      if (event.t === "MESSAGE_ACK") this.#keepAhead(event.d.channel_id, event.d.last_message_id);
    });
  }

  /** Everything up to this message was in sight. */
  see(channelId: Id, messageId: Id): void {
    if (this.held === channelId) return;
    const read = store.inbox.reads.get(channelId);
    if (read?.lastId && compareIds(read.lastId, messageId) >= 0 && read.mentions === 0) return;
    const lastId = read?.lastId && compareIds(read.lastId, messageId) > 0 ? read.lastId : messageId;
    store.apply({ t: "MESSAGE_ACK", d: { channel_id: channelId, last_message_id: lastId, mention_count: 0 } });
    this.#untold.set(channelId, lastId);
    this.#tellSoon();
  }

  markRead(channel: Channel): void {
    if (this.held === channel.id) this.held = null;
    if (channel.lastMessageId) this.see(channel.id, channel.lastMessageId);
  }

  async markGuildRead(guild: Guild): Promise<void> {
    this.held = null;
    for (const channel of visibleChannels(guild, "text")) {
      if (channel.lastMessageId && this.unread(channel, guild)) store.apply({ t: "MESSAGE_ACK", d: { channel_id: channel.id, last_message_id: channel.lastMessageId, mention_count: 0 } });
    }
    await api.ackGuild(guild.id);
  }

  /** From this message on everything is new again. `before` is the last message that stays read. */
  async markUnread(channelId: Id, before: Id, mentions: number): Promise<void> {
    this.held = channelId;
    this.#untold.delete(channelId);
    store.apply({ t: "MESSAGE_ACK", d: { channel_id: channelId, last_message_id: before, mention_count: mentions } });
    await api.ack(channelId, before, { mention_count: mentions });
  }

  unread(channel: Channel, guild: Guild | undefined): boolean {
    return isUnread(store.inbox, channel, guild ? (guild.members.get(place.selfId)?.joinedAt ?? null) : null);
  }
  mentions(channel: Channel): number {
    return mentionsIn(store.inbox, channel.id);
  }
  muted(channel: Channel, guild: Guild | undefined): boolean {
    return isMuted(store.inbox, guild?.id ?? null, channel, this.now);
  }
  badge(guild: Guild): Badge {
    return guildBadge(store.inbox, guild, (channel) => iMay("viewChannel", guild, channel), place.selfId, this.now);
  }
  lastRead(channelId: Id): Id | null {
    return store.inbox.reads.get(channelId)?.lastId ?? null;
  }

  /** Mutes a guild or one of its channels (or a conversation: no guild) for so long; null: until it is taken back; 0: takes it back. */
  async mute(guildId: Id | null, channelId: Id | null, forMs: number | null): Promise<void> {
    const change = { muted: forMs !== 0, mute_until: forMs ? new Date(Date.now() + forMs).toISOString() : null };
    const level = (name: string | undefined) => Math.max(0, ["all", "mentions", "nothing", "inherit"].indexOf(name ?? "inherit"));
    const body =
      channelId === null
        ? change
        : { channel_overrides: [{ channel_id: channelId, ...change, message_notifications: level(store.inbox.wishes.get(guildId ?? DIRECT)?.channels.get(channelId)?.level) }] };
    const settings = await api.guildSettings(guildId ?? DIRECT, body);
    this.now = Date.now();
    store.apply({ t: "USER_GUILD_SETTINGS_UPDATE", d: settings });
  }

  /** The server confirms what was told before; what has been seen since is not unread again. */
  #keepAhead(channelId: Id, told: Id | null): void {
    const seen = this.#untold.get(channelId);
    if (seen && (told === null || compareIds(told, seen) < 0)) store.apply({ t: "MESSAGE_ACK", d: { channel_id: channelId, last_message_id: seen, mention_count: 0 } });
  }

  #tellSoon(): void {
    if (this.#timer === undefined && this.#untold.size > 0) this.#timer = setTimeout(() => void this.#tell(), TELL_AFTER_MS);
  }

  async #tell(): Promise<void> {
    this.#timer = undefined;
    for (const [channelId, messageId] of this.#untold) {
      try {
        await api.ack(channelId, messageId);
        if (this.#untold.get(channelId) === messageId) this.#untold.delete(channelId);
      } catch {
        // Told again with the next one, or when the session is back.
      }
    }
  }
}

export const reading = new Reading();
