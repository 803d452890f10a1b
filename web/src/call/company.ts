/** Who is in a call, in a guild or a conversation, and what they are called there. */
import type { Id, VoiceState } from "../state/model.ts";
import { store } from "../state/store.svelte.ts";
import { displayName } from "../state/world.ts";
import { m } from "../ui/messages.ts";

/** Everybody who has a seat there, as far as it was announced. */
export function seatedIn(guildId: Id | null, channelId: Id | null): VoiceState[] {
  if (channelId === null) return [];
  if (guildId === null) return [...(store.calls.get(channelId)?.voice.values() ?? [])];
  return [...(store.world.guilds.get(guildId)?.voice.values() ?? [])].filter((state) => state.channelId === channelId);
}

export function nameAt(guildId: Id | null, channelId: Id | null, userId: Id): string {
  return userAt(guildId, channelId, userId)?.name ?? m.someone();
}

/** Their name and picture there. */
export function userAt(guildId: Id | null, channelId: Id | null, userId: Id): { name: string; avatar: string | null } | undefined {
  if (guildId !== null) {
    const member = store.world.guilds.get(guildId)?.members.get(userId);
    return member && { name: displayName(member), avatar: member.user.avatar };
  }
  const self = store.world.self;
  return self?.id === userId ? self : store.inbox.directs.get(channelId ?? "")?.recipients.find((user) => user.id === userId);
}

/** The name of the room or conversation that the call is in; undefined when it is not known any more. */
export function callName(guildId: Id | null, channelId: Id | null): string | undefined {
  if (channelId === null) return undefined;
  return guildId === null ? store.inbox.directs.get(channelId)?.name : store.world.guilds.get(guildId)?.channels.get(channelId)?.name;
}

/** Who called: the author of the call's message is not needed, whoever is there calls, or was there a moment ago. */
export function callerOf(channelId: Id): { id: Id; name: string; avatar: string | null } | undefined {
  const call = store.calls.get(channelId);
  const first = call && ([...call.voice.keys()][0] ?? call.last);
  const user = first ? userAt(null, channelId, first) : undefined;
  return !first || !user ? undefined : { id: first, ...user };
}

/** "Ada is calling", and in a group which one. */
export function incomingText(channelId: Id): string {
  const direct = store.inbox.directs.get(channelId);
  const name = callerOf(channelId)?.name ?? direct?.name ?? m.someone();
  return direct?.kind === "group" ? m.ring_group({ name, group: direct.name }) : m.ring_from({ name });
}
