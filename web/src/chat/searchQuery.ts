/** What is looked for: words and conditions, as chips while one types and as the address of a request. Pure. */
import { idAt } from "../state/inbox.ts";
import type { Id } from "../state/model.ts";

export type FilterKind = "from" | "mentions" | "has" | "in" | "before" | "after" | "pinned";
export const HAS = ["link", "image", "video", "file", "embed"] as const;
export type Has = (typeof HAS)[number];

export interface Filter {
  kind: FilterKind;
  /** An id, one of {@link HAS}, a day as 2026-11-21, or `true`. */
  value: string;
  /** What the chip says. */
  label: string;
}

/** As typed, in any of our languages. */
const SIGNS: Record<string, FilterKind> = {
  from: "from",
  от: "from",
  mentions: "mentions",
  упоминает: "mentions",
  has: "has",
  есть: "has",
  in: "in",
  в: "in",
  before: "before",
  до: "before",
  after: "after",
  после: "after",
  pinned: "pinned",
  закреплено: "pinned",
};

/** The condition that is being typed at the end of the words, if one is: `from:mar`. */
export function typedFilter(text: string): { kind: FilterKind; query: string; from: number } | null {
  const found = /(?:^|\s)([\p{L}]+):([^\s:]*)$/u.exec(text);
  const kind = found ? SIGNS[found[1]!.toLowerCase()] : undefined;
  return found && kind ? { kind, query: found[2]!, from: text.length - found[2]!.length - found[1]!.length - 1 } : null;
}

/** A day as people write it: 2026-11-21, 21.11.2026, 21.11. Null for no day. */
export function toDay(text: string, now: Date): string | null {
  const iso = /^(\d{4})-(\d{1,2})-(\d{1,2})$/u.exec(text);
  const local = /^(\d{1,2})[./](\d{1,2})(?:[./](\d{4}))?$/u.exec(text);
  const [year, month, day] = iso ? [iso[1], iso[2], iso[3]].map(Number) : local ? [local[3] ?? now.getFullYear(), local[2], local[1]].map(Number) : [];
  if (year === undefined || month === undefined || day === undefined) return null;
  const date = new Date(year, month - 1, day);
  if (date.getMonth() !== month - 1 || date.getDate() !== day) return null;
  const two = (value: number) => String(value).padStart(2, "0");
  return `${year}-${two(month)}-${two(day)}`;
}

/** A new chip beside those there are: several of a kind where that means something, the last one where it does not. */
export function withFilter(filters: readonly Filter[], next: Filter): Filter[] {
  const single: readonly FilterKind[] = ["before", "after", "pinned"];
  const others = filters.filter((filter) => (single.includes(next.kind) ? filter.kind !== next.kind : filter.kind !== next.kind || filter.value !== next.value));
  return [...others, next];
}

export const PAGE = 25;

/** The query of the request. Days are the searcher's own: before the 21st ends where it begins, after it begins where it ends. */
export function toQuery(words: string, filters: readonly Filter[], offset: number): string {
  const query = new URLSearchParams();
  if (words.trim() !== "") query.set("content", words.trim());
  for (const { kind, value } of filters) {
    switch (kind) {
      case "from":
        query.append("author_id", value);
        break;
      case "mentions":
        query.append("mentions", value);
        break;
      case "has":
        query.append("has", value);
        break;
      case "in":
        query.append("channel_id", value);
        break;
      case "before":
        query.set("max_id", idAt(dayStart(value)));
        break;
      case "after":
        query.set("min_id", idAt(dayStart(value, 1)));
        break;
      case "pinned":
        query.set("pinned", "true");
        break;
    }
  }
  query.set("limit", String(PAGE));
  if (offset > 0) query.set("offset", String(offset));
  return query.toString();
}

function dayStart(day: string, later = 0): number {
  const [year, month, date] = day.split("-").map(Number);
  return new Date(year!, month! - 1, date! + later).getTime();
}

/** Messages that stand beside each other in one channel make one part. */
export function byChannel<T extends { channelId: Id }>(found: readonly T[]): { channelId: Id; items: T[] }[] {
  const parts: { channelId: Id; items: T[] }[] = [];
  for (const item of found) {
    const last = parts.at(-1);
    if (last?.channelId === item.channelId) last.items.push(item);
    else parts.push({ channelId: item.channelId, items: [item] });
  }
  return parts;
}
