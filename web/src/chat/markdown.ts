/**
 * Message text as a tree that components draw; no HTML string anywhere. The dialect is the one people know from chats:
 * bold, italic, underline, strike, code, headings, lists, quotes, links, ||spoilers||, mentions, emojis and times.
 * Pure; every text has a tree, and what is not a mark is a word.
 */

export type Node =
  | { type: "text"; value: string }
  | { type: "code"; value: string }
  | { type: "codeblock"; value: string; lang: string }
  | { type: "link"; url: string; children: Node[]; masked: boolean }
  | { type: "mention"; userId: string }
  | { type: "role"; roleId: string }
  | { type: "channel"; channelId: string }
  | { type: "everyone"; value: "everyone" | "here" }
  | { type: "emoji"; id: string; name: string; animated: boolean }
  /** Seconds since 1970, and one of `tTdDfFR`. */
  | { type: "time"; at: number; style: string }
  | { type: "heading"; level: 1 | 2 | 3; children: Node[] }
  | { type: "list"; ordered: boolean; start: number; items: Node[][] }
  | { type: "paragraph" | "strong" | "emphasis" | "underline" | "strike" | "spoiler" | "quote" | "small"; children: Node[] };

/** Marks inside marks, and lists inside lists, deeper than this are words. */
const DEEPEST = 10;

const cache = new Map<string, Node[]>();
const CACHED = 400;

/** The tree of a text. Cached: lists draw the same messages again and again. */
export function markdown(text: string): Node[] {
  const known = cache.get(text);
  if (known) return known;
  const tree = blocks(text, 0);
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  cache.set(text, tree);
  return tree;
}

// Blocks: code first, because nothing inside it is a mark; then line by line.

const FENCE = /```(?:([\w+#.-]*)\n)?([\s\S]*?[^\n`][\s\S]*?)```/u;

function blocks(text: string, depth: number): Node[] {
  const found: Node[] = [];
  let rest = text;
  for (let fence = FENCE.exec(rest); fence && !quoted(rest, fence.index); fence = FENCE.exec(rest)) {
    found.push(...lines(rest.slice(0, fence.index).replace(/\n$/u, ""), depth));
    found.push({ type: "codeblock", lang: (fence[1] ?? "").toLowerCase(), value: fence[2]!.replace(/^\n+|\n+$/gu, "") });
    rest = rest.slice(fence.index + fence[0].length).replace(/^\n/u, "");
  }
  found.push(...lines(rest, depth));
  return found;
}

/** Whether a place is in a line that is quoted: its code belongs to the quote. */
function quoted(text: string, at: number): boolean {
  const start = text.lastIndexOf("\n", at - 1) + 1;
  return /^(?:> |>>> )/u.test(text.slice(start)) || /(?:^|\n)>>> /u.test(text.slice(0, at));
}

function lines(text: string, depth: number): Node[] {
  const found: Node[] = [];
  const all = text.split("\n");
  let words: string[] = [];
  const flush = () => {
    const value = words.join("\n").replace(/^\n+|\s+$/gu, "");
    if (value !== "") found.push({ type: "paragraph", children: inline(value, 0) });
    words = [];
  };
  for (let index = 0; index < all.length; index++) {
    const line = all[index]!;
    if (depth < DEEPEST && line.startsWith(">>> ")) {
      flush();
      found.push({ type: "quote", children: blocks([line.slice(4), ...all.slice(index + 1)].join("\n"), DEEPEST) });
      return found;
    }
    if (depth < DEEPEST && /^> |^>$/u.test(line)) {
      flush();
      let end = index;
      while (end < all.length && /^> |^>$/u.test(all[end]!)) end++;
      const inner = all.slice(index, end).map((entry) => entry.slice(2));
      found.push({ type: "quote", children: blocks(inner.join("\n"), DEEPEST) });
      index = end - 1;
      continue;
    }
    const heading = /^(#{1,3}) +(\S.*)$/u.exec(line);
    if (heading) {
      flush();
      found.push({ type: "heading", level: heading[1]!.length as 1 | 2 | 3, children: inline(heading[2]!.trim(), 0) });
      continue;
    }
    const small = /^-# +(\S.*)$/u.exec(line);
    if (small) {
      flush();
      found.push({ type: "small", children: inline(small[1]!, 0) });
      continue;
    }
    if (ITEM.test(line)) {
      flush();
      const [list, end] = listFrom(all, index, 0);
      found.push(list);
      index = end - 1;
      continue;
    }
    if (line.trim() === "" && words.length > 0) flush();
    else words.push(line);
  }
  flush();
  return found;
}

const ITEM = /^( *)(?:[-*]|(\d{1,9})\.) +(\S.*)$/u;

/** A list that begins at a line, with the lists inside it; the index after its last line. */
function listFrom(all: readonly string[], from: number, depth: number): [Node, number] {
  const first = ITEM.exec(all[from]!)!;
  const indent = first[1]!.length;
  const ordered = first[2] !== undefined;
  const list: Extract<Node, { type: "list" }> = { type: "list", ordered, start: ordered ? Number(first[2]) : 1, items: [] };
  let index = from;
  while (index < all.length) {
    const line = all[index]!;
    const item = ITEM.exec(line);
    const last = list.items.at(-1);
    if (item && item[1]!.length > indent + 1 && last && depth < DEEPEST) {
      const [inner, end] = listFrom(all, index, depth + 1);
      last.push(inner);
      index = end;
    } else if (item && (item[1]!.length >= indent || depth === 0) && (item[2] !== undefined) === ordered) {
      list.items.push(inline(item[3]!, 0));
      index++;
    } else if (!item && last && line.trim() !== "" && /^ {2,}/u.test(line)) {
      last.push({ type: "text", value: "\n" }, ...inline(line.trim(), 0));
      index++;
    } else break;
  }
  return [list, index];
}

// Words: at each place the first rule that fits, or one character more of text.

const RULES: readonly { at: string; pattern: RegExp; make: (found: RegExpExecArray, depth: number) => Node | null }[] = [
  { at: "\\", pattern: /\\([!-/:-@[-`{-~])/uy, make: ([, char]) => ({ type: "text", value: char! }) },
  { at: "`", pattern: /(`+)([^`]|[^`][\s\S]*?[^`])\1(?!`)/uy, make: ([, , code]) => ({ type: "code", value: code!.replace(/^ (?=`)|(?<=`) $/gu, "") }) },
  { at: "<", pattern: /<@!?(\d{1,20})>/uy, make: ([, userId]) => ({ type: "mention", userId: userId! }) },
  { at: "<", pattern: /<@&(\d{1,20})>/uy, make: ([, roleId]) => ({ type: "role", roleId: roleId! }) },
  { at: "<", pattern: /<#(\d{1,20})>/uy, make: ([, channelId]) => ({ type: "channel", channelId: channelId! }) },
  { at: "<", pattern: /<(a?):(\w{1,32}):(\d{1,20})>/uy, make: ([, moves, name, id]) => ({ type: "emoji", id: id!, name: name!, animated: moves === "a" }) },
  { at: "<", pattern: /<t:(-?\d{1,13})(?::([tTdDfFR]))?>/uy, make: ([, at, style]) => ({ type: "time", at: Number(at), style: style ?? "f" }) },
  { at: "<", pattern: /<(https?:\/\/[^\s<>]+)>/uy, make: ([, url]) => link(url!) },
  { at: "@", pattern: /(?<![\p{L}\p{N}_.])@(everyone|here)(?![\p{L}\p{N}_])/uy, make: ([, value]) => ({ type: "everyone", value: value as "everyone" | "here" }) },
  {
    at: "[",
    pattern: /\[((?:[^[\]\\\n]|\\.){1,500})\]\(<?(https?:\/\/[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*)>?(?: "[^"\n]*")?\)/uy,
    make: ([, words, url], depth) => link(url!, inline(words!, depth + 1)),
  },
  { at: "h", pattern: /https?:\/\/[^\s<]+[^\s<.,:;"'!?*_~|\]]/uy, make: ([url]) => link(balanced(url!)) },
  { at: "w", pattern: /www\.[^\s<.][^\s<]*\.[^\s<]*[^\s<.,:;"'!?*_~|\]]/uy, make: ([url]) => link(`https://${balanced(url!)}`, [{ type: "text", value: balanced(url!) }], false) },
];

const MARKS = [
  ["||", "spoiler"],
  ["**", "strong"],
  ["__", "underline"],
  ["~~", "strike"],
  ["*", "emphasis"],
  ["_", "emphasis"],
] as const;

function inline(text: string, depth: number): Node[] {
  const found: Node[] = [];
  /** Marks that nothing closes any more: looked for once. */
  const open = new Set<string>();
  let index = 0;
  scan: while (index < text.length) {
    const char = text[index]!;
    for (const rule of RULES) {
      if (rule.at !== char) continue;
      if ((char === "h" || char === "w") && /[\p{L}\p{N}_]/u.test(text[index - 1] ?? "")) continue;
      rule.pattern.lastIndex = index;
      const match = rule.pattern.exec(text);
      const node = match && rule.make(match, depth);
      if (!match || !node) continue;
      if (node.type === "text") addText(found, node.value);
      else found.push(node);
      index += node.type === "link" && !node.masked && char !== "<" ? balanced(match[0]).length : match[0].length;
      continue scan;
    }
    for (const [mark, type] of depth < DEEPEST ? MARKS : []) {
      if (!text.startsWith(mark, index) || open.has(mark) || !opens(text, index, mark)) continue;
      const end = closing(text, index + mark.length, mark);
      if (end < 0) {
        open.add(mark);
        continue;
      }
      found.push({ type, children: inline(text.slice(index + mark.length, end), depth + 1) });
      index = end + mark.length;
      continue scan;
    }
    addText(found, char);
    index++;
  }
  return found;
}

/** Whether a mark may begin here: a single star or line wants a word right after it, a line wants none before it. */
function opens(text: string, at: number, mark: string): boolean {
  if (mark.length > 1) return text.length > at + mark.length;
  if (/\s/u.test(text[at + 1] ?? " ")) return false;
  return mark === "*" || !/[\p{L}\p{N}_]/u.test(text[at - 1] ?? "");
}

/** Where a mark ends again, or -1. Code and escaped characters are passed over; something must stand in between. */
function closing(text: string, from: number, mark: string): number {
  const char = mark[0]!;
  for (let index = from; index < text.length; index++) {
    if (text[index] === "\\") {
      index++;
      continue;
    }
    if (text[index] === "`") {
      const [ticks] = /^`+/u.exec(text.slice(index, index + 8))!;
      const end = text.indexOf(ticks, index + ticks.length);
      if (end > 0) index = end + ticks.length - 1;
      continue;
    }
    if (text[index] !== char) continue;
    let run = 1;
    while (text[index + run] === char) run++;
    const end = index + run - mark.length;
    const enough = mark.length === 1 ? run % 2 === 1 : run >= mark.length;
    const wordBefore = mark.length > 1 || !/\s/u.test(text[end - 1] ?? " ");
    const wordAfter = mark === "_" && /[\p{L}\p{N}]/u.test(text[index + run] ?? "");
    if (enough && end > from && wordBefore && !wordAfter) return end;
    index += run - 1;
  }
  return -1;
}

/** A bracket that closes nothing in an address belongs to the sentence around it. */
function balanced(url: string): string {
  let end = url.length;
  while (end > 0 && url[end - 1] === ")") {
    const part = url.slice(0, end);
    if (part.split(")").length <= part.split("(").length) break;
    end--;
  }
  return url.slice(0, end);
}

/** Only addresses that cannot run anything become links. */
function link(url: string, children?: Node[], masked = children !== undefined): Node | null {
  if (!URL.canParse(url)) return null;
  return { type: "link", url, children: children ?? [{ type: "text", value: url }], masked };
}

function addText(into: Node[], value: string): void {
  const last = into.at(-1);
  if (last?.type === "text") last.value += value;
  else into.push({ type: "text", value });
}

/** Emojis that stand alone are drawn large, unless there are this many. */
const MOST_LARGE = 27;
const PICTURE = /^(?:\p{RI}\p{RI}|\p{Emoji}(?:\p{EMod}|\u{FE0F}\u{20E3}?|[\u{E0020}-\u{E007E}]+\u{E007F})?(?:\u{200D}\p{Emoji}(?:\p{EMod}|\u{FE0F}\u{20E3}?)?)*|\s)+$/u;

/** Whether a message is nothing but a few emojis. */
export function onlyEmojis(tree: readonly Node[]): boolean {
  const [first] = tree;
  if (tree.length !== 1 || first?.type !== "paragraph") return false;
  let count = 0;
  for (const node of first.children) {
    if (node.type === "emoji") count++;
    else if (node.type === "text" && PICTURE.test(node.value) && !/[\d#*]/u.test(node.value)) count += [...node.value.replace(/\s/gu, "")].length;
    else if (node.type !== "text" || node.value.trim() !== "") return false;
  }
  return count > 0 && count <= MOST_LARGE;
}

/** A message in one line of words: for answers, lists and announcements. `name` says what to call what is mentioned. */
export function plain(text: string, name: (node: Node) => string | null = () => null): string {
  const words = (nodes: readonly Node[]): string =>
    nodes
      .map((node): string => {
        switch (node.type) {
          case "text":
          case "code":
            return node.value;
          case "codeblock":
            return ` ${node.value} `;
          case "list":
            return ` ${node.items.map(words).join(" · ")} `;
          case "spoiler":
            return "▒▒▒▒";
          case "emoji":
            return `:${node.name}:`;
          case "everyone":
            return `@${node.value}`;
          case "mention":
          case "role":
          case "channel":
          case "time":
            return name(node) ?? "";
          case "paragraph":
          case "heading":
          case "quote":
          case "small":
            return `${words(node.children)} `;
          case "link":
          case "strong":
          case "emphasis":
          case "underline":
          case "strike":
            return words(node.children);
        }
      })
      .join("");
  return words(markdown(text)).replace(/\s+/gu, " ").trim();
}
