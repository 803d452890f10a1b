/** A message in the client's own words, and what an edit changes in it. */
import type { WireAttachment, WireEmbed, WireMessage, WireReaction, WireReactionEmoji } from "../api/wire-message.ts";
import { toUser, type Id, type User } from "./model.ts";

export interface Attachment {
  id: Id;
  name: string;
  description: string;
  /** The type that the server found, as in `image/png`; empty where it found none. */
  type: string;
  size: number;
  url: string;
  width: number | null;
  height: number | null;
  durationSecs: number | null;
  spoiler: boolean;
}
export interface ReactionEmoji {
  /** Null: a Unicode emoji, which is its own name. */
  id: Id | null;
  name: string;
  animated: boolean;
}
export interface Reaction {
  emoji: ReactionEmoji;
  count: number;
  me: boolean;
}
export type MessageKind = "text" | "call" | "group-add" | "group-remove" | "group-name" | "group-icon" | "pin" | "join" | "other";

/** What a message answers. `message` null: it is deleted; undefined: nobody said. */
export interface Answered {
  id: Id;
  channelId: Id;
  message: Message | null | undefined;
}
/** A call, as its message tells it. */
export interface ToldCall {
  /** Who was in it, the caller first. */
  participants: readonly Id[];
  /** Milliseconds since 1970; null while it goes on. */
  endedAt: number | null;
}
export interface Message {
  id: Id;
  channelId: Id;
  kind: MessageKind;
  author: User;
  content: string;
  /** Milliseconds since 1970. */
  at: number;
  edited: boolean;
  nonce: string | null;
  mentions: readonly User[];
  mentionedRoles: readonly Id[];
  mentionsEveryone: boolean;
  attachments: readonly Attachment[];
  embeds: readonly WireEmbed[];
  embedsHidden: boolean;
  reactions: readonly Reaction[];
  pinned: boolean;
  answers: Answered | null;
  call: ToldCall | null;
}

/** v10 message flags and attachment flags. */
const SUPPRESS_EMBEDS = 1 << 2;
const IS_SPOILER = 1 << 3;

function kindOf(type: number): MessageKind {
  switch (type) {
    case 0:
    case 19:
    case 20:
      return "text";
    case 1:
      return "group-add";
    case 2:
      return "group-remove";
    case 3:
      return "call";
    case 4:
      return "group-name";
    case 5:
      return "group-icon";
    case 6:
      return "pin";
    case 7:
      return "join";
    default:
      return "other";
  }
}

export function toMessage(wire: WireMessage): Message {
  const { message_reference: reference, referenced_message: referenced } = wire;
  return {
    id: wire.id,
    channelId: wire.channel_id,
    kind: kindOf(wire.type ?? 0),
    author: toUser(wire.author),
    content: wire.content,
    at: Date.parse(wire.timestamp),
    edited: wire.edited_timestamp != null,
    nonce: wire.nonce == null ? null : String(wire.nonce),
    mentions: (wire.mentions ?? []).map(toUser),
    mentionedRoles: wire.mention_roles ?? [],
    mentionsEveryone: wire.mention_everyone ?? false,
    attachments: (wire.attachments ?? []).map(toAttachment),
    embeds: wire.embeds ?? [],
    embedsHidden: ((wire.flags ?? 0) & SUPPRESS_EMBEDS) !== 0,
    reactions: (wire.reactions ?? []).map(toReaction),
    pinned: wire.pinned ?? false,
    answers: reference?.message_id
      ? { id: reference.message_id, channelId: reference.channel_id, message: referenced == null ? referenced : toMessage(referenced) }
      : null,
    call: toToldCall(wire),
  };
}

function toToldCall({ call }: Partial<WireMessage>): ToldCall | null {
  return call ? { participants: call.participants, endedAt: call.ended_timestamp ? Date.parse(call.ended_timestamp) : null } : null;
}

/** The message after an edit. What the update does not say stays, and so do the reactions: an update does not know which are one's own. */
export function edited(message: Message, wire: Partial<WireMessage>): Message {
  return {
    ...message,
    content: wire.content ?? message.content,
    edited: wire.edited_timestamp === undefined ? message.edited : wire.edited_timestamp !== null || message.edited,
    mentions: wire.mentions ? wire.mentions.map(toUser) : message.mentions,
    mentionedRoles: wire.mention_roles ?? message.mentionedRoles,
    mentionsEveryone: wire.mention_everyone ?? message.mentionsEveryone,
    attachments: wire.attachments ? wire.attachments.map(toAttachment) : message.attachments,
    embeds: wire.embeds ?? message.embeds,
    embedsHidden: wire.flags === undefined ? message.embedsHidden : (wire.flags & SUPPRESS_EMBEDS) !== 0,
    pinned: wire.pinned ?? message.pinned,
    call: toToldCall(wire) ?? message.call,
  };
}

export function toAttachment(wire: WireAttachment): Attachment {
  const named = wire.filename.startsWith("SPOILER_");
  return {
    id: wire.id,
    name: named ? wire.filename.slice("SPOILER_".length) : wire.filename,
    description: wire.description ?? "",
    type: wire.content_type ?? "",
    size: wire.size,
    url: ownAddress(wire.url),
    width: wire.width ?? null,
    height: wire.height ?? null,
    durationSecs: wire.duration_secs ?? null,
    spoiler: named || ((wire.flags ?? 0) & IS_SPOILER) !== 0,
  };
}

function toReaction(wire: WireReaction): Reaction {
  return { emoji: toReactionEmoji(wire.emoji), count: wire.count, me: wire.me };
}

export function toReactionEmoji(wire: WireReactionEmoji): ReactionEmoji {
  return { id: wire.id, name: wire.name ?? "", animated: wire.animated ?? false };
}

/** Files are asked for where this page came from, whatever name the server gave itself: the page's policy allows no other place. */
export function ownAddress(url: string): string {
  const at = url.indexOf("/cdn/");
  return at < 0 ? url : url.slice(at);
}

export function sameEmoji(a: ReactionEmoji, b: ReactionEmoji): boolean {
  return a.id === null ? b.id === null && a.name === b.name : a.id === b.id;
}

/** As addresses name it: the emoji itself, or `name:id`. */
export function emojiKey(emoji: ReactionEmoji): string {
  return emoji.id === null ? emoji.name : `${emoji.name}:${emoji.id}`;
}

/** Reactions after somebody put one or took one back. One's own may have been drawn before the server said so: then nothing changes. */
export function reacted(reactions: readonly Reaction[], emoji: ReactionEmoji, self: boolean, added: boolean): readonly Reaction[] {
  const before = reactions.find((reaction) => sameEmoji(reaction.emoji, emoji));
  if (!before) return added ? [...reactions, { emoji, count: 1, me: self }] : reactions;
  if (self && before.me === added) return reactions;
  const count = before.count + (added ? 1 : -1);
  if (count <= 0) return reactions.filter((reaction) => reaction !== before);
  return reactions.map((reaction) => (reaction === before ? { ...reaction, count, me: self ? added : reaction.me } : reaction));
}

/** Whether a message is meant for somebody: by name, by a role, or as one of everybody. */
export function isMeantFor(message: Pick<Message, "mentions" | "mentionedRoles" | "mentionsEveryone">, userId: Id, roles: readonly Id[]): boolean {
  return message.mentionsEveryone || message.mentions.some((user) => user.id === userId) || message.mentionedRoles.some((role) => roles.includes(role));
}
