/** Dates, durations and numbers in the person's language, and the initials and hues of names. */
import { m } from "./messages.ts";
import { look } from "./look.svelte.ts";

const formats = new Map<string, Intl.DateTimeFormat>();

function dateFormat(name: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${look.locale} ${name}`;
  let format = formats.get(key);
  if (!format) {
    // The person's own kind of English or Russian, where the browser says which: 21 November or November 21.
    const regional = navigator.languages.find((tag) => tag.startsWith(`${look.locale}-`)) ?? (look.locale === "en" ? "en-GB" : look.locale);
    format = new Intl.DateTimeFormat(regional, options);
    formats.set(key, format);
  }
  return format;
}

/** 19:08 */
export function clock(at: number): string {
  return dateFormat("clock", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" }).format(at);
}

/** Saturday, 21 November; with the year when it is not this one. */
export function dayName(at: number, now = Date.now()): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  const text = dateFormat(sameYear ? "day" : "day-year", { weekday: "long", day: "numeric", month: "long", ...(sameYear ? {} : { year: "numeric" }) }).format(at);
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Saturday, 21 November 2026 at 19:08 */
export function fullTime(at: number): string {
  return dateFormat("full", { dateStyle: "full", timeStyle: "short" }).format(at);
}

/** 21 November at 19:08; with the year when it is not this one. */
export function shortDate(at: number, now = Date.now()): string {
  const sameYear = new Date(at).getFullYear() === new Date(now).getFullYear();
  return dateFormat(sameYear ? "short" : "short-year", { day: "numeric", month: "long", hour: "2-digit", minute: "2-digit", hourCycle: "h23", ...(sameYear ? {} : { year: "numeric" }) }).format(at);
}

/** The server's snowflakes count milliseconds from the first of January 2015, like v10's. */
const EPOCH_MS = 1_420_070_400_000n;

/** When something with this id was made. */
export function timeOf(id: string): number {
  return /^\d+$/u.test(id) ? Number((BigInt(id) >> 22n) + EPOCH_MS) : 0;
}

/** 21 November 2026 */
export function dateOnly(at: number): string {
  return dateFormat("date", { dateStyle: "long" }).format(at);
}

/** How long something still takes, in its largest whole unit; the last minute in seconds. */
export function left(ms: number): string {
  const seconds = Math.max(1, Math.ceil(ms / 1000));
  if (seconds <= 60) return m.seconds_for({ count: seconds });
  const minutes = Math.ceil(seconds / 60);
  if (minutes <= 60) return m.minutes_for({ count: minutes });
  const hours = Math.ceil(minutes / 60);
  return hours <= 48 ? m.hours_for({ count: hours }) : m.days_for({ count: Math.ceil(hours / 24) });
}

/** 640 KB, 2.4 MB */
export function size(bytes: number): string {
  const number = new Intl.NumberFormat(look.locale, { maximumFractionDigits: 1 });
  return bytes >= 1024 * 1024 ? m.megabytes({ value: number.format(bytes / 1024 / 1024) }) : m.kilobytes({ value: number.format(Math.ceil(bytes / 1024)) });
}

const two = (value: number) => String(value).padStart(2, "0");

/** 1:42:08 or 4:05 */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor(seconds / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** “A, B and C” in the person's language. */
export function list(names: string[]): string {
  return new Intl.ListFormat(look.locale).format(names);
}

export function rate(kbps: number): string {
  const number = new Intl.NumberFormat(look.locale, { maximumFractionDigits: 1 });
  return kbps >= 1000 ? m.rate_mbit({ value: number.format(kbps / 1000) }) : m.rate_kbit({ value: number.format(Math.round(kbps)) });
}

export function percent(share: number): string {
  return new Intl.NumberFormat(look.locale, { style: "percent", maximumFractionDigits: 0 }).format(share);
}

export function count(value: number): string {
  return new Intl.NumberFormat(look.locale).format(value);
}

/** At most two letters: of the first words, or the start of the only one. */
export function initials(name: string): string {
  const words = name
    .split(/[\s._-]+/u)
    .map((word) => word.replace(/[^\p{L}\p{N}]/gu, ""))
    .filter((word) => word !== "");
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0] ?? "") : [...(words[0] ?? "")].slice(0, 2);
  return letters.join("").toUpperCase();
}

/** The hue of a person or a guild, from its id: always the same, and spread over the circle. */
export function tintOf(id: string): number {
  let hash = 2_166_136_261;
  for (const char of id) hash = Math.imul(hash ^ char.charCodeAt(0), 16_777_619);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  return (((hash ^ (hash >>> 13)) >>> 0) % 72) * 5;
}
