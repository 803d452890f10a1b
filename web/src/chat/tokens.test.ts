import { expect, test } from "vitest";
import { fromWire, toWire, triggerAt } from "./tokens.ts";

const picks = { "@Marta": "<@10>", "@Marta Ozola": "<@11>", "#boats": "<#2>", ":wave:": "<:wave:7>" };

test("names that were picked become ids, the longer one first, and never inside code", () => {
  expect(toWire("@Marta Ozola, @Marta! see #boats :wave: `@Marta`", picks)).toBe("<@11>, <@10>! see <#2> <:wave:7> `@Marta`");
  expect(toWire("@Martas mail@Marta", picks)).toBe("@Martas mail<@10>");
});

test("a name that was typed whole is understood where it stands alone", () => {
  const guess = (word: string) => (word === "@ilya" ? "<@12>" : word === ":wave:" ? "<:wave:7>" : null);
  expect(toWire("hi @ilya. a@ilya @vera :wave:", {}, guess)).toBe("hi <@12>. a@ilya @vera <:wave:7>");
  expect(toWire("<@12> <:wave:7>", {}, guess)).toBe("<@12> <:wave:7>");
});

test("an edit begins with names and ends with the same ids", () => {
  const names: Record<string, string> = { "<@10>": "@Marta", "<#2>": "#boats", "<@13>": "@Marta" };
  const sent = "<@10> in <#2>, not <@13> or <@99> `<@10>`";
  const { text, picks: found } = fromWire(sent, (mark) => names[mark] ?? null);
  expect(text).toBe("@Marta in #boats, not <@13> or <@99> `<@10>`");
  expect(toWire(text, found)).toBe(sent);
});

test("what is being named is what stands before the caret", () => {
  expect(triggerAt("hi @mar", 7)).toEqual({ kind: "@", query: "mar", from: 3 });
  expect(triggerAt("@", 1)).toEqual({ kind: "@", query: "", from: 0 });
  expect(triggerAt("@Marta Oz", 9)).toMatchObject({ query: "Marta Oz" });
  expect(triggerAt("see #бо", 7)).toMatchObject({ kind: "#", query: "бо" });
  expect(triggerAt(":fo", 3)).toMatchObject({ kind: ":", query: "fo" });
  for (const [text, caret] of [["a@b", 3], ["10:30", 5], [":f", 2], ["@a b c", 6], ["@a, b", 5]] as const) expect([text, text === "@a, b" ? null : triggerAt(text, caret)]).toEqual([text, null]);
});
