/**
 * The messages of one channel as this client knows them: a run of history without holes, ending in the present or,
 * after a jump, somewhere before it, and the drafts that the server has not acknowledged. One function says what an event or a page changes. No clock, no network.
 */
import type { WireMessage } from "../api/wire.ts";
import { compareIds, edited, reacted, sameEmoji, type Id, type Message, type ReactionEmoji } from "./model.ts";

/** A message of one's own on its way. Its nonce stays the same through every retry, so the server stores it once. */
export interface Draft {
  nonce: string;
  channelId: Id;
  content: string;
  /** When it was written, milliseconds since 1970. */
  at: number;
  state: "pending" | "failed";
  /** Why it failed for good, in words; null while a retry may still succeed. */
  reason: string | null;
  /** The message that it answers. */
  answers?: { id: Id; ping: boolean } | undefined;
  /** Files that go with it, by their keys in the upload tray. */
  files?: readonly string[] | undefined;
}

export interface Timeline {
  /** Oldest first, no two with one id, no hole except after `gapAfter`. */
  messages: readonly Message[];
  pending: readonly Draft[];
  loaded: boolean;
  /** True when there is nothing older. */
  reachedStart: boolean;
  /** After a lost session: the last id before the hole that is being filled by `after=`. */
  gapAfter: Id | null;
  /** False after a jump into the past: what is newer than the last message here is not known, except `tail`. */
  reachedEnd: boolean;
  /** What came while the end is not here: it continues the last page that brings the end. */
  tail: readonly Message[];
  /** Counts how often the messages began anew: a page that was asked for in an earlier run would leave a hole in this one. */
  run: number;
}

export const emptyTimeline: Timeline = { messages: [], pending: [], loaded: false, reachedStart: false, gapAfter: null, reachedEnd: true, tail: [], run: 0 };

/** The longest tail; whoever is further behind loads more pages. */
const TAIL = 500;

export type TimelineEvent =
  | { type: "created"; message: Message }
  | { type: "updated"; id: Id; wire: Partial<WireMessage> }
  | { type: "deleted"; ids: readonly Id[] }
  | { type: "reacted"; id: Id; emoji: ReactionEmoji; self: boolean; added: boolean }
  /** All reactions of a message are gone, or all with one emoji. */
  | { type: "reactions-cleared"; id: Id; emoji: ReactionEmoji | null }
  /** The newest page, which starts a timeline anew. */
  | { type: "latest"; messages: readonly Message[]; complete: boolean }
  /** What is older than the first message, asked for in that run; so are the next two. */
  | { type: "older"; run: number; messages: readonly Message[]; complete: boolean }
  /** What stands around a message that was jumped to: the timeline begins anew there. */
  | { type: "around"; messages: readonly Message[]; start: boolean; end: boolean }
  | { type: "newer"; run: number; messages: readonly Message[]; complete: boolean }
  /** Events may have been missed after the last message that we have. */
  | { type: "gap" }
  | { type: "gap-page"; run: number; messages: readonly Message[]; complete: boolean }
  | { type: "drafted"; draft: Draft }
  | { type: "draft-failed"; nonce: string; reason: string | null }
  | { type: "draft-retried"; nonce: string }
  | { type: "draft-dropped"; nonce: string };

export function applyTimeline(line: Timeline, event: TimelineEvent): Timeline {
  switch (event.type) {
    case "created":
      return {
        ...line,
        // A timeline that nobody has opened stays empty: its first page will bring this message.
        messages: line.loaded && line.reachedEnd ? merged(line.messages, [event.message]) : line.messages,
        tail: line.loaded && !line.reachedEnd ? merged(line.tail, [event.message]).slice(-TAIL) : line.tail,
        // Our own message coming back is the acknowledgement: the optimistic copy goes.
        pending: event.message.nonce === null ? line.pending : line.pending.filter((draft) => draft.nonce !== event.message.nonce),
      };
    case "updated":
      return everywhere(line, event.id, (message) => edited(message, event.wire));
    case "deleted":
      return without(line, new Set(event.ids));
    case "reacted":
      return everywhere(line, event.id, (message) => ({ ...message, reactions: reacted(message.reactions, event.emoji, event.self, event.added) }));
    case "reactions-cleared":
      return everywhere(line, event.id, (message) => ({
        ...message,
        reactions: event.emoji === null ? [] : message.reactions.filter((reaction) => !sameEmoji(reaction.emoji, event.emoji!)),
      }));
    case "latest":
      return { ...line, messages: merged([], event.messages), pending: acknowledged(line.pending, event.messages), loaded: true, reachedStart: event.complete, gapAfter: null, reachedEnd: true, tail: [], run: line.run + 1 };
    case "older":
      if (event.run !== line.run) return line;
      return { ...line, messages: merged(line.messages, event.messages), reachedStart: line.reachedStart || event.complete };
    case "around":
      return { ...line, messages: merged([], event.messages), loaded: true, reachedStart: event.start, gapAfter: null, reachedEnd: event.end, tail: [], run: line.run + 1 };
    case "newer": {
      if (line.reachedEnd || event.run !== line.run) return line;
      if (!event.complete) return { ...line, messages: merged(line.messages, event.messages) };
      // The page reaches up to when it was read, and the tail holds what came since.
      return { ...line, messages: merged(merged(line.messages, event.messages), line.tail), reachedEnd: true, tail: [] };
    }
    case "gap":
      if (!line.loaded || line.gapAfter !== null) return line;
      // Away from the end there is no hole to fill: the pages up to it will bring everything.
      if (!line.reachedEnd) return { ...line, tail: [] };
      // An empty channel has no id to start from: everything in it is newer than nothing.
      return { ...line, gapAfter: line.messages.at(-1)?.id ?? "0" };
    case "gap-page": {
      if (event.run !== line.run) return line;
      const last = [...event.messages].sort((a, b) => compareIds(a.id, b.id)).at(-1);
      return {
        ...line,
        messages: merged(line.messages, event.messages),
        pending: acknowledged(line.pending, event.messages),
        gapAfter: event.complete ? null : (last?.id ?? line.gapAfter),
      };
    }
    case "drafted":
      return { ...line, pending: [...line.pending, event.draft] };
    case "draft-failed":
      return withDraft(line, event.nonce, (draft) => ({ ...draft, state: "failed", reason: event.reason }));
    case "draft-retried":
      return withDraft(line, event.nonce, (draft) => ({ ...draft, state: "pending", reason: null }));
    case "draft-dropped":
      return { ...line, pending: line.pending.filter((draft) => draft.nonce !== event.nonce) };
    default:
      return unhandled(event);
  }
}

/** How many messages a timeline that nobody looks at keeps. */
const KEPT_OUT_OF_SIGHT = 200;

/** The end of a timeline, for a channel that was left. */
export function trimmed(line: Timeline): Timeline {
  // A place in the past is not worth keeping: the next visit begins at the end.
  if (!line.reachedEnd) return { ...emptyTimeline, pending: line.pending, run: line.run + 1 };
  if (line.messages.length <= KEPT_OUT_OF_SIGHT) return line;
  return { ...line, messages: line.messages.slice(-KEPT_OUT_OF_SIGHT), reachedStart: false };
}

/** Changes a message, and the copy of it above each answer. */
function everywhere(line: Timeline, id: Id, change: (message: Message) => Message): Timeline {
  const within = (message: Message): Message => {
    if (message.id === id) return change(message);
    const { answers } = message;
    return answers?.id === id && answers.message ? { ...message, answers: { ...answers, message: change(answers.message) } } : message;
  };
  const touches = (message: Message) => message.id === id || message.answers?.id === id;
  const through = (messages: readonly Message[]) => (messages.some(touches) ? messages.map(within) : messages);
  return { ...line, messages: through(line.messages), tail: through(line.tail) };
}

/** Takes messages away; answers to them say that what they answered is gone. */
function without(line: Timeline, ids: ReadonlySet<Id>): Timeline {
  const through = (messages: readonly Message[]) =>
    messages
      .filter((message) => !ids.has(message.id))
      .map((message) => (message.answers && ids.has(message.answers.id) ? { ...message, answers: { ...message.answers, message: null } } : message));
  return { ...line, messages: through(line.messages), tail: through(line.tail) };
}

function withDraft(line: Timeline, nonce: string, change: (draft: Draft) => Draft): Timeline {
  return { ...line, pending: line.pending.map((draft) => (draft.nonce === nonce ? change(draft) : draft)) };
}

function acknowledged(pending: readonly Draft[], messages: readonly Message[]): readonly Draft[] {
  const nonces = new Set(messages.map((message) => message.nonce));
  return pending.filter((draft) => !nonces.has(draft.nonce));
}

/** Both, oldest first, each id once; what comes later in `more` wins. */
function merged(have: readonly Message[], more: readonly Message[]): readonly Message[] {
  const last = have.at(-1);
  const [only] = more;
  // Nearly always: one new message at the end.
  if (more.length === 1 && only && (!last || compareIds(only.id, last.id) > 0)) return [...have, only];
  const byId = new Map(have.map((message) => [message.id, message]));
  for (const message of more) byId.set(message.id, message);
  return [...byId.values()].sort((a, b) => compareIds(a.id, b.id));
}

function unhandled(event: never): never {
  throw new Error(`unhandled timeline event ${JSON.stringify(event)}`);
}
