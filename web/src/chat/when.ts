/** Times that somebody wrote into a message, as the reader's own clock and language say them. */
import { look } from "../ui/look.svelte.ts";

const SHAPES: Record<string, Intl.DateTimeFormatOptions> = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  F: { dateStyle: "full", timeStyle: "short" },
};
const STEPS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["week", 604_800],
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

export function dateTimeStyle(at: number, style: string, now = Date.now()): string {
  if (!Number.isFinite(new Date(at).getTime())) return "?";
  if (style === "R") return relative(at, now);
  return new Intl.DateTimeFormat(look.locale === "en" ? "en-GB" : look.locale, SHAPES[style] ?? SHAPES["f"]).format(at);
}

/** In 3 hours, 2 days ago. */
export function relative(at: number, now = Date.now()): string {
  const seconds = Math.round((at - now) / 1000);
  const [unit, size] = STEPS.find(([, length]) => Math.abs(seconds) >= length) ?? ["second", 1];
  return new Intl.RelativeTimeFormat(look.locale, { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}
