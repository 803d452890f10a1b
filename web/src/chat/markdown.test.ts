import { expect, test } from "vitest";
import { markdown, type Node } from "./markdown.ts";

/** What one line of text becomes, without its paragraph. */
function line(text: string): Node[] {
  const [first] = markdown(text);
  return first && "children" in first ? first.children : [];
}
const text = (value: string): Node => ({ type: "text", value });

test("bold, italic, strike and code", () => {
  expect(line("**a** *b* ~~c~~ `d`")).toEqual([
    { type: "strong", children: [text("a")] },
    text(" "),
    { type: "emphasis", children: [text("b")] },
    text(" "),
    { type: "strike", children: [text("c")] },
    text(" "),
    { type: "code", value: "d" },
  ]);
});

test("a block of code keeps its lines and names its language", () => {
  expect(markdown("```toml\na = 1\n\nb = 2\n```")).toEqual([{ type: "codeblock", lang: "toml", value: "a = 1\n\nb = 2" }]);
});

test("addresses become links, but nothing that could run", () => {
  expect(line("see https://a.example/b?c=d.")).toEqual([text("see "), { type: "link", url: "https://a.example/b?c=d", value: "https://a.example/b?c=d" }, text(".")]);
  expect(line("<javascript:alert(1)>")).toEqual([text("javascript:alert(1)")]);
  expect(JSON.stringify(markdown("[x](javascript:alert(1))"))).not.toContain('"link"');
});

test("HTML is text", () => {
  expect(line("<img src=x onerror=alert(1)>")).toEqual([text("<img src=x onerror=alert(1)>")]);
});

test("a spoiler may hold other marks", () => {
  expect(line("a ||b **c**|| d")).toEqual([text("a "), { type: "spoiler", children: [text("b "), { type: "strong", children: [text("c")] }] }, text(" d")]);
  expect(line("a || b")).toEqual([text("a || b")]);
});

test("a person named by id is a mention", () => {
  expect(line("hi <@123>!")).toEqual([text("hi "), { type: "mention", userId: "123" }, text("!")]);
});

test("lines stay lines, and headings and lists stay what was typed", () => {
  expect(line("# a\n- b")).toEqual([text("# a\n- b")]);
});

test("a quote holds paragraphs", () => {
  expect(markdown("> a")).toEqual([{ type: "quote", children: [{ type: "paragraph", children: [text("a")] }] }]);
});
