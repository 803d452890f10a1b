/** Messages as lines of a list: where a day begins, where what is new begins, where an author begins again. Pure. */
import { compareIds, type Id, type Message } from "../state/model.ts";
import type { Draft } from "../state/timeline.ts";

/** Lines of one author closer than this stand together. */
const GROUP_MS = 7 * 60_000;

export type Row =
  | { kind: "start"; key: "start" }
  | { kind: "loading"; key: "loading" | "loading-gap" | "loading-newer" }
  | { kind: "day"; key: string; at: number }
  | { kind: "fresh"; key: "fresh"; at: number }
  | { kind: "message"; key: string; message: Message; head: boolean }
  | { kind: "draft"; key: string; draft: Draft; head: boolean };

export interface RowOptions {
  selfId: Id;
  /** Everything later than this, by somebody else, is new. Null: no line. */
  seen: Id | null;
  reachedStart: boolean;
  /** False: what follows the last message is not here. */
  reachedEnd?: boolean;
  /** What follows this message is being fetched: a hole before the next one. */
  gapAfter?: Id | null;
}

export function buildRows(messages: readonly Message[], drafts: readonly Draft[], options: RowOptions): Row[] {
  const rows: Row[] = [options.reachedStart ? { kind: "start", key: "start" } : { kind: "loading", key: "loading" }];
  const day = new Day();
  let author: Id | null = null;
  let last = 0;
  let fresh = options.seen === null;
  let gap = options.gapAfter ?? null;
  for (const message of messages) {
    if (gap !== null && compareIds(message.id, gap) > 0) {
      rows.push({ kind: "loading", key: "loading-gap" });
      author = null;
      gap = null;
    }
    let head = message.author.id !== author || message.at - last >= GROUP_MS || message.answers !== null || message.kind !== "text";
    if (day.begins(message.at)) {
      rows.push({ kind: "day", key: `day-${message.id}`, at: message.at });
      head = true;
    }
    if (!fresh && message.author.id !== options.selfId && compareIds(message.id, options.seen!) > 0) {
      rows.push({ kind: "fresh", key: "fresh", at: message.at });
      fresh = true;
      head = true;
    }
    rows.push({ kind: "message", key: keyOf(message, options.selfId), message, head });
    // What the server tells is nobody's group.
    author = message.kind === "text" ? message.author.id : null;
    last = message.at;
  }
  if (options.reachedEnd === false) {
    rows.push({ kind: "loading", key: "loading-newer" });
    return rows;
  }
  for (const draft of drafts) {
    let head = author !== options.selfId || draft.at - last >= GROUP_MS || draft.answers !== undefined;
    if (day.begins(draft.at)) {
      rows.push({ kind: "day", key: `day-${draft.nonce}`, at: draft.at });
      head = true;
    }
    rows.push({ kind: "draft", key: `n${draft.nonce}`, draft, head });
    author = options.selfId;
    last = draft.at;
  }
  return rows;
}

/** A message of our own keeps the key of its draft, so the line on screen stays the same line. */
function keyOf(message: Message, selfId: Id): string {
  return message.nonce !== null && message.author.id === selfId ? `n${message.nonce}` : message.id;
}

/** Finds where days begin, reading the calendar once a day and not once a message. */
class Day {
  #from = 0;
  #until = 0;
  begins(at: number): boolean {
    if (at >= this.#from && at < this.#until) return false;
    const date = new Date(at);
    this.#from = date.setHours(0, 0, 0, 0);
    this.#until = date.setDate(date.getDate() + 1);
    return true;
  }
}

/** Whether `next` is `before` with lines added above: then what is read must not move. */
export function grewAbove(before: readonly Row[], next: readonly Row[]): boolean {
  return before.length > 1 && next.length > before.length && before.at(-1)?.key === next.at(-1)?.key;
}
