/** Which guild and which channel one is looking at: the address, and what was looked at last. */
import { channelPermissions, guildPermissions, may, Permission } from "../permissions.ts";
import { keep, kept } from "../ui/storage.ts";
import { channelPath, directPath, guildPath, router } from "../ui/router.svelte.ts";
import type { Channel, Guild, Id } from "./model.ts";
import { store } from "./store.svelte.ts";
import { channelsOf } from "./world.ts";

const KEY = "voxlink.last";
interface Last {
  guild?: Id;
  channels: Record<Id, Id>;
  /** The direct conversation that was open last, and whether one stood there and not in the guild. */
  direct?: Id | undefined;
  atDirect?: boolean;
}

class Place {
  #last = $state.raw<Last>(kept<Last>(KEY) ?? { channels: {} });
  guildId = $derived("guildId" in router.route ? router.route.guildId : router.route.name === "direct" || router.route.name === "people" ? null : (this.#last.guild ?? null));
  channelId = $derived("channelId" in router.route ? router.route.channelId : null);
  /** A message that the address asks for. */
  messageId = $derived("messageId" in router.route ? router.route.messageId : null);
  guild = $derived(this.guildId === null ? undefined : store.world.guilds.get(this.guildId));
  direct = $derived(router.route.name === "direct" && router.route.channelId !== null ? store.inbox.directs.get(router.route.channelId) : undefined);
  channel = $derived<Channel | undefined>(this.channelId === null ? undefined : (this.direct ?? this.guild?.channels.get(this.channelId)));
  selfId = $derived(store.world.self?.id ?? "");

  remember(guildId: Id, channelId: Id): void {
    // Called from effects: setting what is set already would run them for ever.
    if (!this.#last.atDirect && this.#last.guild === guildId && this.#last.channels[guildId] === channelId) return;
    this.#keep({ ...this.#last, atDirect: false, guild: guildId, channels: { ...this.#last.channels, [guildId]: channelId } });
  }

  rememberDirect(channelId: Id | null): void {
    if (this.#last.atDirect && (this.#last.direct ?? null) === channelId) return;
    this.#keep({ ...this.#last, atDirect: true, direct: channelId ?? undefined });
  }

  /** Where to stand in a guild: where one stood last, or the first channel to read. */
  homeOf(guild: Guild): Id | null {
    const last = this.#last.channels[guild.id];
    if (last && guild.channels.has(last)) return last;
    return visibleChannels(guild, "text")[0]?.id ?? null;
  }

  /** Where to stand among direct conversations. */
  get directHome(): Id | null {
    return this.#last.direct && store.inbox.directs.has(this.#last.direct) ? this.#last.direct : null;
  }

  /** Back from settings: to where one was. */
  back(): void {
    const { guild, channels, direct, atDirect } = this.#last;
    if (atDirect) return router.go(directPath(direct));
    const channel = guild === undefined ? undefined : channels[guild];
    router.go(guild === undefined ? "/" : channel ? channelPath(guild, channel) : guildPath(guild));
  }

  #keep(last: Last): void {
    this.#last = last;
    keep(KEY, last);
  }
}

export const place = new Place();

export function visibleChannels(guild: Guild, kind: Channel["kind"]): Channel[] {
  return channelsOf(guild, kind).filter((channel) => channelPermissions(guild, channel, place.selfId) !== 0n);
}

/** What everybody may do in a direct conversation. */
const IN_DIRECT =
  Permission.viewChannel | Permission.sendMessages | Permission.addReactions | Permission.embedLinks | Permission.attachFiles | Permission.readHistory | Permission.useExternalEmojis | Permission.pinMessages;

/** Whether one may do this in the guild, in one of its channels, or, without a guild, in a direct conversation. */
export function iMay(name: keyof typeof Permission, guild: Guild | undefined, channel?: Channel): boolean {
  const bits = !guild ? IN_DIRECT : channel ? channelPermissions(guild, channel, place.selfId) : guildPermissions(guild, place.selfId);
  return may(bits, Permission[name]);
}
