/** Which guild and which channel one is looking at: the address, and what was looked at last. */
import { channelPermissions, guildPermissions, may, Permission } from "../permissions.ts";
import { keep, kept } from "../ui/storage.ts";
import { channelPath, guildPath, router } from "../ui/router.svelte.ts";
import type { Channel, Guild, Id } from "./model.ts";
import { store } from "./store.svelte.ts";
import { channelsOf } from "./world.ts";

const KEY = "voxlink.last";
interface Last {
  guild?: Id;
  channels: Record<Id, Id>;
}

class Place {
  #last = $state.raw<Last>(kept<Last>(KEY) ?? { channels: {} });
  guildId = $derived("guildId" in router.route ? router.route.guildId : (this.#last.guild ?? null));
  channelId = $derived("channelId" in router.route ? router.route.channelId : null);
  guild = $derived(this.guildId === null ? undefined : store.world.guilds.get(this.guildId));
  channel = $derived(this.channelId === null ? undefined : this.guild?.channels.get(this.channelId));
  selfId = $derived(store.world.self?.id ?? "");

  remember(guildId: Id, channelId: Id): void {
    // Called from effects: setting what is set already would run them for ever.
    if (this.#last.guild === guildId && this.#last.channels[guildId] === channelId) return;
    this.#last = { guild: guildId, channels: { ...this.#last.channels, [guildId]: channelId } };
    keep(KEY, this.#last);
  }

  /** Where to stand in a guild: where one stood last, or the first channel to read. */
  homeOf(guild: Guild): Id | null {
    const last = this.#last.channels[guild.id];
    if (last && guild.channels.has(last)) return last;
    return visibleChannels(guild, "text")[0]?.id ?? null;
  }

  /** Back from settings: to where one was. */
  back(): void {
    const { guild, channels } = this.#last;
    const channel = guild === undefined ? undefined : channels[guild];
    router.go(guild === undefined ? "/" : channel ? channelPath(guild, channel) : guildPath(guild));
  }
}

export const place = new Place();

export function visibleChannels(guild: Guild, kind: Channel["kind"]): Channel[] {
  return channelsOf(guild, kind).filter((channel) => channelPermissions(guild, channel, place.selfId) !== 0n);
}

/** Whether one may do this in the guild, or in one of its channels. */
export function iMay(name: keyof typeof Permission, guild: Guild, channel?: Channel): boolean {
  const bits = channel ? channelPermissions(guild, channel, place.selfId) : guildPermissions(guild, place.selfId);
  return may(bits, Permission[name]);
}
