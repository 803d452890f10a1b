/**
 * The messages of one channel as this client knows them: a run of history without holes, ending in the present, and the
 * drafts that the server has not acknowledged. One function says what an event or a page changes. No clock, no network.
 */
import { compareIds, type Id, type Message } from "./model.ts";

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
}

export const emptyTimeline: Timeline = { messages: [], pending: [], loaded: false, reachedStart: false, gapAfter: null };

export type TimelineEvent =
  | { type: "created"; message: Message }
  | { type: "updated"; id: Id; content?: string | undefined; edited: boolean }
  | { type: "deleted"; id: Id }
  /** The newest page, which starts a timeline anew. */
  | { type: "latest"; messages: readonly Message[]; complete: boolean }
  | { type: "older"; messages: readonly Message[]; complete: boolean }
  /** Events may have been missed after the last message that we have. */
  | { type: "gap" }
  | { type: "gap-page"; messages: readonly Message[]; complete: boolean }
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
        messages: line.loaded ? merged(line.messages, [event.message]) : line.messages,
        // Our own message coming back is the acknowledgement: the optimistic copy goes.
        pending: event.message.nonce === null ? line.pending : line.pending.filter((draft) => draft.nonce !== event.message.nonce),
      };
    case "updated":
      return {
        ...line,
        messages: line.messages.map((message) =>
          message.id === event.id ? { ...message, content: event.content ?? message.content, edited: message.edited || event.edited } : message,
        ),
      };
    case "deleted":
      return { ...line, messages: line.messages.filter((message) => message.id !== event.id) };
    case "latest":
      return { ...line, messages: merged([], event.messages), loaded: true, reachedStart: event.complete, gapAfter: null };
    case "older":
      return { ...line, messages: merged(line.messages, event.messages), reachedStart: line.reachedStart || event.complete };
    case "gap":
      if (!line.loaded || line.gapAfter !== null) return line;
      // An empty channel has no id to start from: everything in it is newer than nothing.
      return { ...line, gapAfter: line.messages.at(-1)?.id ?? "0" };
    case "gap-page": {
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
  if (line.messages.length <= KEPT_OUT_OF_SIGHT) return line;
  return { ...line, messages: line.messages.slice(-KEPT_OUT_OF_SIGHT), reachedStart: false };
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
