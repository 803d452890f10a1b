/**
 * Message text as a tree that components draw; no HTML string anywhere. micromark does the reading, with only what a
 * message may hold: bold, italic, strike, code, quotes, bare links, and ||spoilers|| and <@mentions> of our own.
 */
import { parse, postprocess, preprocess } from "micromark";
import { gfmAutolinkLiteral } from "micromark-extension-gfm-autolink-literal";
import { gfmStrikethrough } from "micromark-extension-gfm-strikethrough";
import type { Event, Extension } from "micromark-util-types";

export type Node =
  | { type: "text"; value: string }
  | { type: "code"; value: string }
  | { type: "codeblock"; value: string; lang: string }
  | { type: "link"; url: string; value: string }
  | { type: "mention"; userId: string }
  | { type: "paragraph" | "strong" | "emphasis" | "strike" | "spoiler" | "quote"; children: Node[] };

const plainText: Extension = {
  disable: {
    null: [
      "headingAtx", "setextUnderline", "thematicBreak", "list", "htmlFlow", "htmlText", "definition", "labelStartImage",
      "labelStartLink", "labelEnd", "codeIndented", "hardBreakEscape", "characterReference",
    ],
  },
};
const extensions = [gfmStrikethrough({ singleTilde: false }), gfmAutolinkLiteral(), plainText];

const containers: Record<string, "paragraph" | "strong" | "emphasis" | "strike" | "quote"> = {
  paragraph: "paragraph",
  strong: "strong",
  emphasis: "emphasis",
  strikethrough: "strike",
  blockQuote: "quote",
};
/** Marks, not words. */
const silent = new Set(["strongSequence", "emphasisSequence", "strikethroughSequence", "blockQuotePrefix", "linePrefix", "lineEndingBlank", "autolinkMarker", "escapeMarker"]);

const cache = new Map<string, Node[]>();
const CACHED = 400;

/** The tree of a text. Cached: lists draw the same messages again and again. */
export function markdown(text: string): Node[] {
  const known = cache.get(text);
  if (known) return known;
  const tree = read(text);
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  cache.set(text, tree);
  return tree;
}

function read(text: string): Node[] {
  const events = postprocess(parse({ extensions }).document().write(preprocess()(text, "utf8", true)));
  const root: Node[] = [];
  const stack: Node[][] = [root];
  for (let index = 0; index < events.length; index++) {
    const [direction, token, context] = events[index]!;
    const into = stack.at(-1)!;
    const container = containers[token.type];
    if (container) {
      if (direction === "enter") {
        const children: Node[] = [];
        into.push({ type: container, children });
        stack.push(children);
      } else stack.pop();
      continue;
    }
    if (direction === "exit" || silent.has(token.type)) continue;
    const words = () => context.sliceSerialize(token);
    switch (token.type) {
      case "codeFenced":
        into.push(codeblock(events, index));
        index = endOf(events, index);
        break;
      case "codeText":
        into.push({ type: "code", value: inside(events, index, new Set(["codeTextData", "lineEnding"])) });
        index = endOf(events, index);
        break;
      case "literalAutolink":
      case "autolink": {
        const value = words().replace(/^<|>$/gu, "");
        into.push(link(value));
        index = endOf(events, index);
        break;
      }
      case "data":
      case "lineEnding":
      case "characterEscapeValue":
        addText(into, token.type === "lineEnding" ? "\n" : words());
        break;
      default:
        break;
    }
  }
  return finish(root, true);
}

function endOf(events: Event[], start: number): number {
  const token = events[start]![1];
  let index = start;
  while (index < events.length - 1 && !(events[index]![0] === "exit" && events[index]![1] === token)) index++;
  return index;
}

function inside(events: Event[], start: number, types: Set<string>): string {
  let text = "";
  for (const [direction, token, context] of events.slice(start, endOf(events, start))) {
    if (direction === "enter" && types.has(token.type)) text += token.type === "lineEnding" ? "\n" : context.sliceSerialize(token);
  }
  return text;
}

function codeblock(events: Event[], start: number): Node {
  const lang = inside(events, start, new Set(["codeFencedFenceInfo"])).toLowerCase();
  const value = inside(events, start, new Set(["codeFlowValue", "lineEnding"]));
  return { type: "codeblock", lang, value: value.replace(/^\n|\n$/gu, "") };
}

/** Only addresses that cannot run anything become links. */
function link(value: string): Node {
  if (/^https?:\/\//iu.test(value)) return { type: "link", url: value, value };
  if (/^www\./iu.test(value)) return { type: "link", url: `https://${value}`, value };
  if (/^(?:mailto:)?[^\s@]+@[^\s@]+$/iu.test(value)) return { type: "link", url: `mailto:${value.replace(/^mailto:/iu, "")}`, value };
  return { type: "text", value };
}

function addText(into: Node[], value: string): void {
  const last = into.at(-1);
  if (last?.type === "text") last.value += value;
  else into.push({ type: "text", value });
}

/** Finds the spoilers and the mentions among siblings. */
function finish(nodes: Node[], block = false): Node[] {
  const deep = nodes.map((node) => ("children" in node ? { ...node, children: finish(node.children, node.type === "quote") } : node));
  return block ? deep : spoilers(deep.flatMap((node) => (node.type === "text" ? mentions(node.value) : [node])));
}

function mentions(text: string): Node[] {
  return text.split(/(<@!?\d{1,20}>)/u).flatMap((part): Node[] => {
    const id = /^<@!?(\d+)>$/u.exec(part)?.[1];
    return id ? [{ type: "mention", userId: id }] : part === "" ? [] : [{ type: "text", value: part }];
  });
}

function spoilers(nodes: Node[]): Node[] {
  const parts: (Node | "||")[] = nodes.flatMap((node) =>
    node.type === "text"
      ? node.value.split(/(\|\|)/u).flatMap((part): (Node | "||")[] => (part === "||" ? ["||"] : part === "" ? [] : [{ type: "text", value: part }]))
      : [node],
  );
  const found: Node[] = [];
  for (let index = 0; index < parts.length; index++) {
    const part = parts[index]!;
    if (part !== "||") {
      if (part.type === "text") addText(found, part.value);
      else found.push(part);
      continue;
    }
    const end = parts.indexOf("||", index + 1);
    if (end <= index + 1) {
      addText(found, "||");
      continue;
    }
    found.push({ type: "spoiler", children: parts.slice(index + 1, end) as Node[] });
    index = end;
  }
  return found;
}
