/** Colours for code: highlight.js reads, the pieces are drawn as text. Loaded only when a block names its language. */
import hljs from "highlight.js/lib/core";
import bash from "highlight.js/lib/languages/bash";
import cpp from "highlight.js/lib/languages/cpp";
import css from "highlight.js/lib/languages/css";
import go from "highlight.js/lib/languages/go";
import ini from "highlight.js/lib/languages/ini";
import json from "highlight.js/lib/languages/json";
import python from "highlight.js/lib/languages/python";
import rust from "highlight.js/lib/languages/rust";
import sql from "highlight.js/lib/languages/sql";
import typescript from "highlight.js/lib/languages/typescript";
import xml from "highlight.js/lib/languages/xml";
import yaml from "highlight.js/lib/languages/yaml";

for (const [name, language] of Object.entries({ bash, cpp, css, go, ini, json, python, rust, sql, typescript, xml, yaml })) hljs.registerLanguage(name, language);

export interface Piece {
  text: string;
  /** A class of chat.css: keyword, string, number, comment, or none. */
  kind: "" | "ck" | "cs" | "cn" | "cc";
}

/** What a tree of highlight.js is made of: text, or a scope around more. */
type Tree = string | { scope?: string; children: Tree[] };

/** Null when the language is not one of ours. */
export function highlight(code: string, lang: string): Piece[] | null {
  if (!hljs.getLanguage(lang)) return null;
  const result = hljs.highlight(code, { language: lang, ignoreIllegals: true });
  const { rootNode } = (result as unknown as { _emitter: { rootNode: Tree } })._emitter;
  const pieces: Piece[] = [];
  walk(rootNode, "", pieces);
  return pieces;
}

function walk(node: Tree, kind: Piece["kind"], into: Piece[]): void {
  if (typeof node === "string") into.push({ text: node, kind });
  else for (const child of node.children) walk(child, node.scope === undefined ? kind : kindOf(node.scope), into);
}

function kindOf(scope: string): Piece["kind"] {
  if (/comment|meta/u.test(scope)) return "cc";
  if (/string|regexp|symbol|addition/u.test(scope)) return "cs";
  if (/number|literal/u.test(scope)) return "cn";
  if (/keyword|built_in|type|title|section|name|tag|selector/u.test(scope)) return "ck";
  return "";
}
