/** What people, roles, channels and emojis are called where one is writing, in both directions. */
import type { Channel, Guild, Id, User } from "../state/model.ts";
import { iMay, place, visibleChannels } from "../state/place.svelte.ts";
import { displayName } from "../state/world.ts";
import { dateTimeStyle } from "./when.ts";
import type { Node } from "./markdown.ts";
import type { Direct } from "../state/inbox.ts";
import { store } from "../state/store.svelte.ts";

/** Everybody that may be named in a channel: members, or those in the conversation. */
export function peopleOf(guild: Guild | undefined, channel: Channel): { user: User; name: string }[] {
  if (guild) return [...guild.members.values()].map((member) => ({ user: member.user, name: displayName(member) }));
  const direct = channel as Direct;
  const self = store.world.self;
  return [...(direct.recipients ?? []), ...(self ? [self] : [])].map((user) => ({ user, name: user.name }));
}

/** The name of a person where they are mentioned; null where nobody knows them. */
export function personName(guild: Guild | undefined, channel: Channel | undefined, userId: Id, mentioned: readonly User[] = []): string | null {
  const member = guild?.members.get(userId);
  if (member) return displayName(member);
  const user = mentioned.find((entry) => entry.id === userId) ?? (channel as Direct | undefined)?.recipients?.find((entry) => entry.id === userId) ?? (store.world.self?.id === userId ? store.world.self : undefined);
  return user?.name ?? null;
}

/** A mention in one line of words. */
export function nodeName(guild: Guild | undefined, channel: Channel | undefined, mentioned: readonly User[], someone: string) {
  return (node: Node): string | null => {
    switch (node.type) {
      case "mention":
        return `@${personName(guild, channel, node.userId, mentioned) ?? someone}`;
      case "role":
        return `@${guild?.roles.get(node.roleId)?.name ?? "?"}`;
      case "channel":
        return `#${guild?.channels.get(node.channelId)?.name ?? "?"}`;
      case "time":
        return dateTimeStyle(node.at * 1000, node.style);
      default:
        return null;
    }
  };
}

/** The words for a mention in a text that is edited. */
export function markName(guild: Guild | undefined, channel: Channel, mentioned: readonly User[]) {
  return (mark: string): string | null => {
    const id = /\d+(?=>$)/u.exec(mark)?.[0] ?? "";
    if (mark.startsWith("<@&")) return nameOrNull("@", guild?.roles.get(id)?.name);
    if (mark.startsWith("<@")) return nameOrNull("@", personName(guild, channel, id, mentioned));
    if (mark.startsWith("<#")) return nameOrNull("#", guild?.channels.get(id)?.name);
    const emoji = /^<a?:(\w+):/u.exec(mark)?.[1];
    return emoji ? `:${emoji}:` : null;
  };
}

function nameOrNull(sign: string, name: string | null | undefined): string | null {
  return name ? `${sign}${name}` : null;
}

/** What a word that was typed whole stands for: a login name, a channel of that name, an emoji of the guild. Null: just a word. */
export function guessMark(guild: Guild | undefined, channel: Channel) {
  return (word: string): string | null => {
    const name = word.slice(1);
    if (word.startsWith("@")) {
      const found = peopleOf(guild, channel).filter(({ user, name: shown }) => user.username === name.toLowerCase() || shown === name);
      if (found.length === 1) return `<@${found[0]!.user.id}>`;
      const role = [...(guild?.roles.values() ?? [])].find((entry) => entry.name === name && entry.id !== guild?.id);
      return role ? `<@&${role.id}>` : null;
    }
    if (word.startsWith("#")) {
      const found = guild ? visibleChannels(guild, "text").filter((entry) => entry.name === name) : [];
      return found.length === 1 ? `<#${found[0]!.id}>` : null;
    }
    const emoji = usableEmojis(guild, channel).find((entry) => `:${entry.name}:` === word);
    return emoji ? emojiMark(emoji) : null;
  };
}

export function emojiMark(emoji: { id: Id; name: string; animated: boolean }): string {
  return `<${emoji.animated ? "a" : ""}:${emoji.name}:${emoji.id}>`;
}

/** The custom emojis that may be used here: this guild's, and with the permission those of others. */
export function usableEmojis(guild: Guild | undefined, channel: Channel): { id: Id; name: string; animated: boolean; guildId: Id }[] {
  const foreign = iMay("useExternalEmojis", guild, channel);
  const guilds = [...(guild ? [guild] : []), ...[...store.world.guilds.values()].filter((entry) => foreign && entry.id !== guild?.id)];
  return guilds.flatMap((entry) => entry.emojis.map((emoji) => ({ id: emoji.id, name: emoji.name, animated: emoji.animated, guildId: entry.id })));
}

/** The roles one may call together. */
export function callableRoles(guild: Guild, channel: Channel) {
  const all = iMay("mentionEveryone", guild, channel);
  return [...guild.roles.values()].filter((role) => role.id !== guild.id && (all || role.mentionable));
}

export function myRoles(guild: Guild | undefined): readonly Id[] {
  return guild?.members.get(place.selfId)?.roles ?? [];
}
export const mayCallEveryone = (guild: Guild | undefined, channel: Channel) => guild !== undefined && iMay("mentionEveryone", guild, channel);
