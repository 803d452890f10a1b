/** Whom, what place or which emoji one may mean by the letters after `@`, `#` or `:`. */
import { matching } from "../app/matching.ts";
import { api } from "../state/account.svelte.ts";
import type { Channel, Guild, Id } from "../state/model.ts";
import { visibleChannels } from "../state/place.svelte.ts";
import { look } from "../ui/look.svelte.ts";
import { m } from "../ui/messages.ts";
import { callableRoles, emojiMark, mayCallEveryone, peopleOf, usableEmojis } from "./names.ts";
import type { Trigger } from "./tokens.ts";

export interface Suggestion {
  key: string;
  /** What is put into the text, and what it stands for; null: the words are meant as they are. */
  words: string;
  mark: string | null;
  label: string;
  detail: string;
  picture: { kind: "person"; id: Id; avatar: string | null } | { kind: "emoji"; id: Id; animated: boolean } | { kind: "char"; char: string } | { kind: "role"; color: number } | { kind: "channel" };
}

/** More than fits above the field helps nobody. */
const SHOWN = 8;

export async function suggest(trigger: Trigger, guild: Guild | undefined, channel: Channel): Promise<Suggestion[]> {
  switch (trigger.kind) {
    case "@":
      return people(trigger.query, guild, channel);
    case "#":
      return places(trigger.query, guild);
    case ":":
      return pictures(trigger.query, guild, channel);
  }
}

async function people(query: string, guild: Guild | undefined, channel: Channel): Promise<Suggestion[]> {
  const known = peopleOf(guild, channel);
  // In a large guild not everybody is known here: the server is asked as well.
  const asked = guild && guild.members.size < guild.memberCount && query !== "" ? await api.findMembers(guild.id, query).catch(() => []) : [];
  const met = new Set(known.map(({ user }) => user.id));
  const all = [
    ...known.map(({ user, name }) => ({ id: user.id, name, username: user.username, avatar: user.avatar })),
    ...asked.flatMap(({ user, nick }) => (user && !met.has(user.id) ? [{ id: user.id, name: nick || user.global_name || user.username, username: user.username, avatar: user.avatar ?? null }] : [])),
  ].map((entry) => ({
    name: `${entry.name} ${entry.username}`,
    made: { key: entry.id, words: `@${entry.name}`, mark: `<@${entry.id}>`, label: entry.name, detail: entry.username, picture: { kind: "person" as const, id: entry.id, avatar: entry.avatar } } satisfies Suggestion,
  }));
  const roles = guild
    ? callableRoles(guild, channel).map((role) => ({ name: role.name, made: { key: role.id, words: `@${role.name}`, mark: `<@&${role.id}>`, label: `@${role.name}`, detail: m.role(), picture: { kind: "role" as const, color: role.color } } satisfies Suggestion }))
    : [];
  const everybody = mayCallEveryone(guild, channel)
    ? (["everyone", "here"] as const).map((word) => ({
        name: word,
        made: { key: word, words: `@${word}`, mark: null, label: `@${word}`, detail: word === "everyone" ? m.mention_everyone() : m.mention_here(), picture: { kind: "role" as const, color: 0 } } satisfies Suggestion,
      }))
    : [];
  return matching<{ name: string; made: Suggestion }>([...all, ...roles, ...everybody], query, SHOWN).map((entry) => entry.made);
}

function places(query: string, guild: Guild | undefined): Suggestion[] {
  if (!guild) return [];
  return matching(visibleChannels(guild, "text"), query, SHOWN).map((channel) => ({ key: channel.id, words: `#${channel.name}`, mark: `<#${channel.id}>`, label: channel.name, detail: channel.topic, picture: { kind: "channel" } }));
}

async function pictures(query: string, guild: Guild | undefined, channel: Channel): Promise<Suggestion[]> {
  const own = matching(usableEmojis(guild, channel), query, SHOWN).map((emoji): Suggestion => ({ key: emoji.id, words: `:${emoji.name}:`, mark: emojiMark(emoji), label: `:${emoji.name}:`, detail: "", picture: { kind: "emoji", id: emoji.id, animated: emoji.animated } }));
  const { emojis, findEmojis, inTone, skinTone } = await import("./emoji.ts");
  const found = findEmojis(await emojis(look.locale), query, SHOWN).map((emoji): Suggestion => ({ key: emoji.char, words: inTone(emoji, skinTone()), mark: null, label: emoji.label, detail: emoji.code ? `:${emoji.code}:` : "", picture: { kind: "char", char: emoji.char } }));
  return [...own, ...found].slice(0, SHOWN);
}
