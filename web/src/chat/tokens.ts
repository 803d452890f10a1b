/**
 * People write `@Marta` and `#boats`; the server wants ids. Which words stand for whom is remembered beside the text
 * while it is written, and put in when it is sent. Pure.
 */

/** Words as written, `@Marta Ozola`, and what they stand for, `<@123>`. */
export type Picks = Readonly<Record<string, string>>;

const CODE = /(```[\s\S]*?```|`[^`\n]+`)/u;

/** The text as it is sent. Code stays as it was typed. */
export function toWire(text: string, picks: Picks, guess: (word: string) => string | null = () => null): string {
  // The longer first: "@Marta Ozola" must not be taken for "@Marta".
  const words = Object.keys(picks).sort((a, b) => b.length - a.length);
  return text
    .split(CODE)
    .map((part, index) => (index % 2 === 1 ? part : written(part, words, picks, guess)))
    .join("");
}

function written(text: string, words: readonly string[], picks: Picks, guess: (word: string) => string | null): string {
  let out = "";
  let index = 0;
  scan: while (index < text.length) {
    const char = text[index]!;
    if (char === "@" || char === "#" || char === ":") {
      for (const word of words) {
        if (!text.startsWith(word, index) || !ends(text, index + word.length, word)) continue;
        out += picks[word];
        index += word.length;
        continue scan;
      }
      const before = text[index - 1] ?? " ";
      const typed = char === ":" ? /^:\w{2,32}:/u.exec(text.slice(index, index + 35))?.[0] : /[\s(]/u.test(before) ? /^[@#][\p{L}\p{N}_.-]{1,40}/u.exec(text.slice(index, index + 45))?.[0].replace(/[.-]+$/u, "") : undefined;
      const known = typed === undefined || before === "<" ? null : guess(typed);
      if (typed !== undefined && known !== null) {
        out += known;
        index += typed.length;
        continue;
      }
    }
    out += char;
    index++;
  }
  return out;
}

/** A word ends where no letter goes on. */
function ends(text: string, at: number, word: string): boolean {
  return word.endsWith(":") || !/[\p{L}\p{N}_]/u.test(text[at] ?? " ");
}

/** A sent text as it is edited: ids become words again. `name` gives the words for one mention, null where it does not know. */
export function fromWire(content: string, name: (mark: string) => string | null): { text: string; picks: Picks } {
  const picks: Record<string, string> = {};
  const text = content
    .split(CODE)
    .map((part, index) =>
      index % 2 === 1
        ? part
        : part.replace(/<(?:@[!&]?|#)\d{1,20}>|<a?:\w{1,32}:\d{1,20}>/gu, (mark) => {
            const words = name(mark);
            // Two people of one name cannot both be told from their words: the second stays an id.
            if (words === null || (picks[words] !== undefined && picks[words] !== mark)) return mark;
            picks[words] = mark;
            return words;
          }),
    )
    .join("");
  return { text, picks };
}

export interface Trigger {
  kind: "@" | "#" | ":";
  query: string;
  /** Where the sign stands. */
  from: number;
}

/** What is being named at the caret, if anything. */
export function triggerAt(text: string, caret: number): Trigger | null {
  const before = text.slice(0, caret);
  const found = /(?:^|[\s(>])([@#])([^\s@#:`]{0,32}(?: [^\s@#:`]{1,32})?)$/u.exec(before) ?? /(?:^|[\s(>])(:)([\p{L}\p{N}_+-]{2,32})$/u.exec(before);
  if (!found) return null;
  const [, kind, query] = found;
  return { kind: kind as Trigger["kind"], query: query!, from: caret - query!.length - 1 };
}
