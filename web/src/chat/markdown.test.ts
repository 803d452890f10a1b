import { expect, test } from "vitest";
import { markdown, onlyEmojis, plain, type Node } from "./markdown.ts";

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

const link = (url: string, value = url): Node => ({ type: "link", url, children: [text(value)], masked: false });

test("addresses become links, but nothing that could run", () => {
  expect(line("see https://a.example/b?c=d.")).toEqual([text("see "), link("https://a.example/b?c=d"), text(".")]);
  expect(line("(https://a.example/wiki/B_(c))")).toEqual([text("("), link("https://a.example/wiki/B_(c)"), text(")")]);
  expect(line("www.a.example/b")).toEqual([link("https://www.a.example/b", "www.a.example/b")]);
  expect(line("<https://a.example>")).toEqual([link("https://a.example")]);
  expect(line("<javascript:alert(1)>")).toEqual([text("<javascript:alert(1)>")]);
  expect(JSON.stringify(markdown("[x](javascript:alert(1)) [y](data:text/html,z)"))).not.toContain('"link"');
});

test("a link may have words of its own", () => {
  expect(line("[the **chart**](https://a.example/c)")).toEqual([{ type: "link", url: "https://a.example/c", masked: true, children: [text("the "), { type: "strong", children: [text("chart")] }] }]);
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

test("roles, channels, everybody, emojis and times", () => {
  expect(line("<@&5> <#6> @everyone <a:wave:7> <t:1700000000:R> mail@here.example")).toEqual([
    { type: "role", roleId: "5" },
    text(" "),
    { type: "channel", channelId: "6" },
    text(" "),
    { type: "everyone", value: "everyone" },
    text(" "),
    { type: "emoji", id: "7", name: "wave", animated: true },
    text(" "),
    { type: "time", at: 1_700_000_000, style: "R" },
    text(" mail@here.example"),
  ]);
});

test("marks nest, and words with lines inside stay words", () => {
  expect(line("***a***")).toEqual([{ type: "strong", children: [{ type: "emphasis", children: [text("a")] }] }]);
  expect(line("__a__ _b_ snake_case_name 2 * 3 * 4")).toEqual([
    { type: "underline", children: [text("a")] },
    text(" "),
    { type: "emphasis", children: [text("b")] },
    text(" snake_case_name 2 * 3 * 4"),
  ]);
  expect(line("*a **b** c*")).toEqual([{ type: "emphasis", children: [text("a "), { type: "strong", children: [text("b")] }, text(" c")] }]);
  expect(line("\\*a\\*")).toEqual([text("*a*")]);
  expect(line("**a `**` b**")).toEqual([{ type: "strong", children: [text("a "), { type: "code", value: "**" }, text(" b")] }]);
});

test("headings, small print and lists in lists", () => {
  expect(markdown("# a\n-# b\n#c")).toEqual([
    { type: "heading", level: 1, children: [text("a")] },
    { type: "small", children: [text("b")] },
    { type: "paragraph", children: [text("#c")] },
  ]);
  expect(markdown("- a\n  - b\n- c\n\n3. d\n4. e")).toEqual([
    { type: "list", ordered: false, start: 1, items: [[text("a"), { type: "list", ordered: false, start: 1, items: [[text("b")]] }], [text("c")]] },
    { type: "list", ordered: true, start: 3, items: [[text("d")], [text("e")]] },
  ]);
  expect(line("a\nb")).toEqual([text("a\nb")]);
});

test("a quote holds paragraphs and code, and three signs quote all that follows", () => {
  const quote = (...children: Node[]): Node => ({ type: "quote", children });
  const words = (value: string): Node => ({ type: "paragraph", children: [text(value)] });
  expect(markdown("> a\n> b\nc")).toEqual([quote(words("a\nb")), words("c")]);
  expect(markdown(">>> a\n```js\nb\n```\nc")).toEqual([quote(words("a"), { type: "codeblock", lang: "js", value: "b" }, words("c"))]);
});

test("nothing that a person can type takes long or breaks", () => {
  const start = performance.now();
  for (const part of ["*", "_*", "||**__", "[", "`a ", "<", "> ", "- ", "**a "]) markdown(part.repeat(4000 / part.length));
  expect(performance.now() - start).toBeLessThan(1000);
});

test("a few emojis alone are told from words and numbers", () => {
  expect(["🔧", "👩‍🚀 🇱🇻 <:a:1>", "👍🏽"].map((it) => onlyEmojis(markdown(it)))).toEqual([true, true, true]);
  expect(["12", "🔧 a", "#", ""].map((it) => onlyEmojis(markdown(it)))).toEqual([false, false, false, false]);
});

test("a message in one line keeps its secrets", () => {
  expect(plain("# a\n**b** ||c||\n- d\n- e <@1>", () => "@Vera")).toBe("a b ▒▒▒▒ d · e @Vera");
});
