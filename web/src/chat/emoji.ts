/** Every Unicode emoji with its name in the person's language, for the picker and for `:` while writing. A part of the client of its own: loaded on first use. */
import shortcodes from "emojibase-data/en/shortcodes/github.json";
import { kept, keep } from "../ui/storage.ts";

interface Entry {
  hexcode: string;
  label: string;
  unicode: string;
  tags?: string[];
  group?: number;
  order?: number;
  skins?: { unicode: string }[];
}

export interface UnicodeEmoji {
  char: string;
  /** What it shows, in words. */
  label: string;
  /** As people type it between colons; may be empty. */
  code: string;
  /** Everything it is found by, in small letters. */
  words: string;
  group: number;
  /** The same in the five colours of skin, light to dark. */
  skins: readonly string[];
}

/** The groups of Unicode that are shown, in its order; 2 holds parts of other emojis. */
export const GROUPS = [0, 1, 3, 4, 5, 6, 7, 8, 9] as const;

const loaded = new Map<string, Promise<readonly UnicodeEmoji[]>>();

export function emojis(locale: "en" | "ru"): Promise<readonly UnicodeEmoji[]> {
  let list = loaded.get(locale);
  if (!list) {
    list = (locale === "ru" ? import("emojibase-data/ru/compact.json") : import("emojibase-data/en/compact.json")).then(({ default: entries }) => toList(entries as Entry[]));
    loaded.set(locale, list);
    list.catch(() => loaded.delete(locale));
  }
  return list;
}

function toList(entries: readonly Entry[]): UnicodeEmoji[] {
  const codes = shortcodes as Record<string, string | string[]>;
  return entries
    .filter((entry) => entry.group !== undefined && entry.group !== 2)
    .sort((a, b) => (a.order ?? 0) - (b.order ?? 0))
    .map((entry) => {
      const names = [codes[entry.hexcode] ?? []].flat();
      return {
        char: qualified(entry.unicode),
        label: entry.label,
        code: names[0] ?? "",
        words: [entry.label, ...(entry.tags ?? []), ...names].join(" ").toLowerCase().replaceAll("ё", "е"),
        group: entry.group!,
        skins: (entry.skins ?? []).slice(0, 5).map((skin) => qualified(skin.unicode)),
      };
    });
}

/** As Unicode lists it whole: a picture by nature needs no sign that it is one. Everybody's reaction with it is the same then. */
function qualified(text: string): string {
  return text.replace(/(\p{Emoji_Presentation})\uFE0F/gu, "$1");
}

/** Those that all words of the query point at: by the start of a name first, then by the start of any word, then by a part of one. */
export function findEmojis(list: readonly UnicodeEmoji[], query: string, limit: number): UnicodeEmoji[] {
  const wanted = query.toLowerCase().replaceAll("ё", "е").replaceAll("_", " ").trim();
  if (wanted === "") return list.slice(0, limit);
  const parts = wanted.split(/\s+/u);
  const rank = ({ words, code, label }: UnicodeEmoji): number => {
    const spread = words.replaceAll("_", " ");
    if (!parts.every((part) => spread.includes(part))) return 9;
    if (code === wanted.replaceAll(" ", "_") || label.toLowerCase() === wanted) return 0;
    if (code.replaceAll("_", " ").startsWith(wanted) || label.toLowerCase().startsWith(wanted)) return 1;
    return parts.every((part) => spread.startsWith(part) || spread.includes(` ${part}`)) ? 2 : 3;
  };
  return list
    .map((emoji, order) => ({ emoji, order, rank: rank(emoji) }))
    .filter((entry) => entry.rank < 9)
    .sort((a, b) => a.rank - b.rank || a.order - b.order)
    .slice(0, limit)
    .map((entry) => entry.emoji);
}

const RECENT = "voxlink.emoji";
const MOST_RECENT = 18;

/** What was used last: Unicode emojis as themselves, custom ones as `name:id`. */
export function recentEmojis(): string[] {
  return kept<string[]>(RECENT) ?? [];
}
export function useEmoji(key: string): void {
  keep(RECENT, [key, ...recentEmojis().filter((entry) => entry !== key)].slice(0, MOST_RECENT));
}

const TONE = "voxlink.skin";

/** 0: yellow; 1 to 5: light to dark. */
export function skinTone(): number {
  return kept<number>(TONE) ?? 0;
}
export function setSkinTone(tone: number): void {
  keep(TONE, tone === 0 ? null : tone);
}
export function inTone(emoji: UnicodeEmoji, tone: number): string {
  return tone === 0 ? emoji.char : (emoji.skins[tone - 1] ?? emoji.char);
}
